package simtest

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"ringmain/backend"
	"ringmain/internal/simredis"
	"ringmain/ioloop"
	"ringmain/ioloop/sim"
	"ringmain/proxy"
	"ringmain/proxy/local"
	"ringmain/resp"
	"ringmain/router"
)

const (
	proxyHost      = "proxy"
	clientHost     = "clients"
	requestTimeout = 200 * time.Millisecond
)

// options say what a scene is made of.
type options struct {
	servers, loops int
	clientOutput   int // 0: 1 MiB
	leases         int // of one loop to one server; 0: none
	// tap stands between the cores and their loops' dials; nil: nothing does.
	tap tap
	// front stands between a client's connection and its session; nil: nothing does.
	front func(ioloop.Loop, ioloop.Handler) ioloop.Handler
	// contracts are what keys live elsewhere than on the servers; nil: none do.
	contracts func(*scene) []proxy.Contract
}

// scene is a world with a proxy, its servers, and a loop for clients.
type scene struct {
	w       *sim.World
	servers []*server
	loops   []*sim.Loop
	cores   []*proxy.Core
	clients *sim.Loop
	chaos   *sim.Loop // for what happens to the others
	memory  *proxy.Memory
	ids     int64
	// observe, if set, is told of each command that a server executes.
	observe func(on *server, clientID int64, args [][]byte)
}

// server is a model server, with calls that a fault waits for.
type server struct {
	*simredis.Host
	before, after func() // once, around the next command it executes
	marked        func() // once, when it is given a marker
	saved         simredis.Snapshot
}

func newScene(seed uint64, trace io.Writer, o options) *scene {
	w := sim.New(seed)
	w.Trace(trace)
	s := &scene{w: w, clients: w.NewLoop(clientHost), chaos: w.NewLoop("chaos")}
	cfg := s.config(seed, trace, o)
	if o.contracts != nil {
		cfg.Contracts = o.contracts(s)
	}
	s.memory = cfg.Memory
	for i := range o.loops {
		loop := w.NewLoop(fmt.Sprintf("%s/%d", proxyHost, i))
		var seen ioloop.Loop = loop
		if o.tap != nil {
			seen = tapped{loop, o.tap}
		}
		core := proxy.NewCore(seen, cfg)
		s.loops, s.cores = append(s.loops, loop), append(s.cores, core)
		w.Listen(proxyAddress(i), loop, func() ioloop.Handler {
			s.ids++
			session := core.NewSession(s.ids, router.ByRoutes)
			if o.front != nil {
				return o.front(loop, session)
			}
			return session
		})
	}
	return s
}

// proxyAddress is where a loop of the proxy listens. In this world a listener
// has one loop.
func proxyAddress(loop int) string { return fmt.Sprintf("10.0.0.1:%d", 6380+loop) }

// config starts the servers, too.
func (s *scene) config(seed uint64, trace io.Writer, o options) *proxy.Config {
	pool := router.Pool{Name: "main", HashTag: "{}"}
	cfg := &proxy.Config{
		Limits: proxy.Limits{
			Request:      resp.Limits{Request: 1 << 20, Arguments: 1 << 10, Bulk: 1 << 20, Inline: 64 << 10},
			ClientOutput: max(o.clientOutput, 1<<20),
			ClientStall:  30 * time.Second,
		},
		Memory: proxy.NewMemory(1<<30, o.loops),
		Peers:  &proxy.Peers{},
		Local:  s.answers(),
		Log:    slog.New(slog.DiscardHandler),
	}
	if trace != nil {
		cfg.Log = slog.New(slog.NewTextHandler(traceLog{s.w}, nil))
	}
	for i := range o.servers {
		host := s.startServer(fmt.Sprintf("10.0.1.%d:6379", i+1), seed<<8+uint64(i))
		name := string(rune('a' + i))
		cfg.Preconnect = append(cfg.Preconnect, router.Place{Server: int32(i)})
		pool.Servers = append(pool.Servers, router.Server{Name: name, Address: host.Address(), Weight: 1})
		cfg.Servers = append(cfg.Servers, &backend.Options{
			Pool: "main", Name: name, Address: host.Address(),
			Connect: 100 * time.Millisecond, Request: requestTimeout, Slow: time.Second,
			ClientName: "ringmain-test", Queue: 1 << 20, Leases: o.leases, Rand: s.w.Rand().Float64, Log: cfg.Log,
			Learned: &backend.Facts{}, Fence: &backend.Fence{},
		})
	}
	cfg.Snapshot = snapshotOf(pool)
	return cfg
}

// snapshots are by the number of servers: nothing else differs between worlds,
// and the ring is expensive to build.
var snapshots sync.Map

func snapshotOf(pool router.Pool) *router.Snapshot {
	if s, ok := snapshots.Load(len(pool.Servers)); ok {
		return s.(*router.Snapshot)
	}
	s, err := router.New(1, []router.Pool{pool}, nil)
	if err != nil {
		panic(err)
	}
	snapshots.Store(len(pool.Servers), s)
	return s
}

func (s *scene) startServer(address string, seed uint64) *server {
	host := &server{Host: simredis.Start(s.w, address, simredis.Options{Seed: seed})}
	s.servers = append(s.servers, host)
	host.OnExecute = func(id int64, args [][]byte) {
		s.w.Logf(address, "executes %.60q of client %d", args, id)
		if !once(&host.before) && s.observe != nil {
			s.observe(host, id, args)
		}
	}
	host.AfterExecute = func(int64, [][]byte) { once(&host.after) }
	return host
}

// once calls what waits there, and reports whether anything did.
func once(f *func()) bool {
	g := *f
	*f = nil
	if g != nil {
		g()
	}
	return g != nil
}

func (s *scene) answers() *local.Answers {
	return &local.Answers{
		Version: "test", Incarnation: strings.Repeat("0", 40), Port: 6380,
		RedisVersion: func() string { return local.RedisVersion },
		Clients:      func() int { return 0 },
		Memory:       func() int { return 0 },
		Now:          func() time.Time { return s.clients.Now() },
		Records:      local.NewRecords(0, 10*time.Millisecond, 128),
	}
}

// traceLog puts the proxy's log into the trace.
type traceLog struct{ w *sim.World }

func (l traceLog) Write(line []byte) (int, error) {
	_, text, _ := strings.Cut(strings.TrimSpace(string(line)), "level=")
	l.w.Logf(proxyHost, "log: %s", text)
	return len(line), nil
}

// owner is the server on which a key lives.
func (s *scene) owner(key string) *server {
	return s.servers[s.cores[0].Snapshot.Pick(router.ByRoutes, []byte(key)).Server]
}

// between is a random duration.
func (s *scene) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(s.w.Rand().Int64N(int64(hi-lo)+1))
}

// run lets virtual time pass.
func (s *scene) run(d time.Duration) { s.w.Run(s.w.Now() + d) }
