package config

import (
	"fmt"
	"maps"
	"slices"
)

const (
	localStore = "local"
	reroute    = "reroute"
)

var (
	whenDown = [...]string{"fail", reroute}
	whenBack = [...]string{"invalidate", "flush"}
	// laterStores are those that the topology will have.
	laterStores = []string{"raft", "etcd", "zookeeper"}
)

// Reroutes reports whether the keys of a server that is down live on others.
func (p *Pool) Reroutes() bool { return p.OnNodeDown == reroute }

// MaxDown is how many servers of a pool that reroutes may be out at a time.
func (p *Pool) MaxDown() int { return len(p.Nodes) * p.Health.MaxDownPercent / 100 }

func (v *validator) topology(t *Topology) {
	if slices.Contains(laterStores, t.Store) {
		v.fault("topology.store", "must be %s: Ringmain has no %s yet", localStore, t.Store)
		return
	}
	v.oneOf("topology.store", t.Store, localStore)
}

// rerouting checks that a pool reroutes only where nothing but this process can tell
// its servers what to hold.
func (v *validator) rerouting(c *Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		p, path := c.Pools[name], join("pools", name)
		switch {
		case p == nil:
		case p.Reroutes():
			v.reroutes(path, p, &c.Topology)
		case !slices.Contains(whenDown[:], p.OnNodeDown): // and that is the fault
		default:
			v.fails(path, p)
		}
	}
	v.ownServers(c.Pools)
}

// fails checks that a pool that does not reroute says nothing of how it would.
func (v *validator) fails(path string, p *Pool) {
	unused := DefaultPool()
	if p.OnNodeReturn != unused.OnNodeReturn {
		v.fault(path+".on_node_return", "is for on_node_down: reroute")
	}
	if p.RefugeDatabase != unused.RefugeDatabase {
		v.fault(path+".refuge_database", "is for on_node_down: reroute")
	}
}

func (v *validator) reroutes(path string, p *Pool, t *Topology) {
	if !t.SoleProxy {
		v.fault(path+".on_node_down", "reroute needs topology.sole_proxy: true, which states that this proxy is the only way to the pool's servers: "+
			"two proxies that do not agree on which are down would read old values")
	}
	v.oneOf(path+".on_node_return", p.OnNodeReturn, whenBack[:]...)
	inRange(v, path+".refuge_database", p.RefugeDatabase, 1, maxDatabase)
	if p.Embedded != 0 {
		v.fault(path+".embedded", "must be left out with on_node_down: reroute: embedded servers end with this process; have nodes")
	}
	if p.Discovery != "static" {
		why := "where a failover brings back a server's keys, nothing is to be rerouted"
		if p.ByDNS() {
			why = "where keys move whenever servers come and go, what is old cannot be told"
		}
		v.fault(path+".discovery", "must be static with on_node_down: reroute: %s", why)
	}
	if p.Database != 0 {
		v.fault(path+".database", "must be 0 with on_node_down: reroute, is %d: the servers are to be the pool's alone", p.Database)
	}
	if p.Reads != "primary" {
		v.fault(path+".reads", "must be primary with on_node_down: reroute: replicas may lag behind what was forgotten")
	}
	for i := range p.Nodes {
		if len(p.Nodes[i].Replicas) > 0 {
			v.fault(fmt.Sprintf("%s.nodes[%d].replicas", path, i), "must be left out with on_node_down: reroute, which reads no replicas")
		}
	}
}

// ownServers checks that no server of a pool that reroutes is there twice, whether under
// another way to write its address or in another pool: what one of the two deletes, the
// other may still need.
func (v *validator) ownServers(pools map[string]*Pool) {
	type server struct {
		path, pool, address string
		reroutes            bool
	}
	first := map[string]server{}
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		p := pools[name]
		if p == nil {
			continue
		}
		add := func(path, text string) {
			a, err := splitAddress(text)
			if err != nil {
				return
			}
			s := server{path, name, a.String(), p.Reroutes()}
			other, taken := first[a.server()]
			switch {
			case !taken:
				first[a.server()] = s
			case !s.reroutes && !other.reroutes: // pools that fail may share
			case s.pool != other.pool:
				v.fault(path, "is a server of pool %q too (%s): the servers of a pool that reroutes belong to it alone", other.pool, other.path)
			case s.address != other.address: // else it is known to be there twice
				v.fault(path, "is the server of %s too", other.path)
			}
		}
		for i, n := range p.Nodes {
			path := fmt.Sprintf("%s.nodes[%d]", join("pools", name), i)
			add(path+".address", n.Address)
			for k, replica := range n.Replicas {
				add(fmt.Sprintf("%s.replicas[%d]", path, k), replica)
			}
		}
	}
}

// server is the same for addresses that lead to one server as far as can be seen: this
// machine has several.
func (a address) server() string {
	if a.ip.IsValid() && (a.ip.IsUnspecified() || a.ip.Is6() && a.ip.IsLoopback()) {
		a.host = "localhost"
	}
	return a.String()
}

// rerouteWarnings tell of a pool that reroutes, but cannot.
func (v *validator) rerouteWarnings(path string, p *Pool) {
	switch n := len(p.Nodes); {
	case !p.Reroutes() && p.Health.MaxDownPercent != DefaultPool().Health.MaxDownPercent:
		v.fault(path+".health.max_down_percent", "has no effect without on_node_down: reroute")
	case !p.Reroutes():
	case n == 1:
		v.fault(path+".on_node_down", "reroute does nothing in a pool of one server: there is no other for its keys")
	case n > 1 && p.MaxDown() == 0:
		v.fault(path+".health.max_down_percent", "is %d, which lets none of %d servers be out: no keys are rerouted", p.Health.MaxDownPercent, n)
	}
}
