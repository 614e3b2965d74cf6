package lock

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestTheReplyToAReleaseOverAllAnswers walks through all that N servers can say: each has
// deleted the lock, has none of the token's, or does not answer.
func TestTheReplyToAReleaseOverAllAnswers(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		spare := n - (n/2 + 1)
		walk(n, []releaseState{deleted, missing, noAnswer}, func(states []releaseState) {
			gone, had := 0, false
			for _, s := range states {
				if s == missing {
					gone++
				}
				had = had || s == deleted
			}
			want := unknown
			switch {
			case had && gone <= spare:
				want = released
			case gone > spare:
				want = notHeld
			}
			if got := judge(states, spare); got != want {
				t.Errorf("%v: got %v, want %v", states, got, want)
			}
		})
		// An early reply is what the reply would have been, whatever else comes.
		walk(n, []releaseState{unheard, deleted, missing, noAnswer}, func(states []releaseState) {
			early := judge(states, spare)
			if early == open {
				return
			}
			walk(n, []releaseState{deleted, missing, noAnswer}, func(final []releaseState) {
				for i, s := range states {
					if s != unheard && s != final[i] {
						return
					}
				}
				if got := judge(final, spare); got != early {
					t.Errorf("%v is %v, but %v is %v", states, early, final, got)
				}
			})
		})
	}
}

// walk calls f with each list of n states.
func walk(n int, of []releaseState, f func([]releaseState)) {
	states := make([]releaseState, n)
	var next func(i int)
	next = func(i int) {
		if i == n {
			f(slices.Clone(states))
			return
		}
		for _, s := range of {
			states[i] = s
			next(i + 1)
		}
	}
	next(0)
}

func TestWhatIsGivenBackIsWhatWasGotAndNothingNewer(t *testing.T) {
	for name, line := range map[string]string{"SET": "SET lock:a t NX PX 10000", "LOCK": "RINGMAIN.LOCK lock:a t PX 10000"} {
		sc := newScene(t, 3, 2)
		if name == "LOCK" {
			sc.fences.(*counterFences).err = errors.New("NOQUORUM no numbers") // and so it is no lock
		}
		sc.pass(time.Second) // nobody examines servers now
		leave := sc.proxies[0].command(line, func(string) {})
		sc.pass(150 * time.Microsecond) // the servers have granted it
		if name == "SET" {
			leave()
			sc.delay = func() time.Duration { return 10 * time.Millisecond }
			sc.pass(100 * time.Microsecond) // it is on its way back
		} else {
			sc.pass(time.Millisecond)
			sc.delay = func() time.Duration { return 10 * time.Millisecond }
			sc.pass(100 * time.Microsecond)
		}
		sc.delay = func() time.Duration { return 100 * time.Microsecond }
		sc.expectHeld("lock:a", "t t t")
		sc.expect(1, "DELIFEQ lock:a t", ":1")
		sc.expect(1, "SET lock:a t NX PX 10000", "+OK")
		sc.pass(time.Second)
		sc.expectHeld("lock:a", "t t t")
		sc.expect(1, "DELIFEQ lock:a t", ":1")
	}
}

func TestWhatIsForgottenWithOneOpLeavesOthers(t *testing.T) {
	sc := newScene(t, 3, 1)
	e := sc.proxies[0].engine
	keys := []string{"lock:a"}
	e.remember(keys, "t", [][]string{{"1"}, {"1", "2"}, {"2"}}, time.Second)
	e.forget(keys, "t", "1")
	if e.has(keys, "t", 0, "1") || e.has(keys, "t", 1, "1") || !e.has(keys, "t", 1, "2") || !e.has(keys, "t", 2, "2") {
		t.Errorf("known are %v", e.known(keys, "t"))
	}
	e.forget(keys, "t", "2")
	if e.knows(keys, "t") {
		t.Errorf("known are %v", e.known(keys, "t"))
	}
}
