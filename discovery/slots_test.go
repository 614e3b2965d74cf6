package discovery

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestAServerKeepsItsNumberAndOthersGetItLast(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := NewSlots(4)
	for _, step := range []struct {
		after      time.Duration
		names      []string
		came, left []int
		gone       []string
	}{
		{0, []string{"a", "b"}, []int{0, 1}, nil, nil},
		{time.Second, []string{"a", "b"}, nil, nil, nil},
		{time.Second, []string{"b", "c"}, []int{2}, []int{0}, []string{"a"}}, // not that of a
		{time.Second, []string{"a", "c"}, []int{0}, []int{1}, []string{"b"}}, // its own
		{time.Second, []string{"a", "d"}, []int{3}, []int{2}, []string{"c"}},
		{time.Second, []string{"a", "d", "e"}, []int{1}, nil, nil}, // there is none that was never used
		{time.Second, []string{"f"}, []int{2}, []int{0, 1, 3}, []string{"a", "e", "d"}},
		{time.Second, []string{"w", "x", "y", "z"}, []int{0, 1, 2, 3}, []int{2}, []string{"f"}}, // one that is left only now
	} {
		now = now.Add(step.after)
		came, left, gone := s.Take(now, step.names)
		if !slices.Equal(came, step.came) || !slices.Equal(left, step.left) || !slices.Equal(gone, step.gone) {
			t.Fatalf("%v: came %v, left %v, gone %v", step.names, came, left, gone)
		}
	}
}

func TestANumberThatHasRestedComesBeforeANewOne(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := NewSlots(9)
	s.Take(now, []string{"a"})
	s.Take(now, []string{"b"})
	if came, _, _ := s.Take(now.Add(rest), []string{"b", "c"}); !slices.Equal(came, []int{0}) {
		t.Errorf("c comes to %v", came)
	}
}

func TestHoweverServersComeAndGoEachHasANumberOfItsOwn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s, now := NewSlots(8), time.Unix(1_000_000, 0)
	before := map[int]string{}
	for range 20_000 {
		now = now.Add(time.Duration(rng.Int64N(int64(rest))))
		var names []string
		for _, n := range rng.Perm(20)[:1+rng.IntN(8)] {
			names = append(names, fmt.Sprint("s", n))
		}
		came, left, gone := s.Take(now, names)
		after := map[int]string{}
		s.Each(func(i int, name string) { after[i] = name })
		if len(after) != len(names) {
			t.Fatalf("%v have %v", names, after)
		}
		for i := range 8 {
			switch was, is := before[i], after[i]; {
			case is != "" && !slices.Contains(names, is):
				t.Fatalf("%s is in %v, want %v", is, after, names)
			case (was != is && is != "") != slices.Contains(came, i), (was != is && was != "") != slices.Contains(left, i):
				t.Fatalf("%v became %v: came %v, left %v", before, after, came, left)
			case was != is && was != "" && !slices.Contains(gone, was):
				t.Fatalf("%v became %v: gone %v", before, after, gone)
			}
		}
		before = after
	}
}
