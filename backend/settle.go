package backend

import (
	"slices"

	"ringmain/ioloop"
)

// Hold has nobody send to the server: Admits refuses all, until Release.
func (n *Node) Hold() { n.held, n.mayQueue = true, n.opt.Queue }

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

const settled = "is left for another place"

// Settle calls done once nothing of what was sent to a database, or to AllDatabases, can be
// executed any more other than after a debt is paid: it was answered, or its connection is
// given up. Leases there end, the holders of those that wait for an element with an error of
// the server's. It takes no longer than an ordinary request may. done may be called at once.
//
// Nothing is held back meanwhile: see Hold.
func (n *Node) Settle(database int, done func()) {
	s := &settling{n: n, left: 1, done: done}
	for _, c := range n.conns {
		if there(c, database) && c.queue.len() > 0 {
			s.left++
			c.send(&entry{to: settlingConn{s, c}, own: true}, ping)
		}
	}
	for _, l := range slices.Clone(n.leases) {
		if there(l.conn, database) && l.settling == nil {
			s.left++
			l.settling = s
			s.leases = append(s.leases, l)
		}
	}
	s.timer = n.loop.After(n.opt.Request, s.late)
	for _, l := range slices.Clone(s.leases) {
		if l.Waits() {
			l.Unblock("ERROR", discard{})
		}
		l.settle()
	}
	s.one()
}

func there(c *Conn, database int) bool {
	return (database == AllDatabases || c.database == database) && c.state != stopped && c.state != closing
}

func (s *settling) one() {
	if s.left--; s.left == 0 {
		s.timer.Stop()
		s.done()
	}
}

// late ends what has not ended by itself.
func (s *settling) late() {
	for _, l := range slices.Clone(s.leases) {
		if l.conn.state != stopped {
			l.end()
		}
	}
}

// settle ends the lease if it is to, and nothing is under way on it.
func (l *Lease) settle() {
	if l.settling != nil && l.conn.queue.len() == 0 && l.conn.state != stopped {
		l.end()
	}
}

// end gives the lease's connection up, in whatever state it is.
func (l *Lease) end() {
	h := l.holder
	if l.Drop(); h != nil {
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
	w.c.giveUp(settled, nil)
	w.s.n.loop.After(0, w.s.one) // what it owes is known by then
}
