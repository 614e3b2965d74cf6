package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/ledger"
	"ringmain/internal/redistest"
)

// rerouting is a pool that reroutes, and that needs so long to look twice.
func rerouting(interval time.Duration) option {
	return func(c *config.Config) {
		c.Topology.SoleProxy = true
		p := mainPool(c)
		p.OnNodeDown = "reroute"
		h, d := &p.Health, config.Duration(interval)
		h.Interval, h.Timeout, h.Hold, h.HoldMax = d, d, d, 4*d
		p.Timeouts.Request, p.Timeouts.Connect = 3*d, 3*d
	}
}

// onReturn says how servers are rid of what is old.
func onReturn(how string) option {
	return func(c *config.Config) { mainPool(c).OnNodeReturn = how }
}

func distribution(name string) option {
	return func(c *config.Config) { mainPool(c).Distribution = name }
}

// trial is a load on a pool that reroutes, some of whose servers suffer.
type trial struct {
	servers []*redistest.Server
	// victims are the first of them.
	victims []*victim
	// front is where the proxy reaches the servers, and options is what the load is like:
	// both for serve.
	front   []addresser
	options ledger.Options

	load    *ledger.Load
	addr    string            // of the proxy
	proxy   *ringmain         // nil: it is a process
	process *redistest.Server // nil: it is not

	owners map[string]int // of the keys, by servers

	first   int // fault
	outages int // so far
	cold    int // pairs of cold keys written in outages
}

// coldClasses: each outage writes another part of the cold keys, which are read after the
// next one.
const coldClasses = 3

func newTrial(t *testing.T, seed uint64, n, victims int) *trial {
	list := startRedis(t, n)
	return &trial{servers: list, victims: victimsOf(list, victims, 8*soon, seed), front: servers(list...), first: int(2 * seed),
		options: ledger.Options{Actors: 6, Pairs: 60, Cold: 60, Seed: seed}}
}

// serve starts Ringmain, in this process, and writes every key.
func (tr *trial) serve(t *testing.T, options ...option) {
	t.Helper()
	tr.proxy = start(t, tr.front, append([]option{rerouting(soon)}, options...)...)
	tr.begin(t, tr.proxy.Addr())
}

// serveAsProcess is serve for a process of its own.
func (tr *trial) serveAsProcess(t *testing.T, options ...option) {
	t.Helper()
	tr.process = startProcess(t, tr.front, append([]option{rerouting(soon)}, options...)...)
	tr.begin(t, tr.process.Addr())
}

func (tr *trial) begin(t *testing.T, addr string) {
	t.Helper()
	tr.addr, tr.options.Addr = addr, addr
	tr.load = ledger.New(tr.options)
	t.Cleanup(tr.load.Close)
	succeed(t, tr.load.Fill(gross))
	tr.expectHome(t)
}

// suffer has faults happen for a while, under load.
func (tr *trial) suffer(t *testing.T, lasts time.Duration, faults []fault) {
	t.Helper()
	pain := &agony{victims: tr.victims, faults: faults, first: tr.first, between: func(v *victim) {
		tr.awaitUp(t, v)
		succeed(t, tr.load.ReadCold(tr.outages+coldClasses-1, coldClasses, time.Second))
	}}
	for _, v := range tr.victims {
		v.during = func(v *victim) {
			tr.outages++
			n, err := tr.load.WriteCold(tr.outages, coldClasses, 5*soon)
			succeed(t, err)
			tr.cold += n
		}
	}
	tr.load.Begin()
	err := pain.last(lasts)
	tr.load.End()
	succeed(t, err)
	t.Logf("%v of %v; %d pairs of cold keys written in %d outages", lasts, pain.suffered, tr.cold, tr.outages)
}

// judge expects every key to be served in the end, and by its owner, and that nobody was
// told a lie.
func (tr *trial) judge(t *testing.T) {
	t.Helper()
	for _, v := range tr.victims {
		tr.awaitUp(t, v)
	}
	succeed(t, tr.load.Read(gross))
	succeed(t, tr.load.Fill(gross))
	tr.expectHome(t)
	judged(t, tr.load)
	log := tr.log(t)
	for key, times := range tr.load.Keys() {
		// A busy machine may have kept another server from answering.
		if i := tr.owners[key]; times > 0 && i >= len(tr.victims) && !wasOut(log, nodeName(i)) {
			t.Fatalf("%s of server %d, which was always there, was forgotten %d times", key, i, times)
		}
	}
}

// log is all that the proxy has said.
func (tr *trial) log(t *testing.T) string {
	t.Helper()
	if tr.proxy != nil {
		return tr.proxy.log.String()
	}
	b, err := os.ReadFile(filepath.Join(tr.process.Dir(), "output.log"))
	succeed(t, err)
	return string(b)
}

// wasOut reports whether a log says that a node was not in use for a while, or was emptied at
// the start of a proxy: the one before was killed when only some of the servers had been told
// of a change.
func wasOut(log, node string) bool {
	for line := range strings.Lines(log) {
		if strings.Contains(line, " node="+node+" ") && (strings.Contains(line, "server is out, ") ||
			strings.Contains(line, "server is not in use yet") || strings.Contains(line, "server is emptied")) {
			return true
		}
	}
	return false
}

// awaitUp waits until a victim is up.
func (tr *trial) awaitUp(t *testing.T, v *victim) {
	t.Helper()
	for i := range tr.victims {
		if tr.victims[i] == v {
			eventually(t, "the server is up", func() bool { return stateOf(tr.addr, nodeName(i)) == "up" })
		}
	}
}

// stateOf is what the proxy at addr says of a node; "" if it says nothing.
func stateOf(addr, node string) string {
	c, err := redistest.Dial(addr, gross)
	if err != nil {
		return ""
	}
	defer c.Close()
	info, err := c.Do("INFO", "servers")
	if err != nil {
		return ""
	}
	state, _ := nodeState(info.(string), node)
	return state
}

// expectHome checks that every key is where it belongs and nowhere else.
func (tr *trial) expectHome(t *testing.T) {
	t.Helper()
	at := holders(t, tr.servers)
	if tr.owners == nil {
		tr.owners = at
	}
	for key := range tr.load.Keys() {
		if holder, ok := at[key]; !ok || holder != tr.owners[key] {
			t.Errorf("%s of server %d is on server %d: %v", key, tr.owners[key], holder, ok)
		}
	}
	for i, s := range tr.servers {
		if n, err := keysIn(s, 15); err != nil || n > 1 {
			t.Errorf("the refuge of server %d has %d keys, want its marker: %v", i, n, err)
		}
	}
}

// keysIn is how many keys a database of a server has.
func keysIn(s *redistest.Server, database int) (int64, error) {
	c, err := s.Dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if _, err := c.Do("SELECT", database); err != nil {
		return 0, err
	}
	n, err := c.Do("DBSIZE")
	if err != nil {
		return 0, err
	}
	return n.(int64), nil
}

// holders tells which server has each key in its database 0. A key that several have ends
// the test.
func holders(t testing.TB, list []*redistest.Server) map[string]int {
	t.Helper()
	of := map[string]int{}
	for i, s := range list {
		keys, err := s.Client().Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if other, twice := of[key]; twice {
				t.Fatalf("%s is on servers %d and %d", key, other, i)
			}
			of[key] = i
		}
	}
	return of
}
