// Package backend is a server as one loop sees it: pipelined connections, one
// for each protocol version and database, as state machines on ioloop. They open
// no socket and start no goroutine themselves.
//
// A connection carries a client's bytes only after its handshake was answered,
// and the handshake fences what it replaces: CLIENT KILL ID makes sure that
// nothing the network still holds of a connection that was given up is executed
// after what comes on its successor. A command is never sent twice.
package backend

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"ringmain/ioloop"
	"ringmain/metric"
)

// Receiver takes the outcome of a request: either pieces of its reply, the last
// one marked, or one failure, which may come after some pieces. It is called on
// the loop; Failed perhaps from inside Send.
type Receiver interface {
	// Reply hands over a piece of the reply to request seq. b is valid during
	// the call only.
	Reply(seq uint64, b []byte, last bool)
	// Failed tells that request seq gets no (further) reply.
	Failed(seq uint64, f *Failure)
}

// Waiter is told when a node's queue has room again.
type Waiter interface {
	// Writable is called once for each Wait.
	Writable()
}

// Options say how to talk to a server. They are shared and never changed.
type Options struct {
	Pool string
	// Name is the server's at first: see Node.Become.
	Name string
	// Address is where the server is at first; "": that is not known yet, and Absent, a
	// clause such as "has no known primary", says why.
	Address, Absent string
	// Primary has each handshake ask for the server's role, and refuse one that is no
	// primary.
	Primary bool
	// Dial takes the place of the loop's, for servers that want more than a
	// connection: TLS. nil: the loop's.
	Dial func(loop ioloop.Loop, address string, timeout time.Duration, h ioloop.Handler)
	// Connect bounds dial and handshake together.
	Connect time.Duration
	// Request and Slow bound the wait for a reply, from Send on: of ordinary
	// commands, and of those that may run long.
	Request, Slow time.Duration
	// Username and Password authenticate; no password, no AUTH.
	Username, Password string
	// ClientName is what the connections call themselves (CLIENT SETNAME).
	ClientName string
	// Backoff bounds the pauses between attempts to connect; zero: minBackoff, maxBackoff.
	Backoff Backoff
	// Queue bounds the bytes that wait to be sent, over the connections of one
	// Node. A queue of at most ioloop.LowWater a connection admits any request.
	Queue int
	// Leases bounds the connections of one Node that sessions have for themselves.
	Leases int
	// Learned is what the handshakes find out, for any goroutine to read.
	Learned *Facts
	// Fence joins the loops' nodes of this server.
	Fence *Fence
	// Suspect, if it is set, is told when a connection could not be made (refused), was
	// lost, or missed a deadline. It must not wait.
	Suspect func(refused bool)
	// Changed, if it is set, is told when a connection has met another process than Move
	// was told of. It must not wait.
	Changed func()
	// Rand returns numbers in [0,1) for jitter.
	Rand func() float64
	Log  *slog.Logger
}

// Facts are what is known of a server, over all loops. The zero value knows
// nothing. Any goroutine may use it.
type Facts struct {
	version atomic.Pointer[string]
	// databases is how many the server has; 0: not known.
	databases atomic.Int32
	// slow is how many requests are under way, on all loops, that may rightly take long.
	slow    atomic.Int64
	trouble trouble
}

// Version is what the server calls its version, as in INFO; "" as long as no
// handshake has succeeded.
func (f *Facts) Version() string {
	if v := f.version.Load(); v != nil {
		return *v
	}
	return ""
}

// Databases is how many databases the server has, as far as anybody has asked it; 0:
// that is not known.
func (f *Facts) Databases() int { return int(f.databases.Load()) }

// Forget has nothing be known of the server, because another one takes its place.
func (f *Facts) Forget() {
	f.version.Store(nil)
	f.databases.Store(0)
}

// SetDatabases notes how many databases the server has.
func (f *Facts) SetDatabases(n int) { f.databases.Store(int32(n)) }

// Slow reports whether a request is under way that may rightly keep the server from
// answering others.
func (f *Facts) Slow() bool { return f.slow.Load() > 0 }

// Node is one server on one loop. It is used on that loop only.
type Node struct {
	loop    ioloop.Loop
	opt     *Options
	name    string
	address string // "": not known
	former  string // the address that was left
	runID   string // of the process that connections must reach; "": of any
	conns   []*Conn
	control *Conn // nil until it is needed
	leases  []*Lease
	free    []*Lease // of leases, those that nobody has
	hub     *Hub     // nil until it is needed
	debts   []debt
	waiters []Waiter
	closed  bool
	stats   metric.Server
	// mayQueue is the most that Queued can be: what it was when last looked at, and all that
	// was written since.
	mayQueue int
	// refusedKill is set once the server has refused CLIENT KILL, so that this
	// is said once.
	refusedKill bool
	// judged is what requests get while the health checks find the server down.
	judged *Failure
	held   bool // see Hold
}

// NewNode makes a node that has no connections yet.
func NewNode(loop ioloop.Loop, opt *Options) *Node {
	n := &Node{loop: loop, opt: opt, name: opt.Name, address: opt.Address}
	if n.address == "" {
		n.judged = n.down(opt.Absent)
	}
	opt.Fence.join(n)
	return n
}

// Conn returns the connection for a protocol version (2 or 3) and database, and
// begins to dial it if it is new.
func (n *Node) Conn(protocol, database int) *Conn {
	return n.conn(protocol, database, 0)
}

// Lane returns one of several connections for protocol 2 and database 0, so that what is
// lost on one does not keep the server from answering on another. Lane 0 is Conn's. What is
// sent on different lanes is in no order.
func (n *Node) Lane(lane int) *Conn { return n.conn(2, 0, lane) }

func (n *Node) conn(protocol, database, lane int) *Conn {
	for _, c := range n.conns {
		if c.protocol == protocol && c.database == database && c.lane == lane {
			return c
		}
	}
	c := newConn(n, protocol, database)
	c.lane = lane
	n.conns = append(n.conns, c)
	if !n.closed {
		c.dial()
	}
	return c
}

// Control returns a connection for what a server does at any time, also while a
// script keeps it from all else: SCRIPT KILL, FUNCTION KILL. On other connections
// these would wait behind the script. It carries nothing that writes, as it is
// neither named nor fenced: a busy server refuses what that takes.
func (n *Node) Control() *Conn {
	if n.control == nil {
		n.control = newConn(n, 2, 0)
		n.control.bare = true
		if !n.closed {
			n.control.dial()
		}
	}
	return n.control
}

// Close gives up all connections. What waits fails.
func (n *Node) Close() {
	n.closed = true
	n.opt.Fence.leave(n)
	for _, c := range n.conns {
		c.stop(stopping)
	}
	if n.control != nil {
		n.control.stop(stopping)
	}
	if n.hub != nil {
		n.hub.c.stop(stopping)
	}
	for _, l := range slices.Clone(n.leases) {
		l.conn.stop(stopping)
	}
	n.wake()
}

// Queued is how many bytes wait to be handed to the kernel.
func (n *Node) Queued() int {
	total := 0
	for _, c := range n.conns {
		total += c.queued()
	}
	return total
}

// InFlight is how many requests await their replies.
func (n *Node) InFlight() int {
	total := 0
	for _, c := range n.conns {
		total += c.queue.len()
	}
	for _, l := range n.leases {
		total += l.conn.queue.len()
	}
	return total
}

// Down reports whether requests fail at once, on every connection.
func (n *Node) Down() bool {
	if n.judged != nil {
		return true
	}
	for _, c := range n.conns {
		if c.failing == nil {
			return false
		}
	}
	return len(n.conns) > 0
}

// Stats is what the node has counted.
func (n *Node) Stats() metric.Server { return n.stats }

// Admits reports whether a request of size bytes may be sent now. If not, Wait
// tells when to ask again.
func (n *Node) Admits(size int) bool {
	return n.mayQueue+size <= n.opt.Queue || n.admitsAfterLook(size)
}

// admitsAfterLook is Admits when all that was written lately is too much, if nothing of it
// has left. A look at each connection tells.
func (n *Node) admitsAfterLook(size int) bool {
	if n.held {
		return false
	}
	queued := n.Queued()
	n.mayQueue = queued
	// Above this, one of the connections is above LowWater and will be drained.
	return queued <= ioloop.LowWater*len(n.conns) || queued+size <= n.opt.Queue
}

// Wait has w told when there may be room again.
func (n *Node) Wait(w Waiter) { n.waiters = append(n.waiters, w) }

// Unwait takes a Wait back.
func (n *Node) Unwait(w Waiter) {
	n.waiters = slices.DeleteFunc(n.waiters, func(other Waiter) bool { return other == w })
}

func (n *Node) wake() {
	waiters := n.waiters
	n.waiters = nil
	for _, w := range waiters {
		w.Writable()
	}
}
