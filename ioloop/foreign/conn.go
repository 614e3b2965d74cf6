package foreign

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

// lingerTime is how long a connection that is closed in order waits for the peer's
// end of stream.
const lingerTime = time.Second

type state uint8

const (
	open      state = iota
	flushing        // CloseAfterFlush was called: input is thrown away
	lingering       // output is out and writing shut down, or about to be
	dead            // to be buried at the end of the iteration
	buried
)

// conn is one net.Conn. Its goroutines are in pump.go.
type conn struct {
	l   *Loop
	h   ioloop.Handler
	net net.Conn

	in    []byte // kept input is in[start:]
	start int
	input []byte // the reader's buffer, if it has to wait; its contents follow in
	more  chan struct{}
	gone  chan struct{} // closed when the connection is

	out     driver.Output
	sending int // bytes of out, at its front, that the writer has
	jobs    chan job
	left    int // what Buffered was in the end

	timer    ioloop.Timer // the lingering's end
	err      error        // what Closed will be given
	state    state
	accepted bool
	paused   bool
	eof      bool // the end of the input was read
	shut     bool // the end of the output was sent
	told     bool // HalfClosed was called
	dirty    bool // in l.dirty
	again    bool // in l.again
	above    bool // output was above LowWater, Drained is due
}

// begin makes a connection of n, and starts its goroutines.
func (l *Loop) begin(n net.Conn, h ioloop.Handler, accepted bool) {
	c := &conn{l: l, h: h, net: n, accepted: accepted,
		more: make(chan struct{}, 1), gone: make(chan struct{}), jobs: make(chan job, 1)}
	l.conns[c] = struct{}{}
	l.pumps.Go(c.read)
	l.pumps.Go(c.write)
	h.Opened(c, nil)
}

// Write implements ioloop.Conn.
func (c *conn) Write(b []byte) {
	if c.state != open || len(b) == 0 {
		return
	}
	c.out.Append(&c.l.buffers, b)
	// Here and not when it is flushed: the writer may be done with some before that.
	c.above = c.above || c.out.Size() > ioloop.LowWater
	c.markDirty()
}

func (c *conn) markDirty() {
	if !c.dirty {
		c.dirty = true
		c.l.dirty = append(c.l.dirty, c)
	}
}

// Buffered implements ioloop.Conn. Of what the writer has, the kernel may have taken
// any part: in the end that counts as taken.
func (c *conn) Buffered() int {
	switch c.state {
	case buried:
		return c.left
	case dead:
		return c.out.Size() - c.sending
	}
	return c.out.Size()
}

// Kept implements ioloop.Conn.
func (c *conn) Kept() int { return len(c.in) - c.start + len(c.input) }

// Pause implements ioloop.Conn.
func (c *conn) Pause() { c.paused = true }

// Resume implements ioloop.Conn.
func (c *conn) Resume() {
	if c.state != open {
		return
	}
	c.paused = false
	if !c.again && (c.Kept() > 0 || c.l.delivering == c || c.eof && !c.told) {
		c.again = true
		c.l.again = append(c.l.again, c)
	}
}

// CloseAfterFlush implements ioloop.Conn.
func (c *conn) CloseAfterFlush() {
	if c.state != open {
		return
	}
	c.state = flushing
	c.dropInput()
	c.markDirty()
}

// Abort implements ioloop.Conn.
func (c *conn) Abort() { c.die(ioloop.ErrAborted) }

func (c *conn) die(err error) {
	if c.state >= dead {
		return
	}
	c.state = dead
	c.err = err
	c.l.dead = append(c.l.dead, c)
}

// bury closes the connection, which ends its goroutines, and tells the handler.
func (c *conn) bury() {
	if c.timer != nil {
		c.timer.Stop()
	}
	socket := socketOf(c.net)
	if tcp, ok := socket.(*net.TCPConn); ok && c.err != nil {
		// A reset, so that the peer does not take what it has for all.
		_ = tcp.SetLinger(0)
	}
	_ = socket.Close()
	close(c.gone)
	close(c.jobs)
	delete(c.l.conns, c)
	if c.accepted {
		c.l.clients.Add(-1)
	}
	c.left = c.Buffered()
	c.state = buried
	c.dropInput()
	c.out.Abandon(&c.l.buffers, c.sending)
	c.h.Closed(c.err)
	c.h = nil
}

// socketOf is the connection below TLS.
func socketOf(c net.Conn) net.Conn {
	if secure, ok := c.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return c
}

// received takes what the reader has read: some bytes, an error, or both.
func (c *conn) received(b []byte, err error) {
	if c.state >= flushing {
		c.discard(err)
		return
	}
	switch {
	case len(b) == 0:
		c.goOn()
	case c.paused || c.again: // what is kept comes first
		c.input = b
		c.l.held += cap(b)
	default:
		c.take(b)
		c.goOn()
	}
	switch {
	case err == nil:
	case c.state >= flushing:
		c.discard(err)
	case errors.Is(err, io.EOF):
		c.eof = true
		c.afterData()
	default:
		c.die(err)
	}
}

// discard throws input away while the connection closes.
func (c *conn) discard(err error) {
	switch {
	case c.state >= dead:
	case err == nil:
		c.goOn()
	case c.state == lingering || errors.Is(err, io.EOF):
		c.eof = true // with an error the peer has everything, and has reset what it sent later
		c.endLinger()
	default:
		c.die(err)
	}
}

// goOn lets the reader have its buffer back.
func (c *conn) goOn() {
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// take hands over b, which belongs behind what is kept.
func (c *conn) take(b []byte) {
	if c.Kept() > 0 {
		c.keep(b)
		c.deliver()
		return
	}
	if used := c.data(b); used < len(b) && c.state == open {
		c.keep(b[used:])
	}
	c.afterData()
}

// keep adds b to what is kept. The buffer doubles as bytes really come.
func (c *conn) keep(b []byte) {
	if cap(c.in)-len(c.in) < len(b) {
		kept := c.in[c.start:]
		in := append(c.l.buffers.Get(len(kept)+max(len(kept), len(b))), kept...)
		if c.in != nil {
			c.l.buffers.Put(c.in)
		}
		c.in, c.start = in, 0
	}
	c.in = append(c.in, b...)
}

// deliver hands over the kept input, and what waits behind it.
func (c *conn) deliver() {
	if c.state != open || c.paused {
		return
	}
	if b := c.input; b != nil {
		c.input = nil
		c.l.held -= cap(b)
		c.keep(b)
		c.goOn()
	}
	if c.Kept() > 0 {
		used := c.data(c.in[c.start:])
		if c.state != open {
			return // dropInput has been here
		}
		if c.start += used; c.Kept() == 0 {
			c.dropInput()
		}
	}
	c.afterData()
}

func (c *conn) data(b []byte) int {
	c.l.delivering = c
	used := c.h.Data(b)
	c.l.delivering = nil
	return used
}

// afterData tells of the end of the stream once all before it was offered.
func (c *conn) afterData() {
	if c.eof && !c.told && !c.paused && !c.again && c.input == nil && c.state == open {
		c.told = true
		c.h.HalfClosed()
	}
}

func (c *conn) dropInput() {
	if c.in != nil {
		c.l.buffers.Put(c.in)
		c.in, c.start = nil, 0
	}
	if c.input != nil {
		c.l.held -= cap(c.input)
		c.input = nil
		c.goOn()
	}
}

// tellDrained calls Drained if that is still true.
func (c *conn) tellDrained() {
	if c.above && c.state == open && c.Buffered() <= ioloop.LowWater {
		c.above = false
		c.h.Drained()
	}
}

// RemoteAddr implements ioloop.Conn.
func (c *conn) RemoteAddr() string { return c.address(c.net.RemoteAddr) }

// LocalAddr implements ioloop.Conn.
func (c *conn) LocalAddr() string { return c.address(c.net.LocalAddr) }

func (c *conn) address(end func() net.Addr) string {
	if c.state == buried {
		return "?"
	}
	return addressOf(c.net, end, c.accepted)
}

// addressOf is an end of a connection for people to read. Who dials a Unix socket has
// no name, or one of its own choice: both ends go by the listener's.
func addressOf(c net.Conn, end func() net.Addr, accepted bool) string {
	a := end()
	if _, ok := a.(*net.UnixAddr); !ok {
		return a.String()
	}
	if accepted {
		return driver.UnixPrefix + c.LocalAddr().String()
	}
	return driver.UnixPrefix + c.RemoteAddr().String()
}
