package config

import (
	"fmt"
	"strings"
)

const (
	bySentinel   = "sentinel"
	byDNS        = "dns"
	maxSentinels = 16
	// maxDNSNames bounds the names of a pool, and maxDNSServers the servers that they give.
	maxDNSNames   = 16
	maxDNSServers = 256
)

// ByDNS reports whether the pool's servers are the addresses of names.
func (p *Pool) ByDNS() bool { return p.Discovery == byDNS }

// Discovered reports whether the servers' addresses are not in the file: sentinels tell them.
func (p *Pool) Discovered() bool { return p.Discovery == bySentinel }

// discovery checks how a pool's servers are found.
func (v *validator) discovery(path string, p *Pool) {
	v.oneOf(path+".discovery", p.Discovery, "static", bySentinel, byDNS)
	v.dns(path, p)
	s := &p.Sentinel
	v.auth(path+".sentinel.auth", &s.Auth)
	switch {
	case p.Discovered() && p.Embedded != 0:
		v.fault(path+".discovery", "must be static: no sentinel knows embedded servers")
	case p.Discovered() && (len(s.Addresses) == 0 || len(s.Addresses) > maxSentinels):
		v.fault(path+".sentinel.addresses", "must be 1 to %d with discovery: sentinel, are %d", maxSentinels, len(s.Addresses))
	case p.Discovered():
		v.sentinels(path+".sentinel.addresses", s.Addresses)
	case len(s.Addresses) > 0 || s.Auth.source().given() > 0:
		v.fault(path+".sentinel", "is for discovery: sentinel")
	}
}

func (v *validator) sentinels(path string, addresses []string) {
	seen := map[string]int{}
	for i, text := range addresses {
		at := fmt.Sprintf("%s[%d]", path, i)
		a, err := splitAddress(text)
		if err != nil || a.path != "" || a.host == "" || a.port == 0 {
			v.fault(at, "must be host:port, with a port from 1 to 65535, is %q", clip(text))
			continue
		}
		if first, twice := seen[a.String()]; twice {
			v.fault(at, "is %s[%d] too", path, first)
		} else {
			seen[a.String()] = i
		}
	}
}

// dns checks a pool whose servers are the addresses of names.
func (v *validator) dns(path string, p *Pool) {
	if !p.ByDNS() {
		if p.DNS != DefaultPool().DNS {
			v.fault(path+".dns", "is for discovery: dns")
		}
		return
	}
	if p.Embedded != 0 {
		v.fault(path+".discovery", "must be static: embedded servers have no names")
	}
	if len(p.Nodes) > maxDNSNames {
		v.fault(path+".nodes", "must be at most %d with discovery: dns, are %d: each name may have many addresses", maxDNSNames, len(p.Nodes))
	}
	inRange(v, path+".dns.interval", p.DNS.Interval, Second, Hour)
	if server := p.DNS.Server; server != "" {
		if a, err := splitAddress(server); err != nil || !a.ip.IsValid() || a.port == 0 {
			v.fault(path+".dns.server", "must be the IP address and port of a DNS server, such as 127.0.0.1:8600, is %q", clip(server))
		}
	}
	if p.Secure.On && p.Secure.ServerName == "" {
		v.fault(path+".tls.server_name", "must be given with discovery: dns: the servers' addresses come from DNS, which is not to say whom they must be")
	}
}

// dnsName checks a node that stands for all addresses of a name.
func (v *validator) dnsName(path string, n Node) {
	a, err := splitAddress(n.Address)
	switch {
	case err != nil || a.path != "" || a.host == "" || a.port == 0:
		v.fault(path+".address", "must be name:port with discovery: dns, with a port from 1 to 65535, is %q", clip(n.Address))
	case n.Name != "":
		v.fault(path+".name", "must be left out with discovery: dns: each server's name is its address")
	case n.Weight != 1:
		v.fault(path+".weight", "must be 1 with discovery: dns, is %d", n.Weight)
	case len(n.Replicas) > 0:
		v.fault(path+".replicas", "must be left out with discovery: dns")
	}
}

// master checks a node whose address the sentinels tell.
func (v *validator) master(path string, n Node) {
	if len(n.Replicas) > 0 {
		v.fault(path+".replicas", "must be left out with discovery: sentinel: a failover changes which they are")
	}
	switch {
	case n.Address != "":
		v.fault(path+".address", "must be left out with discovery: sentinel: the sentinels tell it; master says what they call the server")
	case n.Master == "" || len(n.Master) > maxName || strings.ContainsFunc(n.Master, notVisible):
		v.fault(path+".master", "must be 1 to %d visible ASCII characters with discovery: sentinel, is %q", maxName, clip(n.Master))
	}
}
