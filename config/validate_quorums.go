package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxQuorums  = 16
	maxPatterns = 100
	minTTL      = 10 * Millisecond
	// maxNodeTimeout keeps the time that it takes to get a lock, twice as long, within the
	// second by which servers that may have lost locks stay without a vote longer than the
	// longest lock lasts.
	maxNodeTimeout = 400 * Millisecond
)

// agreement checks quorums, locks and counters.
func (v *validator) agreement(c *Config) {
	v.quorums(c)
	v.patternLists(c)
	for i := range c.Locks {
		v.lock(fmt.Sprintf("locks[%d]", i), &c.Locks[i], c.Quorums)
	}
	for i := range c.Counters {
		v.counter(fmt.Sprintf("counters[%d]", i), &c.Counters[i], c.Quorums)
	}
	v.repairs(c)
}

func (v *validator) quorums(c *Config) {
	if len(c.Quorums) > maxQuorums {
		v.fault("quorums", "must be at most %d, are %d", maxQuorums, len(c.Quorums))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(c.Quorums)) {
		path := join("quorums", name)
		if !isName(name) {
			v.fault(path, "the name must be 1 to 64 letters, digits, - and _")
		}
		if q := c.Quorums[name]; q != nil {
			v.quorum(path, q)
		}
	}
	v.quorumServers(c)
}

func (v *validator) quorum(path string, q *Quorum) {
	odd := func(n int) bool { return n == 1 || n == 3 || n == 5 }
	switch {
	case q.Embedded != 0 && len(q.Nodes) > 0:
		v.fault(path, "embedded and nodes exclude each other")
	case q.Embedded == 0 && len(q.Nodes) == 0:
		v.fault(path, "must have nodes (3 or 5 servers), or embedded servers")
	case q.Embedded != 0 && !odd(q.Embedded):
		v.fault(path+".embedded", "must be 3 or 5, or 1, is %d: of an even number a majority survives no more failures than of one less", q.Embedded)
	case q.Embedded == 0 && !odd(len(q.Nodes)):
		v.fault(path+".nodes", "must be 3 or 5, or 1, are %d: of an even number a majority survives no more failures than of one less", len(q.Nodes))
	}
	for i, text := range q.Nodes {
		v.serverAddress(fmt.Sprintf("%s.nodes[%d]", path, i), text)
	}
	v.oneOf(path+".persistence", q.Persistence, fsyncAlways, "none")
	inRange(v, path+".node_timeout", q.NodeTimeout, 5*Millisecond, maxNodeTimeout)
	inRange(v, path+".timeouts.connect", q.Timeouts.Connect, 10*Millisecond, Minute)
	v.auth(path+".auth", &q.Auth)
	if q.Embedded != 0 {
		if q.Persistence == "none" {
			v.fault(path+".persistence", "is not for embedded servers, which live as long as the quorum itself")
		}
		if q.Auth.source().given() == 1 {
			v.fault(path+".auth", "embedded servers have no password")
		}
	}
	v.serverTLS(path+".tls", &q.Secure, q.Embedded != 0, slices.IndexFunc(q.Nodes, isUnix))
}

// quorumServers checks that the servers of quorums are nobody else's: what a pool's
// clients delete, FLUSHALL foremost, must never be a lock or a counter.
func (v *validator) quorumServers(c *Config) {
	first := map[string]string{} // a server's first place
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		p := c.Pools[name]
		if p == nil {
			continue
		}
		remember := func(path, text string) {
			if a, err := splitAddress(text); err == nil && first[a.server()] == "" {
				first[a.server()] = path
			}
		}
		for i, n := range p.Nodes {
			path := fmt.Sprintf("%s.nodes[%d]", join("pools", name), i)
			remember(path, n.Address)
			for k, replica := range n.Replicas {
				remember(fmt.Sprintf("%s.replicas[%d]", path, k), replica)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Quorums)) {
		q := c.Quorums[name]
		if q == nil {
			continue
		}
		for i, text := range q.Nodes {
			path := fmt.Sprintf("%s.nodes[%d]", join("quorums", name), i)
			a, err := splitAddress(text)
			if err != nil {
				continue
			}
			if other, taken := first[a.server()]; taken {
				v.fault(path, "is the server of %s too: a quorum's servers are its own, and each is there once", other)
				continue
			}
			first[a.server()] = path
		}
	}
}

// patternLists checks the patterns of locks and counters.
func (v *validator) patternLists(c *Config) {
	for _, list := range []struct {
		path string
		n    int
	}{{"locks", len(c.Locks)}, {"counters", len(c.Counters)}} {
		if list.n > maxPatterns {
			v.fault(list.path, "must be at most %d patterns, are %d", maxPatterns, list.n)
		}
	}
	seen := map[string]string{}
	for _, p := range c.Patterns() {
		path := p.Path + ".keys"
		prefix, _ := literal(p.Keys)
		if p.Keys == "" || len(p.Keys) > maxPrefix {
			v.fault(path, "must be a pattern of keys of 1 to %d bytes, such as %s:*, is of %d", maxPrefix, p.Kind, len(p.Keys))
			continue
		}
		if strings.HasPrefix(prefix, Reserved) {
			v.fault(path, "keys that begin with %s are reserved for the proxy", Reserved)
		}
		if other, twice := seen[p.Keys]; twice {
			v.fault(path, "%q is the pattern of %s too, which takes all its keys", clip(p.Keys), other)
		} else {
			seen[p.Keys] = p.Path
		}
	}
}

// quorumName checks the name of a quorum where it is referred to, and gives the quorum.
func (v *validator) quorumName(path, name string, quorums map[string]*Quorum) *Quorum {
	q := quorums[name]
	switch {
	case name == "":
		v.fault(path, "must name a quorum")
	case q == nil:
		v.fault(path, "there is no quorum %q; quorums are %s", clip(name), shortList(slices.Sorted(maps.Keys(quorums))))
	}
	return q
}

func (v *validator) lock(path string, l *Lock, quorums map[string]*Quorum) {
	v.oneOf(path+".mode", l.Mode, "redlock", ownerMode)
	if l.Mode == ownerMode {
		plain := DefaultLock()
		plain.Keys, plain.Mode = l.Keys, l.Mode
		v.plain(path, *l == plain)
		return
	}
	v.quorumName(path+".quorum", l.Quorum, quorums)
	inRange(v, path+".max_ttl", l.MaxTTL, minTTL, Hour)
	inRange(v, path+".min_ttl", l.MinTTL, minTTL, min(max(l.MaxTTL, minTTL), Hour))
	if l.DefaultTTL != 0 && (l.DefaultTTL < l.MinTTL || l.DefaultTTL > l.MaxTTL) {
		v.fault(path+".default_ttl", "must be 0s, or min_ttl to max_ttl, which are %v and %v, is %v", l.MinTTL, l.MaxTTL, l.DefaultTTL)
	}
	if l.MaxHold != 0 && (l.MaxHold < l.MaxTTL || l.MaxHold > 8760*Hour) {
		v.fault(path+".max_hold", "must be 0s, or max_ttl, which is %v, to %v, is %v", l.MaxTTL, 8760*Hour, l.MaxHold)
	}
	inRange(v, path+".drift_factor", l.DriftFactor, 0, 0.1)
	inRange(v, path+".node_timeout_factor", l.NodeTimeoutFactor, 0.001, 0.25)
	inRange(v, path+".split_retries", l.SplitRetries, 0, 20)
	v.oneOf(path+".fencing", l.Fencing, "auto", "off")
	if l.UnknownScripts == ownerMode {
		v.fault(path+".unknown_scripts", "must be reject: a script that is run where the key would live in a pool does not see the lock, "+
			"so that two clients could hold it; give its keys a pattern of their own with mode: owner")
	} else {
		v.oneOf(path+".unknown_scripts", l.UnknownScripts, "reject")
	}
}

func (v *validator) counter(path string, n *Counter, quorums map[string]*Quorum) {
	v.oneOf(path+".mode", n.Mode, "linearizable", ownerMode)
	if n.Mode == ownerMode {
		plain := DefaultCounter()
		plain.Keys, plain.Mode = n.Keys, n.Mode
		v.plain(path, *n == plain)
		return
	}
	if q := v.quorumName(path+".quorum", n.Quorum, quorums); q != nil && !q.Persistent() {
		v.fault(path+".quorum", "must have persistence: fsync_always, which quorum %q has not: a counter must not forget what it has promised", n.Quorum)
	}
	inRange(v, path+".deadline", n.Deadline, 50*Millisecond, Minute)
	inRange(v, path+".max_batch", n.MaxBatch, 1, 65_536)
	v.oneOf(path+".read", n.Read, "consistent_quorum", "identity")
	inRange(v, path+".max_keys", n.MaxKeys, 1, 100_000_000)
	v.oneOf(path+".repair", n.Repair, "auto", "off")
}

// plain checks a pattern whose keys are plain ones.
func (v *validator) plain(path string, nothingElse bool) {
	if !nothingElse {
		v.fault(path, "must have nothing but keys with mode: owner, which takes these keys to the pool's servers")
	}
}

// repairs checks that a quorum is repaired or not, whichever of its counters is asked.
func (v *validator) repairs(c *Config) {
	first := map[string]int{}
	for i, n := range c.Counters {
		if n.Mode == ownerMode || n.Quorum == "" {
			continue
		}
		before, twice := first[n.Quorum]
		switch was := c.Counters[before].Repair; {
		case !twice:
			first[n.Quorum] = i
		case was != n.Repair:
			v.fault(fmt.Sprintf("counters[%d].repair", i), "must be that of counters[%d], which has the same quorum: is %q there", before, clip(was))
		}
	}
}

// quorumWarnings are those of quorums, locks and counters.
func (v *validator) quorumWarnings(c *Config, d *decoder) {
	if len(c.Quorums) > maxQuorums || len(c.Locks) > maxPatterns || len(c.Counters) > maxPatterns {
		return // that is a fault, and to compare all with each other would take long
	}
	patterns := c.Patterns()
	for _, name := range slices.Sorted(maps.Keys(c.Quorums)) {
		q, path := c.Quorums[name], join("quorums", name)
		switch {
		case q.Embedded > 0:
			v.fault(path+".embedded", "embedded servers are for trying Ringmain out: locks and counters are gone when it stops")
		case len(q.Nodes) == 1:
			v.fault(path+".nodes", "is one server, without which there is no lock and no counter: have 3 or 5")
		}
		if !slices.ContainsFunc(patterns, func(p Pattern) bool { return p.Quorum == name }) {
			v.fault(path, "is used by no lock and no counter")
		}
		v.passwordWarning(path+".auth.password", q.Auth.Password, d)
	}
	for i, p := range patterns {
		if before := slices.IndexFunc(patterns[:i], func(b Pattern) bool { return covers(b.Keys, p.Keys) }); before >= 0 {
			v.fault(p.Path+".keys", "%q is never reached: %s takes all its keys", clip(p.Keys), patterns[before].Name())
		}
	}
	for i, l := range c.Locks {
		if q := c.Quorums[l.Quorum]; q != nil && l.Fencing == "auto" && !q.Persistent() {
			v.fault(fmt.Sprintf("locks[%d].fencing", i), "auto means off here: quorum %q has persistence: none", l.Quorum)
		}
	}
}
