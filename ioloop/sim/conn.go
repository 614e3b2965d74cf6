package sim

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"ringmain/ioloop"
)

// lingerTime is how long CloseAfterFlush waits for the end of the input.
const lingerTime = time.Second

// poison overwrites input that a handler has consumed, so that one that holds
// on to it is found out.
var poison = [1 << 10]byte([]byte(strings.Repeat("\xa5", 1<<10)))

type connState uint8

const (
	dialing connState = iota
	fresh             // accepted by the kernel, not yet seen by the loop
	open
	closing   // CloseAfterFlush, with output left
	lingering // CloseAfterFlush, waiting for the end of the input
	gone
)

// Conn is one connection of a Loop. It implements ioloop.Conn.
type Conn struct {
	l       *Loop
	s       *socket // nil while dialling
	h       ioloop.Handler
	backlog *listener // of an accepted connection
	dial    *dial
	timer   ioloop.Timer // of the dial, later of the lingering
	state   connState
	index   int // in l.conns
	err     error

	out, kept     []byte
	left          int // Buffered once gone
	counted       int // bytes of this connection in l.memory
	local, remote string

	paused  bool
	resumed bool // kept input is to be offered again
	since   int  // the iteration of that Resume
	half    bool // HalfClosed was called
	stuck   bool // the kernel did not take all output
	high    bool // output was above LowWater and Drained was not called since
	dirty   bool // in l.dirty
	ready   bool // in l.ready
	wasDial bool // gone before it was opened
}

var _ ioloop.Conn = (*Conn)(nil)

// Write implements ioloop.Conn.
func (c *Conn) Write(b []byte) {
	if c.state != open || len(b) == 0 {
		return
	}
	c.out = append(c.out, b...)
	// Also when one flush will take it all: a handler that saw so much buffered
	// may be waiting for Drained.
	c.high = c.high || len(c.out) > ioloop.LowWater
	c.account()
	c.soil()
}

// soil has the connection flushed at the end of the iteration.
func (c *Conn) soil() {
	if !c.dirty {
		c.dirty = true
		c.l.dirty = append(c.l.dirty, c)
		c.l.touch()
	}
}

// Buffered implements ioloop.Conn.
func (c *Conn) Buffered() int {
	if c.state == gone {
		return c.left
	}
	return len(c.out)
}

// Kept implements ioloop.Conn.
func (c *Conn) Kept() int { return len(c.kept) }

// Pause implements ioloop.Conn.
func (c *Conn) Pause() { c.paused = true }

// Resume implements ioloop.Conn.
func (c *Conn) Resume() {
	if c.state == open {
		c.paused, c.resumed, c.since = false, true, c.l.turn
		c.mark()
	}
}

// CloseAfterFlush implements ioloop.Conn.
func (c *Conn) CloseAfterFlush() {
	if c.state == open {
		c.state = closing
		c.kept = nil
		c.account()
		c.soil()
		c.mark()
	}
}

// Abort implements ioloop.Conn.
func (c *Conn) Abort() {
	if c.state != gone {
		c.finish(ioloop.ErrAborted)
	}
}

// RemoteAddr implements ioloop.Conn.
func (c *Conn) RemoteAddr() string { return c.remote }

// LocalAddr implements ioloop.Conn.
func (c *Conn) LocalAddr() string { return c.local }

// mark has the connection served in the next iteration.
func (c *Conn) mark() {
	if !c.ready && c.state != gone {
		c.ready = true
		c.l.ready = append(c.l.ready, c)
		c.l.touch()
	}
}

func (c *Conn) blocked() bool { return c.stuck }

// dialled is the kernel's answer to a dial; the loop learns of it when it runs.
func (c *Conn) dialled(s *socket, err error) {
	c.s, c.err = s, err
	if s != nil {
		s.conn = c
		c.local = s.local
	}
	c.mark()
}

// serve deals with whatever has happened to the connection.
func (c *Conn) serve() {
	switch c.state {
	case gone:
		return
	case dialing:
		if c.s == nil {
			c.finish(c.err)
			return
		}
		c.timer.Stop()
		c.opened()
	case fresh:
		c.h = c.backlog.accept()
		c.opened()
	default:
		c.events()
	}
	c.account()
}

func (c *Conn) opened() {
	c.state = open
	c.trace("opened")
	c.mark()
	c.h.Opened(c, nil)
}

// events serves a connection that is open: output first, then input, then its
// end.
func (c *Conn) events() {
	if c.stuck {
		c.push()
	}
	if c.state == open && c.high && len(c.out) <= ioloop.LowWater {
		c.high = false
		c.h.Drained()
	}
	if c.state == open && !c.paused {
		c.read()
	}
	if c.state == closing || c.state == lingering {
		c.s.take(len(c.s.in))
	}
	if c.state == gone || !c.paused && len(c.s.in) > 0 {
		return
	}
	switch {
	case c.s.reset:
		c.finish(syscall.ECONNRESET)
	case !c.s.eof:
	case c.state == lingering:
		c.finish(nil)
	case c.state == open && !c.paused && !c.half:
		c.half = true
		c.trace("half closed")
		c.h.HalfClosed()
	}
}

// read offers input to the handler, if any came or it asked for the rest.
func (c *Conn) read() {
	n := min(len(c.s.in), c.l.w.readSize())
	if n == 0 && c.resumed && c.since == c.l.turn {
		c.mark() // the next iteration's
		return
	}
	again := c.resumed && len(c.kept) > 0
	c.resumed = false
	if n == 0 && !again {
		return
	}
	if n > 0 {
		c.kept = append(c.kept, c.s.take(n)...)
	}
	c.account()
	c.offer()
	if c.state == open && !c.paused && len(c.s.in) > 0 {
		c.mark()
	}
}

// readSize draws how much a loop reads from a socket at a time.
func (w *World) readSize() int {
	if w.chance(0.1) {
		return 1 + w.rng.IntN(1024)
	}
	return 16 << 10
}

func (c *Conn) offer() {
	b := c.kept
	n := c.h.Data(b)
	if c.state != open {
		spoil(b)
		return
	}
	if n < 0 || n > len(b) {
		panic(fmt.Sprintf("sim: %T.Data consumed %d of %d bytes", c.h, n, len(b)))
	}
	c.kept = b[n:]
	switch {
	case n == len(b):
		c.kept = nil
	case len(c.kept) <= 16<<10 && c.l.w.chance(0.5):
		c.kept = append([]byte(nil), c.kept...)
		n = len(b)
	}
	spoil(b[:n])
}

func spoil(b []byte) {
	for len(b) > 0 {
		b = b[copy(b, poison[:]):]
	}
}

// flush hands output to the kernel at the end of an iteration.
func (c *Conn) flush() {
	if c.state == gone {
		return
	}
	c.push()
	if c.high && len(c.out) <= ioloop.LowWater {
		c.mark()
	}
}

// push gives the kernel what it has room for.
func (c *Conn) push() {
	if n := c.s.send(c.out); n == len(c.out) {
		c.out = nil
	} else {
		c.out = c.out[n:]
	}
	c.stuck = len(c.out) > 0
	c.account()
	if c.state == closing && !c.stuck {
		c.state = lingering
		c.s.shutdownWrite()
		c.timer = c.l.After(lingerTime, func() { c.finish(nil) })
		c.mark()
	}
}

// finish ends the connection; the handler is told at the end of the iteration.
func (c *Conn) finish(err error) {
	if c.state == gone {
		return
	}
	told := c.h != nil
	c.wasDial = c.state == dialing
	if c.dial != nil {
		c.dial.canceled = true
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.s != nil {
		c.s.close(err == ioloop.ErrAborted || c.wasDial)
	}
	c.err = err
	c.forget()
	if told {
		c.l.gone = append(c.l.gone, c)
		c.l.touch()
	}
}

// forget takes the connection off its loop.
func (c *Conn) forget() {
	c.left = len(c.out)
	c.state, c.out, c.kept = gone, nil, nil
	c.account()
	c.l.remove(c)
}

// tell calls the last method of the handler.
func (c *Conn) tell() {
	c.trace("gone: %v", c.err)
	if c.wasDial {
		c.h.Opened(nil, c.err)
	} else {
		c.h.Closed(c.err)
	}
}

// account keeps the loop's sum of buffers.
func (c *Conn) account() {
	now := len(c.out) + len(c.kept)
	c.l.memory += now - c.counted
	c.counted = now
}

func (c *Conn) trace(format string, args ...any) {
	if c.l.w.trace != nil {
		c.l.w.Logf(c.l.name, c.local+">"+c.remote+" "+format, args...)
	}
}
