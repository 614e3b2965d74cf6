// Package looptest is the conformance test of ioloop's drivers: what a handler
// may rely on, whichever driver it runs on.
package looptest

import (
	"io"
	"testing"
	"time"

	"ringmain/ioloop"
)

// Harness makes and drives the loops of one driver. Its methods are called on
// the test's goroutine.
type Harness interface {
	// NewLoop makes a loop that runs until Stop, at the latest until the test's
	// cleanup. Names under .invalid do not resolve on it, and no name server is
	// asked.
	NewLoop(t testing.TB) ioloop.Loop
	// Stop stops the loop and returns once it calls no handler any more.
	Stop(loop ioloop.Loop)
	// Do calls f on the loop and returns when f has.
	Do(loop ioloop.Loop, f func())
	// Wait lets the loops run until cond holds, which is called on loop. It
	// gives up, with false, after a time that is long for any test here.
	Wait(loop ioloop.Loop, cond func() bool) bool
	// Listen accepts connections on the loop until the test's cleanup and
	// returns the address. accept is called on the loop.
	Listen(t testing.TB, loop ioloop.Loop, accept func() ioloop.Handler) (address string)
	// DialPeer connects a bare socket, for the test to misbehave with.
	DialPeer(t testing.TB, address string) Peer
	// Refusing is an address at which connections are refused.
	Refusing(t testing.TB) string
	// Silent is an address at which attempts to connect get no answer.
	Silent(t testing.TB) string
	// Resets tells whether an aborted connection reaches the other end as an
	// error. On Unix sockets it cannot be told from an orderly end.
	Resets() bool
	// Concurrent tells whether Post may really be called from any goroutine.
	Concurrent() bool
}

// Peer is a blocking socket. It reads only when told to.
type Peer interface {
	io.ReadWriteCloser
	// CloseWrite ends the output; reading goes on.
	CloseWrite() error
	// Reset closes with a reset, where there is such a thing.
	Reset() error
}

// Patience is how long a harness on real sockets should wait before it gives
// up.
const Patience = 30 * time.Second

// Run runs every test on loops of h. Each test makes its own loops.
func Run(t *testing.T, h Harness) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, h)
			test.run(e)
			e.settle()
		})
	}
}

type test struct {
	name string
	run  func(e *env)
}

var tests = func() (all []test) {
	for _, part := range [][]test{orderTests, dataTests, outputTests, endTests, dialTests, turnTests, bulkTests} {
		all = append(all, part...)
	}
	return all
}()

// env is one test's surroundings: a loop, and what all of its probes share.
type env struct {
	*testing.T
	h    Harness
	loop ioloop.Loop
	// busy is set while a handler or a function of do runs on the loop: a
	// driver must not call a handler then. Used on the loop only.
	busy string
	// turn counts the iterations in which a handler was called. Used on the
	// loop only.
	turn int
	// inTurn tells that turn's AtEnd function is yet to be called.
	inTurn bool
}

func newEnv(t *testing.T, h Harness) *env {
	return &env{T: t, h: h, loop: h.NewLoop(t)}
}

// second is an env of the same test with a loop of its own.
func (e *env) second() *env { return newEnv(e.T, e.h) }

// do calls f on the loop, where a handler must not be called meanwhile.
func (e *env) do(f func()) {
	e.Helper()
	e.h.Do(e.loop, func() {
		defer e.enter("a posted function")()
		f()
	})
}

// wait waits until cond, called on the loop, holds.
func (e *env) wait(what string, cond func() bool) {
	e.Helper()
	if !e.h.Wait(e.loop, cond) {
		e.Fatalf("waited in vain until %s", what)
	}
}

// enter notes that a function of the test runs on the loop, and fails the test
// if another one already does. The result notes its end.
func (e *env) enter(what string) (leave func()) {
	outer := e.busy
	if outer != "" {
		e.Errorf("%s is called inside %s", what, outer)
	}
	e.busy = what
	if !e.inTurn {
		e.inTurn = true
		e.turn++
		e.loop.AtEnd(func() { e.inTurn = false })
	}
	return func() { e.busy = outer }
}

// settle lets the loop turn some times, so that a call that must not come had
// the chance to.
func (e *env) settle() {
	for range 10 {
		if !e.post() {
			return
		}
	}
}

// post lets the loop turn at least once. It reports false if it has stopped.
func (e *env) post() bool {
	done := false
	if !e.loop.Post(func() { done = true }) {
		return false
	}
	e.wait("a posted function is called", func() bool { return done })
	return true
}

// listen accepts connections into the given probes, in order.
func (e *env) listen(probes ...*probe) (address string) {
	e.Helper()
	next := 0
	return e.h.Listen(e.T, e.loop, func() ioloop.Handler {
		if next == len(probes) {
			e.Errorf("more than %d connections are accepted", len(probes))
			return newProbe(e)
		}
		next++
		return probes[next-1]
	})
}

// pair connects two probes of this loop and waits until both are open.
func (e *env) pair(client, server *probe) {
	e.Helper()
	address := e.listen(server)
	e.do(func() { e.loop.Dial(address, gross, client) })
	e.wait("both ends are open", func() bool { return client.conn != nil && server.conn != nil })
}

// peer connects a bare socket to the probe.
func (e *env) peer(server *probe) Peer {
	e.Helper()
	p := e.h.DialPeer(e.T, e.listen(server))
	e.wait("the connection is accepted", func() bool { return server.conn != nil })
	return p
}
