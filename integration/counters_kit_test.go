package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringmain/internal/countercheck"
)

// callsOfName is for how many commands counters of a load have one name: histories of more
// take long to check.
const callsOfName = 250

// total is what clients were told of a counter that is only incremented.
type total struct {
	acknowledged, uncertain atomic.Int64

	mu   sync.Mutex
	told map[int64]int // how often a number was told
}

// counterLoad is clients that use counters.
type counterLoad struct {
	clients, keys int    // the first fifth of the keys are only incremented
	seed          uint64 // loads of different seeds use different counters

	began  time.Time
	log    *countercheck.Log
	calls  []atomic.Int64 // by key
	totals []*total       // of the first keys

	stop    chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	errors  map[string]int  // by their first words
	faults  []string        // what clients saw that is wrong
	names   map[string]bool // of all counters; true: a change of it was acknowledged
}

func (l *counterLoad) run(proxies []*ringmain) {
	l.began, l.stop, l.errors, l.names = time.Now(), make(chan struct{}), map[string]int{}, map[string]bool{}
	l.log, l.calls = countercheck.New(), make([]atomic.Int64, l.keys)
	for range l.keys / 5 {
		l.totals = append(l.totals, &total{told: map[int64]int{}})
	}
	for i := range l.clients {
		c := &counterClient{l, i, &steadfast{addr: proxies[i%len(proxies)].Addr()}, rand.New(rand.NewPCG(l.seed, uint64(i)))}
		l.running.Go(c.run)
	}
}

func (l *counterLoad) end() {
	close(l.stop)
	l.running.Wait()
}

// name is that of a key for its next command.
func (l *counterLoad) name(key int) string {
	return fmt.Sprintf("counter:%d:%d:%d", l.seed, key, l.calls[key].Add(1)/callsOfName)
}

// used takes down that a counter was named, and whether it was changed.
func (l *counterLoad) used(name string, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names[name] = l.names[name] || changed
}

func (l *counterLoad) totalKey(key int) string {
	return fmt.Sprintf("counter:%d:total:%d", l.seed, key)
}

// fate is what became of a command.
type fate int

const (
	isDone fate = iota
	isRefused
	isUncertain
)

// told takes down what a client was told.
func (l *counterLoad) told(err error) fate {
	if err == nil {
		return isDone
	}
	word, _, _ := strings.Cut(err.Error(), " ")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors[word]++
	switch word {
	case "NOQUORUM":
		return isRefused
	case "UNCERTAIN":
	default:
		l.faults = append(l.faults, err.Error())
	}
	return isUncertain
}

func (l *counterLoad) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	acknowledged, uncertain := int64(0), int64(0)
	for _, t := range l.totals {
		acknowledged, uncertain = acknowledged+t.acknowledged.Load(), uncertain+t.uncertain.Load()
	}
	return fmt.Sprintf("commands %+v; %d increments acknowledged and %d uncertain; errors %v", l.log.Counts(), acknowledged, uncertain, l.errors)
}

// check reports everything that no client may see. addr is a proxy, with the links whole
// again.
func (l *counterLoad) check(t testing.TB, addr string) {
	t.Helper()
	for _, one := range l.faults[:min(len(l.faults), 10)] {
		t.Error(one)
	}
	if err := l.log.Check(4 * gross); err != nil {
		t.Error(clip(err.Error()))
	}
	c := &steadfast{addr: addr}
	defer c.close()
	for key, told := range l.totals {
		var v any
		var err error
		eventually(t, "a counter is read", func() bool { v, err = c.do("GET", l.totalKey(key)); return err == nil })
		final := int64(0)
		if text, ok := v.(string); ok {
			if final, err = strconv.ParseInt(text, 10, 64); err != nil {
				t.Error(err)
			}
		}
		if least, most := told.acknowledged.Load(), told.acknowledged.Load()+told.uncertain.Load(); final < least || final > most {
			t.Errorf("%s is %d, want %d to %d", l.totalKey(key), final, least, most)
		}
		for n, times := range told.told {
			if times > 1 || n < 1 || n > final {
				t.Errorf("%s, which is %d, told clients %d times that it is %d", l.totalKey(key), final, times, n)
			}
		}
	}
}

// counterClient is one client of a counterLoad.
type counterClient struct {
	*counterLoad
	number int
	conn   *steadfast
	rng    *rand.Rand
}

func (c *counterClient) run() {
	for {
		select {
		case <-c.stop:
			c.conn.close()
			return
		default:
		}
		if key := c.rng.IntN(c.keys); key < len(c.totals) {
			c.increment(key)
		} else {
			c.command(key)
		}
	}
}

func (c *counterClient) increment(key int) {
	t := c.totals[key]
	v, err := c.conn.do("INCR", c.totalKey(key))
	c.used(c.totalKey(key), err == nil)
	switch c.told(err) {
	case isUncertain:
		t.uncertain.Add(1)
	case isDone:
		t.acknowledged.Add(1)
		n, _ := v.(int64)
		t.mu.Lock()
		t.told[n]++
		t.mu.Unlock()
	}
}

// command sends one of many commands, more of those that tell what they found.
func (c *counterClient) command(key int) {
	verb := []string{"incr", "incr", "incr", "decr", "incrby", "decrby", "get", "get", "set", "del"}[c.rng.IntN(10)]
	name, by := c.name(key), int64(c.rng.IntN(1000))
	args := []any{verb, name}
	switch verb {
	case "set", "incrby", "decrby":
		args = append(args, by)
	}
	call := c.log.Send(time.Since(c.began), c.number, verb, name, by)
	v, err := c.conn.do(args...)
	c.used(name, err == nil && verb != "get" && verb != "del")
	at := time.Since(c.began)
	switch c.told(err) {
	case isDone:
		call.Replied(at, v)
	case isRefused:
		call.Refused(at)
	case isUncertain:
		call.Unknown(at)
	}
}

// The keys on a quorum's servers.
const (
	identityKey     = "__ringmain:quorum"
	settingsKey     = "__ringmain:settings"
	counterRegister = "__ringmain:c:"
	fenceRegister   = "__ringmain:r:fence:"
)

// countingProxies starts n proxies in front of an initialised quorum, and waits until each
// changes counters at every server.
func (q *testQuorum) countingProxies(t testing.TB, n int) []*ringmain {
	t.Helper()
	list := q.startProxies(t, n)
	for _, s := range q.servers {
		eventually(t, "every server counts", func() bool { return counts(list)(s, time.Now()) })
	}
	return list
}

// counts reports whether every proxy changes a counter at a server.
func counts(proxies []*ringmain) func(s *quorumServer, since time.Time) bool {
	return func(s *quorumServer, _ time.Time) bool {
		for i, p := range proxies {
			register := counterRegister + "counter:probe:" + strconv.Itoa(i)
			before, err := s.Do("GET", register)
			if err != nil {
				return false
			}
			c := &steadfast{addr: p.Addr()}
			_, failed := c.do("INCR", "counter:probe:"+strconv.Itoa(i))
			c.close()
			after, err := s.Do("GET", register)
			if failed != nil || err != nil || after == nil || after == before {
				return false
			}
		}
		return identified(s)
	}
}

// identified reports whether a server knows that it belongs to its quorum.
func identified(s *quorumServer) bool {
	ctx, cancel := context.WithTimeout(context.Background(), gross)
	defer cancel()
	n, err := s.Client().Exists(ctx, identityKey).Result()
	return err == nil && n == 1
}

// keysWith are the keys of a server with a prefix, without it.
func keysWith(t testing.TB, s *quorumServer, prefix string) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	found := s.Client().Scan(t.Context(), 0, prefix+"*", 10_000).Iterator()
	for found.Next(t.Context()) {
		keys[strings.TrimPrefix(found.Val(), prefix)] = true
	}
	succeed(t, found.Err())
	return keys
}
