package simtest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/topology"
)

const patrons = 8

// reroute is one run of a fleet: clients, and servers and a proxy that fail in all ways.
func reroute(seed uint64, trace io.Writer, m fleetMutant) (*fleet, error) {
	f := newFleet(seed, trace, m)
	defer f.end()
	f.history.LooseClocks()
	if !f.w.RunUntil(f.healthy, 10*time.Second) {
		return f, fmt.Errorf("the proxy does not begin")
	}
	var all []*patron
	for i := range patrons {
		p := &patron{f: f, number: i, address: proxyAddress(i % f.kind.loops)}
		all = append(all, p)
		p.start()
	}
	span := 4 * time.Second
	if m.dawdles {
		f.patience, span = 5*time.Second, 8*time.Second
	}
	f.dumps(f.w.Now() + span)
	f.wreck(span, int(span/time.Second)+f.w.Rand().IntN(8))
	f.run(span)
	if f.fault == nil {
		f.closing = true
		f.heal()
		f.finish(all)
	}
	if err := f.history.Check(); err != nil {
		f.w.Logf("fleet", "FAULT %v", err)
		return f, err
	}
	return f, f.fault
}

// end ends the coroutine of the proxy that is there, which would keep the whole world.
func (f *fleet) end() {
	if f.proxy != nil {
		f.proxy.steering.halt()
	}
}

// finish lets clients end and servers come back, and looks at everything.
func (f *fleet) finish(all []*patron) {
	f.adopts()
	if !f.w.RunUntil(func() bool { return ended(all) && f.healthy() }, time.Minute) {
		f.fail("after a minute clients still wait, or servers are not back: %+v", f.statuses())
		return
	}
	f.run(2 * time.Second)
	var last []*patron
	for i := range f.kind.loops {
		p := &patron{f: f, number: patrons + i, address: proxyAddress(i)}
		left := f.keys
		p.script = func() (orders []*order) {
			for ; len(left) > 0 && len(orders) < 20; left = left[1:] {
				orders = append(orders, &order{args: []string{"GET", left[0]}, kind: "$"})
			}
			return orders
		}
		last = append(last, p)
		p.start()
	}
	if !f.w.RunUntil(func() bool { return ended(last) && f.healthy() }, time.Minute) {
		f.fail("at the end clients still wait, or servers are not back")
	}
	if err := f.foreign(); err != nil {
		f.fail("%v", err)
	}
	if err := f.audit.check(); err != nil {
		f.fail("%v", err)
	}
}

// adopts has the operator look now and then for servers that nobody's marker is on, as
// evictions may have it, and empty them.
func (f *fleet) adopts() {
	if f.proxy != nil && slices.ContainsFunc(f.proxy.status, func(s topology.Status) bool { return strings.Contains(s.Reason, "adopt") }) {
		f.proxy.steering.adopt()
	}
	f.chaos.After(500*time.Millisecond, f.adopts)
}

func (f *fleet) statuses() any {
	if f.proxy == nil {
		return "the proxy is dead"
	}
	return f.proxy.status
}

func ended(all []*patron) bool {
	for _, p := range all {
		if !p.ended {
			return false
		}
	}
	return true
}

// sum adds up what many runs have seen.
type sum struct {
	mu sync.Mutex
	happened
}

func (s *sum) add(f *fleet) {
	stats := f.history.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.falls += f.happened.falls
	s.rerouted += f.happened.rerouted
	s.returns += f.happened.returns
	s.emptied += f.happened.emptied
	s.starts += f.starts
	s.endings += f.happened.endings
	s.reads += stats.Reads
	s.hits += stats.Hits
	s.writes += stats.Writes
	s.uncertain += stats.Uncertain
	s.longest = max(s.longest, f.happened.longest)
	s.colds += len(f.colds)
}

func TestAFleetThatReroutesNeverReturnsAnOlderValue(t *testing.T) {
	var s sum
	n := budget(200, 20_000)
	explore(t, n, func(seed uint64, trace io.Writer) error {
		m := fleetMutant{}
		if seed%2 == 0 { // in what brings mutants to light
			m.surroundings = fleetBreaches[seed/2%uint64(len(fleetBreaches))].in
		}
		f, err := reroute(seed, trace, m)
		s.add(f)
		return err
	})
	t.Logf("%+v", s.happened)
	if _, _, replay := oneSeed(t); !replay && (s.hits < s.reads/2 || s.falls < n || s.rerouted < n || s.returns < n || s.starts < n) {
		t.Error("the runs are too quiet or too rough to tell anything")
	}
}

func TestAFleetsRunFollowsFromItsSeed(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		var first, second bytes.Buffer
		_, errFirst := reroute(seed, &first, fleetMutant{})
		_, errSecond := reroute(seed, &second, fleetMutant{})
		if !bytes.Equal(first.Bytes(), second.Bytes()) || fmt.Sprint(errFirst) != fmt.Sprint(errSecond) {
			t.Fatalf("two runs with seed %d differ", seed)
		}
		if first.Len() < 100_000 {
			t.Fatalf("the trace of seed %d has %d bytes", seed, first.Len())
		}
	}
}
