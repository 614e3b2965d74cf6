//go:build linux

package epoll

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"ringmain/internal/certtest"
	"ringmain/ioloop"
	"ringmain/ioloop/driver"
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
	bare, err := New(WithResolver(noNames))
	if err != nil {
		t.Fatal(err)
	}
	l := tlsLoop{bare, h.secrets.Client}
	h.Start(t, l, bare.Run)
	return l
}

func (h *tlsHarness) Listen(t testing.TB, loop ioloop.Loop, accept func() ioloop.Handler) string {
	ln := mustListen(t, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	take := func(a *Accepted) {
		work.Go(func() {
			// It fails where the client aborts; a test that waits for one tells of others.
			if err := a.Handshake(ctx, h.secrets.Server); err == nil {
				loop.Post(func() { a.Attach(loop.(tlsLoop).Loop, accept()) })
			}
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

func TestWhatTheKernelMayHaveTakenNeverCountsAsUnsent(t *testing.T) {
	buffers := &driver.Buffers{}
	add := func(o *driver.Output, n int) { o.Append(buffers, make([]byte, n)) }
	s, out := &session{}, &driver.Output{}
	add(&s.plain, 50)
	check := func(when string, want int) {
		t.Helper()
		if got := s.unsent(out); got != want {
			t.Errorf("%s: %d are unsent, want %d", when, got, want)
		}
	}
	taken := func(n int) {
		out.Drop(buffers, n)
		s.noteSent(n, out)
	}
	check("nothing is encrypted", 50)
	// Two records of 100 bytes, each 22 longer than what is in it.
	add(out, 244)
	s.ahead = 200
	check("nothing is sent", 250)
	taken(122)
	check("the first record is sent", 50+78) // at most 100 of the second are: it counts as if 22 were
	taken(121)
	check("but for a byte all is sent", 50+1)
	// TLS adds a record of its own.
	add(out, 30)
	s.wire.own = 30
	taken(1)
	check("only what is TLS's own is left", 50)
	taken(30)
	check("all is sent", 50)
	add(out, 122)
	s.ahead = 50
	s.plain.Drop(buffers, 50)
	check("the rest is encrypted", 50)
}

// TestADialWhoseServerDoesNotShakeHandsEndsInTime has a server that says nothing.
func TestADialWhoseServerDoesNotShakeHandsEndsInTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := newHarness()
	loop := h.newLoop(t)
	r, left := newRecorder(), newRecorder()
	cfg := func() *tls.Config { return &tls.Config{ServerName: "localhost"} }
	loop.Post(func() {
		loop.DialTLS(l.Addr().String(), 50*time.Millisecond, cfg, r)
		loop.DialTLS(l.Addr().String(), time.Minute, cfg, left)
	})
	r.wait(t)
	if !errors.Is(r.openErr, ioloop.ErrTLS) || !errors.Is(r.openErr, ioloop.ErrDialTimeout) {
		t.Errorf("Opened(nil, %v)", r.openErr)
	}
	h.Stop(loop)
	if !left.done() || !errors.Is(left.openErr, ioloop.ErrAborted) {
		t.Errorf("when the loop stops: %v", left.openErr)
	}
}

func TestAPeerThatMakesTLSAnswerAndDoesNotReadIsCutOff(t *testing.T) {
	secrets := newSecrets(t)
	h := &tlsHarness{newHarness(), secrets}
	loop := h.NewLoop(t)
	server := &closer{newRecorder(), make(chan error, 1)}
	peer := h.DialPeer(t, h.Listen(t, loop, func() ioloop.Handler { return server }))
	server.wait(t)
	h.Do(loop, func() {
		// What answers to requests for new keys would be.
		_, _ = server.conn.(*conn).tls.wire.Write(make([]byte, maxOwn+1))
	})
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-server.closed; !errors.Is(err, errOwn) {
		t.Errorf("Closed(%v)", err)
	}
}

// closer is a recorder of the end too.
type closer struct {
	*recorder
	closed chan error
}

func (c *closer) Closed(err error) { c.closed <- err }
