package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxListeners = 64
	maxRoutes    = 1000
	maxPrefix    = 1024
	// Reserved begins the keys that clients cannot use.
	Reserved = "__ringmain:"
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

// oneOf adds a fault unless value is one of those allowed.
func (v *validator) oneOf(path, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	text := allowed[0]
	if n := len(allowed) - 1; n > 0 {
		text = strings.Join(allowed[:n], ", ") + " or " + allowed[n]
	}
	v.fault(path, "must be %s, is %q", text, clip(value))
}

func (c *Config) check() Faults {
	v := &validator{}
	v.listeners(c)
	v.admin(c)
	v.users(c)
	inRange(v, "loops", c.Loops, 0, 64)
	v.limits(c.Limits)
	if idle := c.Timeouts.ClientIdle; idle != 0 && (idle < Second || idle > 8760*Hour) {
		v.fault("timeouts.client_idle", "must be 0s, or %v to %v, is %v", Second, 8760*Hour, idle)
	}
	inRange(v, "timeouts.client_stall", c.Timeouts.ClientStall, 100*Millisecond, 24*Hour)
	inRange(v, "drain.delay", c.Drain.Delay, 0, 10*Minute)
	inRange(v, "drain.timeout", c.Drain.Timeout, 100*Millisecond, 24*Hour)
	inRange(v, "slowlog.threshold", c.Slowlog.Threshold, 0, Hour)
	inRange(v, "slowlog.entries", c.Slowlog.Entries, 0, 10_000)
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "text", "json")
	v.topology(&c.Topology)
	v.pools(c.Pools)
	v.rerouting(c)
	v.routes(c)
	v.unusedPools(c)
	v.agreement(c)
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

func (v *validator) listeners(c *Config) {
	if len(c.Listeners) == 0 || len(c.Listeners) > maxListeners {
		v.fault("listeners", "must be 1 to %d addresses, are %d", maxListeners, len(c.Listeners))
		return
	}
	var before []address
	for i, l := range c.Listeners {
		path := fmt.Sprintf("listeners[%d]", i)
		if l.Pool != "" {
			v.poolName(path+".pool", l.Pool, c.Pools)
		}
		a, err := splitAddress(l.Address)
		before = append(before, a)
		if err != nil {
			v.fault(path+".address", "%v", err)
			continue
		}
		v.listener(path+".address", l, a, c.knowsClients(l))
		v.listenerTLS(path+".tls", &l.Secure, a)
		if first := slices.IndexFunc(before[:i], a.collides); first >= 0 {
			v.fault(path+".address", "is taken by listeners[%d], %q", first, clip(c.Listeners[first].Address))
		}
	}
}

// knowsClients reports whether the clients of l have to prove who they are.
func (c *Config) knowsClients(l Listener) bool {
	return len(c.Users) > 0 || l.Secure.ClientCAFile != ""
}

func (v *validator) listener(path string, l Listener, a address, known bool) {
	switch {
	case a.local():
	case !a.ip.IsValid() && a.host != "":
		v.fault(path, "must be an IP address or localhost, with a port, or unix:/path, is %q", clip(l.Address))
	case !l.AllowOpen && !known:
		v.fault(path, "%q is open to other machines, and clients are not asked who they are: "+
			"use a loopback address, have users or certificates of clients (tls.client_ca_file), or set allow_open: true", clip(l.Address))
	}
}

func (v *validator) listenerTLS(path string, t *ListenerTLS, a address) {
	switch {
	case !t.On:
	case a.path != "":
		v.fault(path, "a Unix socket takes no TLS: nobody on the way could read what it carries")
	case t.CertFile == "" || t.KeyFile == "":
		v.fault(path, "must have cert_file and key_file")
	}
}

// poolName checks the name of a pool where it is referred to.
func (v *validator) poolName(path, name string, pools map[string]*Pool) {
	if _, known := pools[name]; !known && len(pools) > 0 { // without any, that is the fault
		v.fault(path, "there is no pool %q; pools are %s", clip(name), shortList(slices.Sorted(maps.Keys(pools))))
	}
}

func (v *validator) routes(c *Config) {
	if len(c.Routes) == 0 {
		v.withoutRoutes(c)
		return
	}
	if len(c.Routes) > maxRoutes {
		v.fault("routes", "must be at most %d, are %d", maxRoutes, len(c.Routes))
		return
	}
	seen := map[string]int{}
	for i, r := range c.Routes {
		path := fmt.Sprintf("routes[%d]", i)
		v.prefix(path+".prefix", r.Prefix)
		first, twice := seen[r.Prefix]
		switch {
		case !twice:
			seen[r.Prefix] = i
		case r.Prefix == "":
			v.fault(path, "has no prefix, as routes[%d]: one route takes all other keys", first)
		default:
			v.fault(path+".prefix", "%q is the prefix of routes[%d] too", clip(r.Prefix), first)
		}
		if r.Pool == "" {
			v.fault(path+".pool", "must name a pool")
		} else {
			v.poolName(path+".pool", r.Pool, c.Pools)
		}
	}
	if _, all := seen[""]; !all {
		v.fault("routes", "must have one without a prefix, which takes all other keys")
	}
}

func (v *validator) prefix(path, prefix string) {
	switch {
	case len(prefix) > maxPrefix:
		v.fault(path, "must be at most %d bytes, is %d", maxPrefix, len(prefix))
	case strings.HasPrefix(prefix, Reserved):
		v.fault(path, "keys that begin with %s are reserved for the proxy", Reserved)
	}
}

// withoutRoutes checks that nothing needs routes where there are none.
func (v *validator) withoutRoutes(c *Config) {
	if len(c.Pools) < 2 {
		return
	}
	for i, l := range c.Listeners {
		if l.Pool == "" {
			v.fault("pools", "are %d: routes must say which keys go where, or each listener must name its pool (listeners[%d] does not)",
				len(c.Pools), i)
			return
		}
	}
}

// unusedPools finds pools that no key goes to.
func (v *validator) unusedPools(c *Config) {
	used := map[string]bool{}
	for _, l := range c.Listeners {
		used[l.Pool] = true
	}
	for _, r := range c.Routes {
		used[r.Pool] = true
	}
	if len(c.Routes) == 0 && (used[""] || len(used) == 0) {
		return // one pool takes all keys, or the fault is another one
	}
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		if !used[name] {
			v.fault(join("pools", name), "is used by no route and no listener")
		}
	}
}

// shortList names some of many.
func shortList(names []string) string {
	const most = 8
	if len(names) == 0 {
		return "none"
	}
	quoted := make([]string, 0, most+1)
	for i, name := range names {
		if i == most {
			quoted = append(quoted, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		quoted = append(quoted, fmt.Sprintf("%q", clip(name)))
	}
	return strings.Join(quoted, ", ")
}
