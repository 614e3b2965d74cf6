package integration

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringmain/router"
)

// placementKeysInCI is how many keys each case is tried with; torture takes
// placementKeysInTorture.
const (
	placementKeysInCI      = 5_000
	placementKeysInTorture = 100_000
)

// placer compares one case after the other.
type placer struct {
	t        *testing.T
	keys     int
	batches  []keyBatch
	compared int // cases
}

func newPlacer(t *testing.T) *placer {
	n := placementKeysInCI
	if torture() {
		n = placementKeysInTorture
	}
	return &placer{t: t, keys: n, batches: batchesOf(placementKeys(n))}
}

// compare runs one twemproxy for all cases.
func (p *placer) compare(cases ...placementCase) {
	p.t.Helper()
	comparePlacement(p.t, cases, p.batches)
	p.compared += len(cases)
}

func (p *placer) report() {
	p.t.Logf("%d cases of %d keys compared", p.compared, p.keys)
}

// aliased are servers at the first n of addresses, at most 101, with aliases that
// are not in any order.
func aliased(addresses []string, n int) []router.Server {
	servers := make([]router.Server, n)
	for i := range servers {
		servers[i] = router.Server{Name: fmt.Sprintf("cache-%d", (i+3)*37%101), Address: addresses[i], Weight: 1}
	}
	return servers
}

// twemproxyHashes are the hashes that twemproxy has, too.
func twemproxyHashes() []string { return router.Hashes()[1:] }

func TestEveryHashPlacesKeysAsTwemproxyDoes(t *testing.T) {
	sizes := []int{2, 3, 5, 12, 25}
	if torture() {
		sizes = []int{1, 2, 3, 4, 5, 12, 25, 47, 50, 60}
	}
	p := newPlacer(t)
	addresses := tellingServers(t, sizes[len(sizes)-1])
	for _, hash := range twemproxyHashes() {
		var cases []placementCase
		for _, n := range sizes {
			for _, distribution := range []string{"ketama", "modula"} {
				cases = append(cases, placementCase{distribution, hash, "", aliased(addresses, n)})
			}
		}
		p.compare(cases...)
	}
	p.report()
}

func TestKetamaOfEverySizePlacesKeysAsTwemproxyDoes(t *testing.T) {
	const largest, atOnce = 60, 10
	p := newPlacer(t)
	addresses := tellingServers(t, largest)
	for from := 1; from <= largest; from += atOnce {
		var cases []placementCase
		for n := from; n < from+atOnce; n++ {
			cases = append(cases, placementCase{"ketama", "fnv1a_64", "", aliased(addresses, n)})
		}
		p.compare(cases...)
	}
	p.report()
}

func TestWeightsPlaceKeysAsTwemproxyDoes(t *testing.T) {
	p := newPlacer(t)
	addresses := tellingServers(t, 9)
	var cases []placementCase
	for _, weights := range [][]int{
		{1, 2}, {3, 1, 1, 1, 1}, {2, 2, 1, 1}, {7, 7, 7}, {100, 1}, {1, 1000, 1}, {100_000, 1, 50_000},
		{13, 1, 8, 5, 3, 2, 1, 21, 34}, {1, 2, 3, 4, 5, 6, 7, 8, 9},
	} {
		servers := aliased(addresses, len(weights))
		for i, w := range weights {
			servers[i].Weight = w
		}
		cases = append(cases, placementCase{"ketama", "fnv1a_64", "", servers}, placementCase{"modula", "murmur", "", servers})
	}
	p.compare(cases...)
	p.report()
}

// A server without an alias is called host:port, but host if the port is that of
// memcached; one at a socket is called by its path and a colon. A long name is cut.
func TestNamesPlaceKeysAsTwemproxyDoes(t *testing.T) {
	p := newPlacer(t)
	addresses := tellingServers(t, 6)
	plain, mixed, long := aliased(addresses, 6), aliased(addresses, 6), aliased(addresses, 6)
	for i := range plain {
		plain[i].Name = plain[i].Address
		if i%2 == 0 {
			mixed[i].Name = mixed[i].Address
		}
		long[i].Name = strings.Repeat(fmt.Sprint(i), []int{100, 254, 255, 270, 271, 300}[i])
	}
	memcached := memcachedPorts(t, 5)
	renamed := slices.Clone(memcached)
	renamed[1].Name, renamed[4].Name = "named", renamed[4].Address
	sockets := make([]router.Server, 4)
	for i := range sockets {
		path := filepath.Join(t.TempDir(), "s")
		sockets[i] = router.Server{Name: path + ":", Address: tellingServer(t, path, i), Weight: 1 + i%2}
	}
	cases := []placementCase{
		{"ketama", "fnv1a_64", "", sockets}, {"modula", "fnv1a_64", "", sockets},
		{"ketama", "fnv1a_64", "", plain}, {"ketama", "md5", "", mixed}, {"ketama", "fnv1a_64", "", long},
		{"ketama", "fnv1a_64", "", memcached}, {"ketama", "fnv1a_64", "", renamed[:4]}, {"modula", "fnv1a_64", "", memcached},
	}
	p.compare(cases...)
	p.report()
}

// memcachedPorts are n servers that listen on port 11211 of loopback addresses of
// their own, with the names that twemproxy gives them.
func memcachedPorts(t *testing.T, n int) []router.Server {
	t.Helper()
	servers := make([]router.Server, n)
	for i := range servers {
		host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 2+i)
		servers[i] = router.Server{Name: host, Address: tellingServer(t, host+":11211", i), Weight: 1}
	}
	return servers
}

func TestHashTagsPlaceKeysAsTwemproxyDoes(t *testing.T) {
	p := newPlacer(t)
	addresses := tellingServers(t, 8)
	var cases []placementCase
	for _, tag := range []string{"{}", "$$", "}{", "x}", "{$"} {
		cases = append(cases, placementCase{"ketama", "fnv1a_64", tag, aliased(addresses, 8)},
			placementCase{"modula", "crc32a", tag, aliased(addresses, 8)})
	}
	p.compare(cases...)
	p.report()
}

func TestTheEmptyKeyIsPlacedAsTwemproxyDoes(t *testing.T) {
	addresses := tellingServers(t, 7)
	var cases []placementCase
	for _, hash := range twemproxyHashes() {
		for _, n := range []int{1, 7} {
			cases = append(cases, placementCase{"ketama", hash, "{}", aliased(addresses, n)},
				placementCase{"modula", hash, "", aliased(addresses, n)})
		}
	}
	comparePlacement(t, cases, batchesOf([][]byte{{}, []byte("{}"), {}}))
}

// Each two of these servers have a point in common: one of them, in whatever order
// they are written, has the keys before it.
func TestEqualPointsPlaceKeysAsTwemproxyDoes(t *testing.T) {
	p := newPlacer(t)
	addresses := tellingServers(t, 2)
	var cases []placementCase
	for _, names := range [][2]string{
		{"redis-39", "redis-473"}, {"redis-85", "redis-678"}, {"redis-424", "redis-850"}, {"redis-380", "redis-907"},
	} {
		both, turned := aliased(addresses, 2), aliased(addresses, 2)
		both[0].Name, both[1].Name = names[0], names[1]
		turned[0].Name, turned[1].Name = names[1], names[0]
		cases = append(cases, placementCase{"ketama", "md5", "", both}, placementCase{"ketama", "md5", "", turned})
	}
	p.compare(cases...)
	p.report()
}
