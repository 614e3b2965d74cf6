//go:build linux

package epoll

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ringmain/ioloop"
	"ringmain/ioloop/looptest"
)

// recorder is a handler that notes how a dial ends.
type recorder struct {
	openErr       error
	conn          ioloop.Conn
	remote, local string
	ended         chan struct{} // closed by Opened
}

func newRecorder() *recorder { return &recorder{ended: make(chan struct{})} }

func (r *recorder) Opened(c ioloop.Conn, err error) {
	r.conn, r.openErr = c, err
	if err == nil {
		r.remote, r.local = c.RemoteAddr(), c.LocalAddr()
	}
	close(r.ended)
}
func (r *recorder) Data(b []byte) int { return len(b) }
func (r *recorder) Drained()          {}
func (r *recorder) HalfClosed()       {}
func (r *recorder) Closed(error)      {}

func (r *recorder) done() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func (r *recorder) wait(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(looptest.Patience):
		t.Fatal("the dial does not end")
	}
}

// dialOnce dials on a loop of its own, made with options.
func dialOnce(t *testing.T, address string, options ...Option) *recorder {
	t.Helper()
	h := newHarness()
	loop := h.newLoop(t, options...)
	r := newRecorder()
	loop.Post(func() { loop.Dial(address, looptest.Patience, r) })
	r.wait(t)
	return r
}

// names is a Resolver with fixed answers.
func names(addresses ...string) Option {
	return WithResolver(func(context.Context, string) ([]netip.Addr, error) {
		var out []netip.Addr
		for _, a := range addresses {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	})
}

func listenTCPAt(t *testing.T, address string) (port string) {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	return port
}

func TestANameWithOneAddressIsDialled(t *testing.T) {
	for listen, answers := range map[string][][]string{
		"127.0.0.1": {{"127.0.0.1"}, {"::ffff:127.0.0.1", "127.0.0.1"}, {"::1", "127.0.0.1"}, {"127.0.0.1", "::1", "::1"}},
		"::1":       {{"::1"}, {"::1", "::1"}},
	} {
		port := listenTCPAt(t, net.JoinHostPort(listen, "0"))
		for _, answer := range answers {
			r := dialOnce(t, "redis-a:"+port, names(answer...))
			if r.openErr != nil || r.remote != net.JoinHostPort(listen, port) {
				t.Errorf("%v: connected to %q, %v", answer, r.remote, r.openErr)
			}
		}
	}
}

func TestANameWithNoneOrSeveralAddressesIsAnErrorThatListsThem(t *testing.T) {
	many := make([]string, 40)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String()
	}
	for _, test := range []struct {
		answer []string
		want   string
	}{
		{nil, `"redis-a" has no address`},
		{[]string{"10.0.0.2", "10.0.0.1"}, `"redis-a" has 2 addresses, but a node is one server ` +
			`(give it the address or the name of one of them): 10.0.0.1, 10.0.0.2`},
		{[]string{"127.0.0.1", "127.0.0.2"}, "has 2 addresses"},
		{[]string{"127.0.0.1", "::1", "10.0.0.1"}, "has 3 addresses"},
		{[]string{"fd00::1", "10.0.0.1"}, "10.0.0.1, fd00::1"},
		{many, "10.0.0.15, …"},
	} {
		r := dialOnce(t, "redis-a:1", names(test.answer...))
		if !errors.Is(r.openErr, ioloop.ErrNoAddress) || !strings.Contains(r.openErr.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.answer, r.openErr, test.want)
		}
	}
}

func TestANameIsResolvedAnewByEachDial(t *testing.T) {
	port := listenTCPAt(t, "127.0.0.1:0")
	var calls atomic.Int32
	h := newHarness()
	loop := h.newLoop(t, WithResolver(func(_ context.Context, host string) ([]netip.Addr, error) {
		if calls.Add(1) == 1 {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}))
	first, second := newRecorder(), newRecorder()
	loop.Post(func() { loop.Dial("redis-a:"+port, looptest.Patience, first) })
	first.wait(t)
	if !errors.Is(first.openErr, ioloop.ErrNoAddress) || !strings.Contains(first.openErr.Error(), "lookup redis-a: no such host") {
		t.Errorf("the first dial: %v", first.openErr)
	}
	loop.Post(func() { loop.Dial("redis-a:"+port, looptest.Patience, second) })
	second.wait(t)
	if second.openErr != nil {
		t.Errorf("the second dial: %v", second.openErr)
	}
}

// hang is a Resolver that answers nothing until its context ends.
func hang(ctx context.Context, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAResolverThatHangsEndsWithTheDialsTimeoutAndHoldsNobodyUp(t *testing.T) {
	h := newHarness()
	loop := h.newLoop(t, WithResolver(hang))
	slow, fast := newRecorder(), newRecorder()
	address := "127.0.0.1:" + listenTCPAt(t, "127.0.0.1:0")
	h.Do(loop, func() {
		loop.Dial("redis-a:1", time.Second/2, slow)
		loop.Dial(address, looptest.Patience, fast)
	})
	fast.wait(t)
	if fast.openErr != nil || slow.done() {
		t.Errorf("a dial beside it: %v; it has ended first: %v", fast.openErr, slow.done())
	}
	slow.wait(t)
	if !errors.Is(slow.openErr, ioloop.ErrNoAddress) || !errors.Is(slow.openErr, context.DeadlineExceeded) {
		t.Errorf("it ends with %v", slow.openErr)
	}
}

// stopAfter runs a loop for one iteration, with f called at its end, after the
// last timers.
func stopAfter(t *testing.T, f func(*Loop)) {
	t.Helper()
	l, err := New(WithResolver(hang))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l.Post(func() { l.AtEnd(func() { f(l); cancel() }) })
	if err := l.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestALoopThatStopsEndsItsDialsInEveryState(t *testing.T) {
	full := "unix:" + looptest.SilentUnix(t)
	for _, address := range []string{"redis-a:1", full} {
		r := newRecorder()
		stopAfter(t, func(l *Loop) { l.Dial(address, looptest.Patience, r) })
		if !r.done() || !errors.Is(r.openErr, ioloop.ErrAborted) {
			t.Errorf("the dial to %s has ended: %v, with %v", address, r.done(), r.openErr)
		}
	}
	r := newRecorder()
	stopAfter(t, func(l *Loop) { l.Dial("malformed", looptest.Patience, r) })
	if !r.done() || r.openErr == nil {
		t.Errorf("the dial of a malformed address has ended: %v, with %v", r.done(), r.openErr)
	}
}

func TestAnUnknownZoneIsNamed(t *testing.T) {
	r := dialOnce(t, "[fe80::1%nowhere0]:6379")
	if r.openErr == nil || !strings.Contains(r.openErr.Error(), `zone "nowhere0" of fe80::1%nowhere0`) {
		t.Errorf("the dial ends with %v", r.openErr)
	}
}

func TestIPv6WorksOnBothSides(t *testing.T) {
	l := mustListen(t, "[::1]:0")
	if !strings.HasPrefix(l.Addr(), "[::1]:") {
		t.Errorf("the address is %q", l.Addr())
	}
	r := dialOnce(t, l.Addr())
	if r.openErr != nil || r.remote != l.Addr() {
		t.Errorf("connected to %q, %v", r.remote, r.openErr)
	}
}

func TestAnAddressOfBothFamiliesIsReachedByBoth(t *testing.T) {
	_, port, _ := net.SplitHostPort(mustListen(t, "[::]:0").Addr())
	for _, host := range []string{"127.0.0.1", "::1"} {
		if r := dialOnce(t, net.JoinHostPort(host, port)); r.openErr != nil {
			t.Errorf("%s: %v", host, r.openErr)
		}
	}
}

func TestTCPConnectionsAreKeptAliveAndUndelayed(t *testing.T) {
	h := newHarness()
	loop := h.newLoop(t)
	client, server := newRecorder(), newRecorder()
	address := h.Listen(t, loop, func() ioloop.Handler { return server })
	loop.Post(func() { loop.Dial(address, looptest.Patience, client) })
	client.wait(t)
	server.wait(t)
	h.Do(loop, func() {
		for _, test := range []struct {
			what              string
			fd                int
			keepAlive, userMs int
		}{
			{"to a server", client.conn.(*conn).fd, 30, 30000},
			{"of a client", server.conn.(*conn).fd, 300, 0},
		} {
			for _, option := range []struct {
				name                string
				level, option, want int
			}{
				{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
				{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
				{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, test.keepAlive},
				{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, test.keepAlive / 3},
				{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, test.userMs},
			} {
				got, err := unix.GetsockoptInt(test.fd, option.level, option.option)
				if err != nil || got != option.want {
					t.Errorf("connection %s: %s is %d, %v; want %d", test.what, option.name, got, err, option.want)
				}
			}
		}
	})
}
