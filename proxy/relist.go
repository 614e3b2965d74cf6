package proxy

import (
	"slices"

	"ringmain/backend"
	"ringmain/router"
)

// The servers of a pool with slots (see router.Listing) change in two steps, each of which
// every loop makes before any makes the next: so no loop places keys by the new list while
// another still sends by the old one. Both are called on the loop.

// HoldPool has commands for the pool's servers wait until Relist.
func (c *Core) HoldPool(pool router.Scope) {
	for _, server := range c.listed(pool) {
		c.nodes[server].Hold()
	}
}

// Relist has the loop place the pool's keys on other servers: those that have come, given by
// their index, among them; those that have left are not. What is under way on one that has
// left ends there, as it does when a server is drained; then it is left, and what, a clause,
// says why. Sessions that rely on keys which may have moved (watched, tracked, waited for)
// learn that they cannot. What waits goes on.
func (c *Core) Relist(pool router.Scope, list *router.Listing, came []int, what string) {
	before := c.listed(pool)
	c.snapshot = c.snapshot.WithListing(pool, list)
	fleet := c.snapshot.Fleet(pool)
	for _, server := range came {
		c.join(pool, server)
	}
	for _, server := range before {
		n := c.nodes[server]
		switch {
		case !c.snapshot.Has(server):
			n.Settle(backend.AllDatabases, func() { c.depart(server, what) })
		case !slices.Contains(came, int(server)):
			n.EndLeases()
		}
		n.Release()
	}
	if g := c.groups[fleet.First]; g != nil {
		c.addHubs(g, fleet)
	}
	c.trackAnew()
}

// listed are the pool's servers.
func (c *Core) listed(pool router.Scope) (servers []int32) {
	f := c.snapshot.Fleet(pool)
	for i := range f.Count {
		servers = append(servers, f.Place(i).Server)
	}
	return servers
}

// join has a slot's node be that of the server that has come.
func (c *Core) join(pool router.Scope, server int) {
	n, now := c.nodes[server], c.snapshot.Servers[server]
	if n.Name() == now.Name && n.Address() == now.Address { // it is back before it was left
		n.Judge("")
		return
	}
	n.Become(now.Name, now.Address)
	f := c.snapshot.Fleet(pool)
	for i := range f.Span {
		if other := c.nodes[int(f.First)+i]; other != n {
			n.Inherit(other)
		}
	}
	for _, h := range c.hubs {
		if h.server == int32(server) {
			h.line.Rename(now.Name)
		}
	}
}

// depart leaves a server, unless it is back.
func (c *Core) depart(server int32, what string) {
	if !c.snapshot.Has(server) {
		c.nodes[server].Leave(what)
		c.nodes[server].Judge(what)
	}
}

// trackAnew has clients that are told of all keys be told of those on servers that are new
// to the view.
func (c *Core) trackAnew() {
	for _, s := range slices.Clone(c.sessions) {
		if s.tracking != nil && s.client.Tracking.Broadcast {
			s.trackEverywhere()
		}
	}
}
