package backend

import (
	"slices"
	"strconv"
	"time"

	"ringmain/resp"
)

// Holder is who has a lease. It is called on the loop.
type Holder interface {
	// Pushed hands over a push (RESP3), whole. b is valid during the call only.
	Pushed(l *Lease, b []byte)
	// Lost tells that the lease's connection is gone, after its requests have failed.
	// The lease is over: it is neither used nor given back.
	Lost(l *Lease)
}

// Lease is a connection to a server that one session has for itself, because what it
// does there must not happen on a connection that others use: WATCH, waiting for an
// element, tracking. It does not renew itself.
type Lease struct {
	conn   *Conn
	holder Holder // nil: it is free
	// wait is how long the server may hold back the reply to the blocking request under
	// way.
	wait time.Duration
	push []byte // the beginning of a push
	// stale: a fence has passed that this connection has not paid, so that nothing is
	// to be sent on it any more.
	stale bool
	// settling await its end, which is to come as soon as nothing is under way on it.
	settling []*settling
	// unblocked: a CLIENT UNBLOCK was sent that may come late, and must not end what
	// another holder waits for.
	unblocked bool
}

// Forever is the wait of a blocking request without a timeout.
const Forever time.Duration = 1 << 60

// maxPush bounds a push that is held until it is whole. A larger one ends the
// connection.
const maxPush = 16 << 20

// Lease gives h a connection of its own for a protocol version and a database. It may
// still be dialled; requests are sent once its handshake is done. It is nil if as many
// are out as may be: Wait tells when to ask again.
func (n *Node) Lease(protocol, database int, h Holder) *Lease {
	for i := len(n.free) - 1; i >= 0; i-- {
		l := n.free[i]
		if l.stale || l.conn.protocol != protocol || l.conn.database != database {
			continue
		}
		n.free = slices.Delete(n.free, i, i+1)
		l.holder = h
		return l
	}
	if len(n.leases) >= n.opt.Leases {
		if len(n.free) == 0 {
			return nil
		}
		n.free[0].Drop() // of another kind, and unused for the longest time
	}
	l := &Lease{conn: newConn(n, protocol, database), holder: h}
	l.conn.lease = l
	n.leases = append(n.leases, l)
	if n.closed {
		l.conn.stop(stopping)
	} else {
		l.conn.dial()
	}
	return l
}

// Leases is how many leases are out, and how many connections there are for leases.
func (n *Node) Leases() (out, open int) { return len(n.leases) - len(n.free), len(n.leases) }

// Conn is the lease's connection, while the lease lasts.
func (l *Lease) Conn() *Conn { return l.conn }

// SendBlocking is Conn.Send of a request whose reply the server may hold back for
// wait, on top of the ordinary deadline. Until it has come nothing else is to be sent.
func (l *Lease) SendBlocking(to Receiver, seq uint64, request []byte, mayWrite bool, wait time.Duration) {
	c := l.conn
	if f := c.Refusal(); f != nil {
		to.Failed(seq, f)
		return
	}
	l.wait = min(wait, Forever)
	c.send(&entry{to: to, seq: seq, mayWrite: mayWrite, blocking: true}, request)
}

// Return gives the lease back, for others to use. The holder must have left nothing on
// the connection that concerns it alone: no transaction, no watched key, no tracking.
func (l *Lease) Return() {
	c, n := l.conn, l.conn.node
	if c.state != ready || c.failing != nil || c.queue.len() > 0 || l.stale || l.unblocked || l.Ending() || n.closed {
		l.Drop()
		return
	}
	l.holder = nil
	n.free = append(n.free, l)
	n.wake()
}

// Drop ends the lease and its connection. What the server may still execute of it is
// fenced.
func (l *Lease) Drop() { l.drop(stopping) }

// drop is Drop; what, a clause, is why requests that are under way fail.
func (l *Lease) drop(what string) {
	c := l.conn
	l.holder = nil
	if c.carries() && c.owes() {
		c.node.owe(c.debt())
	}
	c.stop(what)
	c.node.forget(l)
	c.node.wake()
}

// owes reports whether a request of a client is unanswered.
func (c *Conn) owes() bool {
	for p := c.queue.head; p < c.queue.tail; p++ {
		if !c.queue.at(p).own {
			return true
		}
	}
	return false
}

// forget takes a lease out of the node's lists.
func (n *Node) forget(l *Lease) {
	same := func(other *Lease) bool { return other == l }
	n.leases = slices.DeleteFunc(n.leases, same)
	n.free = slices.DeleteFunc(n.free, same)
	settling := l.settling
	l.settling = nil
	for _, s := range settling {
		s.one()
	}
}

// lost ends a lease whose connection is gone or was never made.
func (l *Lease) lost(why loss, left uint64) {
	c := l.conn
	c.state = stopped
	c.node.forget(l)
	c.failAll(why, left)
	if h := l.holder; h != nil {
		l.holder = nil
		h.Lost(l)
	}
	c.node.wake()
}

// pushPiece takes a piece of a push.
func (l *Lease) pushPiece(b []byte, last bool) {
	switch {
	case l.holder == nil:
	case last && len(l.push) == 0:
		l.holder.Pushed(l, b)
	case len(l.push)+len(b) > maxPush:
		l.conn.giveUp("sent a push that is too large", nil)
	default:
		if l.push = append(l.push, b...); last {
			whole := l.push
			l.push = nil
			l.holder.Pushed(l, whole)
		}
	}
}

// fenced has a lease pay a debt of its server, ahead of whatever is sent on it later. One
// that is free or waits for its server cannot; it is not used again.
func (l *Lease) fenced(d debt) {
	c := l.conn
	switch {
	case c.state != ready: // its handshake pays
	case l.holder == nil || c.queue.len() > 0 && c.queue.at(c.queue.head).blocking:
		l.stale = true
	case c.hello.runID == d.runID && c.hello.id != d.id:
		c.send(&entry{to: &payment{n: c.node, c: c, d: d}, own: true}, kill(d))
	}
}

// Stale reports whether nothing is to be sent on the lease any more. That may become so
// while a blocking request is under way, and is to be looked at after it.
func (l *Lease) Stale() bool { return l.stale }

// Waits reports whether the server holds back the reply to a blocking request.
func (l *Lease) Waits() bool {
	c := l.conn
	return c.state == ready && c.queue.len() > 0 && c.queue.at(c.queue.tail-1).blocking
}

// Unblock has the server end the blocking request under way, as CLIENT UNBLOCK does with
// reason TIMEOUT or ERROR. The server's reply goes to to.
func (l *Lease) Unblock(reason string, to Receiver) {
	l.unblocked = true
	id := strconv.FormatInt(l.conn.hello.id, 10)
	l.conn.node.Conn(2, 0).Send(to, 0, resp.AppendCommand(nil, "CLIENT", "UNBLOCK", id, reason), false, false)
}
