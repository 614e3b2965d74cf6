package counter

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestNoIncrementIsLostOrCountedTwice(t *testing.T) {
	seeds := 3000
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		seeds = 100_000
	}
	if one, err := strconv.Atoi(os.Getenv("RINGMAIN_TRACE_SEED")); err == nil {
		s := newSim(uint64(one), os.Getenv("RINGMAIN_TRACE_MUTANT"))
		s.trace = func(format string, args ...any) { t.Logf("%12v "+format, append([]any{s.now}, args...)...) }
		t.Log(s.run())
		return
	}
	var sum struct{ deeds, refused, uncertain, wipes, repairs, told atomic.Int64 }
	hunt("", seeds, func(seed uint64, s *sim) bool {
		if s.fault != "" {
			t.Errorf("seed %d: %s (RINGMAIN_TRACE_SEED=%d shows it)", seed, s.fault, seed)
			return false
		}
		for _, d := range s.deeds {
			sum.deeds.Add(1)
			sum.refused.Add(oneIf(d.refused))
			sum.uncertain.Add(oneIf(!d.refused && !d.answered))
		}
		sum.told.Add(oneIf(s.told))
		sum.wipes.Add(int64(s.wipes))
		sum.repairs.Add(int64(s.healed))
		return true
	})
	t.Logf("%d seeds: %d commands, %d refused, %d uncertain, %d servers emptied, %d filled again, %d held against one integer", seeds, sum.deeds.Load(),
		sum.refused.Load(), sum.uncertain.Load(), sum.wipes.Load(), sum.repairs.Load(), sum.told.Load())
	if n := sum.deeds.Load(); sum.uncertain.Load() < n/100 || sum.refused.Load() > n/4 || sum.repairs.Load() < int64(seeds/8) || sum.told.Load() < int64(seeds/16) {
		t.Error("these worlds are too friendly, or too hostile, to show anything")
	}
}

// hunt runs the worlds of many seeds, on all processors, until look returns false.
func hunt(mutant string, seeds int, look func(seed uint64, s *sim) bool) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= int64(seeds) {
					return
				}
				s := newSim(uint64(seed), mutant)
				s.run()
				if !look(uint64(seed), s) {
					next.Store(int64(seeds))
				}
			}
		})
	}
	wait.Wait()
}

// mutants are the ways in which the protocol can be carried out wrongly, each with a seed
// whose world shows it.
var mutants = map[string]uint64{
	"UNCERTAIN said NOQUORUM":             3,
	"a batch in doubt grows":              0,
	"a read asks one server":              36,
	"an empty server votes":               1,
	"applied again without looking":       0,
	"ballot kept after no answer":         30,
	"less than a majority":                0,
	"one incarnation for all":             0,
	"promises are not kept":               0,
	"copied without a promise":            4,
	"registers of one server":             159,
	"the next ballot is not promised":     1,
	"the state of whoever answers":        1,
	"what was forgotten is applied again": 72,
}

func TestEveryMutantIsFound(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		if os.Getenv("RINGMAIN_HUNT") != "" {
			var mu sync.Mutex
			found := false
			hunt(name, 100_000, func(seed uint64, s *sim) bool {
				mu.Lock()
				defer mu.Unlock()
				if s.fault != "" && !strings.Contains(s.fault, "cannot be read") && !found {
					found = true
					t.Logf("%q: %d, // %s", name, seed, s.fault)
				}
				return !found
			})
			if !found {
				t.Errorf("%s: not found", name)
			}
			continue
		}
		s := newSim(mutants[name], name)
		if s.run() == "" {
			t.Errorf("%s: seed %d does not show it (RINGMAIN_HUNT=1 looks for another)", name, mutants[name])
		}
		if fault := newSim(mutants[name], "").run(); fault != "" {
			t.Errorf("%s: seed %d shows a fault without it: %s", name, mutants[name], fault)
		}
	}
}
