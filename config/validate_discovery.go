package config

import (
	"fmt"
	"strings"
)

const (
	bySentinel   = "sentinel"
	maxSentinels = 16
)

// Discovered reports whether the servers' addresses are not in the file, but found out.
func (p *Pool) Discovered() bool { return p.Discovery == bySentinel }

// discovery checks how a pool's servers are found.
func (v *validator) discovery(path string, p *Pool) {
	v.oneOf(path+".discovery", p.Discovery, "static", bySentinel)
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
