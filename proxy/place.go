package proxy

import (
	"ringmain/command"
	"ringmain/router"
)

// place is where a key lives for the session's client. Only the first database is
// rerouted: in another one keys have no place but their home.
func (s *Session) place(key []byte) router.Place { return s.placeIn(s.core.snapshot, key) }

func (s *Session) placeIn(snapshot *router.Snapshot, key []byte) router.Place {
	p := snapshot.Pick(s.scope, key)
	if p.Rerouted && s.client.Database != 0 {
		return snapshot.Home(s.scope, key)
	}
	return p
}

// database is the one of a place's server that holds what the client sees there. A pool that
// has a database of its own knows no other (see selectDatabase), so one of the two numbers is
// 0.
func (s *Session) database(p router.Place) int {
	if p.Rerouted {
		return int(p.Database)
	}
	return int(p.Database) + s.client.Database
}

// admits reports whether a request of size bytes may be sent to a place now. If not, the
// session goes on when that may be so.
func (s *Session) admits(p router.Place, size int) bool {
	if node := s.core.nodes[p.Server]; !node.Admits(size) {
		s.waitFor(node)
		return false
	}
	return s.tracking == nil || s.tracksOn(p)
}

// recordWrites records the keys that a command is about to write in refuges, for the
// servers that are their homes.
func (s *Session) recordWrites(cmd *command.Command, args [][]byte) {
	if !cmd.MayWrite() {
		return
	}
	keys := cmd.KeyPositions(args)
	for i, ok := keys.Next(); ok; i, ok = keys.Next() {
		s.recordWrite(args[i])
	}
}

func (s *Session) recordWrite(key []byte) {
	s.core.wrote(s.core.snapshot.Home(s.scope, key).Server, key)
}
