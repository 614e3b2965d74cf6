// Package ioloop is the interface between Ringmain's pure state machines and
// the network: an event loop that owns connections and timers, and calls its
// handlers on one goroutine.
//
// Drivers live below this package: epoll (Linux sockets), foreign (net.Conns, for
// other platforms) and sim (a seeded, single-threaded network and clock for tests);
// driver holds what the first two share. looptest holds the conformance
// test that each of them passes.
package ioloop

import (
	"errors"
	"time"
)

// Errors that a driver passes to Opened and Closed. Others are the system's own.
var (
	// ErrDialTimeout is given to Opened when a dial took longer than allowed.
	ErrDialTimeout = errors.New("connection attempt timed out")
	// ErrAborted is given to Closed after Abort, and to both when the loop stops.
	ErrAborted = errors.New("connection aborted")
	// ErrPeerGone is given to Closed when the peer is gone in both directions and
	// the system names no other reason.
	ErrPeerGone = errors.New("connection closed by the peer")
	// ErrNoAddress is given to Opened for a name that does not resolve to
	// exactly one address; 127.0.0.1 and ::1 together count as one.
	ErrNoAddress = errors.New("name does not resolve to exactly one address")
	// ErrTLS is given to Opened, with its reason, when a connection was made but
	// not TLS of it.
	ErrTLS = errors.New("TLS handshake failed")
)

// Handler is the state machine behind one connection. Its methods are called on
// the loop's goroutine only, one at a time, and never from inside a method of
// Conn or Loop that the handler itself calls.
//
// The order is Opened, then any of Data, Drained and HalfClosed, then Closed,
// exactly once. After Opened with an error nothing else is called.
type Handler interface {
	// Opened tells that the connection was accepted or dialled. c is nil when
	// err is not.
	Opened(c Conn, err error)
	// Data hands over input. b is valid during the call only. The handler
	// returns how many bytes it has consumed; the driver keeps b[n:] and calls
	// again with that and whatever came meanwhile, once more input came or
	// after Resume. Not called while paused.
	Data(b []byte) (n int)
	// Drained tells that the output, which Write had taken above LowWater, has
	// fallen to or below it: in a later iteration, also when one flush took all.
	Drained()
	// HalfClosed tells, once, that the peer will send no more; it may still
	// read. What was kept by the driver stays available through Resume. It is
	// called as soon as the end of the stream is read, after every byte before
	// it was offered to Data at least once, unless the connection is paused.
	HalfClosed()
	// Closed tells that the connection is gone. err is nil after an orderly
	// CloseAfterFlush. Buffered still answers, with what was never handed to
	// the kernel.
	Closed(err error)
}

// LowWater is the output, in bytes, at which Drained is called.
const LowWater = 64 << 10

// Conn is one connection. It is used on its loop only. After Closed all methods
// but Buffered do nothing.
type Conn interface {
	// Write appends a copy of b to the output, which is handed to the kernel
	// once, at the end of the iteration, and further as the peer takes it.
	Write(b []byte)
	// Buffered is how many bytes of output the kernel has not taken yet. After
	// Abort, and in and after Closed, it is never more than what surely was not
	// sent.
	Buffered() int
	// Kept is how many bytes of input the driver holds for the handler.
	Kept() int
	// Pause stops reading and the calling of Data.
	Pause()
	// Resume ends a pause. Paused or not, when input is kept, Data is called
	// again in the next iteration even if no more has come: a handler that has
	// had its share of an iteration returns early and calls Resume.
	Resume()
	// CloseAfterFlush closes once the output is with the kernel, in a way that
	// the last reply is not lost: it shuts down writing, throws away input
	// until the end of the stream or for a second, then closes. Data, Drained
	// and HalfClosed are not called any more.
	CloseAfterFlush()
	// Abort closes at once; output that was not sent is lost. The peer gets a
	// reset, but on Unix sockets, which have none, an end of stream. Closed
	// follows with ErrAborted before the loop blocks again.
	Abort()
	// RemoteAddr and LocalAddr are host:port, for people to read; both are the
	// listener's unix:/path on a Unix socket.
	RemoteAddr() string
	LocalAddr() string
}

// Timer is a pending call.
type Timer interface {
	// Stop cancels the call. It reports whether the call was still pending.
	Stop() bool
}

// Loop is an event loop. All methods but Post are used on its own goroutine.
type Loop interface {
	// Now is the monotonic time at which the events under way were fetched.
	Now() time.Time
	// Elapsed is Now as a number: the time since some instant before the loop
	// began, positive and never going back. It is cheaper to reckon with.
	Elapsed() time.Duration
	// After calls f once d has passed, measured from Now.
	After(d time.Duration, f func()) Timer
	// AtEnd calls f once, at the end of this iteration, before output is
	// handed to the kernel.
	AtEnd(f func())
	// Dial connects to address, host:port or unix:/path, giving up after
	// timeout. A name is resolved anew by each Dial, within the timeout and
	// without blocking the loop. Opened is called later, never from inside
	// Dial.
	Dial(address string, timeout time.Duration, h Handler)
	// Post has f called on the loop. Any goroutine may call it. It reports
	// false, and f will not be called, when the loop has stopped or its queue
	// of MaxPosted calls is full.
	Post(f func()) bool
	// Memory is how many bytes of buffers the loop's connections hold.
	Memory() int
}

// MaxPosted bounds the calls that wait in a loop's Post queue.
const MaxPosted = 64 << 10
