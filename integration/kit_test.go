package integration

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/app"
	"ringmain/config"
	"ringmain/internal/redistest"
)

// gross is how long something may take that takes no time: only a test that has
// failed waits for it.
const gross = 30 * time.Second

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	eventuallyWithin(t, gross, what, condition)
}

// eventuallyWithin waits so long at most.
func eventuallyWithin(t testing.TB, within time.Duration, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); !condition(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// option alters the configuration that a test starts Ringmain with. Values are
// taken as they are: nothing is checked or resolved after it.
type option func(*config.Config)

func loops(n int) option { return func(c *config.Config) { c.Loops = n } }

// requestTimeout is how long a server may take to answer.
func requestTimeout(d time.Duration) option {
	return func(c *config.Config) { mainPool(c).Timeouts.Request = config.Duration(d) }
}

// connectTimeout is how long a server may take to shake hands.
func connectTimeout(d time.Duration) option {
	return func(c *config.Config) { mainPool(c).Timeouts.Connect = config.Duration(d) }
}

func mainPool(c *config.Config) *config.Pool { return c.Pools["main"] }

// addresser is a redistest.Server or a redistest.Relay.
type addresser interface{ Addr() string }

// configuration has one loop and the servers as nodes a, b, c and so on of the
// pool main; without servers, three embedded ones.
func configuration(t testing.TB, servers []addresser, options ...option) *config.Config {
	t.Helper()
	var text strings.Builder
	text.WriteString("listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\nloops: 1\npools:\n  main:\n")
	if len(servers) == 0 {
		text.WriteString("    embedded: 3\n")
	} else {
		text.WriteString("    nodes:\n")
	}
	for i, s := range servers {
		fmt.Fprintf(&text, "    - {name: %s, address: '%s'}\n", nodeName(i), s.Addr())
	}
	cfg := parse(t, text.String())
	for _, o := range options {
		o(cfg)
	}
	return cfg
}

func nodeName(i int) string { return string(rune('a' + i)) }

// servers makes any kind of servers fit for start.
func servers[S addresser](list ...S) []addresser {
	var out []addresser
	for _, s := range list {
		out = append(out, s)
	}
	return out
}

// startRedis starts n servers for the length of the test.
func startRedis(t testing.TB, n int, options ...string) []*redistest.Server {
	t.Helper()
	var list []*redistest.Server
	for range n {
		list = append(list, redistest.Start(t, options...))
	}
	return list
}

// ringmain runs inside the test's process.
type ringmain struct {
	addr  string   // of its first listener
	addrs []string // of all of them
	admin []string // where it speaks HTTP
	log   *logBuffer
	drain func() // asks it to stop, and does not wait
	stop  func() // waits until it has stopped; a second call does nothing
}

func (r *ringmain) Addr() string { return r.addr }

// start runs Ringmain in front of servers until the end of the test, or until
// stop. Its log is shown if the test fails.
func start(t testing.TB, servers []addresser, options ...option) *ringmain {
	t.Helper()
	return serve(t, configuration(t, servers, options...))
}

// startFrom is start for the text of a configuration file.
func startFrom(t testing.TB, text string) *ringmain {
	t.Helper()
	return serve(t, parse(t, text))
}

// parse reads the text of a configuration file. What it leaves to the defaults is fit for
// tests: nobody else wants its port, and servers have ample time to answer, for a machine
// may do much else. A test that is about being late says so.
func parse(t testing.TB, text string) *config.Config {
	t.Helper()
	if !strings.Contains(text, "\nadmin:") {
		text += "\nadmin: {address: ''}\n"
	}
	cfg, err := config.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	const patience = config.Duration(gross / 3)
	usual := config.DefaultPool().Timeouts
	for _, p := range cfg.Pools {
		if p.Timeouts.Connect == usual.Connect {
			p.Timeouts.Connect = patience
		}
		if p.Timeouts.Request == usual.Request {
			p.Timeouts.Request = patience
		}
	}
	return cfg
}

func serve(t testing.TB, cfg *config.Config) *ringmain {
	t.Helper()
	log := &logBuffer{}
	a := app.New(cfg, slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	atOnce, hurry := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, atOnce) }()
	select {
	case <-a.Ready():
	case err := <-ended:
		cancel()
		hurry()
		t.Fatalf("Ringmain did not start: %v\n%s", err, log)
	}
	r := &ringmain{addr: a.Addresses()[0], addrs: a.Addresses(), admin: a.AdminAddresses(), log: log, drain: cancel}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if cfg.Drain.Delay > 0 {
			hurry()
		}
		defer hurry()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Ringmain ended with: %v", err)
			}
		case <-time.After(gross):
			t.Error("Ringmain does not stop")
		}
	})
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Logf("log of Ringmain at %s:\n%s", r.addr, log)
		}
	})
	return r
}

// maxLog bounds what a test keeps of a log.
const maxLog = 1 << 20

// logBuffer keeps the beginning of a log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len() < maxLog {
		b.buf.Write(p)
	}
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// contains reports whether one line of the log has all of the texts.
func (b *logBuffer) contains(texts ...string) bool {
	for line := range strings.Lines(b.String()) {
		found := true
		for _, text := range texts {
			found = found && strings.Contains(line, text)
		}
		if found {
			return true
		}
	}
	return false
}
