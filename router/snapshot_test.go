package router

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

func mustSnapshot(t testing.TB, servers int) *Snapshot {
	t.Helper()
	s, err := New(7, []Pool{{Name: "main", HashTag: "{}", Database: 2, Servers: nameSet(1, servers)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testKeys(n int) [][]byte {
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%012d", i)
	}
	return keys
}

func TestSnapshotKeepsWhatItWasGiven(t *testing.T) {
	servers := []Server{{Name: "a", Address: "127.0.0.1:1", Weight: 2}, {Name: "b", Address: "127.0.0.1:2", Weight: 1}}
	s, err := New(9, []Pool{{Name: "main", Database: 3, Servers: servers}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	servers[0].Name = "changed later"
	want := []Server{{"a", "127.0.0.1:1", "main", 2}, {"b", "127.0.0.1:2", "main", 1}}
	if s.Epoch != 9 || !slices.Equal(s.Servers, want) {
		t.Errorf("epoch %d, servers %+v", s.Epoch, s.Servers)
	}
	if p := s.Pick(ByRoutes, []byte("k")); p.Database != 3 {
		t.Errorf("place %+v", p)
	}
}

func TestKeysOfOneTagLiveTogether(t *testing.T) {
	s := mustSnapshot(t, 20)
	places := map[Place]bool{}
	for i := range 100 {
		tag := "{" + strconv.Itoa(i) + "}"
		p := s.Pick(ByRoutes, []byte("a"+tag))
		places[p] = true
		if other := s.Pick(ByRoutes, []byte(tag+"bcd")); other != p {
			t.Errorf("tag %s is at %v and %v", tag, p, other)
		}
	}
	if len(places) < 15 {
		t.Errorf("100 tags are spread over %d servers only", len(places))
	}
}

// checkSplit compares a Split with the obvious way of grouping.
func checkSplit(t *testing.T, b *Split, places []Place) {
	t.Helper()
	var order []Place
	keys := map[Place][]int32{}
	for i, p := range places {
		if keys[p] == nil {
			order = append(order, p)
		}
		keys[p] = append(keys[p], int32(i))
	}
	if b.Groups() != len(order) || b.Keys() != len(places) {
		t.Fatalf("%d groups of %d keys, want %d of %d", b.Groups(), b.Keys(), len(order), len(places))
	}
	for g, p := range order {
		if b.Place(g) != p || !slices.Equal(b.KeysOf(g), keys[p]) {
			t.Fatalf("group %d is %v with keys %v, want %v with %v", g, b.Place(g), b.KeysOf(g), p, keys[p])
		}
	}
	for i, p := range places {
		if b.Place(b.GroupOf(i)) != p {
			t.Fatalf("key %d is in the group of %v, want %v", i, b.Place(b.GroupOf(i)), p)
		}
	}
}

func TestSplitGroupsKeysByPlaceInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	var b Split
	for range 300 {
		s := mustSnapshot(t, 1+rng.IntN(6))
		step := 1 + rng.IntN(3)
		args := make([][]byte, rng.IntN(60))
		var places []Place
		for i := range args {
			args[i] = []byte(strconv.Itoa(rng.IntN(40)))
			if i%step == 0 {
				places = append(places, s.Pick(ByRoutes, args[i]))
			}
		}
		s.Split(&b, ByRoutes, false, args, step)
		checkSplit(t, &b, places)
	}
}

func TestSplitTellsDatabasesOfOneServerApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	var b Split
	for range 300 {
		servers := 1 + rng.IntN(5)
		places := make([]Place, rng.IntN(50))
		b.reset(servers)
		for i := range places {
			places[i] = Place{Server: rng.Int32N(int32(servers)), Database: rng.Int32N(3)}
			b.add(places[i])
		}
		b.order()
		checkSplit(t, &b, places)
	}
}

func TestPickAndSplitDoNotAllocate(t *testing.T) {
	s := mustSnapshot(t, 5)
	keys := testKeys(100)
	var b Split
	s.Split(&b, ByRoutes, false, keys, 1)
	if n := testing.AllocsPerRun(100, func() { s.Pick(ByRoutes, keys[3]); s.Split(&b, ByRoutes, false, keys, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPick(b *testing.B) {
	for _, servers := range []int{3, 5, 20} {
		b.Run(fmt.Sprint(servers), func(b *testing.B) {
			s, keys, i := mustSnapshot(b, servers), testKeys(1<<12), 0
			b.ReportAllocs()
			for b.Loop() {
				s.Pick(ByRoutes, keys[i&(1<<12-1)])
				i++
			}
		})
	}
}

func BenchmarkOwner(b *testing.B) {
	rng := rand.New(rand.NewPCG(10, 10))
	hashes := make([]uint64, 1<<12)
	for i := range hashes {
		hashes[i] = rng.Uint64()
	}
	for _, servers := range []int{3, 20} {
		r := mustRing(b, nameSet(1, servers))
		lookUp := map[string]func(uint64) int{
			"buckets": r.find,
			"binary":  func(h uint64) int { i, _ := slices.BinarySearch(r.hashes, h); return i },
		}
		for name, find := range lookUp {
			b.Run(fmt.Sprint(name, servers), func(b *testing.B) {
				i := 0
				for b.Loop() {
					find(hashes[i&(1<<12-1)])
					i++
				}
			})
		}
	}
}

func BenchmarkSplitOfTen(b *testing.B) {
	s, keys := mustSnapshot(b, 5), testKeys(10)
	var into Split
	b.ReportAllocs()
	for b.Loop() {
		s.Split(&into, ByRoutes, false, keys, 1)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		mustSnapshot(b, 20)
	}
}
