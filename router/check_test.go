package router

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCheckTellsWhatEachDistributionRefuses(t *testing.T) {
	servers := func(weights ...int) []Server {
		var all []Server
		for i, w := range weights {
			all = append(all, Server{Name: fmt.Sprintf("n%d", i+1), Weight: w})
		}
		return all
	}
	for _, c := range []struct {
		pool Pool
		want []string // nil: nothing is wrong
	}{
		{Pool{Servers: servers(1, 100)}, nil},
		{Pool{Servers: servers(1, 101)}, []string{`"n2": weight 101: must be 1 to 100`}},
		{Pool{Distribution: "ketama", Servers: servers(1, 1_000_000)}, nil},
		{Pool{Distribution: "ketama", Servers: servers(0, 1_000_001)}, []string{`"n1": weight 0`, `"n2": weight 1000001: must be 1 to 1000000`}},
		{Pool{Distribution: "modula", Servers: servers(1_000_000, 1_000_000)}, nil},
		{Pool{Distribution: "modula", Servers: servers(1_000_000, 1_000_001)}, []string{"all weights together are 2000001: at most 2000000"}},
		{Pool{Distribution: "jump", Servers: servers(1, 1)}, nil},
		{Pool{Distribution: "jump", Servers: servers(2, 2)}, []string{`"n1": weight 2: must be 1`, `"n2": weight 2: must be 1`}},
		{Pool{Distribution: "maglev", Servers: servers(100, 1)}, nil},
		{Pool{Distribution: "maglev", Servers: servers(100, 101)}, []string{`"n2": weight 101`}},
		{Pool{Distribution: "maglev", Servers: servers(slices.Repeat([]int{100}, 66)...)}, []string{"all weights together are 6600: at most 6553"}},
		{Pool{Distribution: "jump", Servers: servers(slices.Repeat([]int{1}, MaxServers+1)...)}, []string{"3126 servers: at most 3125"}},
		{Pool{Distribution: "random", Hash: "sha1", HashTag: "x", Servers: servers(1)},
			[]string{`distribution "random": must be one of ring, ketama, modula, jump, maglev`, `hash "sha1": must be one of xxh64, one_at_a_time, md5`, "hash tag"}},
		{Pool{Distribution: "ketama"}, []string{"no servers"}},
		{Pool{Distribution: "Ring", Servers: []Server{{Weight: 1}}}, []string{`distribution "Ring"`, "number 1 has no name"}},
	} {
		err := Check(c.pool)
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s, %d servers: error %v", c.pool.Distribution, len(c.pool.Servers), err)
		}
		for _, want := range c.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v does not say %q", c.pool.Distribution, err, want)
			}
		}
		c.pool.Name = "p"
		if _, got := New(1, []Pool{c.pool}, nil); (got == nil) != (err == nil) || got != nil && got.Error() != `pool "p": `+err.Error() {
			t.Errorf("New says %v, Check %v", got, err)
		}
	}
}

func TestTheDefaultsAreRingAndXXH64(t *testing.T) {
	s, named := mustSnapshot(t, 5), Pool{Name: "main", HashTag: "{}", Database: 2, Servers: nameSet(1, 5), Distribution: "ring", Hash: "xxh64"}
	other, err := New(7, []Pool{named}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range testKeys(1000) {
		if s.Pick(ByRoutes, key) != other.Pick(ByRoutes, key) {
			t.Fatalf("%s is placed in two ways", key)
		}
	}
	if Distributions()[0] != "ring" || Hashes()[0] != "xxh64" || len(Distributions()) != 5 || len(Hashes()) != 13 {
		t.Errorf("%v, %v", Distributions(), Hashes())
	}
}

// everyPool is five servers with each distribution and hash.
func everyPool(t testing.TB, each func(name string, s *Snapshot)) {
	t.Helper()
	for _, distribution := range Distributions() {
		for _, hash := range Hashes() {
			s, err := New(1, []Pool{{Name: "main", Distribution: distribution, Hash: hash, HashTag: "{}", Servers: nameSet(1, 5)}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			each(distribution+" "+hash, s)
		}
	}
}

func TestNoDistributionOrHashAllocates(t *testing.T) {
	keys := testKeys(10)
	everyPool(t, func(name string, s *Snapshot) {
		var b Split
		s.Split(&b, ByRoutes, false, keys, 1)
		if n := testing.AllocsPerRun(20, func() { s.Pick(ByRoutes, keys[3]); s.Split(&b, ByRoutes, false, keys, 1) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	})
	down := NewServerSet(0, 1, 3, 4)
	for _, name := range Distributions() {
		d := build(t, name, nameSet(1, 5))
		if n := testing.AllocsPerRun(100, func() { d.owner(golden, down) }); n != 0 {
			t.Errorf("%s with servers down: %v allocations", name, n)
		}
	}
}

func BenchmarkPickOfEveryKind(b *testing.B) {
	keys := testKeys(1 << 10)
	everyPool(b, func(name string, s *Snapshot) {
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				s.Pick(ByRoutes, keys[i&(1<<10-1)])
				i++
			}
		})
	})
}
