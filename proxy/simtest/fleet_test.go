package simtest

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"time"

	"ringmain/backend"
	"ringmain/health"
	"ringmain/internal/history"
	"ringmain/ioloop"
	"ringmain/ioloop/sim"
	"ringmain/proxy"
	"ringmain/resp"
	"ringmain/router"
	"ringmain/topology"
)

// A fleet is a pool that reroutes: its servers, and one proxy at a time in front of
// them, which may be killed and started anew.

const (
	refuge = 15
	// watchInterval is how often the proxy looks at each server.
	watchInterval = 100 * time.Millisecond
)

// fleet is a world with a proxy whose pool reroutes.
type fleet struct {
	scene
	kind   fleetKind
	mutant fleetMutant
	log    *slog.Logger
	proxy  *incarnation // nil: it is dead
	starts int
	// snapshot is the first, in which all servers are up.
	snapshot *router.Snapshot
	history  *history.History
	lanes    *lanes
	audit    audit
	keys     []string // that the history knows
	colds    []string // keys that are written once, during an outage
	// before is where keys live as last served, or may since then.
	before []placement
	// gone is since when the proxy is dead, or was changing places when it died.
	gone  time.Duration
	fault error
	// epoch is the newest that was served.
	epoch uint64
	// returned, if set, is called when a server is given the marker of a return, its own or
	// another's.
	returned func(on *server, own bool)

	sessions, serials int
	patience          time.Duration // of clients
	happened          happened
	leases            leases
	closing           bool // clients are to come to an end, and nothing more befalls anybody
}

// leases are the connections, by their ids at a server, that sessions have had for
// themselves.
type leases map[*server]map[int64]bool

// happened is what a run has seen.
type happened struct {
	falls, rerouted, returns, emptied, starts, endings int
	reads, hits, writes, uncertain, colds              int
	longest                                            time.Duration
}

// fleetKind is drawn from the seed.
type fleetKind struct {
	servers, loops int
	distribution   string
	flush          bool // on_node_return
	intruded       bool // somebody writes into a refuge, so that rerouting ends
	mostOut        int
}

// fleetMutant is what a fleet may be made to do wrong, and the surroundings in which that
// shows.
type fleetMutant struct {
	surroundings
	// tap changes what goes over the loops' connections to servers, control what goes over the
	// controller's.
	tap, control func(*fleet) tap
	// world changes what the controller acts on.
	world func(*steering) topology.World
	// noBarrier has loops carry out a change when they like, and nobody wait for them.
	noBarrier bool
	// overflow: that a loop's record has overflown is not heeded.
	overflow bool
	// flushed: a client takes the error of a flush for OK.
	flushed bool
}

// surroundings are what a fleet without a fault must stand.
type surroundings struct {
	// large: five servers, of which two may be out. intruded: see fleetKind.
	large, intruded bool
	// dawdles: the controller is slow, and the run twice as long.
	dawdles bool
	// watchers: clients often watch keys.
	watchers bool
	// favours are kinds of mishaps that come more often.
	favours []int
}

// home is where a key lives; the zero value is nowhere.
type home struct {
	place router.Place
	there bool
}

// incarnation is one life of the proxy.
type incarnation struct {
	f        *fleet
	number   int
	cores    []*proxy.Core
	steering *steering
	watcher  *watcher
	status   []topology.Status
}

func newFleet(seed uint64, trace io.Writer, m fleetMutant) *fleet {
	w := sim.New(seed)
	w.Trace(trace)
	rng := w.Rand()
	f := &fleet{mutant: m, history: history.New()}
	f.w, f.clients, f.chaos = w, w.NewLoop(clientHost), w.NewLoop("chaos")
	f.kind = fleetKind{servers: 3, loops: 1 + rng.IntN(2), flush: rng.IntN(4) == 0, mostOut: 1,
		distribution: []string{"ring", "ketama", "jump", "maglev"}[rng.IntN(4)]}
	f.kind.intruded = rng.IntN(16) == 0
	f.kind.intruded = f.kind.intruded || m.intruded
	if rng.IntN(4) == 0 || m.large {
		f.kind.servers, f.kind.mostOut = 5, 2
	}
	level := slog.LevelError
	if trace != nil {
		level = slog.LevelDebug
	}
	f.log = slog.New(slog.NewTextHandler(fleetLog{f}, &slog.HandlerOptions{Level: level}))
	f.audit.init(f)
	f.leases = leases{}
	f.patience = 6 * requestTimeout
	for _, keys := range [][]string{plainKeys, counterKeys, madeKeys, lifetimeKeys, tiedKeys} {
		f.keys = append(f.keys, keys...)
	}
	for i := range f.kind.servers {
		host := f.startServer(fmt.Sprintf("10.0.1.%d:6379", i+1), seed<<8+uint64(i))
		host.Teach(topology.FlushRefuge, flushRefuge)
		host.Teach(proxy.FlushHome, flushHome)
	}
	f.observe = f.audit.executed
	for i := range f.kind.loops {
		f.loops = append(f.loops, w.NewLoop(fmt.Sprintf("%s/%d", proxyHost, i)))
	}
	f.loops = append(f.loops, w.NewLoop(proxyHost+"/control"))
	f.start()
	return f
}

// control is the proxy's loop for what is beside the data path.
func (f *fleet) control() *sim.Loop { return f.loops[f.kind.loops] }

// start begins a new life of the proxy.
func (f *fleet) start() {
	f.starts++
	p := &incarnation{f: f, number: f.starts, status: make([]topology.Status, f.kind.servers)}
	f.proxy = p
	f.lanes = newLanes(f)
	name := fmt.Sprintf("%032d", p.number)
	cfg := p.config(topology.NamePrefix + name)
	p.watcher = newWatcher(p)
	p.steering = newSteering(p, name, cfg)
	for i := range f.kind.loops {
		loop := f.loops[i]
		core := proxy.NewCore(tapped{loop, f.tap(f.mutant.tap)}, cfg)
		p.cores = append(p.cores, core)
		f.w.Listen(proxyAddress(i), loop, func() ioloop.Handler {
			f.ids++
			return &front{Session: core.NewSession(f.ids, 0), f: f}
		})
	}
	p.steering.begin()
	p.watcher.begin()
}

// tap is a mutant's, or none, behind the one that knows what is under way.
func (f *fleet) tap(mutant func(*fleet) tap) tap {
	if mutant == nil {
		return f.lanes.tap
	}
	return both(f.lanes.tap, mutant(f))
}

// kill ends the proxy's process.
func (f *fleet) kill() {
	p := f.proxy
	if p == nil {
		return
	}
	f.proxy = nil
	if f.gone = f.w.Now(); p.steering.changing {
		f.gone = p.steering.change
	}
	f.w.Logf(proxyHost, "is killed")
	for _, loop := range f.loops {
		loop.Crash()
	}
	p.steering.halt()
	f.lanes.closeAll()
	f.audit.proxyGone()
}

func (p *incarnation) config(clientName string) *proxy.Config {
	f := p.f
	pool := router.Pool{Name: "main", HashTag: "{}", Distribution: f.kind.distribution, Refuge: refuge}
	cfg := &proxy.Config{
		Limits: proxy.Limits{
			Request:      resp.Limits{Request: 1 << 20, Arguments: 1 << 10, Bulk: 1 << 20, Inline: 64 << 10},
			ClientOutput: 1 << 20,
			ClientStall:  30 * time.Second,
		},
		Memory: proxy.NewMemory(1<<30, f.kind.loops),
		Peers:  &proxy.Peers{},
		Local:  f.answers(),
		Log:    f.log,
	}
	for i, host := range f.servers {
		name := string(rune('a' + i))
		cfg.Unserved = append(cfg.Unserved, int32(i))
		pool.Servers = append(pool.Servers, router.Server{Name: name, Address: host.Address(), Weight: 1})
		cfg.Servers = append(cfg.Servers, &backend.Options{
			Pool: "main", Name: name, Address: host.Address(),
			Connect: 100 * time.Millisecond, Request: requestTimeout, Slow: slowTimeout,
			ClientName: clientName, Queue: queueLimit, Leases: 8, Rand: f.w.Rand().Float64, Log: f.log,
			Learned: &backend.Facts{}, Fence: &backend.Fence{},
			Suspect: func(refused bool) { p.watcher.suspect(i, refused) },
			Changed: func() { p.steering.changed(i) },
		})
	}
	cfg.Snapshot = fleetSnapshot(pool)
	f.snapshot = cfg.Snapshot
	return cfg
}

const (
	queueLimit = 1 << 20
	// slowTimeout is for commands that may take long.
	slowTimeout = time.Second
)

// fleetSnapshot is the first of a pool, in which all servers are up.
func fleetSnapshot(pool router.Pool) *router.Snapshot {
	key := fmt.Sprint(pool.Distribution, len(pool.Servers))
	if s, ok := snapshots.Load(key); ok {
		return s.(*router.Snapshot)
	}
	s, err := router.New(1, []router.Pool{pool}, nil)
	if err != nil {
		panic(err)
	}
	snapshots.Store(key, s)
	return s
}

// flushRefuge is what topology.FlushRefuge does.
func flushRefuge(call func(...string) []byte, keys, argv [][]byte) []byte {
	marker := string(argv[0])
	if marker == "" {
		kept, _ := resp.Bulk(call("get", string(keys[0])))
		marker = string(kept)
	}
	call("flushdb", "async")
	if marker != "" {
		call("set", string(keys[0]), marker)
	}
	return []byte(":1\r\n")
}

// flushHome is what proxy.FlushHome does.
func flushHome(call func(...string) []byte, keys, argv [][]byte) []byte {
	marker, flush := string(keys[0]), []string{string(argv[1])}
	for _, arg := range argv[2:] {
		flush = append(flush, string(arg))
	}
	call("select", string(argv[0]))
	kept, marked := resp.Bulk(call("get", marker))
	call(flush...)
	if flush[0] == "FLUSHDB" {
		call("select", "0")
		call(flush...)
		call("select", string(argv[0]))
	}
	if marked {
		call("set", marker, string(kept))
	}
	return []byte("+OK\r\n")
}

// fleetLog looks for what the fleet counts, and puts all into the trace.
type fleetLog struct{ f *fleet }

func (l fleetLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("rerouting has ended")) {
		l.f.happened.endings++
	}
	return traceLog{l.f.w}.Write(line)
}

// owner is the server that a key lives on when all are up.
func (f *fleet) owner(key string) *server {
	return f.servers[f.snapshot.Pick(0, []byte(key)).Server]
}

// outage reports whether a server is out, as the proxy has it.
func (f *fleet) outage() bool {
	if f.proxy == nil {
		return false
	}
	for _, s := range f.proxy.status {
		if !s.InUse {
			return true
		}
	}
	return false
}

// healthy reports whether the proxy uses all servers.
func (f *fleet) healthy() bool { return f.proxy != nil && f.proxy.steering.served && !f.outage() }

// healthSettings are quick.
var healthSettings = health.Settings{
	Interval: watchInterval, Fall: 2, Rise: 2, Hold: 50 * time.Millisecond, HoldMax: 400 * time.Millisecond, Slow: time.Second,
}

// fail notes the first thing that is wrong.
func (f *fleet) fail(format string, args ...any) {
	if f.fault == nil {
		f.fault = fmt.Errorf(format, args...)
		f.w.Logf("fleet", "FAULT %v", f.fault)
	}
}
