package integration

import (
	"fmt"
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
	keys     [][]byte
	gets     []byte
	compared int
}

func newPlacer(t *testing.T) *placer {
	n := placementKeysInCI
	if torture() {
		n = placementKeysInTorture
	}
	keys := placementKeys(n)
	return &placer{t: t, keys: keys, gets: getsOf(keys)}
}

// compare runs one twemproxy for all cases.
func (p *placer) compare(cases ...placementCase) {
	p.t.Helper()
	comparePlacement(p.t, cases, p.keys, p.gets)
	p.compared += len(cases)
}

func (p *placer) report() {
	p.t.Logf("%d cases of %d keys compared", p.compared, len(p.keys))
}

// aliased are servers at the first n of addresses, with aliases.
func aliased(addresses []string, n int) []router.Server {
	servers := make([]router.Server, n)
	for i := range servers {
		servers[i] = router.Server{Name: fmt.Sprintf("cache-%02d", i+1), Address: addresses[i], Weight: 1}
	}
	return servers
}

// twemproxyHashes are the hashes that twemproxy has, too.
func twemproxyHashes() []string { return router.Hashes()[1:] }

func TestEveryHashPlacesKeysAsTwemproxyDoes(t *testing.T) {
	sizes := []int{2, 3, 5, 12, 25}
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
