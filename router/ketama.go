package router

import (
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"slices"
	"strconv"
)

const (
	// ketamaPoints is how many points a server of mean weight has, up to rounding.
	ketamaPoints = 160
	// pointsPerSum is how many points come from one MD5 sum.
	pointsPerSum = 4
	// MaxKetamaWeight bounds a server's weight for ketama: the sum of MaxServers
	// of them is a number of 32 bits, as twemproxy needs it.
	MaxKetamaWeight = 1_000_000
	// maxKetamaLabel bounds what is summed, in bytes: twemproxy cuts it there.
	// So all points of a server with a name as long are the same ones.
	maxKetamaLabel = 272
)

// ketama places keys as twemproxy 0.5.0 does with `distribution: ketama`: points
// of 32 bits on a circle, made of MD5 sums of the servers' names. It is a Ring
// whose points have a lower half of 0.
//
// It differs in what happens when a server is down: twemproxy computes all points
// anew without it, and as the number of a server's points depends on the other
// servers, that moves keys of those, too. Here the server keeps its points, and
// only its own keys go elsewhere, to the next point of a server that is up.
type ketama struct{ *Ring }

func newKetama(servers []Server) (distribution, error) {
	points := ketamaPointsOf(servers)
	// Of equal points that of the first server in twemproxy's order comes first:
	// it sorts with glibc's qsort, which is a stable merge sort.
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.hash, b.hash) })
	return ketama{indexPoints(points, len(servers))}, nil
}

// owner implements distribution. The lower 32 bits of hash decide.
func (k ketama) owner(hash uint64, down ServerSet) int { return k.Owner(hash<<32, down) }

// ketamaPointsOf are the points of all servers, in twemproxy's order.
func ketamaPointsOf(servers []Server) []point {
	var total uint32
	for _, s := range servers {
		total += uint32(s.Weight)
	}
	var points []point
	var text []byte
	for _, i := range twemproxyOrder(servers) {
		s := servers[i]
		text = append(append(text[:0], s.Name...), '-')
		prefix := len(text)
		for n := range ketamaSums(s.Weight, total, len(servers)) {
			text = strconv.AppendInt(text[:prefix], int64(n), 10)
			sum := md5.Sum(text[:min(len(text), maxKetamaLabel)])
			for part := range pointsPerSum {
				points = append(points, point{uint64(binary.LittleEndian.Uint32(sum[4*part:])) << 32, i})
			}
		}
	}
	return points
}

// ketamaSums is how many MD5 sums a server has, for pointsPerSum points each. It
// is computed with the precision of C's float, and so is 39, not 40, for servers
// of equal weight if there are 25 of them, or 47, 50, 55, 61, …: the conversions
// keep Go from rounding less often.
func ketamaSums(weight int, total uint32, servers int) int {
	share := float32(weight) / float32(total)
	sums := float32(float32(share*ketamaPoints)/pointsPerSum) * float32(servers)
	return int(float32(float64(float32(sums)) + 1e-10))
}

func checkKetama(servers []Server) error {
	return checkWeights(servers, MaxKetamaWeight, MaxKetamaWeight*MaxServers, "twemproxy adds them up in 32 bits")
}
