package router

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// build makes a distribution by name.
func build(t testing.TB, name string, servers []Server) distribution {
	t.Helper()
	p := Pool{Distribution: name, Servers: servers}
	if err := Check(p); err != nil {
		t.Fatal(err)
	}
	d, err := p.kind().build(servers)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// weighted are n servers with weights that the distribution allows.
func weighted(rng *rand.Rand, name string, n int) []Server {
	if name == "jump" {
		return randomServers(rng, n, 1)
	}
	return randomServers(rng, n, 4)
}

func TestAServerThatIsDownLosesItsKeysToAllOthers(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 20))
	for _, name := range Distributions() {
		for _, n := range []int{2, 3, 7, 20} {
			servers := randomServers(rng, n, 1)
			d, out := build(t, name, servers), rng.IntN(n)
			lost, gained := 0, make([]int, n)
			for range 40_000 {
				hash := rng.Uint64()
				was, is := d.owner(hash, nil), d.owner(hash, NewServerSet(out))
				switch {
				case is == out:
					t.Fatalf("%s: %d has a key although it is down", name, out)
				case was == out:
					lost++
					gained[is]++
				case was != is:
					t.Fatalf("%s: a key moved from %d to %d, but %d is down", name, was, is, out)
				}
			}
			for i, got := range gained {
				// Neighbours on a circle share unevenly; rehashing does not.
				least, most := 0.75, 1.25
				if name == "ring" || name == "ketama" {
					least, most = 0.1, 4
				}
				if share := float64(got) * float64(n-1) / float64(lost); i != out && (share < least || share > most) {
					t.Errorf("%s of %d: server %d got %.2f of its share of %d lost keys", name, n, i, share, lost)
				}
			}
		}
	}
}

func TestTheLastServersUpShareAllKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 23))
	const n, one, other = 1000, 100, 600
	down := NewServerSet(n)
	for i := range n {
		if i != one && i != other {
			down[i/64] |= 1 << (i % 64)
		}
	}
	for _, name := range []string{"modula", "jump", "maglev"} {
		d, counts := build(t, name, manyServers(n)), map[int]int{}
		for range 2000 {
			counts[d.owner(rng.Uint64(), down)]++
		}
		if counts[one] < 600 || counts[other] < 600 || counts[one]+counts[other] != 2000 {
			t.Errorf("%s: %v", name, counts)
		}
	}
}

func TestChoicesHaveEveryServerOnceWhateverIsDown(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 21))
	for _, name := range Distributions() {
		for _, n := range []int{1, 2, 9, 70} {
			servers := weighted(rng, name, n)
			d := build(t, name, servers)
			for range 20 {
				checkChoices(t, rng, name, d, n)
			}
		}
	}
}

// checkChoices takes the servers down in the order of a key's choices, and then at
// random: the key is always at the first choice that is up.
func checkChoices(t *testing.T, rng *rand.Rand, name string, d distribution, n int) {
	t.Helper()
	hash := rng.Uint64()
	var choices []int
	for down := NewServerSet(n); ; {
		owner := d.owner(hash, down)
		if owner < 0 {
			break
		}
		choices = append(choices, owner)
		down[owner/64] |= 1 << (owner % 64)
	}
	if sorted := slices.Sorted(slices.Values(choices)); len(sorted) != n || len(slices.Compact(sorted)) != n {
		t.Fatalf("%s of %d: choices %v", name, n, choices)
	}
	for range 20 {
		down := NewServerSet(n)
		for i := range n {
			if rng.IntN(4) > 0 {
				down[i/64] |= 1 << (i % 64)
			}
		}
		want := -1
		if up := slices.IndexFunc(choices, func(i int) bool { return !down.Has(i) }); up >= 0 {
			want = choices[up]
		}
		if got := d.owner(hash, down); got != want {
			t.Fatalf("%s of %d, down %b: owner %d, want %d", name, n, down, got, want)
		}
	}
}

func TestTheOrderOfServersMattersToJumpOnly(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 22))
	for _, name := range Distributions() {
		servers := weighted(rng, name, 9)
		turned := slices.Clone(servers)
		slices.Reverse(turned)
		one, other := build(t, name, servers), build(t, name, turned)
		differ := 0
		for range 5000 {
			hash, down := rng.Uint64(), NewServerSet(0, 4)
			if servers[one.owner(hash, nil)].Name != turned[other.owner(hash, nil)].Name ||
				servers[one.owner(hash, down)].Name != turned[other.owner(hash, NewServerSet(8, 4))].Name {
				differ++
			}
		}
		if (differ > 0) != (name == "jump") {
			t.Errorf("%s: %d keys are placed otherwise if the servers are written in another order", name, differ)
		}
	}
}

// The sums were taken once: what they stand for is where people's keys are.
func TestPlacementNeverChanges(t *testing.T) {
	keys := testKeys(500)
	for i := range 500 {
		keys = append(keys, binary.LittleEndian.AppendUint64([]byte("é{"), uint64(i)*golden))
	}
	for _, distribution := range Distributions() {
		for _, hash := range Hashes() {
			name := distribution + " " + hash
			servers := []Server{{Name: "a", Weight: 3}, {Name: "redis-10", Weight: 1}, {Name: "redis-9", Weight: 2}, {Name: "10.0.0.1:6379", Weight: 1}}
			for i := range servers {
				if distribution == "jump" {
					servers[i].Weight = 1
				}
			}
			s, err := New(1, []Pool{{Name: "main", Servers: servers, Distribution: distribution, Hash: hash}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var all []byte
			for _, key := range keys {
				choices := s.Explain(ByRoutes, key).Choices
				if owner := s.Pick(ByRoutes, key).Server; owner != choices[0] {
					t.Fatalf("%s: %q is on %d, explained as on %d", name, key, owner, choices[0])
				}
				for _, choice := range choices {
					all = append(all, byte(choice))
				}
			}
			if got := fmt.Sprintf("%016x", xxhash.Sum64(all)); got != placementSums[name] {
				t.Errorf("%q: %q,", name, got)
			}
		}
	}
}

func TestEveryHashIsEvenWithTheDistributionsThatNeedIt(t *testing.T) {
	keys := testKeys(20_000)
	for _, distribution := range []string{"ring", "jump", "maglev"} {
		for _, hash := range Hashes() {
			s, err := New(1, []Pool{{Name: "main", Servers: nameSet(1, 5), Distribution: distribution, Hash: hash}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			counts := make([]int, 5)
			for _, key := range keys {
				counts[s.Pick(ByRoutes, key).Server]++
			}
			for i, n := range counts {
				if n < 3000 || n > 5000 {
					t.Errorf("%s, %s: server %d has %d of %d keys", distribution, hash, i, n, len(keys))
				}
			}
		}
	}
}
