package proxy

import (
	"ringmain/command"
	"ringmain/router"
)

// readers is what a core knows of choosing who answers a read.
type readers struct {
	turn  int            // grows with each choice
	parts []router.Place // of the split under way
}

// reader is where a command goes whose keys live at a place: there, or, if replicas
// answer reads, to one of those that can.
func (s *Session) reader(cmd *command.Command, p router.Place) router.Place {
	if s.core.Readers == nil {
		return p
	}
	return s.chooseReader(cmd, p)
}

// chooseReader takes, of those that can answer, the one from which the fewest replies are
// awaited; among equals they take turns. Clients that watch keys or have them tracked
// are served by the primary alone: what they rely on is said there.
func (s *Session) chooseReader(cmd *command.Command, p router.Place) router.Place {
	list := s.core.Readers[p.Server]
	if len(list) == 0 || !cmd.OnReplica() || s.tx != nil || s.tracking != nil {
		return p
	}
	chosen, fewest := p, -1
	s.core.readers.turn++
	for i := range list {
		at := router.Place{Server: list[(s.core.readers.turn+i)%len(list)], Database: p.Database}
		conn := s.sharedConn(at)
		if n := conn.Awaited(); conn.Fit() && (fewest < 0 || n < fewest) {
			chosen, fewest = at, n
		}
	}
	return chosen
}

// readersOfParts are the places of the split's parts, good until the next split.
func (s *Session) readersOfParts(cmd *command.Command) func(part int) router.Place {
	c := s.core
	c.readers.parts = c.readers.parts[:0]
	for g := range c.split.Groups() {
		c.readers.parts = append(c.readers.parts, s.chooseReader(cmd, c.split.Place(g)))
	}
	return c.placeOfPart
}

func (c *Core) placeOfPart(part int) router.Place { return c.readers.parts[part] }
