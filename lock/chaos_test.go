package lock

import (
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const chaosLength = 5 * time.Minute

// TestNoTwoClientsHoldALockAtOnceWhateverHappens walks through many quorums in trouble.
// RINGMAIN_TRACE_SEED=N shows one. RINGMAIN_TORTURE=1 simulates a thousand hours.
func TestNoTwoClientsHoldALockAtOnceWhateverHappens(t *testing.T) {
	first, seeds := uint64(1), 40/raceShare
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		seeds = int(1000*time.Hour/chaosLength) / raceShare
	}
	if one, err := strconv.ParseUint(os.Getenv("RINGMAIN_TRACE_SEED"), 10, 64); err == nil {
		first, seeds = one, 1
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // there is little to keep
	began := time.Now()
	var mu sync.Mutex
	var all checker
	faults, next := map[string]int{}, 0
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for {
				mu.Lock()
				seed := first + uint64(next)
				next++
				mu.Unlock()
				if seed >= first+uint64(seeds) {
					return
				}
				c := newChaos(seed, "")
				c.run(chaosLength)
				c.rest()
				mu.Lock()
				for _, f := range c.found {
					t.Errorf("seed %d: %s", seed, f)
				}
				all.grants += c.grants
				all.fenced += c.fenced
				all.extended += c.extended
				for name, n := range c.faults {
					faults[name] += n
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	t.Logf("%d seeds, %v: %d grants, %d extended, %d numbers; faults %v; %v", seeds, time.Duration(seeds)*chaosLength, all.grants, all.extended, all.fenced, faults, time.Since(began).Round(time.Millisecond))
	if seeds > 1 && (all.grants < 30*seeds || all.extended < 4*seeds || all.fenced < 4*seeds) {
		t.Error("too little happened for this to tell anything")
	}
}

// TestSeedsThatHaveShownAFaultShowNoneAnyMore has those that a thousand hours have found once.
func TestSeedsThatHaveShownAFaultShowNoneAnyMore(t *testing.T) {
	for _, seed := range []uint64{3300, 3372, 5968, 7529, 8754, 9348} {
		c := newChaos(seed, "")
		c.run(chaosLength)
		c.rest()
		for _, f := range c.found {
			t.Errorf("seed %d: %s", seed, f)
		}
	}
}

// rest looks at what is left when all has come to rest.
func (c *chaos) rest() {
	for i, s := range c.servers {
		for k := range s.dump() {
			if _, is := s.get(k); is && !strings.HasPrefix(k, "__ringmain:q") && !strings.HasPrefix(k, "__ringmain:s") {
				c.fail("server %d still has %s", i, k)
			}
		}
	}
	for i, p := range c.proxies {
		e := p.engine
		if e.gate.turns.window.Taken() != 0 {
			c.fail("proxy %d still has %d turns", i, e.gate.turns.window.Taken())
		}
		if len(e.gate.queues)+e.gate.queued+e.gate.bytes+len(e.gate.turns.line)+len(e.waiters)+e.waiting+e.chores+len(e.holds) > 0 {
			c.fail("proxy %d still has %d queues, %d waiters, %d chores, %d holds", i, len(e.gate.queues), len(e.waiters), e.chores, len(e.holds))
		}
	}
}

// mutants are the ways in which locks can be kept wrongly, each with a seed that shows it.
var mutants = map[string]uint64{
	"a majority of the live servers":                   1,
	"no quarantine":                                    3,
	"no drift allowance":                               68,
	"release by plain DEL":                             1,
	"rollback of votes that were not created":          1,
	"late deletes that do not look at the op":          11,
	"late acquisitions that extend what is newer":      9348,
	"votes that come late count":                       6,
	"time while a machine is suspended does not count": 9,
	"numbers drawn in advance":                         2,
}

// TestEveryWrongWayIsFound holds the checker against mutants. Where a change has moved what a
// seed shows, the next ones are tried; RINGMAIN_HUNT=1 tells which one to keep.
func TestEveryWrongWayIsFound(t *testing.T) {
	hunt := os.Getenv("RINGMAIN_HUNT") != ""
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		first, most := mutants[name], uint64(200)
		if hunt {
			first, most = 1, 2000
		}
		found := ""
		for seed := first; seed < first+most && found == ""; seed++ {
			c := newChaos(seed, name)
			for c.begin(chaosLength); c.now < c.end && len(c.found) == 0; {
				c.pass(time.Second)
			}
			if len(c.found) > 0 {
				found = fmt.Sprintf("seed %d: %s", seed, c.found[0])
			}
		}
		if found == "" {
			t.Errorf("%s: nothing is found with %d seeds from %d on", name, most, first)
		} else if hunt {
			t.Logf("%s: %s", name, found)
		}
	}
}
