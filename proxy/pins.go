package proxy

import (
	"slices"
	"time"

	"ringmain/backend"
	"ringmain/resp"
	"ringmain/router"
)

// pins are a session's leases: connections of its own. It implements backend.Holder.
type pins struct {
	s      *Session
	leases []*backend.Lease
	// asked is when the command under way first asked for one in vain; 0: it has not. It
	// stays until the command has all that it needs, or is answered.
	asked time.Duration
}

// maxKept is how much of a suspended client's input is read ahead. One that sends more
// is not read from until it goes on, so that its leaving may be noticed late.
const maxKept = 1 << 20

// suspend has the session execute nothing until the reply that it awaits has come.
func (s *Session) suspend() { s.suspended = true }

// resume goes on with what the client has sent meanwhile.
func (s *Session) resume() {
	s.suspended, s.waiting = false, false
	if s.gone {
		return
	}
	s.resuming = s.conn.Kept() > 0
	s.conn.Resume()
}

func (s *Session) boundKept(n int) {
	if n > maxKept {
		s.conn.Pause()
	}
}

// settled reports whether all replies to earlier commands have come, so that the next
// may go another way. If not, the session waits for them.
func (s *Session) settled() bool {
	if s.replies.empty() {
		return true
	}
	s.drain = true
	return false
}

// lease asks for a connection of the session's own to a place. Without one the command
// has to wait or, with done set, has been answered.
func (s *Session) lease(p router.Place) (l *backend.Lease, done bool) {
	pins, node := s.ownPins(), s.core.nodes[p.Server]
	if node.Held() {
		s.waitFor(node)
		return nil, false
	}
	// A server that is known to be down is not dialled for each client.
	if f := s.sharedConn(p).Refusal(); f != nil {
		pins.asked = 0
		s.answer(f.AppendReply(nil))
		return nil, true
	}
	l = s.newLease(p)
	now := s.core.loop.Elapsed()
	switch {
	case l != nil:
	case pins.asked == 0:
		pins.asked = now
		s.core.loop.After(s.core.Servers[p.Server].Request, s.askAgain)
		fallthrough
	case now-pins.asked < s.core.Servers[p.Server].Request:
		s.waitFor(node)
		return nil, false
	default:
		pins.asked = 0
		node.Unwait(s)
		s.fail(errNoLease)
		return nil, true
	}
	return l, false
}

func (s *Session) ownPins() *pins {
	if s.pins == nil {
		s.pins = &pins{s: s}
	}
	return s.pins
}

// newLease is a lease of the session's to a place, nil if there is none to be had.
func (s *Session) newLease(p router.Place) *backend.Lease {
	pins := s.ownPins()
	l := s.core.nodes[p.Server].Lease(s.client.Protocol, s.database(p), pins)
	if l != nil {
		pins.leases = append(pins.leases, l)
	}
	return l
}

const errNoLease = "ERR too many clients wait, watch keys or track them: the connections to the server that may be used for that are taken"

// askAgain ends the wait for a lease.
func (s *Session) askAgain() {
	if !s.gone && s.pins.asked != 0 {
		s.Writable()
	}
}

// giveBack ends a lease of the session; clean says that others may use its connection.
func (s *Session) giveBack(l *backend.Lease, clean bool) {
	s.pins.remove(l)
	if clean {
		l.Return()
	} else {
		l.Drop()
	}
}

// lose ends a lease on which the server's state is not what it should be, or not known.
func (p *pins) lose(l *backend.Lease) {
	p.Lost(l)
	l.Drop()
}

func (p *pins) remove(l *backend.Lease) {
	p.leases = slices.DeleteFunc(p.leases, func(other *backend.Lease) bool { return other == l })
}

// restart puts the session back to how it began, for RESET.
func (s *Session) restart() {
	s.endTransaction()
	s.trackNothing()
	s.endMonitor()
	s.stopListening()
}

// leave lets go of all that the session has on servers.
func (s *Session) leave() {
	if s.tracking != nil && s.tracking.again != nil {
		s.tracking.again.Stop()
	}
	if s.pins != nil {
		if s.pins.asked != 0 {
			for _, n := range s.core.nodes {
				n.Unwait(s)
			}
		}
		leases := s.pins.leases
		s.pins.leases = nil
		for _, l := range leases {
			l.Drop()
		}
	}
	s.endTransaction()
	s.endListening()
	s.cancelCommissions()
}

// Pushed implements backend.Holder.
func (p *pins) Pushed(_ *backend.Lease, b []byte) {
	if p.s.tenant != nil {
		b = p.s.tenant.Invalidation(b)
	}
	if b = withoutReserved(b); len(b) > 0 {
		p.s.push(b)
	}
}

// Lost implements backend.Holder.
func (p *pins) Lost(l *backend.Lease) {
	p.remove(l)
	if tx := p.s.tx; tx != nil && tx.lease == l {
		tx.lease, tx.lost = nil, true
	}
	p.s.untrack(l)
}

// errand is a request on a lease. It implements backend.Receiver.
type errand struct {
	s *Session
	l *backend.Lease
	// keep: the lease is not given back after it.
	keep bool
}

// Reply implements backend.Receiver.
func (e *errand) Reply(seq uint64, b []byte, last bool) {
	switch {
	case !last:
	case !e.keep:
		e.s.giveBack(e.l, true)
	case e.l.Stale():
		e.s.pins.lose(e.l)
	}
	e.s.Reply(seq, b, last)
}

// Failed implements backend.Receiver. What the server does with the connection now is
// not known.
func (e *errand) Failed(seq uint64, f *backend.Failure) {
	e.s.pins.lose(e.l)
	e.s.Failed(seq, f)
}

// chore is a request of the proxy's own on a lease that has to succeed: without it the
// lease cannot be used any more.
type chore struct {
	s *Session
	l *backend.Lease
	// last: the lease is given back after it.
	last bool
}

// Reply implements backend.Receiver.
func (c chore) Reply(_ uint64, b []byte, last bool) {
	switch {
	case resp.IsError(b):
		c.s.pins.lose(c.l)
	case last && c.last:
		c.s.giveBack(c.l, true)
	}
}

// Failed implements backend.Receiver.
func (c chore) Failed(uint64, *backend.Failure) { c.s.pins.lose(c.l) }
