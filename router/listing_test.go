package router

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// slotted is a snapshot of a pool before, one with slots of which a listing is in use, and
// one behind.
func slotted(t *testing.T, distribution string, slots []Slot) (*Snapshot, Scope) {
	t.Helper()
	fixed := func(name string) Pool {
		return Pool{Name: name, Servers: []Server{{Name: name + "1", Weight: 1}, {Name: name + "2", Weight: 1}}}
	}
	s, err := New(1, []Pool{fixed("a"), {Name: "b", HashTag: "{}", Distribution: distribution, Slots: 16,
		Servers: []Server{{Name: "unknown", Weight: 1}}}, fixed("c")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	scope, _ := s.ScopeOf("b")
	l, err := s.List(scope, slots)
	if err != nil {
		t.Fatal(err)
	}
	return s.WithListing(scope, l), scope
}

func TestKeysLiveWhereTheNamesSayWhateverSlotsTheServersHave(t *testing.T) {
	for _, distribution := range Distributions() {
		plain, err := New(1, []Pool{{Name: "b", HashTag: "{}", Distribution: distribution, Servers: []Server{
			{Name: "10.0.0.1:6379", Weight: 1}, {Name: "10.0.0.2:6379", Weight: 1}, {Name: "10.0.0.3:6379", Weight: 1}}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s, scope := slotted(t, distribution, []Slot{{9, "10.0.0.2:6379", "y"}, {15, "10.0.0.1:6379", "x"}, {0, "10.0.0.3:6379", "z"}})
		used := map[string]bool{}
		for n := range 1000 {
			key := fmt.Appendf(nil, "key:%d", n)
			got, want := s.Servers[s.Pick(scope, key).Server].Name, plain.Servers[plain.Pick(ByRoutes, key).Server].Name
			if got != want {
				t.Fatalf("%s: %s is on %s, want %s", distribution, key, got, want)
			}
			used[got] = true
			var choices, wanted []string
			for _, c := range s.Explain(scope, key).Choices {
				choices = append(choices, s.Servers[c].Name)
			}
			for _, c := range plain.Explain(ByRoutes, key).Choices {
				wanted = append(wanted, plain.Servers[c].Name)
			}
			if !slices.Equal(choices, wanted) {
				t.Fatalf("%s: the choices of %s are %v, want %v", distribution, key, choices, wanted)
			}
		}
		if len(used) != 3 {
			t.Errorf("%s: only %v are used", distribution, used)
		}
	}
}

func TestAFleetOfSlotsHasTheServersThatAreThere(t *testing.T) {
	s, scope := slotted(t, "ring", []Slot{{9, "y", "y:1"}, {2, "x", "x:1"}})
	f := s.Fleet(scope)
	if f.First != 2 || f.Count != 2 || f.Span != 16 || f.Place(0).Server != 4 || f.Place(1).Server != 11 {
		t.Errorf("%+v", f)
	}
	if f := s.Keys(scope, false); f.Count != 2 || f.Place(1).Server != 11 {
		t.Errorf("keys: %+v", f)
	}
	for i := range int32(len(s.Servers)) {
		want := i == 4 || i == 11
		if got := s.Reaches(scope, i); got != want {
			t.Errorf("reaches %d: %v", i, got)
		}
		if got := s.Has(i); got != (want || i < 2 || i >= 18) {
			t.Errorf("has %d: %v", i, got)
		}
	}
	if s.Servers[11] != (Server{Name: "y", Address: "y:1", Pool: "b", Weight: 1}) || s.Servers[18].Name != "c1" {
		t.Errorf("%v", s.Servers)
	}
	c, _ := s.ScopeOf("c")
	if p := s.Pick(c, []byte("k")); s.Servers[p.Server].Pool != "c" {
		t.Errorf("a key of another pool is on %v", s.Servers[p.Server])
	}
}

func TestAListingThatCannotBeIsRefused(t *testing.T) {
	s, scope := slotted(t, "ring", []Slot{{0, "x", ""}})
	for want, slots := range map[string][]Slot{
		"no servers":               nil,
		"slot 16: there are 16":    {{16, "x", ""}},
		"there are two of that na": {{1, "x", ""}, {2, "x", ""}},
	} {
		if _, err := s.List(scope, slots); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", slots, err, want)
		}
	}
}

func TestPickingAmongSlotsAllocatesNothing(t *testing.T) {
	s, scope := slotted(t, "ring", []Slot{{9, "y", "y:1"}, {2, "x", "x:1"}})
	key := []byte("some{tag}key")
	if n := testing.AllocsPerRun(100, func() { s.Pick(scope, key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
