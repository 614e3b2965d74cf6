package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxListeners  = 64
	maxName       = 128
	pointsPerUnit = 640
	maxRingPoints = 2_000_000
)

// Validate reports everything that is wrong with c, as Faults without lines. It
// does not look for the passwords that c refers to.
func (c *Config) Validate() error { return c.check().orNil() }

// validator collects faults.
type validator struct{ faults Faults }

func (v *validator) fault(path, format string, args ...any) {
	v.faults = append(v.faults, Fault{Path: path, Message: fmt.Sprintf(format, args...)})
}

// inRange adds a fault unless least <= value <= most.
func inRange[T cmp.Ordered](v *validator, path string, value, least, most T) {
	if value < least || value > most {
		v.fault(path, "must be %v to %v, is %v", least, most, value)
	}
}

func (v *validator) only(path, value, allowed string) {
	if value != allowed {
		v.fault(path, "must be %s, is %q", allowed, clip(value))
	}
}

func (c *Config) check() Faults {
	v := &validator{}
	v.listeners(c.Listeners)
	inRange(v, "loops", c.Loops, 0, 64)
	v.limits(c.Limits)
	inRange(v, "timeouts.client_stall", c.Timeouts.ClientStall, 100*Millisecond, 24*Hour)
	v.pools(c.Pools)
	return v.faults
}

func (v *validator) limits(l Limits) {
	inRange(v, "limits.clients", l.Clients, 1, 1_000_000)
	inRange(v, "limits.request", l.Request, KiB, GiB)
	inRange(v, "limits.arguments", l.Arguments, 16, 1<<24)
	inRange(v, "limits.client_output", l.ClientOutput, MiB, 16*GiB)
	inRange(v, "limits.node_queue", l.NodeQueue, MiB, 16*GiB)
	if l.Memory != 0 {
		inRange(v, "limits.memory", l.Memory, 16*MiB, 1024*GiB)
	}
}

func (v *validator) listeners(list []Listener) {
	if len(list) == 0 || len(list) > maxListeners {
		v.fault("listeners", "must be 1 to %d addresses, are %d", maxListeners, len(list))
		return
	}
	seen := map[string]int{}
	for i, l := range list {
		path := fmt.Sprintf("listeners[%d].address", i)
		a, err := splitAddress(l.Address)
		switch {
		case err != nil:
			v.fault(path, "%v", err)
			continue
		case !a.ip.IsValid() && a.host != "" && a.host != "localhost":
			v.fault(path, "must be an IP address or localhost, with a port, is %q", clip(l.Address))
			continue
		case !a.loopback() && !l.AllowOpen:
			v.fault(path, "%q is open to other machines, and clients are not asked who they are: "+
				"use a loopback address, or set allow_open: true", clip(l.Address))
		}
		if first, twice := seen[a.String()]; twice && a.port != 0 {
			v.fault(path, "is that of listeners[%d] too", first)
		} else {
			seen[a.String()] = i
		}
	}
}

func (v *validator) pools(pools map[string]*Pool) {
	switch {
	case len(pools) == 0:
		v.fault("pools", "must have a pool")
	case len(pools) > 1:
		v.fault("pools", "must be exactly one pool, are %d: several need routes, which do not exist yet", len(pools))
	}
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		path := join("pools", name)
		if !isName(name) {
			v.fault(path, "the name must be 1 to 64 letters, digits, - and _")
		}
		if p := pools[name]; p != nil {
			v.pool(path, p)
		}
	}
}

func (v *validator) pool(path string, p *Pool) {
	switch {
	case p.Embedded != 0 && len(p.Nodes) > 0:
		v.fault(path, "embedded and nodes exclude each other")
	case p.Embedded == 0 && len(p.Nodes) == 0:
		v.fault(path, "must have nodes, or embedded servers (1 to 16)")
	}
	inRange(v, path+".embedded", p.Embedded, 0, 16)
	v.nodes(path+".nodes", p.Nodes)
	v.only(path+".distribution", p.Distribution, "ring")
	v.only(path+".hash", p.Hash, "xxh64")
	if n := len(p.HashTag); n != 0 && (n != 2 || strings.ContainsFunc(p.HashTag, notVisible)) {
		v.fault(path+".hash_tag", "must be empty or exactly two visible ASCII characters, is %q", clip(p.HashTag))
	}
	v.only(path+".on_node_down", p.OnNodeDown, "fail")
	t := p.Timeouts
	inRange(v, path+".timeouts.connect", t.Connect, 10*Millisecond, Minute)
	inRange(v, path+".timeouts.request", t.Request, Millisecond, 10*Minute)
	inRange(v, path+".timeouts.slow", t.Slow, max(t.Request, Millisecond), 24*Hour)
	v.auth(path+".auth", p)
}

func (v *validator) nodes(path string, nodes []Node) {
	names, addresses := map[string]int{}, map[string]int{}
	weights := 0
	for i, n := range nodes {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.node(at, n)
		if n.Weight >= 1 && n.Weight <= 100 {
			weights += n.Weight
		}
		name := cmp.Or(n.Name, n.Address)
		first, twice := names[name]
		switch {
		case !twice:
			names[name] = i
		case n.Name != "" || nodes[first].Name != "": // else it is the address that is there twice
			v.fault(at+".name", "%q is the name of %s[%d] too", clip(name), path, first)
		}
		a, err := splitAddress(n.Address)
		if err != nil {
			continue
		}
		if first, twice := addresses[a.String()]; twice {
			v.fault(at+".address", "is that of %s[%d] too", path, first)
		} else {
			addresses[a.String()] = i
		}
	}
	if points := weights * pointsPerUnit; points > maxRingPoints {
		v.fault(path, "the ring would have %d points (%d for each unit of weight), at most %d are allowed",
			points, pointsPerUnit, maxRingPoints)
	}
}

func (v *validator) node(path string, n Node) {
	inRange(v, path+".weight", n.Weight, 1, 100)
	if len(n.Name) > maxName || strings.ContainsFunc(n.Name, notVisible) {
		v.fault(path+".name", "must be at most %d visible ASCII characters, is %q", maxName, clip(n.Name))
	}
	a, err := splitAddress(n.Address)
	switch {
	case err != nil:
		v.fault(path+".address", "%v", err)
	case a.host == "" || a.port == 0:
		v.fault(path+".address", "must have a host and a port from 1 to 65535, is %q", clip(n.Address))
	}
}

func (v *validator) auth(path string, p *Pool) {
	a := &p.Auth
	given := a.sources()
	switch {
	case given > 1:
		v.fault(path, "password, password_file and password_env exclude each other")
	case given == 0 && a.Username != "":
		v.fault(path, "username needs password, password_file or password_env")
	case given == 1 && p.Embedded != 0:
		v.fault(path, "embedded servers have no password")
	}
	if Size(len(a.Username)) > maxSecret {
		v.fault(path+".username", "must be at most %v", maxSecret)
	}
	if Size(len(a.Password.Reveal())) > maxSecret {
		v.fault(path+".password", "must be at most %v", maxSecret)
	}
}
