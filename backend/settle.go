package backend

import (
	"time"

	"ringmain/ioloop"
)

// Hold has nobody send to the server: Admits refuses all, until Release.
func (n *Node) Hold() { n.held, n.mayQueue = true, n.opt.Queue+1 }

// Held reports whether the server is held. Whoever sends without asking Admits asks that.
func (n *Node) Held() bool { return n.held }

// Release ends Hold.
func (n *Node) Release() {
	if n.held {
		n.held = false
		n.wake()
	}
}

// AllDatabases is every database of a server.
const AllDatabases = -1

// settling awaits that what was sent to a server ends.
type settling struct {
	n     *Node
	left  int
	done  func()
	timer ioloop.Timer
	// leases are those that are to end.
	leases []*Lease
}

// leftFor is why connections end on which too much was under way.
const leftFor = "is left for another place"

// Settle calls done once nothing of what was sent to a database, or to AllDatabases, can be
// executed any more other than after a debt is paid: it was answered, or its connection is
// given up. Leases there end, the holders of those that wait for an element with an error of
// the server's. It takes no longer than an ordinary request may. done may be called at once.
//
// Nothing is held back meanwhile: see Hold.
func (n *Node) Settle(database int, done func()) {
	s := &settling{n: n, left: 1, done: done}
	for _, c := range n.conns {
		switch {
		case !there(c, database):
		case c.state == closing: // what it owes is known when it is closed
			s.left++
			c.whenClosed(s.one)
		case c.queue.len() > 0:
			s.left++
			c.send(&entry{to: settlingConn{s, c}, own: true}, ping)
		}
	}
	s.leave(database)
}

// EndLeases has the leases end as Settle does, for sessions that rely on keys there which
// now live elsewhere. What is under way on connections that all share goes on.
func (n *Node) EndLeases() {
	s := &settling{n: n, left: 1, done: func() {}}
	s.leave(AllDatabases)
}

// leave has the leases to a database end.
func (s *settling) leave(database int) {
	n := s.n
	for _, l := range n.leases {
		if there(l.conn, database) {
			s.left++
			l.settling = append(l.settling, s)
			s.leases = append(s.leases, l)
		}
	}
	s.timer = n.loop.After(n.opt.Request, s.late)
	for _, l := range s.leases {
		l.settle()
	}
	s.one()
}

func there(c *Conn, database int) bool {
	return (database == AllDatabases || c.database == database) && c.state != stopped
}

func (s *settling) one() {
	if s.left--; s.left == 0 {
		s.timer.Stop()
		s.done()
	}
}

// late ends what has not ended by itself.
func (s *settling) late() {
	for _, l := range s.leases {
		l.end()
	}
}

// Ending reports whether the lease is to end as soon as nothing is under way on it.
func (l *Lease) Ending() bool { return len(l.settling) > 0 }

// settle ends the lease if it is to, and nothing is under way on it. Nobody waits on it for
// an element any longer.
func (l *Lease) settle() {
	switch {
	case !l.Ending():
	case l.conn.queue.len() == 0:
		l.end()
	case l.Waits():
		l.Unblock("ERROR", letGo{l})
	}
}

// letGo receives the reply to the CLIENT UNBLOCK of a lease that is to end. That takes
// another way than the request that blocks, and may have come before it.
type letGo struct{ l *Lease }

const unblockAgain = 10 * time.Millisecond

func (g letGo) Reply(_ uint64, _ []byte, last bool) {
	if last && g.l.Waits() {
		g.l.conn.node.loop.After(unblockAgain, g.l.settle)
	}
}

// Failed implements Receiver: the lease ends when it is late.
func (letGo) Failed(uint64, *Failure) {}

// end gives the lease's connection up, in whatever state it is, unless it is gone.
func (l *Lease) end() {
	c, h := l.conn, l.holder
	if c.state == stopped || c.state == closing { // Closed does it
		return
	}
	l.drop(leftFor)
	if h != nil {
		h.Lost(l)
	}
}

// settlingConn receives the reply to what was sent last on a connection.
type settlingConn struct {
	s *settling
	c *Conn
}

func (w settlingConn) Reply(_ uint64, _ []byte, last bool) {
	if last {
		w.s.one()
	}
}

// Failed implements Receiver. What was sent before may yet be executed, unless the
// connection is given up.
func (w settlingConn) Failed(uint64, *Failure) {
	w.c.giveUp(leftFor, nil)
	w.c.whenClosed(w.s.one)
}

// whenClosed calls f when a connection that is given up has ended, and what it owes is
// known.
func (c *Conn) whenClosed(f func()) {
	if c.state == closing {
		c.closers = append(c.closers, f)
	} else {
		f()
	}
}

// tellClosed calls what awaits the connection's end.
func (c *Conn) tellClosed() {
	closers := c.closers
	c.closers = nil
	for _, f := range closers {
		f()
	}
}
