package config

import (
	"fmt"
	"maps"
	"slices"
)

// warnings are what is valid, but may do something else than its writer thinks.
// d knows what is in the file itself.
func (c *Config) warnings(d *decoder) []Fault {
	w := &validator{}
	for i, l := range c.Listeners {
		a, err := splitAddress(l.Address)
		switch {
		case err != nil || a.local():
		case !c.knowsClients(l):
			w.fault(fmt.Sprintf("listeners[%d].address", i), "every machine that reaches %s may run every command: clients are not asked who they are",
				clip(l.Address))
		case !l.Secure.On:
			w.fault(fmt.Sprintf("listeners[%d].address", i), "without tls, passwords and data travel to %s as anybody on the way can read them", clip(l.Address))
		}
	}
	w.userWarnings(c, d)
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		w.poolWarnings(join("pools", name), c.Pools[name], d)
		w.rerouteWarnings(join("pools", name), c.Pools[name])
	}
	w.sharedDatabases(c)
	w.quorumWarnings(c, d)
	for i, r := range c.Routes {
		if r.Prefix == "" && len(c.Routes) > 1 {
			w.fault(fmt.Sprintf("routes[%d]", i), "commands on the whole fleet, such as SCAN, KEYS, DBSIZE and FLUSHALL, "+
				"go to the servers of this pool alone (%s), not to those of the other routes", clip(r.Pool))
		}
	}
	return w.faults
}

func (v *validator) poolWarnings(path string, p *Pool, d *decoder) {
	if p.Embedded > 0 {
		v.fault(path+".embedded", "embedded servers are for trying Ringmain out: what they hold is gone when it stops")
	}
	nameless := 0
	for _, n := range p.Nodes {
		if n.Name == "" && n.Address != "" {
			nameless++
		}
	}
	if nameless > 0 && p.Distribution != "jump" && !p.ByDNS() {
		v.fault(path+".nodes", "%d of %d have no name, so their addresses decide which keys they get: "+
			"a server that moves to another address loses its keys", nameless, len(p.Nodes))
	}
	if p.scattersBadly() {
		v.fault(path+".hash", "with ketama, %s puts nearly all keys on one server, as it does in twemproxy: its numbers are small", p.Hash)
	}
	switch n := p.replicas(); {
	case n > 0 && p.Reads == "primary":
		v.fault(path+".nodes", "replicas are not used unless reads is replica or any")
	case n == 0 && p.Reads != "primary":
		v.fault(path+".reads", "%s is the same as primary: no node has replicas", p.Reads)
	}
	v.passwordWarning(path+".auth.password", p.Auth.Password, d)
	v.passwordWarning(path+".sentinel.auth.password", p.Sentinel.Auth.Password, d)
}

// passwordWarning finds a password that stands in the file.
func (v *validator) passwordWarning(path string, password Secret, d *decoder) {
	if _, variable := d.replaced[path]; !variable && password.Reveal() != "" {
		v.fault(path, "is in the file itself, where whoever reads it finds it: use password_file or password_env")
	}
}

// sharedDatabases finds pools that keep their keys in one place, and reports each
// pool's first such server.
func (v *validator) sharedDatabases(c *Config) {
	first := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		p, reported := c.Pools[name], false
		for i, n := range p.Nodes {
			a, err := splitAddress(n.Address)
			if err != nil && n.Master == "" {
				continue
			}
			place := fmt.Sprintf("%v %s %s %d", a, n.Master, p.Sentinel.Addresses, p.Database)
			other, taken := first[place]
			switch {
			case !taken:
				first[place] = name
			case other != name && !reported:
				reported = true
				v.fault(fmt.Sprintf("%s.nodes[%d]", join("pools", name), i), "is a server of pool %q too, with the same database: "+
					"commands on the whole fleet, such as SCAN and FLUSHALL, reach the keys of both", other)
			}
		}
	}
}
