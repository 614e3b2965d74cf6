//go:build linux

package backend_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ringmain/backend"
	"ringmain/internal/redistest"
	"ringmain/ioloop/epoll"
	"ringmain/resp"
)

// gross is far longer than anything here takes.
const gross = 30 * time.Second

// rig is a node of a real server on a real loop.
type rig struct {
	t    *testing.T
	loop *epoll.Loop
	node *backend.Node
}

func newRig(t *testing.T, address string, options ...epoll.Option) *rig {
	t.Helper()
	loop, err := epoll.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, loop: loop, node: backend.NewNode(loop, &backend.Options{
		Pool: "main", Name: "a", Address: address, ClientName: "ringmain-test",
		Connect: gross, Request: gross, Slow: gross, Queue: 1 << 20,
		Learned: &backend.Facts{}, Fence: &backend.Fence{}, Rand: rand.Float64,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	t.Cleanup(func() {
		loop.Post(r.node.Close)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

// outcome is a Receiver of one reply.
type outcome struct {
	reply []byte
	whole chan string
}

func (o *outcome) Reply(_ uint64, b []byte, last bool) {
	if o.reply = append(o.reply, b...); last {
		o.whole <- string(o.reply)
	}
}
func (o *outcome) Failed(_ uint64, f *backend.Failure) { o.whole <- f.Text }

// do sends one command on a connection of the node.
func (r *rig) do(protocol, database int, args ...string) string {
	r.t.Helper()
	o := &outcome{whole: make(chan string, 1)}
	r.loop.Post(func() {
		r.node.Conn(protocol, database).Send(o, 1, resp.AppendCommand(nil, args...), false, false)
	})
	select {
	case got := <-o.whole:
		return got
	case <-time.After(gross):
		r.t.Fatalf("%v: no outcome", args)
		return ""
	}
}

func TestARealServerIsReachedByEveryKindOfAddress(t *testing.T) {
	s := redistest.Start(t, "unixsocket", redistest.SocketName, "bind", "127.0.0.1 ::1")
	loopback := epoll.WithResolver(func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != "redis-a" {
			return nil, fmt.Errorf("%q is looked up", host)
		}
		return []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")}, nil
	})
	for _, address := range []string{s.Addr(), s.Addr6(), s.UnixAddr(), fmt.Sprintf("redis-a:%d", s.Port())} {
		r := newRig(t, address, loopback)
		if got := r.do(2, 0, "ECHO", "hi"); got != "$2\r\nhi\r\n" {
			t.Errorf("%s: %q", address, got)
		}
	}
	r := newRig(t, fmt.Sprintf("localhost:%d", s.Port())) // of the hosts file
	if got := r.do(2, 0, "ECHO", "hi"); got != "$2\r\nhi\r\n" {
		t.Errorf("localhost: %q", got)
	}
}

func TestEachConnectionKeepsToItsDatabaseAndProtocolAlsoAfterALoss(t *testing.T) {
	s := redistest.Start(t, "unixsocket", redistest.SocketName)
	for _, address := range []string{s.Addr(), s.UnixAddr()} {
		r := newRig(t, address)
		for range 2 {
			for _, protocol := range []int{2, 3} {
				for _, database := range []int{0, 5, 15} {
					// A command that meets the loss fails, and is repeated.
					info := r.do(protocol, database, "CLIENT", "INFO")
					for end := time.Now().Add(gross); info[0] != '$' && info[0] != '='; {
						if time.Now().After(end) {
							t.Fatalf("%s: %q", address, info)
						}
						info = r.do(protocol, database, "CLIENT", "INFO")
					}
					for _, want := range []string{"name=ringmain-test ", fmt.Sprintf(" db=%d ", database), fmt.Sprintf(" resp=%d", protocol)} {
						if !strings.Contains(info, want) {
							t.Errorf("%s, protocol %d, database %d: no %q in %q", address, protocol, database, want, info)
						}
					}
				}
			}
			if _, err := s.Do("CLIENT", "KILL", "TYPE", "normal"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestARealServerThatHasNoSuchDatabaseSaysSo(t *testing.T) {
	s := redistest.Start(t, "databases", "4")
	r := newRig(t, s.Addr())
	for _, protocol := range []int{2, 3} {
		want := fmt.Sprintf(`CLUSTERDOWN node "a" (%s) of pool "main" refused the handshake (SELECT 9: ERR DB index is out of range)`, s.Addr())
		if got := r.do(protocol, 9, "PING"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := r.do(protocol, 3, "PING"); got != "+PONG\r\n" {
			t.Errorf("got %q", got)
		}
	}
}
