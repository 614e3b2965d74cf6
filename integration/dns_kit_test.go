package integration

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ringmain/internal/dnstest"
	"ringmain/internal/redistest"
)

// named are servers at addresses of their own on one port, which a name has or has not, and
// Ringmain.
type named struct {
	*testing.T
	dns     *dnstest.Server
	servers []*redistest.Server
	hosts   []string
	nodes   []string // the names that the servers have then
	port    string
	proxy   *ringmain
}

// theName is what Ringmain looks up.
const theName = "cache.test"

// newNamed starts n servers. Nothing has been said of the name yet.
func newNamed(t *testing.T, n int) *named {
	r := &named{T: t, dns: dnstest.Start(t), servers: startRedis(t, n)}
	first := redistest.StartRelay(t, r.servers[0].Addr())
	_, r.port, _ = net.SplitHostPort(first.Addr())
	for i, s := range r.servers {
		r.hosts = append(r.hosts, "127.0.0."+strconv.Itoa(i+1))
		r.nodes = append(r.nodes, net.JoinHostPort(r.hosts[i], r.port))
		if i == 0 {
			continue
		}
		relay, err := redistest.NewRelayAt(r.nodes[i], s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(relay.Close)
	}
	return r
}

// configuration has Ringmain look the name up; more is of the pool.
func (r *named) configuration(more string) string {
	return "listeners: [{address: '127.0.0.1:0'}]\nloops: 2\npools:\n  main:\n    discovery: dns\n    dns: {server: '" + r.dns.Addr +
		"', interval: 1s}\n    nodes: ['" + theName + ":" + r.port + "']\n    health: {interval: 100ms}\n" + more
}

// start starts Ringmain when the name has the addresses of some servers.
func (r *named) start(servers ...int) {
	r.Helper()
	r.says(servers...)
	r.proxy = startFrom(r.T, r.configuration(""))
}

// says has the name have the addresses of some servers.
func (r *named) says(servers ...int) {
	var list []string
	for _, i := range servers {
		list = append(list, r.hosts[i])
	}
	r.dns.Says(theName, list...)
}

// listed are the servers that INFO lists.
func (r *named) listed() (names []string) {
	w := dial(r.T, r.proxy.addr)
	defer w.Close()
	for line := range strings.Lines(w.do("INFO", "servers")) {
		if _, rest, is := strings.Cut(line, ":name="); is {
			name, _, _ := strings.Cut(rest, ",")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// becomes waits for the pool to have these servers, and those alone.
func (r *named) becomes(servers ...int) {
	r.Helper()
	var want []string
	for _, i := range servers {
		want = append(want, r.nodes[i])
	}
	slices.Sort(want)
	eventually(r.T, fmt.Sprint("the servers are ", want), func() bool { return slices.Equal(r.listed(), want) })
}

// left waits until Ringmain has no connection to a server any more.
func (r *named) left(server int) {
	r.Helper()
	eventually(r.T, "a server is left", func() bool {
		list, err := r.servers[server].Client().ClientList(r.Context()).Result()
		return err == nil && !strings.Contains(list, " name=ringmain-")
	})
}

// keyOf is a key that lives on a server.
func (r *named) keyOf(server int, prefix string) string {
	r.Helper()
	w := dial(r.T, r.proxy.addr)
	defer w.Close()
	for n := range 1000 {
		if key := fmt.Sprint(prefix, n); w.do("SET", key, "v") == "+OK\r\n" && holds(r.T, r.servers[server], 0, key) {
			return key
		}
	}
	r.Fatal("no key lives there")
	return ""
}
