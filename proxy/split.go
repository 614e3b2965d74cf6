package proxy

import (
	"ringmain/command"
	"ringmain/proxy/fanout"
	"ringmain/resp"
	"ringmain/router"
)

// split sends each server its part of a command of many keys.
func (s *Session) split(cmd *command.Command, r *resp.Request, size int) bool {
	args, step := r.Args[1:], 1
	if cmd.Policy == command.MultiSet {
		if !command.WholePairs(r.Args) {
			s.answer(resp.AppendWrongArity(s.scratch(), cmd.Name))
			return true
		}
		step = 2
	}
	for i := 0; i < len(args); i += step {
		if isReserved(args[i]) {
			s.fail(errReserved)
			return true
		}
	}
	c := s.core
	c.snapshot.Split(&c.split, s.scope, s.client.Database != 0, args, step)
	if c.split.Groups() == 1 {
		return s.sendWhole(s.reader(cmd, c.split.Place(0)), cmd, r, size)
	}
	place := c.split.Place
	if c.Readers != nil {
		place = s.readersOfParts(cmd)
	}
	if !s.admitted(c.split.Groups(), place, size) {
		return false
	}
	if s.refused(c.split.Groups(), place) {
		return true
	}
	s.sendParts(cmd, r.Args[0], args, step, place, size)
	return true
}

// sendParts sends each group of the split to its place.
func (s *Session) sendParts(cmd *command.Command, name []byte, args [][]byte, step int, place func(int) router.Place, size int) {
	c := s.core
	groups := c.split.Groups()
	m := s.newMerge(cmd, groups, size)
	if cmd.Policy == command.MultiGet {
		for i := range c.split.Keys() {
			m.order = append(m.order, int32(c.split.GroupOf(i)))
		}
	}
	for g := range groups {
		m.addPart(c.nodes[place(g).Server].Name(), len(c.split.KeysOf(g)))
	}
	for g := range groups {
		part := fanout.AppendRequest(s.scratch(), name, args, step, c.split.KeysOf(g))
		c.keepScratch(part)
		if place(g).Rerouted && cmd.MayWrite() {
			for _, k := range c.split.KeysOf(g) {
				s.recordWrite(args[int(k)*step])
			}
		}
		conn := s.connTo(place(g))
		s.announce(conn)
		conn.Send(m, uint64(g), part, cmd.MayWrite(), cmd.Slow)
	}
	if c.split.Keys() > keptKeys {
		c.split = router.Split{}
	}
}

// keptKeys is the size up to which the memory for splitting is kept.
const keptKeys = 64 << 10
