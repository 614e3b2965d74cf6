//go:build linux

package epoll

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/ioloop/looptest"
)

// harness runs looptest on real sockets.
type harness struct {
	looptest.Running
	// listen is a free address, of either kind.
	listen func(t testing.TB) string
}

func newHarness() *harness {
	return &harness{listen: func(testing.TB) string { return "127.0.0.1:0" }}
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
	h.Start(t, l, l.Run)
	return l
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

// counting counts, on its loop, connections and their input.
type counting struct{ opened, bytes int }

func (c *counting) Opened(ioloop.Conn, error) { c.opened++ }
func (c *counting) Data(b []byte) int         { c.bytes += len(b); return len(b) }
func (c *counting) Drained()                  {}
func (c *counting) HalfClosed()               {}
func (c *counting) Closed(error)              {}

func TestWhatHasComeInIsKnownBeforeATimerTellsThatItHasNot(t *testing.T) {
	h := newHarness()
	l := h.newLoop(t)
	all := &counting{}
	addr := h.Listen(t, l, func() ioloop.Handler { return all })
	const clients = maxEvents + 100 // more than the kernel tells of at once
	var peers []looptest.Peer
	for range clients {
		peers = append(peers, h.DialPeer(t, addr))
	}
	if !h.Wait(l, func() bool { return all.opened == clients }) {
		t.Fatal("not all clients are accepted")
	}
	busy, over, known := make(chan struct{}), make(chan struct{}), make(chan int, 1)
	l.Post(func() {
		l.After(time.Millisecond, func() { known <- all.bytes })
		close(busy)
		<-over
	})
	<-busy
	for _, p := range peers {
		if _, err := p.Write([]byte{1}); err != nil {
			t.Error(err)
		}
	}
	close(over)
	if n := <-known; n != clients {
		t.Errorf("a timer that is due after %d clients have sent comes when the loop knows of %d", clients, n)
	}
}
