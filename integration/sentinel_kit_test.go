package integration

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringmain/internal/redistest"
	"ringmain/internal/sentineltest"
)

// guarded are two primaries with a replica each, three sentinels that watch them, and
// Ringmain.
type guarded struct {
	*testing.T
	masters, replicas [2]*redistest.Server
	sentinels         []*redistest.Server
	proxy             *ringmain
	// keys are some that live on each.
	keys [2][]string
}

// atOnce has a primary not wait for more replicas before it brings one into step.
var atOnce = []string{"repl-diskless-sync-delay", "0"}

// sentinelPool is a configuration of two nodes that sentinels tell of: a is the primary
// called one, b is two.
func sentinelPool(sentinels []string) string {
	return "listeners: [{address: '127.0.0.1:0'}]\nloops: 2\npools:\n  main:\n    discovery: sentinel\n" +
		"    sentinel: {addresses: ['" + strings.Join(sentinels, "', '") + "']}\n" +
		"    nodes: [{name: a, master: one}, {name: b, master: two}]\n"
}

func newGuarded(t *testing.T) *guarded {
	g := &guarded{T: t}
	for i := range g.masters {
		g.masters[i] = redistest.Start(t, atOnce...)
		g.replicas[i] = redistest.Start(t, append(atOnce, "replicaof", fmt.Sprintf("127.0.0.1 %d", g.masters[i].Port()))...)
	}
	g.sentinels = sentineltest.Start(t, 3, map[string]*redistest.Server{"one": g.masters[0], "two": g.masters[1]})
	for _, s := range g.sentinels {
		for _, master := range []string{"one", "two"} {
			eventually(t, "a sentinel knows all", func() bool { return settled(s, master) })
		}
	}
	var addresses []string
	for _, s := range g.sentinels {
		addresses = append(addresses, s.Addr())
	}
	g.proxy = startFrom(t, sentinelPool(addresses))
	w := dial(t, g.proxy.addr)
	for n := 0; len(g.keys[0]) < 4 || len(g.keys[1]) < 4; n++ {
		key := fmt.Sprint("count:", n)
		expect(t, "SET", w.do("SET", key, "0"), "+OK\r\n")
		for i, m := range g.masters {
			if holds(t, m, 0, key) {
				g.keys[i] = append(g.keys[i], key)
			}
		}
	}
	return g
}

// settled reports whether a sentinel knows the others and a replica that is in step.
func settled(s *redistest.Server, master string) bool {
	if ok, err := s.Do("SENTINEL", "CKQUORUM", master); err != nil || !strings.Contains(fmt.Sprint(ok), "OK 3 usable") {
		return false
	}
	replicas, err := s.Do("SENTINEL", "REPLICAS", master)
	return err == nil && strings.Contains(fmt.Sprint(replicas), "master-link-status ok")
}

// addressOf is where INFO says that a node is.
func (g *guarded) addressOf(node string) string { return nodeField(g.T, g.proxy, node, "address") }

// nodeField is what INFO says of a node.
func nodeField(t *testing.T, proxy *ringmain, node, field string) string {
	t.Helper()
	w := dial(t, proxy.addr)
	defer w.Close()
	for line := range strings.Lines(w.do("INFO", "servers")) {
		if _, rest, is := strings.Cut(line, ":name="+node+","); is {
			_, rest, _ = strings.Cut(","+rest, ","+field+"=")
			value, _, _ := strings.Cut(rest, ",")
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("INFO has no node %s", node)
	return ""
}

// counting are clients that count up, each on keys of its own, at most a thousand times a
// second.
type counting struct {
	g        *guarded
	stop     chan struct{}
	ended    sync.WaitGroup
	counters []*counter
	// acknowledged are the increments of keys of the first node.
	acknowledged atomic.Int64
	clock        atomic.Pointer[clock]
}

// clock tells how long after a moment the first increment on the first node was
// acknowledged, of those that were sent since the clock was started.
type clock struct {
	since time.Time
	took  atomic.Int64 // nanoseconds; 0: none was
}

type counter struct {
	key                     string
	onFirst                 bool
	acknowledged, uncertain int
	strange                 string
}

// begin has every key counted by a client.
func (g *guarded) begin() *counting {
	l := &counting{g: g, stop: make(chan struct{})}
	for node, keys := range g.keys {
		for _, key := range keys {
			c := &counter{key: key, onFirst: node == 0}
			l.counters = append(l.counters, c)
			l.ended.Go(func() { c.run(l) })
		}
	}
	return l
}

func (c *counter) run(l *counting) {
	conn, err := redistest.Dial(l.g.proxy.addr, 0)
	if err != nil {
		c.strange = err.Error()
		return
	}
	defer func() { _ = conn.Close() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		running := l.clock.Load()
		switch _, err := conn.Do("INCR", c.key); {
		case err == nil:
			c.acknowledged++
			if c.onFirst {
				l.acknowledged.Add(1)
				if running != nil {
					running.took.CompareAndSwap(0, int64(time.Since(running.since)))
				}
			}
		case strings.HasPrefix(err.Error(), "UNCERTAIN "):
			c.uncertain++
		case strings.HasPrefix(err.Error(), "CLUSTERDOWN "), strings.HasPrefix(err.Error(), "READONLY "):
		default:
			c.strange = err.Error()
			return
		}
	}
}

// goesOn waits until many more increments on the first node have been acknowledged.
func (l *counting) goesOn() {
	l.g.Helper()
	enough := l.acknowledged.Load() + 500
	eventually(l.g.T, "increments are acknowledged", func() bool { return l.acknowledged.Load() >= enough })
}

// finish ends the clients and checks that nothing was executed twice. A promotion may
// forget what was acknowledged, as replication is asynchronous.
func (l *counting) finish(servers ...*redistest.Server) {
	l.g.Helper()
	close(l.stop)
	l.ended.Wait()
	for _, c := range l.counters {
		if c.strange != "" {
			l.g.Errorf("%s: %s", c.key, c.strange)
		}
		on := servers[1]
		if c.onFirst {
			on = servers[0]
		}
		stored, err := on.Client().Get(l.g.Context(), c.key).Int()
		if err != nil || stored > c.acknowledged+c.uncertain {
			l.g.Errorf("%s is %d, %v after %d acknowledged increments and %d uncertain ones", c.key, stored, err, c.acknowledged, c.uncertain)
		}
		if !c.onFirst && (c.uncertain > 0 || stored != c.acknowledged) {
			l.g.Errorf("%s, whose server was well, is %d after %d acknowledged increments and %d uncertain ones", c.key, stored, c.acknowledged, c.uncertain)
		}
	}
}

// switches tells when the first of the sentinels says that the primary called one was
// switched.
func (g *guarded) switches() <-chan time.Time {
	g.Helper()
	seen := make(chan time.Time, len(g.sentinels))
	var ended sync.WaitGroup
	g.Cleanup(ended.Wait) // after the connections are closed
	for _, s := range g.sentinels {
		c, err := redistest.Dial(s.Addr(), gross)
		if err != nil {
			g.Fatal(err)
		}
		if _, err := c.Do("SUBSCRIBE", "+switch-master"); err != nil {
			g.Fatal(err)
		}
		g.Cleanup(func() { _ = c.Close() })
		ended.Go(func() {
			for {
				message, err := c.Receive()
				if err != nil {
					return
				}
				if strings.Contains(fmt.Sprint(message), " one ") {
					seen <- time.Now()
					return
				}
			}
		})
	}
	return seen
}

// failsOver waits until the sentinels have put the replica of the first node in place of
// its primary, and clients write to it.
func (l *counting) failsOver(switched <-chan time.Time) {
	g := l.g
	g.Helper()
	running := &clock{}
	select {
	case running.since = <-switched:
		l.clock.Store(running)
	case <-time.After(gross):
		g.Fatal("the sentinels do not switch")
	}
	eventually(g.T, "writes resume", func() bool { return running.took.Load() != 0 })
	took := time.Duration(running.took.Load())
	g.Logf("the first write was acknowledged %v after the switch", took)
	if took > 10*time.Second {
		g.Errorf("it took %v", took)
	}
	eventually(g.T, "INFO has the new address", func() bool { return g.addressOf("a") == g.replicas[0].Addr() })
}

// dismiss ends all sentinels, so that nobody tells anybody anything any more.
func (g *guarded) dismiss() {
	for _, s := range g.sentinels {
		s.Kill()
	}
}
