//go:build linux

package epoll

import (
	"golang.org/x/sys/unix"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

// readable reads once and hands over what came. It reports false if it could do
// nothing.
func (c *conn) readable(events uint32) (useful bool) {
	if c.state >= flushing {
		c.discard()
		return true
	}
	if c.paused || c.eof {
		if events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			// Both directions are gone; without reading, the event would come
			// for ever.
			c.die(c.socketError())
			return true
		}
		c.watch(c.interest &^ unix.EPOLLIN)
		return true
	}
	if c.again {
		return false // what is kept comes first, and needs no more to be useful
	}
	if c.tls != nil {
		c.readTLS()
		return true
	}
	if c.Kept() > 0 {
		c.readBehindKept()
		return true
	}
	n, errno := read(c.fd, c.l.readBuf[:])
	if !c.readOK(n, errno) {
		return true
	}
	b := c.l.readBuf[:n]
	if used := c.data(b); used < n && c.state == open {
		c.in = append(c.l.buffers.Get(n-used), b[used:]...)
	}
	c.afterData()
	return true
}

// readBehindKept reads more of a request whose beginning is kept. The buffer
// doubles as bytes really come.
func (c *conn) readBehindKept() {
	if cap(c.in)-len(c.in) < c.Kept() || cap(c.in)-len(c.in) < driver.SmallChunk {
		c.growInput(driver.SmallChunk)
	}
	n, errno := read(c.fd, c.in[len(c.in):cap(c.in)])
	if !c.readOK(n, errno) {
		return
	}
	c.in = c.in[:len(c.in)+n]
	c.deliver()
}

// growInput makes room for more behind what is kept.
func (c *conn) growInput(more int) {
	kept := c.in[c.start:]
	in := append(c.l.buffers.Get(max(driver.LargeChunk, len(kept)+max(len(kept), more)+driver.SmallChunk)), kept...)
	c.l.buffers.Put(c.in)
	c.in, c.start = in, 0
}

// deliver hands over the kept input.
func (c *conn) deliver() {
	if c.state != open || c.paused {
		return
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
	if c.eof && !c.told && !c.paused && !c.again && c.state == open {
		c.told = true
		c.h.HalfClosed()
	}
}

// readOK judges the outcome of a read: true when bytes came.
func (c *conn) readOK(n int, errno unix.Errno) bool {
	switch {
	case errno == unix.EAGAIN:
		return false
	case errno != 0:
		c.die(errno)
		return false
	case n == 0:
		c.eof = true
		c.watch(c.interest &^ unix.EPOLLIN)
		c.afterData()
		return false
	}
	return true
}

// discard throws input away while the connection closes.
func (c *conn) discard() {
	n, errno := read(c.fd, c.l.readBuf[:])
	switch {
	case errno == unix.EAGAIN, n > 0 && errno == 0:
	case errno != 0 && c.state == lingering:
		c.die(nil) // the peer has everything and has reset what it sent later
	case errno != 0:
		c.die(errno)
	case c.state == lingering:
		c.die(nil)
	default:
		c.eof = true
		c.watch(c.interest &^ unix.EPOLLIN)
	}
}

func (c *conn) dropInput() {
	if c.in != nil {
		c.l.buffers.Put(c.in)
		c.in, c.start = nil, 0
	}
}

func (c *conn) socketError() error {
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		return unix.Errno(code)
	}
	return ioloop.ErrPeerGone
}
