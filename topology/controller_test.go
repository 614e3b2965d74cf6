package topology

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
)

const walkSteps = 6000

func TestNoWalkEndsInALie(t *testing.T) {
	seeds := 400
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		seeds = 100_000
	}
	if one, err := strconv.Atoi(os.Getenv("RINGMAIN_TRACE_SEED")); err == nil {
		w := newWalk(uint64(one), os.Getenv("RINGMAIN_TRACE_MUTANT"))
		w.trace = func(format string, args ...any) { t.Logf("%5d "+format, append([]any{w.now}, args...)...) }
		w.run(walkSteps)
		t.Log(w.lie)
		return
	}
	reads, hits, returns := 0, 0, 0
	for seed := range seeds {
		w := newWalk(uint64(seed), "")
		w.run(walkSteps)
		if w.lie != "" {
			t.Fatalf("seed %d: %s (RINGMAIN_TRACE_SEED=%d shows it)", seed, w.lie, seed)
		}
		reads, hits, returns = reads+w.reads, hits+w.hits, returns+w.returns
	}
	t.Logf("%d walks: %d reads, %d hits, %d returns", seeds, reads, hits, returns)
	if hits < reads/10 || returns < seeds/4 {
		t.Errorf("only %d of %d reads hit, and only %d servers returned", hits, reads, returns)
	}
}

// walkMutants are the ways in which the protocol can be carried out wrongly, each with a
// seed whose walk ends in a lie then.
var walkMutants = map[string]uint64{
	"FLUSHALL for nothing":                5,
	"a clean-up does not pay":             25,
	"an owing substitute skipped":         217,
	"an unknown marker ignored":           1691,
	"first connection not fenced":         118,
	"flush ignored":                       3915,
	"leases not fenced":                   19,
	"markers after rerouting began":       17494,
	"markers before the barrier":          263,
	"no barrier between loops":            3,
	"no fence":                            7,
	"no incarnation in the marker":        5872,
	"no record":                           11,
	"no run id in the marker":             1260,
	"one loop's overflow ignored":         4918,
	"overflow ignored":                    571,
	"owing forgotten at a second fall":    7627,
	"own refuge not flushed":              157,
	"plain fail":                          1039,
	"refuges not flushed":                 397,
	"refuges not owing":                   7627,
	"run id not compared":                 92,
	"the returning server's marker first": 25427,
	"trust from too few servers":          2,
	"owing only what the last view used":  17953,
}

// huntWalks is how many seeds RINGMAIN_HUNT=1 tries for each mutant, to find new seeds when
// the walks have changed.
const huntWalks = 100_000

func TestEveryMutantEndsInALie(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(walkMutants)) {
		t.Run(name, func(t *testing.T) {
			first, most := walkMutants[name], uint64(1)
			if os.Getenv("RINGMAIN_HUNT") != "" {
				first, most = 0, huntWalks
			}
			for seed := first; seed < first+most; seed++ {
				w := newWalk(seed, name)
				if w.run(walkSteps); w.lie != "" {
					t.Logf("seed %d: %s", seed, w.lie)
					return
				}
			}
			t.Errorf("no walk from seed %d on ends in a lie, out of %d", first, most)
		})
	}
}
