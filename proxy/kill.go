package proxy

import (
	"ringmain/metric"
	"ringmain/proxy/local"
	"ringmain/proxy/users"
)

// killClients is CLIENT KILL. A client that ends itself gets the reply first.
func (s *Session) killClients(args [][]byte) bool {
	filter, text := local.ParseKill(args, s.client.ID, s.knowsUser)
	if text != "" {
		s.fail(text)
		return true
	}
	old := len(args) == oldKill
	user := s.user
	return ask(s, func(c *Core) int { return c.kill(filter, s, user) }, func(seq uint64, counts []int, lost bool) {
		killed := 0
		for _, n := range counts {
			killed += n
		}
		reply := local.AppendKilled(nil, old, killed)
		if lost {
			reply = []byte(errAsk)
		}
		s.Reply(seq, reply, true)
	})
}

// knowsUser reports whether there is a user of that name of whom the client may know.
func (s *Session) knowsUser(name string) bool {
	if s.tenant != nil {
		return name == s.client.UserName()
	}
	return s.core.Users.Knows(name)
}

// oldKill is the length of CLIENT KILL with an address and nothing else.
const oldKill = 3

// kill ends the core's clients that a filter takes and the asker's user may know of, and
// counts them. The one that asks ends once it has its reply.
func (c *Core) kill(filter *local.ClientFilter, asker *Session, user *users.User) int {
	killed := 0
	for _, s := range c.sessions {
		switch {
		case s.gone || !s.isTaken(filter, user):
			continue
		case s == asker:
			s.end()
		default:
			s.finish()
		}
		killed++
	}
	return killed
}

// isTaken reports whether a filter takes the session's client, and a user may know of it.
func (s *Session) isTaken(f *local.ClientFilter, u *users.User) bool {
	return s.shownTo(u) && f.Takes(&s.client, s.kind(), s.conn.RemoteAddr(), s.conn.LocalAddr())
}

// finish ends a client on another's behalf: nothing of it is executed any more, and what
// it awaits does not come.
func (s *Session) finish() {
	s.gone = true
	s.core.stats.Cut[metric.CutKilled]++
	s.core.Log.Debug("client ended (CLIENT KILL)", "client", s.conn.RemoteAddr(), "id", s.client.ID)
	s.leave()
	if s.conn.Buffered() == 0 {
		s.conn.CloseAfterFlush() // without the reset of an abort, as Redis does
		return
	}
	s.abandon()
}
