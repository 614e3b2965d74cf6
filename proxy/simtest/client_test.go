package simtest

import (
	"time"

	"ringmain/ioloop"
	"ringmain/resp"
)

// client sends one command after the other on a connection to the proxy. It
// never sends one again: if the connection breaks, it makes a new one and goes on
// with the next.
type client struct {
	s       *scene
	address string
	conn    ioloop.Conn
	sent    []string
	// next makes the next command; nil ends the client.
	next func() []string
	// done is told of each command's outcome: its reply, or nil if the
	// connection broke with no reply.
	done func(args []string, reply []byte)
	// think is the pause before each command.
	think func() time.Duration
	// greeting is sent first on each connection, and its reply is thrown away.
	greeting []string
	greeted  bool
	ended    bool
	fault    error
}

// start connects for the first time.
func (c *client) start() { c.dial() }

func (c *client) dial() {
	c.conn, c.greeted = nil, false
	c.s.clients.Dial(c.address, time.Minute, c)
}

// Opened implements ioloop.Handler.
func (c *client) Opened(conn ioloop.Conn, err error) {
	if err != nil {
		c.later(c.dial)
		return
	}
	c.conn = conn
	if len(c.greeting) > 0 {
		conn.Write(resp.AppendCommand(nil, c.greeting...))
		return
	}
	c.greeted = true
	c.later(c.send)
}

func (c *client) later(f func()) {
	conn := c.conn
	c.s.clients.After(c.think(), func() {
		if c.conn == conn {
			f()
		}
	})
}

func (c *client) send() {
	c.sent = c.next()
	if c.sent == nil {
		c.ended = true
		c.conn.CloseAfterFlush()
		return
	}
	c.conn.Write(resp.AppendCommand(nil, c.sent...))
}

// Data implements ioloop.Handler.
func (c *client) Data(b []byte) (used int) {
	for used < len(b) {
		n, err := element(b[used:])
		if err != nil {
			c.fault = err
			c.conn.Abort()
			return len(b)
		}
		if n == 0 {
			return used
		}
		reply := b[used : used+n]
		used += n
		c.take(reply)
	}
	return used
}

func (c *client) take(reply []byte) {
	if !c.greeted {
		c.greeted = true
		c.later(c.send)
		return
	}
	args := c.sent
	c.sent = nil
	c.done(args, reply)
	c.later(c.send)
}

// Drained implements ioloop.Handler.
func (c *client) Drained() {}

// HalfClosed implements ioloop.Handler.
func (c *client) HalfClosed() { c.conn.Abort() }

// Closed implements ioloop.Handler.
func (c *client) Closed(error) {
	if args := c.sent; args != nil {
		c.sent = nil
		c.done(args, nil)
	}
	if !c.ended {
		c.conn = nil
		c.later(c.dial)
	}
}

// allEnded tells when no client has anything left to do.
func allEnded(clients []*client) func() bool {
	waiting := clients
	return func() bool {
		for len(waiting) > 0 && waiting[0].ended {
			waiting = waiting[1:]
		}
		return len(waiting) == 0
	}
}
