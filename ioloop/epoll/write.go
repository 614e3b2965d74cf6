//go:build linux

package epoll

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"ringmain/ioloop"
)

// maxIovecs is how many chunks one writev takes.
const maxIovecs = 64

// flush hands output to the kernel until it takes no more.
func (c *conn) flush() {
	if c.state <= shaking || c.state >= lingering {
		return
	}
	c.above = c.above || c.Buffered() > ioloop.LowWater
	defer c.noteDrained()
	for c.toSend() {
		n, errno := c.writeOnce()
		if errno == unix.EAGAIN {
			c.watch(c.interest | unix.EPOLLOUT)
			return
		}
		if errno != 0 {
			c.die(errno)
			return
		}
		c.out.Drop(&c.l.buffers, n)
		if c.tls != nil {
			c.tls.noteSent(n, &c.out)
		}
	}
	if c.state >= dead {
		return // encryption has failed
	}
	c.watch(c.interest &^ unix.EPOLLOUT)
	if c.state == flushing {
		c.linger()
	}
}

// toSend reports whether there is something to offer to the kernel.
func (c *conn) toSend() bool {
	if c.tls != nil && c.out.Size() == 0 {
		c.encrypt()
	}
	return c.out.Size() > 0
}

// noteDrained has Drained called in the next iteration if it is due.
func (c *conn) noteDrained() {
	if c.above && c.Buffered() <= ioloop.LowWater {
		c.l.drained = append(c.l.drained, c)
	}
}

func (c *conn) writeOnce() (int, unix.Errno) {
	if b, ok := c.out.Only(); ok {
		return write(c.fd, b)
	}
	var room [maxIovecs][]byte
	chunks := c.out.Chunks(room[:])
	var iov [maxIovecs]unix.Iovec
	for i, chunk := range chunks {
		iov[i].Base = unsafe.SliceData(chunk)
		iov[i].SetLen(len(chunk))
	}
	return writev(c.fd, iov[:len(chunks)])
}

// linger shuts writing down and waits for the peer's end of stream, because a
// close with unread input sends a reset that can overtake the last reply.
func (c *conn) linger() {
	c.state = lingering
	if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil || c.eof {
		c.die(nil)
		return
	}
	c.watch(unix.EPOLLIN)
	c.timer = c.l.After(lingerTime, func() { c.die(nil) })
}
