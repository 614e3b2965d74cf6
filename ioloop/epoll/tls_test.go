//go:build linux

package epoll

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	"ringmain/internal/certtest"
	"ringmain/ioloop"
	"ringmain/ioloop/looptest"
)

// tlsHarness is a harness in which every connection speaks TLS.
type tlsHarness struct {
	*harness
	secrets looptest.Secrets
}

// tlsLoop dials with TLS.
type tlsLoop struct {
	*Loop
	cfg *tls.Config
}

func (l tlsLoop) Dial(address string, timeout time.Duration, h ioloop.Handler) {
	l.DialTLS(address, timeout, func() *tls.Config { return l.cfg }, h)
}

func newSecrets(t *testing.T) looptest.Secrets {
	t.Helper()
	server, client, err := certtest.Mutual()
	if err != nil {
		t.Fatal(err)
	}
	return looptest.Secrets{Server: server, Client: client}
}

func TestDriverConformsWithTLS(t *testing.T) {
	looptest.Run(t, &tlsHarness{newHarness(), newSecrets(t)})
}

func TestDriverConformsWithTLSOfTheEarlierVersion(t *testing.T) {
	secrets := newSecrets(t)
	secrets.Server.MaxVersion = tls.VersionTLS12
	looptest.Run(t, &tlsHarness{newHarness(), secrets})
}

func (h *tlsHarness) NewLoop(t testing.TB) ioloop.Loop {
	return tlsLoop{h.newLoop(t, WithResolver(noNames)), h.secrets.Client}
}

func (h *tlsHarness) Stop(loop ioloop.Loop) { h.harness.Stop(loop.(tlsLoop).Loop) }

func (h *tlsHarness) Wait(loop ioloop.Loop, cond func() bool) bool {
	return h.harness.Wait(loop.(tlsLoop).Loop, cond)
}

func (h *tlsHarness) Listen(t testing.TB, loop ioloop.Loop, accept func() ioloop.Handler) string {
	ln := mustListen(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	take := func(a *Accepted) {
		work.Go(func() {
			if err := a.Handshake(ctx, h.secrets.Server); err != nil {
				t.Errorf("handshake with %s: %v", a.RemoteAddr(), err)
				return
			}
			loop.Post(func() { a.Attach(loop.(tlsLoop).Loop, accept()) })
		})
	}
	work.Go(func() {
		if err := ln.Serve(take, func(err error) { t.Error(err) }); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		work.Wait()
	})
	return ln.Addr()
}

func (h *tlsHarness) DialPeer(t testing.TB, address string) looptest.Peer {
	return h.secrets.DialTLS(t, address)
}

var _ net.Error = noMore{}
