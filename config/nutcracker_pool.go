package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// convert makes the listeners and pools.
func (i *nutcrackerImport) convert() {
	i.cfg = &Config{Pools: map[string]*Pool{}}
	i.ours = map[string]string{}
	i.names = slices.SortedFunc(maps.Keys(i.pools), func(a, b string) int {
		return cmp.Or(i.lineOf(join("", a))-i.lineOf(join("", b)), strings.Compare(a, b))
	})
	if len(i.names) == 0 && len(i.faults) == 0 {
		i.faults = append(i.faults, Fault{Message: "has no pools"})
	}
	i.leaveOutPools()
	for _, name := range i.names {
		ours := i.poolName(name)
		i.ours[name] = ours
		p := i.pool(join("", name), i.pools[name])
		i.cfg.Pools[ours] = p
		listener := i.listener(join("", name), i.pools[name].Listen)
		if len(i.names) > 1 {
			listener.Pool = ours
		}
		i.cfg.Listeners = append(i.cfg.Listeners, listener)
	}
	i.clients()
}

// leaveOutPools passes over the pools that Ringmain cannot serve, if there are
// others; a file of nothing else is refused.
func (i *nutcrackerImport) leaveOutPools() {
	served := func(name string) bool {
		return i.pools[name].Redis && i.pools[name].Distribution != "random"
	}
	if !slices.ContainsFunc(i.names, served) {
		return
	}
	i.names = slices.DeleteFunc(i.names, func(name string) bool {
		switch path := join("", name); {
		case served(name):
			return false
		case !i.pools[name].Redis:
			i.note(path, "is left out: it %s", memcachedPool)
		default:
			i.note(path+".distribution", "the pool is left out: %s", randomPool)
		}
		return true
	})
}

// Why a pool cannot be served.
const (
	memcachedPool = "is a pool of memcached servers: Ringmain speaks the Redis protocol only, with `redis: true`"
	randomPool    = "random puts a key on any server, so that it is rarely found again; Ringmain has ketama and modula"
)

// poolName is a name that a pool may have.
func (i *nutcrackerImport) poolName(name string) string {
	ours := strings.Map(func(r rune) rune {
		if isName(string(r)) {
			return r
		}
		return '-'
	}, name)
	if _, taken := i.cfg.Pools[ours]; taken {
		i.wrong(join("", name), "would be called %q like another pool: rename it", ours)
	} else if ours != name {
		i.note(join("", name), "is called %q, as names have only letters, digits, - and _", ours)
	}
	return ours
}

// pool converts what decides placement, and how the servers are spoken to.
func (i *nutcrackerImport) pool(path string, from *nutcrackerPool) *Pool {
	p := DefaultPool()
	p.Distribution, p.Hash, p.HashTag = from.Distribution, from.Hash, from.HashTag
	p.Database = from.RedisDB
	p.Auth.Password = from.RedisAuth
	if i.given(path, "preconnect") {
		p.Preconnect = from.Preconnect
	}
	i.refuse(path, from)
	i.timeout(path, from.Timeout, p)
	for n, text := range from.Servers {
		node, err := nutcrackerServer(text)
		if err != nil {
			i.wrong(fmt.Sprintf("%s.servers[%d]", path, n), "%v", err)
		}
		p.Nodes = append(p.Nodes, node)
	}
	if from.RedisAuth.Reveal() != "" {
		if p.Database > 0 {
			p.Database = 0
			i.note(path+".redis_db", "is left out: with redis_auth, twemproxy 0.5.0 asks for the database before it gives the password, "+
				"which servers refuse, and so the keys are in database 0")
		}
		i.note(path+".redis_auth", "is what Ringmain sends to the servers. Its own clients need no password now, "+
			"and AUTH gets them an error, as from a Redis without one: take the password out of their settings, "+
			"or have a user called default with it (users)")
		if !utf8.ValidString(from.RedisAuth.Reveal()) {
			i.wrong(path+".redis_auth", "is not UTF-8 and cannot stand in a configuration: take it out, and write it to a file for password_file")
		}
	}
	i.leftOut(path, from)
	return p
}

// refuse finds what cannot be carried over.
func (i *nutcrackerImport) refuse(path string, from *nutcrackerPool) {
	if !from.Redis {
		at := path
		if i.given(path, "redis") {
			at += ".redis"
		}
		i.wrong(at, "%s", memcachedPool)
	}
	v := &validator{}
	switch from.Distribution {
	case "random":
		v.fault(path+".distribution", "%s", randomPool)
	default:
		v.oneOf(path+".distribution", from.Distribution, "ketama", "modula")
	}
	v.oneOf(path+".hash", from.Hash, Hashes()[1:]...)
	if from.Listen == "" {
		v.fault(path+".listen", "is missing")
	}
	if len(from.Servers) == 0 {
		v.fault(path+".servers", "is missing, or has no servers")
	}
	for _, f := range v.faults {
		i.wrong(f.Path, "%s", f.Message)
	}
}

// timeout carries the milliseconds over that a request may take.
func (i *nutcrackerImport) timeout(path string, ms int, p *Pool) {
	const most = 10 * Minute
	switch request := Duration(min(max(ms, 0), int(Hour/Millisecond))) * Millisecond; {
	case request == 0:
		i.note(path+".timeout", "is not set: twemproxy waits for ever, Ringmain answers with an error after %v (timeouts.request)",
			p.Timeouts.Request)
		return
	case request > most:
		i.note(path+".timeout", "is lowered to %v, the longest that timeouts.request may be", most)
		p.Timeouts.Request = most
	default:
		p.Timeouts.Request = request
	}
	p.Timeouts.Slow = max(p.Timeouts.Slow, p.Timeouts.Request)
}

// clients carries the numbers of clients over, which are one number here.
func (i *nutcrackerImport) clients() {
	sum, limited, where := 0, 0, ""
	for _, name := range i.names {
		if n := i.pools[name].ClientConnections; n > 0 {
			sum, limited, where = min(sum+min(n, 1_000_000), 1_000_000), limited+1, join("", name)+".client_connections"
		}
	}
	switch {
	case limited == 0:
	case limited < len(i.names):
		i.note(where, "is left out: limits.clients counts the clients of all listeners, and other pools have no limit")
	default:
		i.cfg.Limits.Clients = sum
		if limited > 1 {
			i.note(where, "limits.clients counts the clients of all listeners: it is the sum, %d", sum)
		}
	}
}

// leftOut names the keys that have no counterpart.
func (i *nutcrackerImport) leftOut(path string, from *nutcrackerPool) {
	eject := "false is what Ringmain does, too"
	if from.AutoEjectHosts {
		eject = "no counterpart: the keys of a server that is down are not moved to others, " +
			"their commands get an error until it is back (on_node_down: fail)"
	}
	for _, k := range []struct{ key, why string }{
		{"auto_eject_hosts", eject},
		{"server_retry_timeout", "no counterpart: a server that is lost is tried again after 50 ms to 1 s, never with a client's request"},
		{"server_failure_limit", "no counterpart: a server is down when health checks find it so (health.fall), at once if its connections fail, and up when it answers"},
		{"server_connections", "no counterpart: each event loop (loops) has one connection to each server"},
		{"backlog", "no counterpart: the largest that the system allows is used"},
		{"tcpkeepalive", "no counterpart: it is always on"},
		{"reuseport", "no counterpart: one process serves a port, with several event loops (loops)"},
	} {
		if i.given(path, k.key) {
			i.note(path+"."+k.key, "%s", k.why)
		}
	}
}

// listener converts an address of twemproxy's, which is host:port or the path of
// a Unix socket with its mode.
func (i *nutcrackerImport) listener(path, listen string) Listener {
	path += ".listen"
	if strings.HasPrefix(listen, "/") {
		file, mode := listen, ""
		if space := strings.LastIndexByte(listen, ' '); space >= 0 {
			file, mode = strings.TrimRight(listen[:space], " "), listen[space+1:]
		}
		if mode != "0660" && mode != "660" {
			i.note(path, "the socket's mode is always 0660: for its owner and group")
		}
		return Listener{Address: unixPrefix + file}
	}
	l := Listener{Address: listen}
	if colon := strings.LastIndexByte(listen, ':'); colon >= 0 {
		l.Address = hostPort(listen[:colon], listen[colon+1:])
	}
	if a, err := splitAddress(l.Address); err == nil {
		l.AllowOpen = !a.local()
	}
	return l
}

// hostPort puts an IPv6 address into brackets, which twemproxy does not have.
func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// nutcrackerServer reads a server as twemproxy does, from its end: "host:port:weight name"
// or "/path:weight name". Its name is what twemproxy hashes: the one given, else
// host:port as written, but the host alone if the port is 11211, memcached's, and
// of a socket its path with the colon behind it.
func nutcrackerServer(text string) (Node, error) {
	const format = "must be host:port:weight or /path:weight, with a name after a space if it has one, is %q"
	rest, name := text, ""
	if space := strings.LastIndexByte(rest, ' '); space >= 0 {
		rest, name = rest[:space], rest[space+1:]
	}
	colon := strings.LastIndexByte(rest, ':')
	if colon < 0 {
		return Node{}, fmt.Errorf(format, clip(text))
	}
	weight, err := strconv.ParseUint(rest[colon+1:], 10, 31)
	if err != nil || weight == 0 {
		return Node{}, fmt.Errorf("the weight must be a number from 1, is %q in %q", clip(rest[colon+1:]), clip(text))
	}
	rest = rest[:colon]
	if strings.HasPrefix(rest, "/") {
		return Node{Name: cmp.Or(name, rest+":"), Address: unixPrefix + rest, Weight: int(weight)}, nil
	}
	if colon = strings.LastIndexByte(rest, ':'); colon < 0 {
		return Node{}, fmt.Errorf(format, clip(text))
	}
	host, digits := rest[:colon], rest[colon+1:]
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || port == 0 {
		return Node{}, fmt.Errorf("the port must be 1 to 65535, is %q in %q", clip(digits), clip(text))
	}
	label := rest
	if port == 11211 {
		label = host
	}
	return Node{Name: cmp.Or(name, label), Address: hostPort(host, strconv.FormatUint(port, 10)), Weight: int(weight)}, nil
}
