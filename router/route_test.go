package router

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// threePools have two servers each, and a database of their own.
func threePools() []Pool {
	var pools []Pool
	for i, name := range []string{"main", "sessions", "carts"} {
		pools = append(pools, Pool{Name: name, HashTag: "{}", Database: int32(i), Servers: nameSet(i, 2)})
	}
	return pools
}

func routed(t testing.TB, routes ...Route) *Snapshot {
	t.Helper()
	s, err := New(1, threePools(), routes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func scopeOf(t *testing.T, s *Snapshot, pool string) Scope {
	t.Helper()
	scope, ok := s.ScopeOf(pool)
	if !ok {
		t.Fatalf("no scope %q", pool)
	}
	return scope
}

func TestTheLongestPrefixChoosesThePool(t *testing.T) {
	s := routed(t, Route{"session:", "sessions"}, Route{"", "main"}, Route{"session:cart:", "carts"}, Route{"{c}", "carts"},
		Route{"s", "main"}, Route{"\xff\xff", "carts"})
	for key, want := range map[string]string{
		"": "main", "a": "main", "s": "main", "session": "main", "session:": "sessions", "session:1": "sessions",
		"session:cart": "sessions", "session:cart:1": "carts", "session:carz": "sessions", "sessionz": "main", "z": "main",
		"{c}": "carts", "{c}1": "carts", "{c": "main", "x{session:}": "main", "{session:1}": "main", "\xff": "main", "\xff\xff\xff": "carts",
	} {
		place := s.Pick(ByRoutes, []byte(key))
		if got := s.Servers[place.Server].Pool; got != want || int(place.Database) != map[string]int{"main": 0, "sessions": 1, "carts": 2}[want] {
			t.Errorf("%q goes to pool %s, database %d, want %s", key, got, place.Database, want)
		}
		if got := s.Explain(ByRoutes, []byte(key)).Pool; got != want {
			t.Errorf("%q is explained with pool %s, want %s", key, got, want)
		}
	}
}

// naiveRoute is the slow twin of routes.find.
func naiveRoute(all []Route, key string) string {
	best := ""
	for _, r := range all {
		if strings.HasPrefix(key, r.Prefix) && len(r.Prefix) > len(best) {
			best = r.Prefix
		}
	}
	return best
}

func TestRoutesFindWhatALookAtEveryPrefixFinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(40, 40))
	word := func(most int) string {
		b := make([]byte, rng.IntN(most))
		for i := range b {
			b[i] = "ab\x00\xff"[rng.IntN(4)]
		}
		return string(b)
	}
	for range 60 {
		all, seen := []Route{{"", "main"}}, map[string]bool{"": true}
		for range rng.IntN(60) {
			if p := word(8); !seen[p] {
				seen[p] = true
				all = append(all, Route{p, "carts"})
			}
		}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		s := routed(t, all...)
		for range 100 {
			key := word(12)
			if got, want := s.Explain(ByRoutes, []byte(key)).Route, naiveRoute(all, key); got != want {
				t.Fatalf("%q takes route %q, want %q, of %q", key, got, want, all)
			}
		}
	}
}

func TestAScopeSendsEveryKeyToItsPool(t *testing.T) {
	s := routed(t, Route{"s", "sessions"}, Route{"", "main"})
	if got := scopeOf(t, s, ""); got != ByRoutes {
		t.Errorf("the scope of no pool is %d", got)
	}
	for _, pool := range []string{"main", "sessions", "carts"} {
		for _, key := range []string{"s1", "m1", ""} {
			if got := s.Servers[s.Pick(scopeOf(t, s, pool), []byte(key)).Server].Pool; got != pool {
				t.Errorf("scope %s: %q goes to %s", pool, key, got)
			}
		}
	}
	if _, ok := s.ScopeOf("nothing"); ok {
		t.Error("a pool that does not exist has a scope")
	}
}

func TestSeveralPoolsWithoutRoutesAreReachedByScopeOnly(t *testing.T) {
	s := routed(t)
	if _, ok := s.ScopeOf(""); ok {
		t.Error("there are no routes to choose by")
	}
	if f := s.Fleet(scopeOf(t, s, "carts")); !reflect.DeepEqual(f, Fleet{Pool: "carts", First: 4, Count: 2, Span: 2, Database: 2}) {
		t.Errorf("fleet %+v", f)
	}
}

func TestTheFleetIsThatOfTheScopeOrTheCatchAll(t *testing.T) {
	for _, c := range []struct {
		routes []Route
		scope  string
		want   Fleet
	}{
		{[]Route{{"", "sessions"}, {"m", "main"}}, "", Fleet{Pool: "sessions", First: 2, Count: 2, Span: 2, Database: 1, Partial: true}},
		{[]Route{{"", "sessions"}, {"m", "main"}}, "main", Fleet{Pool: "main", First: 0, Count: 2, Span: 2, Database: 0, Partial: false}},
		{[]Route{{"", "sessions"}, {"m", "sessions"}}, "", Fleet{Pool: "sessions", First: 2, Count: 2, Span: 2, Database: 1, Partial: false}},
		{[]Route{{"", "carts"}}, "", Fleet{Pool: "carts", First: 4, Count: 2, Span: 2, Database: 2, Partial: false}},
	} {
		s := routed(t, c.routes...)
		if got := s.Fleet(scopeOf(t, s, c.scope)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v, scope %q: %+v, want %+v", c.routes, c.scope, got, c.want)
		}
	}
}

func TestExplainTellsWhatPickDoes(t *testing.T) {
	pools := threePools()
	pools[1].Hash, pools[1].Distribution = "fnv1a_64", "ketama"
	pools[2].Hash = "crc32"
	s, err := New(1, pools, []Route{{"s:", "sessions"}, {"c:", "carts"}, {"", "main"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key, pool, route, part, hash, distribution string
		value                                      uint64
	}{
		{"a", "main", "", "a", "xxh64", "ring", 0xd24ec4f1a98c6e5b},
		{"s:{foobar}", "sessions", "s:", "foobar", "fnv1a_64", "ketama", 0xf73967e8},
		{"c:{123456789}x", "carts", "c:", "123456789", "crc32", "ring", 0x4bf4},
	} {
		e := s.Explain(ByRoutes, []byte(c.key))
		if e.Pool != c.pool || e.Route != c.route || string(e.HashedPart) != c.part || e.HashName != c.hash ||
			e.Distribution != c.distribution || e.Hash != c.value {
			t.Errorf("%q: %+v", c.key, e)
		}
		if len(e.Choices) != 2 || e.Choices[0] != s.Pick(ByRoutes, []byte(c.key)).Server || s.Servers[e.Choices[1]].Pool != c.pool {
			t.Errorf("%q: choices %v", c.key, e.Choices)
		}
		if got := s.HashedPart(ByRoutes, []byte(c.key)); string(got) != c.part {
			t.Errorf("%q: hashed part %q", c.key, got)
		}
	}
	scoped := s.Explain(scopeOf(t, s, "main"), []byte("s:1"))
	if scoped.Pool != "main" || scoped.Route != "" {
		t.Errorf("by scope: %+v", scoped)
	}
}

func TestSplitKeepsPoolsApart(t *testing.T) {
	s := routed(t, Route{"s", "sessions"}, Route{"c", "carts"}, Route{"", "main"})
	var args [][]byte
	var places, scoped []Place
	for i := range 60 {
		key := fmt.Appendf(nil, "%c%d", "sca"[i%3], i)
		args = append(args, key)
		places = append(places, s.Pick(ByRoutes, key))
		scoped = append(scoped, s.Pick(2, key))
	}
	var b Split
	s.Split(&b, ByRoutes, false, args, 1)
	checkSplit(t, &b, places)
	s.Split(&b, scopeOf(t, s, "carts"), false, args, 1)
	checkSplit(t, &b, scoped)
}

func TestErrorsOfRoutesNameThemAndWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct {
		routes []Route
		want   []string
	}{
		{[]Route{{"s", "sessions"}}, []string{"no route takes the keys that no prefix matches", "without a prefix"}},
		{[]Route{{"", "main"}, {"s", "session"}}, []string{`prefix "s"`, `no pool "session"`, `"carts", "main", "sessions"`}},
		{[]Route{{"", "main"}, {"s", "sessions"}, {"s", "carts"}}, []string{`prefix "s"`, "there are two", `"sessions"`, `"carts"`}},
		{[]Route{{"", "main"}, {"", "carts"}, {"x", "y"}}, []string{`prefix ""`, "there are two", `no pool "y"`}},
		{make([]Route, MaxRoutes+1), []string{"10001 routes", "at most 10000"}},
	} {
		_, err := New(1, threePools(), c.routes)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%.80v: error %v does not say %q", c.routes, err, want)
			}
		}
	}
}

// manyRoutes are n prefixes, half of them beneath others.
func manyRoutes(n int) []Route {
	all := []Route{{"", "main"}}
	for i := 1; i < n; i++ {
		all = append(all, Route{fmt.Sprintf("team%d:%s", i/2, strings.Repeat("part:", i%2)), []string{"sessions", "carts"}[i%2]})
	}
	return all
}

func TestPickByAThousandRoutesDoesNotAllocate(t *testing.T) {
	s := routed(t, manyRoutes(1000)...)
	key := []byte("team333:part:17")
	if n := testing.AllocsPerRun(100, func() { s.Pick(ByRoutes, key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRoutes(b *testing.B) {
	for _, n := range []int{1, 2, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := routed(b, manyRoutes(n)...)
			var keys [][]byte
			for i := range 1 << 10 {
				keys = append(keys, fmt.Appendf(nil, "team%d:part:%d", i%600, i))
			}
			i := 0
			for b.Loop() {
				s.Pick(ByRoutes, keys[i&(1<<10-1)])
				i++
			}
		})
	}
}
