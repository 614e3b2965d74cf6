//go:build linux

package epoll

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/ioloop/looptest"
)

// harness runs looptest on real sockets.
type harness struct {
	running map[ioloop.Loop]func()
	// listen is a free address, of either kind.
	listen func(t testing.TB) string
}

func newHarness() *harness {
	return &harness{running: map[ioloop.Loop]func(){}, listen: func(testing.TB) string { return "127.0.0.1:0" }}
}

func TestDriverConformsOnTCP(t *testing.T) { looptest.Run(t, newHarness()) }

func TestDriverConformsOnUnixSockets(t *testing.T) {
	h := newHarness()
	h.listen = func(t testing.TB) string { return "unix:" + looptest.SocketPath(t) }
	looptest.Run(t, &unixHarness{h})
}

func (h *harness) NewLoop(t testing.TB) ioloop.Loop { return h.newLoop(t, WithResolver(noNames)) }

// noNames is a Resolver that knows none.
func noNames(_ context.Context, host string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (h *harness) newLoop(t testing.TB, options ...Option) *Loop {
	l, err := New(options...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	h.running[l] = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { h.Stop(l) })
	return l
}

func (h *harness) Stop(loop ioloop.Loop) {
	if stop := h.running[loop]; stop != nil {
		delete(h.running, loop)
		stop()
	}
}

func (h *harness) Do(loop ioloop.Loop, f func()) {
	done := make(chan struct{})
	loop.Post(func() { f(); close(done) })
	<-done
}

func (h *harness) Wait(loop ioloop.Loop, cond func() bool) bool {
	for end := time.Now().Add(looptest.Patience); time.Now().Before(end); runtime.Gosched() {
		met := make(chan bool, 1)
		if !loop.Post(func() { met <- cond() }) {
			if h.running[loop] == nil {
				return cond()
			}
			continue // the queue is full
		}
		if <-met {
			return true
		}
	}
	return false
}

func (h *harness) Listen(t testing.TB, loop ioloop.Loop, accept func() ioloop.Handler) string {
	ln, err := Listen(h.listen(t))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	take := func(a *Accepted) {
		loop.Post(func() { a.Attach(loop.(*Loop), accept()) })
	}
	go func() { served <- ln.Serve(take, func(err error) { t.Error(err) }) }()
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr()
}

func (h *harness) DialPeer(t testing.TB, address string) looptest.Peer {
	return looptest.DialTCP(t, address)
}
func (h *harness) Refusing(t testing.TB) string { return looptest.RefusingTCP(t) }
func (h *harness) Silent(t testing.TB) string   { return looptest.SilentTCP(t) }
func (h *harness) Resets() bool                 { return true }
func (h *harness) Concurrent() bool             { return true }

// unixHarness is a harness on Unix sockets.
type unixHarness struct{ *harness }

func (h *unixHarness) DialPeer(t testing.TB, address string) looptest.Peer {
	return looptest.DialUnix(t, strings.TrimPrefix(address, "unix:"))
}
func (h *unixHarness) Refusing(t testing.TB) string { return "unix:" + looptest.RefusingUnix(t) }
func (h *unixHarness) Silent(t testing.TB) string   { return "unix:" + looptest.SilentUnix(t) }
func (h *unixHarness) Resets() bool                 { return false }
