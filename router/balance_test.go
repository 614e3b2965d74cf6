package router

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"
)

const (
	nameSets    = 50
	largest     = 20
	mostUneven  = 0.16
	sampledKeys = 1_000_000
)

var torture = os.Getenv("RINGMAIN_TORTURE") == "1"

// nameSet is one of nameSets ways in which people name servers.
func nameSet(set, servers int) []Server {
	out := make([]Server, servers)
	for i := range out {
		var name string
		switch n := set / 5; set % 5 {
		case 0:
			name = fmt.Sprintf("redis-%d-%d", n, i)
		case 1:
			name = fmt.Sprintf("10.0.%d.%d:6379", n, i+1)
		case 2:
			name = fmt.Sprintf("127.0.0.1:%d", 7000+100*n+i)
		case 3:
			name = fmt.Sprintf("cache%02d.dc%d.example.com", i+1, n)
		case 4:
			name = string(rune('a'+i)) + fmt.Sprint(n)
		}
		out[i] = Server{Name: name, Weight: 1}
	}
	return out
}

// downFrom is the servers from number n on.
func downFrom(n int) ServerSet { return ServerSet{math.MaxUint64 << n} }

// worstShare is how far the worst of the first n servers is from an n-th, where
// shares[i] is what server i has of the whole.
func worstShare(shares []float64, n int) float64 {
	worst := 0.0
	for _, s := range shares[:n] {
		worst = max(worst, math.Abs(s*float64(n)-1))
	}
	return worst
}

// arcShares are the exact shares of the circle when the servers in down are.
func arcShares(r *Ring, down ServerSet) []float64 {
	shares := make([]float64, r.servers)
	last := -1 // the last point of a server that is up
	for i := len(r.owners) - 2; last < 0; i-- {
		if !down.Has(int(r.owners[i])) {
			last = i
		}
	}
	from := r.hashes[last]
	for i, owner := range r.owners[:last+1] {
		if !down.Has(int(owner)) {
			shares[owner] += float64(r.hashes[i]-from) / (1 << 64)
			from = r.hashes[i]
		}
	}
	return shares
}

// keyShares are the shares that a sample of keys gives.
func keyShares(r *Ring, hashes []uint64, down ServerSet) []float64 {
	counts := make([]int, r.servers)
	for _, h := range hashes {
		counts[r.Owner(h, down)]++
	}
	shares := make([]float64, r.servers)
	for i, n := range counts {
		shares[i] = float64(n) / float64(len(hashes))
	}
	return shares
}

func keyHashes() []uint64 {
	hashes := make([]uint64, sampledKeys)
	key := []byte("key:")
	for i := range hashes {
		hashes[i] = xxhash.Sum64(strconv.AppendInt(key[:4], int64(i), 10))
	}
	return hashes
}

// A fleet of n servers is one of 20 of which the others are down: which places
// keys as if they did not exist, as another test shows.
func TestTheWorstServerIsNearItsShare(t *testing.T) {
	hashes := keyHashes()
	worst := 0.0
	for set := range nameSets {
		r := mustRing(t, nameSet(set, largest))
		for n := 3; n <= largest; n++ {
			down := downFrom(n)
			exact := worstShare(arcShares(r, down), n)
			if exact > mostUneven {
				t.Errorf("%d servers, set %d: the worst is %.1f %% from its share", n, set, 100*exact)
			}
			worst = max(worst, exact)
			if torture || set == n && n%6 == 0 {
				sampled := worstShare(keyShares(r, hashes, down), n)
				if sampled > mostUneven || math.Abs(sampled-exact) > 0.02 {
					t.Errorf("%d servers, set %d: by keys the worst is %.1f %% from its share, by arcs %.1f %%", n, set, 100*sampled, 100*exact)
				}
			}
		}
	}
	t.Logf("the worst of all is %.1f %% from its share", 100*worst)
}

func TestWeightsAreProportions(t *testing.T) {
	servers := nameSet(0, 6)
	all := 0
	for i := range servers {
		servers[i].Weight = []int{1, 2, 5, 10, 50, 100}[i]
		all += servers[i].Weight
	}
	for i, share := range arcShares(mustRing(t, servers), nil) {
		want := float64(servers[i].Weight) / float64(all)
		if math.Abs(share/want-1) > mostUneven {
			t.Errorf("weight %d of %d has %.4f of all keys", servers[i].Weight, all, share)
		}
	}
}
