package proxy

import (
	"ringmain/backend"
	"ringmain/router"
)

// connTo is the connection on which the session's commands for a place go: one for
// each protocol and database that its loop's clients use. A pool that has a database
// of its own knows no other (see selectDatabase), so one of the two numbers is 0.
func (s *Session) connTo(p router.Place) *backend.Conn {
	return s.core.nodes[p.Server].Conn(s.client.Protocol, int(p.Database)+s.client.Database)
}
