package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// naiveOwner is the slow twin of Ring.Owner: it looks at every point.
func naiveOwner(points []point, servers []Server, hash uint64, down ServerSet) int {
	best := -1
	var bestPoint point
	for _, p := range points {
		if down.Has(int(p.owner)) {
			continue
		}
		// Distances wrap, as the circle does.
		d, bestD := p.hash-hash, bestPoint.hash-hash
		if best < 0 || d < bestD || d == bestD && servers[p.owner].Name < servers[best].Name {
			best, bestPoint = int(p.owner), p
		}
	}
	return best
}

func mustRing(t testing.TB, servers []Server) *Ring {
	t.Helper()
	r, err := NewRing(servers)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// randomServers are n servers with weights of 1 to maxWeight.
func randomServers(rng *rand.Rand, n, maxWeight int) []Server {
	servers := make([]Server, n)
	for i := range servers {
		servers[i] = Server{Name: fmt.Sprintf("redis-%d-%x", i, rng.Uint32()), Weight: 1 + rng.IntN(maxWeight)}
	}
	return servers
}

func TestPointsAreAsDocumented(t *testing.T) {
	points := ringPoints([]Server{{Name: "a", Weight: 1}, {Name: "node-1", Weight: 100}, {Name: "b", Weight: 1}})
	if len(points) != 102*PointsPerWeight {
		t.Fatalf("%d points", len(points))
	}
	// Computed by an implementation of xxh64 in another language.
	for at, want := range map[int]point{
		0:                             {0xb054ab4b8756b793, 0}, // a-0-0
		(1 + 99) * PointsPerWeight:    {0x393e1c0490ae25d7, 1}, // node-1-99-0
		(1+100)*PointsPerWeight + 639: {0xa0e482d55b58b8b9, 2}, // b-0-639
		PointsPerWeight + 7*640 + 123: {xxhash.Sum64String("node-1-7-123"), 1},
	} {
		if points[at] != want {
			t.Errorf("point %d is %x, want %x", at, points[at], want)
		}
	}
}

func TestPlacementOfKnownKeys(t *testing.T) {
	s, err := New(1, []Pool{{Name: "main", HashTag: "{}", Servers: []Server{
		{Name: "a", Weight: 1}, {Name: "b", Weight: 2}, {Name: "c", Weight: 1},
	}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Computed by an implementation in another language.
	for key, want := range map[string]string{
		"": "a", "foo": "b", "bar": "a", "key:000000000001": "c", "user:1": "a", "counter:rand": "a", "mylist": "a",
		"hello world": "b", strings.Repeat("x", 31): "b", "x{foo}": "b", "{bar}x{foo}": "a",
	} {
		if got := s.Servers[s.Pick(ByRoutes, []byte(key)).Server].Name; got != want {
			t.Errorf("%q is placed on %s, want %s", key, got, want)
		}
	}
}

func TestOwnerIsTheFirstServerUpAtOrAfterTheHash(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		servers := randomServers(rng, 1+rng.IntN(8), 3)
		points := ringPoints(servers)
		compareWithTwin(t, rng, points, servers)
	}
}

func TestOwnerWherePointsFallTogetherAndAtTheEnds(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	servers := []Server{{Name: "c"}, {Name: "a"}, {Name: "d"}, {Name: "b"}}
	places := []uint64{0, 1, 2, 1 << 32, 1<<63 - 1, 1 << 63, 1<<63 + 1, math.MaxUint64 - 1, math.MaxUint64}
	for range 300 {
		var points []point
		for range 1 + rng.IntN(20) {
			points = append(points, point{places[rng.IntN(len(places))], uint16(rng.IntN(len(servers)))})
		}
		// Servers without a point cannot own anything: down is not -1 for them.
		for i := range servers {
			points = append(points, point{places[rng.IntN(len(places))], uint16(i)})
		}
		compareWithTwin(t, rng, points, servers)
	}
}

// compareWithTwin tries hashes at and next to points with random servers down.
func compareWithTwin(t *testing.T, rng *rand.Rand, points []point, servers []Server) {
	t.Helper()
	sorted := slices.Clone(points)
	sortPoints(sorted, servers)
	r := indexPoints(sorted, len(servers))
	for range 200 {
		hash := rng.Uint64()
		if near := points[rng.IntN(len(points))].hash; rng.IntN(2) == 0 {
			hash = near + uint64(rng.IntN(3)) - 1
		}
		down := ServerSet{rng.Uint64() & rng.Uint64()}
		if got, want := r.Owner(hash, down), naiveOwner(points, servers, hash, down); got != want {
			t.Fatalf("%d servers, down %b: hash %x belongs to %d, want %d", len(servers), down, hash, got, want)
		}
	}
}

func TestOwnerOfNothingUpIsNone(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	r := mustRing(t, randomServers(rng, 70, 1))
	all := ServerSet{math.MaxUint64, math.MaxUint64}
	if got := r.Owner(1, all); got != -1 {
		t.Errorf("all down: owner is %d", got)
	}
	all[1] &^= 1 << 5
	if got := r.Owner(1, all); got != 69 {
		t.Errorf("only 69 is up: owner is %d", got)
	}
}

func TestTakingAServerOutMovesOnlyItsOwnKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 40 {
		servers := randomServers(rng, 2+rng.IntN(12), []int{1, 5, 20}[rng.IntN(3)])
		out := rng.IntN(len(servers))
		before, after := mustRing(t, servers), mustRing(t, slices.Delete(slices.Clone(servers), out, out+1))
		moved := 0
		for range 5000 {
			hash := rng.Uint64()
			was, is := before.Owner(hash, nil), after.Owner(hash, nil)
			if is >= out {
				is++
			}
			if down := before.Owner(hash, NewServerSet(out)); down != is {
				t.Fatalf("hash %x goes to %d when %d is down, but to %d when it is gone", hash, down, out, is)
			}
			if was == out {
				moved++
			} else if was != is {
				t.Fatalf("hash %x moved from %d to %d, but %d left", hash, was, is, out)
			}
		}
		if moved == 0 {
			t.Fatalf("server %d of weight %d owned nothing", out, servers[out].Weight)
		}
	}
}

func TestChangingAWeightMovesKeysOnlyToOrFromItsServer(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 20 {
		servers := randomServers(rng, 2+rng.IntN(8), 10)
		heavier := slices.Clone(servers)
		changed := rng.IntN(len(servers))
		heavier[changed].Weight += 1 + rng.IntN(5)
		light, heavy := mustRing(t, servers), mustRing(t, heavier)
		gained := 0
		for range 5000 {
			hash := rng.Uint64()
			was, is := light.Owner(hash, nil), heavy.Owner(hash, nil)
			if was != is && is != changed {
				t.Fatalf("hash %x moved from %d to %d, but %d became heavier", hash, was, is, changed)
			}
			if was != is {
				gained++
			}
		}
		if gained == 0 {
			t.Fatal("more weight brought no keys")
		}
	}
}

func TestTheOrderOfServersAndTheirAddressesDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	servers := randomServers(rng, 9, 4)
	shuffled := slices.Clone(servers)
	rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for i := range shuffled {
		shuffled[i].Address = fmt.Sprint("elsewhere:", i)
	}
	one, other := mustRing(t, servers), mustRing(t, shuffled)
	for range 20000 {
		hash := rng.Uint64()
		if a, b := servers[one.Owner(hash, nil)].Name, shuffled[other.Owner(hash, nil)].Name; a != b {
			t.Fatalf("hash %x is placed on %s or on %s", hash, a, b)
		}
	}
}

func TestALargestRingIsBuiltAndOneMoreUnitIsRefused(t *testing.T) {
	var servers []Server
	for i := range MaxPoints / PointsPerWeight / MaxWeight {
		servers = append(servers, Server{Name: fmt.Sprint(i), Weight: MaxWeight})
	}
	servers = append(servers, Server{Name: "last", Weight: MaxPoints/PointsPerWeight - MaxWeight*len(servers)})
	r := mustRing(t, servers)
	if len(r.hashes) != MaxPoints+1 {
		t.Errorf("%d points", len(r.hashes)-1)
	}
	_, err := NewRing(append(servers, Server{Name: "one more", Weight: 1}))
	if err == nil || !strings.Contains(err.Error(), "3126") || !strings.Contains(err.Error(), "at most 3125") {
		t.Errorf("error %v", err)
	}
}

func TestErrorsTellEverythingThatIsWrong(t *testing.T) {
	good := Server{Name: "a", Weight: 1}
	for _, c := range []struct {
		pools []Pool
		want  []string
	}{
		{nil, []string{"no pools"}},
		{make([]Pool, 2), []string{`pool ""`, "two of that name", "no servers"}},
		{[]Pool{{Name: "p"}}, []string{`pool "p"`, "no servers"}},
		{[]Pool{{HashTag: "{", Servers: []Server{good}}}, []string{`hash tag "{"`}},
		{[]Pool{{HashTag: "{}}", Servers: []Server{good}}}, []string{`hash tag "{}}"`}},
		{[]Pool{{HashTag: "é", Servers: []Server{good}}}, []string{"ASCII"}},
		{[]Pool{{HashTag: "x", Servers: []Server{good, good, {Name: "z"}, {Weight: 101}}}},
			[]string{`hash tag "x"`, `"a": there are two`, `"z": weight 0`, "number 4 has no name", "weight 101"}},
		{[]Pool{{Servers: []Server{{Name: "n", Weight: -1}, {Name: "n", Weight: -1}}}}, []string{"weight -1", "there are two"}},
	} {
		_, err := New(0, c.pools, nil)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: error %v does not say %q", c.pools, err, want)
			}
		}
	}
}
