package proxy

import (
	"strconv"

	"ringmain/backend"
	"ringmain/resp"
	"ringmain/router"
)

// connTo is the connection on which the session's commands for a place go: one for
// each protocol and database that its loop's clients use.
func (s *Session) connTo(p router.Place) *backend.Conn {
	if s.tracking != nil {
		if c := s.trackedConn(p); c != nil {
			return c
		}
	}
	return s.sharedConn(p)
}

// sharedConn is connTo but for clients that have connections of their own.
func (s *Session) sharedConn(p router.Place) *backend.Conn {
	return s.core.nodes[p.Server].Conn(s.client.Protocol, s.database(p))
}

// changedProtocol has the connections of the session's own follow HELLO.
func (s *Session) changedProtocol() {
	s.follow(resp.AppendCommand(nil, "HELLO", strconv.Itoa(s.client.Protocol)))
	s.trackElsewhere()
}

// changedDatabase has the connections of the session's own follow SELECT.
func (s *Session) changedDatabase() {
	if tx := s.tx; tx != nil && tx.lease != nil && tx.place.Rerouted {
		s.loseWatched() // what is watched there is not in the database of that number
	}
	s.follow(resp.AppendCommand(nil, "SELECT", strconv.Itoa(s.client.Database)))
	s.trackElsewhere()
}

// follow has the connection on which keys are watched changed by a request. It is not
// for others then. One that tracks, too, is given up with those that do.
func (s *Session) follow(request []byte) {
	if tx := s.tx; tx != nil && tx.lease != nil && !tx.borrowed {
		tx.changed = true
		tx.lease.Conn().Send(chore{s, tx.lease, false}, 0, request, false, false)
	}
}
