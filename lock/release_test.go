package lock

import (
	"slices"
	"testing"
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
