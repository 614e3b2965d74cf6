package app

import (
	"fmt"
	"maps"
	"slices"

	"ringmain/config"
	"ringmain/discovery"
	"ringmain/router"
)

// Placement is what a valid configuration says of where keys live, as the router
// takes it. Pools are in order of their names. Embedded servers have no address
// before they are started, and servers that DNS tells of are not known.
func Placement(cfg *config.Config) (pools []router.Pool, routes []router.Route) {
	for _, name := range slices.Sorted(maps.Keys(cfg.Pools)) {
		p := cfg.Pools[name]
		pool := router.Pool{
			Name: name, HashTag: p.HashTag, Database: int32(p.Database), Distribution: p.Distribution, Hash: p.Hash,
		}
		if p.ByDNS() {
			// As long as nobody knows any better, a server of the first name that is nowhere.
			pool.Slots = discovery.MaxAddresses
			pool.Servers = []router.Server{{Name: p.Nodes[0].Name, Weight: 1}}
			pools = append(pools, pool)
			continue
		}
		if p.Reroutes() {
			pool.Refuge = int32(p.RefugeDatabase)
		}
		for i := range p.Embedded {
			pool.Servers = append(pool.Servers, router.Server{Name: fmt.Sprintf("embedded-%d", i+1), Weight: 1})
		}
		for _, n := range p.Nodes {
			pool.Servers = append(pool.Servers, router.Server{Name: n.Name, Address: n.Address, Weight: n.Weight})
		}
		pools = append(pools, pool)
	}
	for _, r := range cfg.Routes {
		routes = append(routes, router.Route{Prefix: r.Prefix, Pool: r.Pool})
	}
	return pools, routes
}
