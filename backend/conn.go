package backend

import (
	"errors"
	"strings"
	"time"

	"ringmain/ioloop"
	"ringmain/metric"
	"ringmain/resp"
)

type state uint8

const (
	waiting     state = iota // for the time to dial again
	dialling                 // a dial is under way
	handshaking              // connected, no client's bytes yet
	ready
	closing // aborted; Closed comes in this iteration
	stopped
)

// Conn is a pipelined connection that renews itself. It implements
// ioloop.Handler.
type Conn struct {
	node     *Node
	protocol int
	database int
	lane     int // see Node.Lane
	state    state
	attempt  *attempt // the latest; nil: there was none
	conn     ioloop.Conn
	framer   resp.Framer

	queue   queue
	pending []byte // bytes of the queue's requests, until the handshake is done
	written uint64 // bytes of requests given to conn
	// failing is what requests get at once: since a dial or a handshake failed
	// or a deadline passed, until a handshake or a reply comes. nil otherwise.
	failing  *Failure
	lastByte time.Duration // when the server last sent something, by the loop's Elapsed
	deadlines
	hello   handshake
	lost    givenUp
	closers []func() // of those that await the end of a connection that is given up
	epoch   uint64   // see Epoch
	// bare connections belong to no client: see Node.Control.
	bare bool
	// lease is what the connection is for, nil if it is for all sessions.
	lease *Lease
	// hub is set for a connection that subscribes.
	hub *Hub

	attempts   int           // that failed in a row
	trouble    string        // why the last attempt failed; "": it did not
	readySince time.Duration // of the present or the last connection; 0: there is none
	wasReady   bool          // at any time
	redial     ioloop.Timer
}

// stopping is why requests fail when the proxy ends.
const stopping = "is not used any more: the proxy is stopping"

// givenUp is why and in which state a connection was given up, until Closed.
type givenUp struct {
	wasReady bool
	what     string
	cause    error
}

func newConn(n *Node, protocol, database int) *Conn {
	c := &Conn{node: n, protocol: protocol, database: database}
	c.deadlines.init(c)
	return c
}

// Send sends request, a whole command in the protocol, and has its outcome told
// to to with seq. The bytes are copied. mayWrite says that executing the command
// may change something, slow that it gets the long deadline.
func (c *Conn) Send(to Receiver, seq uint64, request []byte, mayWrite, slow bool) {
	if f := c.Refusal(); f != nil {
		to.Failed(seq, f)
		return
	}
	c.send(&entry{to: to, seq: seq, mayWrite: mayWrite, slow: slow}, request)
}

// send queues a request, also behind others whose deadline was missed. e is copied.
func (c *Conn) send(e *entry, request []byte) {
	n := c.node
	e.sent = n.loop.Elapsed()
	e.deadline = c.deadlines.stamp(e.sent) + c.timeout(e)
	n.mayQueue += len(request)
	switch c.state {
	case ready:
		c.conn.Write(request)
		c.written += uint64(len(request))
		n.stats.Sent += uint64(len(request))
		e.end = c.written
	case closing, stopped:
		what := stopping
		if c.state == closing {
			what = c.lost.what
		}
		e.to.Failed(e.seq, n.down(what))
		return
	default:
		c.pending = append(c.pending, request...)
		e.end = uint64(len(c.pending))
	}
	c.count(e)
	c.queue.push(e)
	c.deadlines.added(e.deadline)
}

// Epoch changes whenever the connection is lost. The server that later requests
// reach may have begun anew: what it was given to keep for them (scripts) is known
// within an epoch, and only if the request that gave it has not failed.
func (c *Conn) Epoch() uint64 { return c.epoch }

// Gone reports whether the connection has ended for good.
func (c *Conn) Gone() bool { return c.state == stopped }

// Refusal is what a request would fail with at once, nil if it would be sent.
func (c *Conn) Refusal() *Failure {
	if c.failing != nil || (c.bare || c.hub != nil) && c.node.address != "" {
		return c.failing // what the connection has met itself is said first
	}
	return c.node.judged
}

// Fit reports whether a request would be sent at once to a server of which nothing bad
// is known.
func (c *Conn) Fit() bool { return c.state == ready && c.Refusal() == nil }

// Stalled reports whether the first reply that is awaited has not come for a time.
func (c *Conn) Stalled(since time.Duration) bool {
	return c.queue.len() > 0 && c.node.loop.Elapsed()-c.queue.at(c.queue.head).sent >= since
}

// Awaited is how many requests await their replies.
func (c *Conn) Awaited() int { return c.queue.len() }

func (c *Conn) timeout(e *entry) time.Duration {
	if e.blocking {
		return c.lease.wait + c.node.opt.Request
	}
	if e.slow {
		return c.node.opt.Slow
	}
	return c.node.opt.Request
}

func (c *Conn) queued() int {
	if c.conn == nil {
		return len(c.pending)
	}
	return len(c.pending) + c.conn.Buffered()
}

// dial begins an attempt, which opt.Connect bounds together with its handshake. Without
// an address it waits for Node.Move.
func (c *Conn) dial() {
	n, opt := c.node, c.node.opt
	c.redial = nil
	if n.address == "" {
		c.state = waiting
		if c.hub != nil && c.attempt != nil && n.judged != nil { // it will not be there soon
			c.hub.owner.Down(true)
		}
		return
	}
	c.state = dialling
	c.attempt = &attempt{Conn: c, address: n.address}
	c.hello.giveUpAt = n.loop.Elapsed() + opt.Connect
	if opt.Dial != nil {
		opt.Dial(n.loop, n.address, opt.Connect, c.attempt)
	} else {
		n.loop.Dial(n.address, opt.Connect, c.attempt)
	}
}

// Opened implements ioloop.Handler.
func (c *Conn) Opened(conn ioloop.Conn, err error) {
	if c.state != dialling { // stopped meanwhile
		if conn != nil {
			conn.Abort()
		}
		return
	}
	if err != nil {
		c.node.stats.Errors[metric.ErrorConnect]++
		c.node.suspect(true)
		c.attemptFailed("is unreachable", err)
		return
	}
	c.conn = conn
	c.framer = resp.Framer{}
	c.state = handshaking
	c.beginHandshake()
}

// Data implements ioloop.Handler.
func (c *Conn) Data(b []byte) int {
	c.lastByte = c.node.loop.Elapsed()
	c.deadlines.received(c.lastByte, len(b))
	c.node.stats.Received += uint64(len(b))
	for off := 0; off < len(b) && (c.state == ready || c.state == handshaking); {
		n, last, err := c.framer.Scan(b[off:])
		if err != nil {
			c.node.stats.Errors[metric.ErrorProtocol]++
			c.giveUp("sent a broken reply", err)
			break
		}
		piece := b[off : off+n]
		off += n
		switch {
		case c.framer.Kind() == '>':
			// A push belongs to no request, and nothing on a shared connection
			// asks for one.
			if c.lease != nil && c.state == ready {
				c.lease.pushPiece(piece, last)
			}
		case c.state == handshaking:
			c.handshakePiece(piece, last)
		case c.hub != nil:
			c.hub.piece(piece, last)
		default:
			c.answered(piece, last)
		}
	}
	return len(b)
}

// answered hands a part of the first awaited reply over.
func (c *Conn) answered(b []byte, last bool) {
	if c.queue.len() == 0 {
		c.node.stats.Errors[metric.ErrorProtocol]++
		c.giveUp("sent a reply that nobody asked for", errUnasked)
		return
	}
	e := c.queue.at(c.queue.head)
	to, seq := e.to, e.seq
	if last {
		if !e.blocking { // how long an element takes to come says nothing of the server
			c.node.stats.Duration.Observe(c.lastByte - e.sent)
		}
		c.uncount(e)
		c.queue.pop()
		c.failing = nil
	} else {
		e.begun = true
	}
	if to != nil {
		to.Reply(seq, b, last)
	}
	if last && c.lease != nil {
		c.lease.settle()
	}
}

// Drained implements ioloop.Handler.
func (c *Conn) Drained() { c.node.wake() }

// HalfClosed implements ioloop.Handler. A server that says no more has given the
// connection up.
func (c *Conn) HalfClosed() { c.giveUp("closed the connection", nil) }

// giveUp aborts the connection; Closed does the rest.
func (c *Conn) giveUp(what string, err error) {
	if c.state != ready && c.state != handshaking {
		return
	}
	c.lost = givenUp{c.state == ready, what, err}
	c.state = closing
	c.conn.Abort()
}

// Closed implements ioloop.Handler.
func (c *Conn) Closed(err error) {
	c.deadlines.stop()
	if c.state == stopped {
		return
	}
	if c.state != closing {
		c.lost = givenUp{c.state == ready, "closed the connection", err}
	}
	unsent := c.conn.Buffered()
	c.conn = nil
	if c.lost.wasReady {
		c.connectionLost(unsent)
	} else {
		c.node.stats.Errors[metric.ErrorHandshake]++
		c.attemptFailed(c.lost.what, c.lost.cause)
	}
	c.tellClosed()
}

// connectionLost ends a connection that carried requests.
func (c *Conn) connectionLost(unsent int) {
	n := c.node
	n.stats.Errors[metric.ErrorLost]++
	news := c.isThere() && n.opt.Learned.trouble.first("lost: "+c.lost.what)
	c.trouble = c.lost.what
	n.opt.Log.Log(noContext, levelOf(news), "connection to server lost", "pool", n.opt.Pool,
		"node", n.name, "address", c.attempt.address, "what", c.lost.what, causeOf(c.lost.cause),
		"awaited", c.queue.len())
	c.state = waiting
	c.epoch++
	n.suspect(false)
	if c.owes() {
		n.owe(c.debt())
	}
	why := n.lostAt(c.attempt.address, c.lost.what)
	left := c.written - uint64(unsent)
	c.written = 0
	if c.lease != nil {
		c.lease.lost(why, left)
		return
	}
	c.failAll(why, left)
	if c.hub != nil {
		c.hub.owner.Down(false)
	}
	c.reconnect()
	n.wake()
}

// attemptFailed ends a dial or a handshake.
func (c *Conn) attemptFailed(what string, cause error) {
	n := c.node
	c.attempts++
	kind := what
	if errors.Is(cause, ioloop.ErrTLS) {
		kind += " by TLS" // somebody is there after all
	}
	news := c.isThere() && c.trouble != kind && n.opt.Learned.trouble.first(kind)
	c.trouble = kind
	if cause != nil && strings.Contains(what, cause.Error()) {
		cause = nil // said already
	}
	n.opt.Log.Log(noContext, levelOf(news), "server "+what, "pool", n.opt.Pool, "node", n.name,
		"address", c.attempt.address, causeOf(cause), "attempt", c.attempts)
	c.state = waiting
	c.failing = n.downAt(c.attempt.address, what)
	c.failing.Cause = cause
	c.pending = nil
	why := loss{certain: c.failing, uncertain: c.failing}
	if c.lease != nil {
		c.lease.lost(why, 0)
		return
	}
	c.failAll(why, 0)
	if c.hub != nil {
		c.hub.owner.Down(true)
	}
	c.reconnect()
	n.wake()
}

// isThere reports whether the server is still where the connection leads, or led. Else
// whoever has decided that has said so.
func (c *Conn) isThere() bool { return c.attempt.address == c.node.address }

// carries reports whether requests went out on the connection: it is ready, or was until
// it was given up in this iteration.
func (c *Conn) carries() bool { return c.state == ready || c.state == closing && c.lost.wasReady }

// stop ends the connection for good. What is under way fails, what says why.
func (c *Conn) stop(what string) {
	if c.state == stopped {
		return
	}
	sent := c.carries()
	c.state = stopped
	c.deadlines.stop()
	if c.redial != nil {
		c.redial.Stop()
	}
	left := c.written
	if c.conn != nil {
		c.conn.Abort()
		left -= uint64(c.conn.Buffered())
	}
	if !sent {
		left = 0
	}
	c.pending = nil
	c.failAll(c.node.lost(what), left)
	c.tellClosed()
}
