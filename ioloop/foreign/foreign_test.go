//go:build unix

package foreign

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ringmain/internal/certtest"
	"ringmain/ioloop"
	"ringmain/ioloop/looptest"
)

// harness runs looptest on real sockets, with TLS if there are secrets.
type harness struct {
	looptest.Running
	secrets *looptest.Secrets
}

// secureLoop dials with TLS.
type secureLoop struct {
	*Loop
	cfg *tls.Config
}

func (l secureLoop) Dial(address string, timeout time.Duration, h ioloop.Handler) {
	l.DialTLS(address, timeout, func() *tls.Config { return l.cfg }, h)
}

func TestDriverConformsOnTCP(t *testing.T) {
	looptest.Run(t, &harness{})
}

func TestDriverConformsWithTLS(t *testing.T) {
	server, client, err := certtest.Mutual()
	if err != nil {
		t.Fatal(err)
	}
	looptest.Run(t, &harness{secrets: &looptest.Secrets{Server: server, Client: client}})
}

// noNames is a Resolver that knows none.
func noNames(_ context.Context, host string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (h *harness) NewLoop(t testing.TB) ioloop.Loop {
	bare, err := New(WithResolver(noNames))
	if err != nil {
		t.Fatal(err)
	}
	var l ioloop.Loop = bare
	if h.secrets != nil {
		l = secureLoop{bare, h.secrets.Client}
	}
	h.Start(t, l, bare.Run)
	return l
}

func bareOf(l ioloop.Loop) *Loop {
	if s, ok := l.(secureLoop); ok {
		return s.Loop
	}
	return l.(*Loop)
}

func (h *harness) Listen(t testing.TB, loop ioloop.Loop, accept func() ioloop.Handler) string {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	attach := func(a *Accepted) { loop.Post(func() { a.Attach(bareOf(loop), accept()) }) }
	take := attach
	if h.secrets != nil {
		take = func(a *Accepted) {
			work.Go(func() {
				// It fails where the client aborts; a test that waits for one tells of others.
				if err := a.Handshake(ctx, h.secrets.Server); err == nil {
					attach(a)
				}
			})
		}
	}
	work.Go(func() {
		if err := ln.Serve(take, func(err error) { t.Error(err) }); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		work.Wait()
	})
	return ln.Addr()
}

func (h *harness) DialPeer(t testing.TB, address string) looptest.Peer {
	if h.secrets != nil {
		return h.secrets.DialTLS(t, address)
	}
	return looptest.DialTCP(t, address)
}
func (h *harness) Refusing(t testing.TB) string { return looptest.RefusingTCP(t) }
func (h *harness) Silent(t testing.TB) string   { return looptest.SilentTCP(t) }
func (h *harness) Resets() bool                 { return true }
func (h *harness) Concurrent() bool             { return true }
