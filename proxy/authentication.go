package proxy

import (
	"time"

	"ringmain/command"
	"ringmain/metric"
	"ringmain/proxy/users"
	"ringmain/resp"
)

// Bounds of a client that has yet to say who it is: what it sends in all, what it is
// owed, and how long it may take.
const (
	strangerInput   = 1 << 20
	strangerOutput  = 64 << 10
	strangerTimeout = 5 * time.Second
	// Redis's own, for one request.
	strangerArguments = 10
	strangerBulk      = 16 << 10
)

// allowed is the most that a client may do: a command.Access, or less than any.
type allowed int8

const nothing allowed = -1

// strangerLimits are those of requests before AUTH.
func strangerLimits(l resp.Limits) resp.Limits {
	return resp.Limits{
		Request: min(l.Request, strangerInput), Arguments: min(l.Arguments, strangerArguments),
		Bulk: min(l.Bulk, strangerBulk), Inline: l.Inline, Unauthenticated: true,
	}
}

// identify makes the session's client one user; nil: nobody, which is everybody where
// there are no users.
func (s *Session) identify(u *users.User) {
	s.user, s.tenant, s.scope = u, nil, s.listener
	if u != nil && u.Tenant != nil {
		s.tenant = u.Tenant
		s.scope = s.core.snapshot.Narrow(s.scope, s.tenant.Prefix())
	}
	switch {
	case s.core.Users == nil:
		s.allowed, s.limits = allowed(command.AccessAdmin), &s.core.Limits.Request
	case u == nil:
		s.allowed, s.limits = nothing, &s.core.stranger
		s.core.expectWord(s)
	default:
		s.allowed, s.limits, s.strange = allowed(u.Access), &s.core.Limits.Request, 0
	}
}

// denied answers a command that is more than the client may do. It reports false for
// those that a stranger may: to say who it is, or to leave.
func (s *Session) denied(cmd *command.Command) bool {
	switch {
	case s.allowed != nothing:
		s.refuse(cmd, "NOPERM this user has no permissions to run the '"+cmd.Name+"' command")
	case cmd.Flags&command.NoAuth != 0:
		return false
	default:
		s.refuse(cmd, resp.TextNoAuth)
	}
	return true
}

// boundStranger cuts a client off that has sent, or is owed, more than one may that has
// not said who it is. used is what was taken of its input.
func (s *Session) boundStranger(used int) {
	s.strange += int32(min(used, strangerInput+1))
	if s.allowed == nothing && (s.strange > strangerInput || s.owed() > strangerOutput) {
		s.cut(metric.CutStranger, "it has sent or asked for too much before it authenticated")
	}
}

// expectWord gives a session's client until a deadline to say who it is.
func (c *Core) expectWord(s *Session) {
	s.wordBy = c.loop.Elapsed() + strangerTimeout
	if s.wordAwaited {
		return
	}
	s.wordAwaited = true
	c.strangers = append(c.strangers, s)
	if len(c.strangers) == 1 {
		c.watchStrangers()
	}
}

// watchStrangers looks for those whose deadline is over as long as there are any; they
// may stay a tenth longer.
func (c *Core) watchStrangers() {
	c.loop.After(strangerTimeout/10, func() {
		if c.closeStrangers(); len(c.strangers) > 0 && !c.closed {
			c.watchStrangers()
		}
	})
}

// closeStrangers ends those whose deadline is over, and forgets those that have left or
// said who they are.
func (c *Core) closeStrangers() {
	now, left := c.loop.Elapsed(), c.strangers[:0]
	for _, s := range c.strangers {
		switch {
		case s.allowed != nothing || s.gone || s.ending:
			s.wordAwaited = false
		case now < s.wordBy:
			left = append(left, s)
		default:
			s.wordAwaited = false
			c.Log.Debug("client closed that has not authenticated in time", "client", s.conn.RemoteAddr(), "id", s.client.ID)
			c.stats.Cut[metric.CutStranger]++
			s.end()
		}
	}
	clear(c.strangers[len(left):])
	c.strangers = left
}

// authFailed counts a wrong password, and logs it at most once in a while.
func (s *Session) authFailed() {
	c := s.core
	c.stats.AuthFailures++
	if c.wrongPasswords.due(c.loop.Now()) {
		c.Log.Warn("a client gave a wrong password, or the name of no user", "client", s.conn.RemoteAddr(), "seen", c.wrongPasswords.seen)
	}
}

// seldom says which of many alike events are worth a line in the log.
type seldom struct {
	seen   int
	logged time.Time
}

// seldomEvery is how often one of them is.
const seldomEvery = time.Minute

// due counts an event.
func (e *seldom) due(now time.Time) bool {
	e.seen++
	if now.Sub(e.logged) < seldomEvery && !e.logged.IsZero() {
		return false
	}
	e.logged = now
	return true
}
