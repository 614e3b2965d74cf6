package lockcheck

import (
	"testing"
	"time"
)

const s = time.Second

func prompt(time.Duration) time.Duration { return s / 10 }

func TestHoldsOfOneLockThatAreValidAtOnceAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		tell func(l *Log)
		want int
	}{
		"one after the other": {func(l *Log) {
			l.Granted("k", "a", 0, 0, s)
			l.Granted("k", "b", s/2, s, s)
		}, 0},
		"of two locks": {func(l *Log) {
			l.Granted("k", "a", 0, 0, s)
			l.Granted("l", "b", 0, 0, s)
		}, 0},
		"before the first ends": {func(l *Log) {
			l.Granted("k", "a", 0, 0, s)
			l.Granted("k", "b", s/2, s-1, s)
		}, 1},
		"told of in the other order": {func(l *Log) {
			l.Granted("k", "b", s/2, s-1, s)
			l.Granted("k", "a", 0, 0, s)
		}, 1},
		"of one client": {func(l *Log) {
			l.Granted("k", "a", 0, 0, s)
			l.Granted("k", "a", 0, s/2, s)
		}, 1},
		"within a long one, behind a short one": {func(l *Log) {
			l.Granted("k", "a", 0, 0, 10*s)
			l.Granted("k", "b", s, s, s)
			l.Granted("k", "c", 5*s, 5*s, s)
		}, 2},
		"after the first was given up": {func(l *Log) {
			l.Granted("k", "a", 0, 0, s).Ended(s / 2)
			l.Granted("k", "b", s/2, s/2, s)
		}, 0},
		"before the first was given up": {func(l *Log) {
			l.Granted("k", "a", 0, 0, s).Ended(s / 2)
			l.Granted("k", "b", s/4, s/2-1, s)
		}, 1},
		"while the first is extended": {func(l *Log) {
			l.Granted("k", "a", 0, 0, s).Extended(s/2, s/2, s)
			l.Granted("k", "b", s, s+s/4, s)
		}, 1},
		"after an extension that came too late": {func(l *Log) {
			l.Granted("k", "a", 0, 0, s).Extended(s/2, s, s)
			l.Granted("k", "b", s, s+s/4, s)
		}, 0},
		"after the first has ended that was shortened": {func(l *Log) {
			l.Granted("k", "a", 0, 0, 5*s).Extended(s, s, s)
			l.Granted("k", "b", 2*s, 2*s, s)
		}, 0},
		"within a tenth of a second that the first reply took": {func(l *Log) {
			l.Granted("k", "a", 0, s/10, s)
			l.Granted("k", "b", s, s+s/10-1, s)
		}, 1},
		"within the half second that the first reply took": {func(l *Log) {
			l.Granted("k", "a", 0, s/2, s)
			l.Granted("k", "b", s, s+s/10, s)
		}, 0},
		"when the reply came after the end": {func(l *Log) {
			l.Granted("k", "a", 0, 2*s, s)
			l.Granted("k", "b", s, 2*s-1, s)
		}, 0},
	} {
		l := New(prompt)
		c.tell(l)
		if got := l.Overlaps(); len(got) != c.want {
			t.Errorf("%s: %d overlaps are found, want %d: %q", name, len(got), c.want, got)
		}
	}
}

func TestFencingNumbersThatDoNotRiseWithTheHoldersAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		numbers []int64 // of a lock's holders, in turn
		want    int
	}{
		"rising":           {[]int64{1, 2, 9, 10}, 0},
		"not all have one": {[]int64{1, 0, 0, 2}, 0},
		"twice":            {[]int64{1, 2, 2, 3}, 1},
		"falling":          {[]int64{5, 4}, 1},
		"below an earlier": {[]int64{5, 2, 4, 6}, 2},
		"across a gap":     {[]int64{5, 0, 4}, 1},
	} {
		l := New(prompt)
		for i, n := range c.numbers {
			at := time.Duration(i) * s
			l.Granted("k", "a", at, at, s).Numbered(n)
			l.Granted("l", "a", at, at, s).Numbered(1000 + int64(i))
		}
		if got := l.Disorder(); len(got) != c.want {
			t.Errorf("%s: %d are found, want %d: %q", name, len(got), c.want, got)
		}
	}
}

func TestAResourceThatChecksNumbersTakesNoWriteBehindAHigherOne(t *testing.T) {
	for _, careless := range []bool{false, true} {
		r := &Resource{Careless: careless}
		for _, w := range []struct {
			fence int64
			taken bool
		}{{3, true}, {3, true}, {7, true}, {3, careless}, {6, careless}, {8, true}} {
			if got := r.Write(w.fence); got != w.taken {
				t.Errorf("careless %v: a write with %d is taken: %v", careless, w.fence, got)
			}
		}
		want := [3]int{4, 2, 0}
		if careless {
			want = [3]int{6, 0, 2}
		}
		taken, refused, outOfOrder := r.Counts()
		if got := [3]int{taken, refused, outOfOrder}; got != want {
			t.Errorf("careless %v: taken, refused, out of order: %v, want %v", careless, got, want)
		}
	}
}
