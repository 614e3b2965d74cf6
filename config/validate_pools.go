package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

const (
	maxName     = 128
	maxPools    = 64
	maxServers  = 1000
	maxDatabase = 1<<31 - 2
)

func (v *validator) pools(pools map[string]*Pool) {
	if len(pools) == 0 {
		v.fault("pools", "must have a pool")
		return
	}
	if len(pools) > maxPools {
		v.fault("pools", "must be at most %d, are %d", maxPools, len(pools))
		return
	}
	servers := 0
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		path := join("pools", name)
		if !isName(name) {
			v.fault(path, "the name must be 1 to 64 letters, digits, - and _")
		}
		p := pools[name]
		if p == nil {
			continue
		}
		v.pool(path, p)
		servers += len(p.Nodes) + p.replicas() + max(0, min(p.Embedded, maxServers))
	}
	if servers > maxServers {
		v.fault("pools", "must have at most %d servers together, replicas included, have %d", maxServers, servers)
	}
	v.placementSize(pools)
}

func (v *validator) pool(path string, p *Pool) {
	switch {
	case p.Embedded != 0 && len(p.Nodes) > 0:
		v.fault(path, "embedded and nodes exclude each other")
	case p.Embedded == 0 && len(p.Nodes) == 0:
		v.fault(path, "must have nodes, or embedded servers (1 to 16)")
	}
	inRange(v, path+".embedded", p.Embedded, 0, 16)
	v.discovery(path, p)
	v.nodes(path+".nodes", p)
	inRange(v, path+".database", p.Database, 0, maxDatabase)
	v.placement(path, p)
	if n := len(p.HashTag); n != 0 && (n != 2 || strings.ContainsFunc(p.HashTag, notVisible)) {
		v.fault(path+".hash_tag", "must be empty or exactly two visible ASCII characters, is %q", clip(p.HashTag))
	}
	v.oneOf(path+".on_node_down", p.OnNodeDown, whenDown[:]...)
	v.oneOf(path+".reads", p.Reads, ReadsFrom()...)
	v.replicas(path+".nodes", p.Nodes)
	t := p.Timeouts
	inRange(v, path+".timeouts.connect", t.Connect, 10*Millisecond, Minute)
	inRange(v, path+".timeouts.request", t.Request, Millisecond, 10*Minute)
	inRange(v, path+".timeouts.slow", t.Slow, max(t.Request, Millisecond), 24*Hour)
	v.health(path+".health", &p.Health)
	v.auth(path+".auth", &p.Auth)
	if p.Embedded != 0 && p.Auth.source().given() == 1 {
		v.fault(path+".auth", "embedded servers have no password")
	}
	v.serverTLS(path+".tls", &p.Secure, p.Embedded != 0, slices.IndexFunc(p.Nodes, func(n Node) bool {
		return isUnix(n.Address) || slices.ContainsFunc(n.Replicas, isUnix)
	}))
}

func (v *validator) health(path string, h *Health) {
	inRange(v, path+".interval", h.Interval, 50*Millisecond, 10*Minute)
	inRange(v, path+".timeout", h.Timeout, 10*Millisecond, Minute)
	inRange(v, path+".fall", h.Fall, 1, 100)
	inRange(v, path+".rise", h.Rise, 1, 100)
	inRange(v, path+".hold", h.Hold, 0, Hour)
	inRange(v, path+".hold_max", h.HoldMax, max(h.Hold, 0), 24*Hour)
	inRange(v, path+".max_down_percent", h.MaxDownPercent, 0, 100)
}

func (v *validator) nodes(path string, p *Pool) {
	nodes, sentinel := p.Nodes, p.Discovered()
	names, places := map[string]int{}, map[string]int{}
	for i, n := range nodes {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.node(at, n, p)
		name := n.name()
		first, twice := names[name]
		switch {
		case !twice:
			names[name] = i
		case n.Name != "" || nodes[first].Name != "": // else it is the address or master that is there twice
			v.fault(at+".name", "%q is the name of %s[%d] too", clip(name), path, first)
		}
		key, place := ".address", ""
		if a, err := splitAddress(n.Address); err == nil {
			place = a.String()
		}
		if sentinel {
			key, place = ".master", n.Master
		}
		if place == "" {
			continue
		}
		if first, twice := places[place]; twice {
			v.fault(at+key, "is that of %s[%d] too", path, first)
		} else {
			places[place] = i
		}
	}
}

// name is the node's, also if the file has none.
func (n *Node) name() string { return cmp.Or(n.Name, n.Address, n.Master) }

func (v *validator) node(path string, n Node, p *Pool) {
	if len(n.Name) > maxName || strings.ContainsFunc(n.Name, notVisible) {
		v.fault(path+".name", "must be at most %d visible ASCII characters, is %q", maxName, clip(n.Name))
	}
	if p.Discovered() {
		v.master(path, n)
		return
	}
	if n.Master != "" {
		v.fault(path+".master", "is for discovery: sentinel")
	}
	if p.ByDNS() {
		v.dnsName(path, n)
		return
	}
	v.serverAddress(path+".address", n.Address)
}

// serverAddress checks an address that is dialled.
func (v *validator) serverAddress(path, text string) {
	a, err := splitAddress(text)
	switch {
	case err != nil:
		v.fault(path, "%v", err)
	case a.path == "" && (a.host == "" || a.port == 0):
		v.fault(path, "must have a host and a port from 1 to 65535, is %q", clip(text))
	}
}

func isUnix(address string) bool { return strings.HasPrefix(address, unixPrefix) }

// serverTLS checks TLS with servers, of which the one at onUnix has a Unix socket: -1, none.
func (v *validator) serverTLS(path string, t *PoolTLS, embedded bool, onUnix int) {
	switch {
	case !t.On:
		return
	case embedded:
		v.fault(path, "embedded servers speak no TLS")
	case onUnix >= 0:
		v.fault(path, "nodes[%d] has a Unix socket, where Redis speaks no TLS", onUnix)
	case (t.CertFile == "") != (t.KeyFile == ""):
		v.fault(path, "cert_file and key_file go together")
	}
	if name := t.ServerName; name != "" {
		if _, err := netip.ParseAddr(name); err != nil && !isHostName(strings.ToLower(name)) {
			v.fault(path+".server_name", "must be a host's name or an IP address, is %q", clip(name))
		}
	}
}

func (v *validator) auth(path string, a *Auth) {
	given := a.source().given()
	switch {
	case given > 1:
		v.fault(path, "password, password_file and password_env exclude each other")
	case given == 0 && a.Username != "":
		v.fault(path, "username needs password, password_file or password_env")
	}
	if Size(len(a.Username)) > maxSecret {
		v.fault(path+".username", "must be at most %v", maxSecret)
	}
	if Size(len(a.Password.Reveal())) > maxSecret {
		v.fault(path+".password", "must be at most %v", maxSecret)
	}
}
