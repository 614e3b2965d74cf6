package router

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// Limits of a ring.
const (
	// PointsPerWeight is how many points a server has for each unit of weight.
	PointsPerWeight = 640
	// MaxWeight bounds a server's weight.
	MaxWeight = 100
	// MaxPoints bounds all points of a ring.
	MaxPoints = 2_000_000
)

// Ring is consistent hashing: servers have points on a circle of 64-bit numbers,
// and a hash belongs to the server of the first point at or after it; behind the
// last point comes the first. A Ring never changes and may be used concurrently.
//
// A server of weight w has w*PointsPerWeight points. The point number p (from 0
// to PointsPerWeight-1) of its unit of weight u (from 0 to w-1) is
//
//	xxh64(name + "-" + u + "-" + p)
//
// with seed 0, u and p being decimal without leading zeros: the last point of a
// server "b" of weight 1 is xxh64("b-0-639"). Where points of two servers fall
// together, the one whose name sorts first (by bytes) comes first.
//
// So a point depends on nothing but its own server's name: another weight adds
// or removes some of that server's points, and a server that leaves takes only
// its own keys with it.
type Ring struct {
	servers int
	// hashes are the points in order, then a last one at the greatest hash,
	// which stands for the first: so a search never runs off the end.
	hashes []uint64
	// owners[i] is the server of hashes[i]. 16 bits do: MaxPoints allows for
	// 3125 servers.
	owners []uint16
	// starts[b] is the first point whose hash has top bits of at least b. There
	// are at least as many buckets as points.
	starts []uint32
	shift  uint // of a hash to its bucket
}

// point is one point while a ring is built.
type point struct {
	hash  uint64
	owner uint16
}

// NewRing builds a ring of the servers' names and weights; Owner gives indexes
// into servers, which is not kept. The error tells all that is wrong.
func NewRing(servers []Server) (*Ring, error) {
	if err := errors.Join(checkServers(servers), checkRing(servers)); err != nil {
		return nil, err
	}
	points := ringPoints(servers)
	sortPoints(points, servers)
	return indexPoints(points, len(servers)), nil
}

// indexPoints makes a ring of sorted points.
func indexPoints(points []point, servers int) *Ring {
	n := len(points)
	bucketBits := max(1, bits.Len(uint(n-1)))
	r := &Ring{
		servers: servers,
		hashes:  make([]uint64, n+1),
		owners:  make([]uint16, n+1),
		starts:  make([]uint32, 1<<bucketBits),
		shift:   uint(64 - bucketBits),
	}
	bucket := 0
	for i, p := range points {
		r.hashes[i], r.owners[i] = p.hash, p.owner
		for ; bucket <= int(p.hash>>r.shift); bucket++ {
			r.starts[bucket] = uint32(i)
		}
	}
	for ; bucket < len(r.starts); bucket++ {
		r.starts[bucket] = uint32(n)
	}
	r.hashes[n], r.owners[n] = math.MaxUint64, r.owners[0]
	return r
}

// checkRing tells what is wrong with the weights of servers for a ring.
func checkRing(servers []Server) error {
	return checkWeights(servers, MaxWeight, MaxPoints/PointsPerWeight,
		fmt.Sprintf("each unit takes %d points of a ring and it has at most %d", PointsPerWeight, MaxPoints))
}

// ringPoints are the points of all servers, server by server.
func ringPoints(servers []Server) []point {
	weights := 0
	for _, s := range servers {
		weights += s.Weight
	}
	points := make([]point, 0, weights*PointsPerWeight)
	var text []byte
	for i, s := range servers {
		for unit := range s.Weight {
			text = append(append(text[:0], s.Name...), '-')
			text = append(strconv.AppendInt(text, int64(unit), 10), '-')
			prefix := len(text)
			for p := range PointsPerWeight {
				text = strconv.AppendInt(text[:prefix], int64(p), 10)
				points = append(points, point{xxhash.Sum64(text), uint16(i)})
			}
		}
	}
	return points
}

// sortPoints sorts by hash, and where hashes are the same by the server's name,
// so that the order of the servers does not matter.
func sortPoints(points []point, servers []Server) {
	slices.SortFunc(points, func(a, b point) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return cmp.Compare(servers[a.owner].Name, servers[b.owner].Name)
	})
}

// find is the index of the first point at or after hash.
func (r *Ring) find(hash uint64) int {
	i := int(r.starts[hash>>r.shift])
	for r.hashes[i] < hash {
		i++
	}
	return i
}

// Owner is the server that a hash belongs to. Servers in down keep their points,
// and the search walks on to the next point of one that is up: so only their
// keys go elsewhere, and to the place where they would go if the server left the
// ring. It is -1 if all are down.
//
// The next choice for a hash is its Owner with the previous choices added to
// down.
func (r *Ring) Owner(hash uint64, down ServerSet) int {
	i := r.find(hash)
	owner := int(r.owners[i])
	if !down.Has(owner) {
		return owner
	}
	return r.walk(i, down)
}

// walk is the owner of the first point behind i that is up.
func (r *Ring) walk(i int, down ServerSet) int {
	if down.hasAllBelow(r.servers) {
		return -1
	}
	n := len(r.owners) - 1
	for range n {
		if i++; i >= n {
			i -= n
		}
		if owner := int(r.owners[i]); !down.Has(owner) {
			return owner
		}
	}
	// Only servers without a point are up: a low weight has none with ketama.
	owner := 0
	for down.Has(owner) {
		owner++
	}
	return owner
}

func (r *Ring) owner(hash uint64, down ServerSet) int { return r.Owner(hash, down) }
