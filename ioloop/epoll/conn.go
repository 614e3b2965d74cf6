//go:build linux

package epoll

import (
	"crypto/tls"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

// lingerTime is how long a connection that is closed in order waits for the
// peer's end of stream.
const lingerTime = time.Second

type state uint8

const (
	dialling  state = iota
	shaking         // of hands, for TLS, on a connection that was dialled
	open            // both ways
	flushing        // CloseAfterFlush was called: input is thrown away
	lingering       // output is out and writing shut down
	dead            // to be buried at the end of the iteration
	buried
)

// conn is one socket.
type conn struct {
	l        *Loop
	h        ioloop.Handler
	in       []byte // kept input is in[start:]
	start    int
	out      driver.Output
	left     int                // what Buffered was in the end
	timer    ioloop.Timer       // the dial's or the lingering's end
	tls      *session           // nil: none
	secure   func() *tls.Config // what a dial is to make TLS with; nil: none
	cancel   func()             // ends a handshake under way
	err      error              // what Closed will be given
	fd       int
	interest uint32 // what epoll watches for
	state    state
	accepted bool
	paused   bool
	eof      bool // the end of the input was read
	told     bool // HalfClosed was called
	dirty    bool // in l.dirty
	again    bool // in l.again
	above    bool // output was above LowWater at the end of an iteration, Drained is due
}

// Write implements ioloop.Conn.
func (c *conn) Write(b []byte) {
	if c.state != open || len(b) == 0 {
		return
	}
	if c.tls != nil {
		c.tls.plain.Append(&c.l.buffers, b)
	} else {
		c.out.Append(&c.l.buffers, b)
	}
	c.markDirty()
}

func (c *conn) markDirty() {
	// A connection that waits for the kernel to take more is flushed when it
	// does.
	if !c.dirty && c.interest&unix.EPOLLOUT == 0 {
		c.dirty = true
		c.l.dirty = append(c.l.dirty, c)
	}
}

// Buffered implements ioloop.Conn.
func (c *conn) Buffered() int {
	switch {
	case c.state == buried:
		return c.left
	case c.tls != nil:
		return c.tls.unsent(&c.out)
	}
	return c.out.Size()
}

// Kept implements ioloop.Conn.
func (c *conn) Kept() int { return len(c.in) - c.start }

// Pause implements ioloop.Conn.
func (c *conn) Pause() { c.paused = true }

// Resume implements ioloop.Conn.
func (c *conn) Resume() {
	if c.state != open {
		return
	}
	c.paused = false
	if !c.eof {
		c.watch(c.interest | unix.EPOLLIN)
	}
	if !c.again && (c.Kept() > 0 || c.inData() || c.eof && !c.told) {
		c.again = true
		c.l.again = append(c.l.again, c)
	}
}

// inData reports whether Data is under way on bytes that are not kept yet.
func (c *conn) inData() bool { return c.l.delivering == c }

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
	if c.state <= shaking {
		c.h.Opened(nil, err)
		c.h = nil
	}
	if c.cancel != nil {
		c.cancel()
	}
	c.state = dead
	c.err = err
	c.l.dead = append(c.l.dead, c)
}

// bury closes the descriptor and tells the handler.
func (c *conn) bury() {
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.err != nil {
		// A reset, so that the peer does not take what it has for all.
		_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	_ = unix.Close(c.fd)
	c.l.conns[c.fd] = nil
	c.l.open--
	if c.accepted {
		c.l.clients.Add(-1)
	}
	c.left = c.Buffered()
	c.state = buried
	c.dropInput()
	c.out.Drop(&c.l.buffers, c.out.Size())
	if c.tls != nil {
		c.tls.plain.Drop(&c.l.buffers, c.tls.plain.Size())
		c.tls = nil // which holds much, and the handler may keep c for long
	}
	if c.h != nil {
		c.h.Closed(c.err)
	}
	c.h = nil
}

// watch sets what epoll watches for.
func (c *conn) watch(events uint32) {
	if events == c.interest || c.state >= dead {
		return
	}
	if err := c.l.control(unix.EPOLL_CTL_MOD, c.fd, events); err != nil {
		c.die(err)
		return
	}
	c.interest = events
}

// ready serves one event. It reports whether that was good for anything.
func (c *conn) ready(events uint32) (useful bool) {
	if c.state == dialling {
		c.finishDial()
		return true
	}
	if events&unix.EPOLLOUT != 0 && c.state < dead {
		c.flush()
		useful = true
	}
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 && c.state < dead {
		useful = c.readable(events) || useful
	}
	return useful
}

// tellDrained calls Drained if that is still true.
func (c *conn) tellDrained() {
	if c.above && c.state == open && c.Buffered() <= ioloop.LowWater {
		c.above = false
		c.h.Drained()
	}
}

// RemoteAddr implements ioloop.Conn.
func (c *conn) RemoteAddr() string { return c.address(unix.Getpeername) }

// LocalAddr implements ioloop.Conn.
func (c *conn) LocalAddr() string { return c.address(unix.Getsockname) }

func (c *conn) address(end func(fd int) (unix.Sockaddr, error)) string {
	if c.state == buried {
		return "?"
	}
	return addressOf(c.fd, end, c.accepted)
}

// addressOf is an end of a socket for people to read.
func addressOf(fd int, end func(fd int) (unix.Sockaddr, error), accepted bool) string {
	sa, err := end(fd)
	if _, ok := sa.(*unix.SockaddrUnix); ok {
		// Who dials a Unix socket has no name, or one of its own choice, which
		// is not fit to be shown: both ends go by the listener's.
		end = unix.Getpeername
		if accepted {
			end = unix.Getsockname
		}
		sa, err = end(fd)
	}
	if err != nil {
		return "?"
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port)).String()
	case *unix.SockaddrUnix:
		return driver.UnixPrefix + sa.Name
	}
	return "?"
}
