package proxy

import (
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

// stillLoop is a loop on which nothing happens but what a test does.
type stillLoop struct {
	dialled   []ioloop.Handler
	dialledTo []string // the addresses of dialled
	now       time.Time
	sweep     func()      // the latest timer's function
	timers    []*dueTimer // that pass has not called
	memory    int
	posted    []func() // that a test calls, or not
	atEnd     []func() // that end calls
	full      bool     // no call is taken
}

func (l *stillLoop) Now() time.Time         { return l.now }
func (l *stillLoop) Elapsed() time.Duration { return time.Duration(l.now.UnixNano()) }
func (l *stillLoop) After(d time.Duration, f func()) ioloop.Timer {
	l.sweep = f
	t := &dueTimer{at: l.now.Add(d), f: f}
	l.timers = append(l.timers, t)
	return t
}

// pass calls the functions of the timers that are due, but for those that are set meanwhile.
func (l *stillLoop) pass() {
	timers := l.timers
	l.timers = nil
	for _, t := range timers {
		switch {
		case t.stopped:
		case t.at.After(l.now):
			l.timers = append(l.timers, t)
		default:
			t.f()
		}
	}
}

type dueTimer struct {
	at      time.Time
	f       func()
	stopped bool
}

func (t *dueTimer) Stop() bool {
	was := t.stopped
	t.stopped = true
	return !was
}

func (l *stillLoop) AtEnd(f func()) { l.atEnd = append(l.atEnd, f) }

// end ends an iteration.
func (l *stillLoop) end() {
	atEnd := l.atEnd
	l.atEnd = nil
	for _, f := range atEnd {
		f()
	}
}

func (l *stillLoop) Post(f func()) bool {
	l.posted = append(l.posted, f)
	return !l.full
}
func (l *stillLoop) Memory() int { return l.memory }
func (l *stillLoop) Dial(address string, _ time.Duration, h ioloop.Handler) {
	l.dialled, l.dialledTo = append(l.dialled, h), append(l.dialledTo, address)
}

// stillConn takes what is written. Its output stays until a test takes it.
type stillConn struct {
	wrote, buffered, kept            int
	keep                             bool // the text, and the count of what is not taken
	text                             string
	paused, resumed, closed, aborted bool
}

func (c *stillConn) Write(b []byte) {
	c.wrote += len(b)
	if c.keep {
		c.text += string(b)
		c.buffered += len(b)
	}
}
func (c *stillConn) Buffered() int      { return c.buffered }
func (c *stillConn) Kept() int          { return c.kept }
func (c *stillConn) Pause()             { c.paused, c.resumed = true, false }
func (c *stillConn) Resume()            { c.paused, c.resumed = false, true }
func (c *stillConn) CloseAfterFlush()   { c.closed = true }
func (c *stillConn) Abort()             { c.aborted = true }
func (c *stillConn) RemoteAddr() string { return "client" }
func (c *stillConn) LocalAddr() string  { return "here" }

// take empties the output and returns its text.
func (c *stillConn) take() string {
	text := c.text
	c.text, c.buffered = "", 0
	return text
}

// stillCore is a core over n servers whose handshakes are done.
func stillCore(b testing.TB, n int) (*Core, *stillLoop) { return stillCoreWith(b, n, nil) }

// stillCoreWith is stillCore with a replica, which is fit, for each further name; readers
// are Config's.
func stillCoreWith(b testing.TB, n int, readers [][]int32, replicas ...string) (*Core, *stillLoop) {
	core, loop := coldCore(b, router.Pool{}, n, readers, replicas...)
	for _, server := range loop.dialled {
		server.Opened(&stillConn{}, nil)
		server.Data([]byte("+OK\r\n:7\r\n$8\r\nrun_id:x\r\n"))
	}
	for i := range replicas {
		core.Judge(n+i, "")
	}
	return core, loop
}

// coldCore is stillCoreWith, of a pool with more properties, before any handshake.
func coldCore(b testing.TB, pool router.Pool, n int, readers [][]int32, replicas ...string) (*Core, *stillLoop) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	pool.Name, pool.HashTag = "main", "{}"
	cfg := &Config{
		Limits: Limits{ClientOutput: 128 << 20, ClientStall: 30 * time.Second, Request: resp.Limits{
			Request: 64 << 20, Arguments: 1 << 20, Bulk: resp.MaxBulk, Inline: resp.MaxInline}},
		Local: &local.Answers{RedisVersion: func() string { return "7.0.15" }, Now: time.Now,
			Records: local.NewRecords(0, 10*time.Millisecond, 128)}, Memory: NewMemory(1<<30, 1), Peers: &Peers{}, Log: log,
	}
	cfg.Readers = readers
	for i := range max(n, pool.Slots) + len(replicas) {
		name := string(rune('a' + i))
		if i >= n && pool.Slots > 0 {
			name = "" // a slot without a server
		} else if i < n {
			pool.Servers = append(pool.Servers, router.Server{Name: name, Weight: 1})
		} else {
			name = replicas[i-n]
		}
		cfg.Preconnect = append(cfg.Preconnect, router.Place{Server: int32(i)})
		cfg.Servers = append(cfg.Servers, &backend.Options{Pool: "main", Name: name, Address: name, Queue: 1 << 30, Leases: 8, Connect: time.Second,
			Request: time.Second, Slow: time.Second, Learned: &backend.Facts{}, Fence: &backend.Fence{}, Log: log,
			Rand: func() float64 { return 0 }})
	}
	var err error
	if cfg.Snapshot, err = router.New(1, []router.Pool{pool}, nil); err != nil {
		b.Fatal(err)
	}
	loop := &stillLoop{now: time.Unix(1000, 0)}
	return NewCore(loop, cfg), loop
}
