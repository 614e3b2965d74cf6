package proxy

import (
	"bytes"
	"io"
	"log/slog"
	"testing"
	"time"

	"ringmain/backend"
	"ringmain/ioloop"
	"ringmain/proxy/local"
	"ringmain/resp"
	"ringmain/router"
)

// stillLoop is a loop on which nothing happens but what the benchmark does.
type stillLoop struct{ dialled []ioloop.Handler }

func (l *stillLoop) Now() time.Time                           { return time.Time{} }
func (l *stillLoop) After(time.Duration, func()) ioloop.Timer { return stillTimer{} }
func (l *stillLoop) AtEnd(func())                             {}
func (l *stillLoop) Post(func()) bool                         { return true }
func (l *stillLoop) Memory() int                              { return 0 }
func (l *stillLoop) Dial(_ string, _ time.Duration, h ioloop.Handler) {
	l.dialled = append(l.dialled, h)
}

type stillTimer struct{}

func (stillTimer) Stop() bool { return true }

// stillConn counts what is written.
type stillConn struct{ wrote int }

func (c *stillConn) Write(b []byte)     { c.wrote += len(b) }
func (c *stillConn) Buffered() int      { return 0 }
func (c *stillConn) Kept() int          { return 0 }
func (c *stillConn) Pause()             {}
func (c *stillConn) Resume()            {}
func (c *stillConn) CloseAfterFlush()   {}
func (c *stillConn) Abort()             {}
func (c *stillConn) RemoteAddr() string { return "client" }
func (c *stillConn) LocalAddr() string  { return "here" }

// benchCore is a core over n servers whose handshakes are done.
func benchCore(b *testing.B, n int) (*Core, *stillLoop) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	pool := router.Pool{Name: "main"}
	cfg := &Config{
		Limits: Limits{ClientOutput: 128 << 20, Request: resp.Limits{
			Request: 64 << 20, Arguments: 1 << 20, Bulk: resp.MaxBulk, Inline: resp.MaxInline}},
		Local: &local.Answers{}, Memory: NewMemory(1<<30, 1), Log: log,
	}
	for i := range n {
		name := string(rune('a' + i))
		pool.Servers = append(pool.Servers, router.Server{Name: name, Weight: 1})
		cfg.Servers = append(cfg.Servers, &backend.Options{Name: name, Queue: 1 << 30, Connect: time.Second,
			Request: time.Second, Slow: time.Second, Learned: &backend.Facts{}, Log: log,
			Rand: func() float64 { return 0 }})
	}
	var err error
	if cfg.Snapshot, err = router.New(1, []router.Pool{pool}); err != nil {
		b.Fatal(err)
	}
	loop := &stillLoop{}
	core := NewCore(loop, cfg)
	for _, server := range loop.dialled {
		server.Opened(&stillConn{}, nil)
		server.Data([]byte("+OK\r\n:7\r\n$8\r\nrun_id:x\r\n"))
	}
	return core, loop
}

// BenchmarkSession is a GET's way through parser, session, server connection and
// back, without any socket: batches of 16 from one client.
func BenchmarkSession(b *testing.B) {
	const batch = 16
	core, loop := benchCore(b, 1)
	client := &stillConn{}
	s := core.NewSession(1)
	s.Opened(client, nil)
	requests := bytes.Repeat(resp.AppendCommand(nil, "GET", "key:000000012345"), batch)
	replies := bytes.Repeat([]byte("$3\r\nxxx\r\n"), batch)
	b.ReportAllocs()
	for range b.N / batch {
		s.Data(requests)
		loop.dialled[0].Data(replies)
	}
	if want := b.N / batch * len(replies); client.wrote != want {
		b.Fatalf("the client got %d bytes, want %d", client.wrote, want)
	}
}

// BenchmarkSplit is an MGET of ten keys over three servers.
func BenchmarkSplit(b *testing.B) {
	core, loop := benchCore(b, 3)
	client := &stillConn{}
	s := core.NewSession(1)
	s.Opened(client, nil)
	request := resp.AppendCommand(nil, "MGET", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9")
	replies := make([][]byte, len(loop.dialled))
	var r resp.Request
	var p resp.Parser
	if _, err := p.Next(request, &core.Limits.Request, &r); err != nil {
		b.Fatal(err)
	}
	core.Snapshot.Split(&core.split, r.Args[1:], 1)
	for g := range core.split.Groups() {
		n := len(core.split.KeysOf(g))
		replies[core.split.Place(g).Server] = append([]byte{'*', byte('0' + n), '\r', '\n'},
			bytes.Repeat([]byte("$-1\r\n"), n)...)
	}
	b.ReportAllocs()
	for range b.N {
		s.Data(request)
		for i, h := range loop.dialled {
			h.Data(replies[i])
		}
	}
	if want := b.N * len("*10\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"); client.wrote != want {
		b.Fatalf("the client got %d bytes, want %d", client.wrote, want)
	}
}
