package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestWhatMayBeMeantOtherwiseIsWarnedOfWithItsPlace(t *testing.T) {
	t.Setenv("RINGMAIN_TEST_PASSWORD", "hunter2")
	for name, test := range map[string]struct{ text, want string }{
		"nothing": {"pools: {main: {nodes: [{name: a, address: 'h:1'}]}}", ""},
		"addresses for names": {"pools:\n  main:\n    nodes:\n      - h:1\n      - {name: b, address: 'h:2'}",
			"f:4: pools.main.nodes: 1 of 2 have no name"},
		"names that do not matter": {"pools: {main: {distribution: jump, nodes: ['h:1', 'h:2']}}", ""},
		"crc32 with ketama": {"pools:\n  main:\n    distribution: ketama\n    hash: crc32\n    nodes: [{name: a, address: 'h:1'}]",
			"f:4: pools.main.hash: with ketama, crc32 puts nearly all keys on one server"},
		"crc32 with ring":  {"pools: {main: {hash: crc32, nodes: [{name: a, address: 'h:1'}]}}", ""},
		"a password":       {"pools:\n  main:\n    nodes: [{name: a, address: 'h:1'}]\n    auth: {password: hunter2}", "f:4: pools.main.auth.password: is in the file itself"},
		"a variable":       {"pools:\n  main:\n    nodes: [{name: a, address: 'h:1'}]\n    auth: {password: '${RINGMAIN_TEST_PASSWORD}'}", ""},
		"from elsewhere":   {"pools:\n  main:\n    nodes: [{name: a, address: 'h:1'}]\n    auth: {password_env: RINGMAIN_TEST_PASSWORD}", ""},
		"embedded servers": {"pools: {main: {embedded: 1}}", "f:1: pools.main.embedded: embedded servers are for trying"},
		"an open listener": {"listeners: [{address: ':1', allow_open: true}]\npools: {main: {nodes: [{name: a, address: 'h:1'}]}}",
			"f:1: listeners[0].address: every machine that reaches :1"},
		"passwords in the clear": {"listeners: [{address: ':1'}]\nusers: [{name: a, password_env: RINGMAIN_TEST_PASSWORD, access: read}]\npools: {main: {nodes: [{name: a, address: 'h:1'}]}}",
			"f:1: listeners[0].address: without tls, passwords and data travel to :1"},
		"a socket": {"listeners: [{address: unix:/a}]\npools: {main: {nodes: [{name: a, address: unix:/b}]}}", ""},
		"several routes": {"pools: {main: {nodes: [{name: a, address: 'h:1'}]}}\nroutes:\n  - {prefix: x, pool: main}\n  - {pool: main}",
			"f:4: routes[1]: commands on the whole fleet"},
		"a database of two pools": {"listeners: [{address: '127.0.0.1:1', pool: a}, {address: '127.0.0.1:2', pool: b}]\npools:\n  b: {nodes: [{name: x, address: 'h:1'}]}\n" +
			"  a:\n    nodes: [{name: x, address: 'H:1'}]", `f:3: pools.b.nodes[0]: is a server of pool "a" too`},
		"two databases of a server": {"listeners: [{address: '127.0.0.1:1', pool: a}, {address: '127.0.0.1:2', pool: b}]\npools:\n  b: {database: 1, nodes: [{name: x, address: 'h:1'}]}\n" +
			"  a:\n    nodes: [{name: x, address: 'H:1'}]", ""},
		"primaries of sentinels have names": {"pools: {main: {discovery: sentinel, sentinel: {addresses: ['h:1']}, nodes: [{master: a}]}}", ""},
		"a password of sentinels": {"pools:\n  main:\n    discovery: sentinel\n    sentinel: {addresses: ['h:1'], auth: {password: hunter2}}\n    nodes: [{master: a}]",
			"f:4: pools.main.sentinel.auth.password: is in the file itself"},
		"a primary of two pools": {"listeners: [{address: '127.0.0.1:1', pool: a}, {address: '127.0.0.1:2', pool: b}]\npools:\n" +
			"  b: {discovery: sentinel, sentinel: {addresses: ['h:1']}, nodes: [{master: x}]}\n" +
			"  a: {discovery: sentinel, sentinel: {addresses: ['h:1']}, nodes: [{master: y}, {master: x}]}", `f:3: pools.b.nodes[0]: is a server of pool "a" too`},
		"replicas that nobody reads": {"pools:\n  main:\n    nodes: [{name: a, address: 'h:1', replicas: ['h:2']}]",
			"f:3: pools.main.nodes: replicas are not used"},
		"reads without replicas":     {"pools:\n  main:\n    embedded: 0\n    nodes: [{name: a, address: 'h:1'}]\n    reads: any", "f:5: pools.main.reads: any is the same as primary"},
		"replicas that answer reads": {"pools: {main: {reads: replica, nodes: [{name: a, address: 'h:1', replicas: ['h:2']}]}}", ""},
		"a server alone in a pool that reroutes": {"topology: {sole_proxy: true}\npools:\n  main:\n    nodes: [{name: a, address: 'h:1'}]\n    on_node_down: reroute",
			"f:5: pools.main.on_node_down: reroute does nothing in a pool of one server"},
		"no server may be out": {"topology: {sole_proxy: true}\npools:\n  main:\n    nodes: [{name: a, address: 'h:1'}, {name: b, address: 'h:2'}]\n    on_node_down: reroute\n    health: {max_down_percent: 49}",
			"f:6: pools.main.health.max_down_percent: is 49, which lets none of 2 servers be out"},
		"one of two may be out": {"topology: {sole_proxy: true}\npools: {main: {on_node_down: reroute, nodes: [{name: a, address: 'h:1'}, {name: b, address: 'h:2'}]}}", ""},
		"a bound on servers that are out": {"pools:\n  main:\n    nodes: [{name: a, address: 'h:1'}]\n    health: {max_down_percent: 20}",
			"f:4: pools.main.health.max_down_percent: has no effect without on_node_down: reroute"},
		"one route": {"pools: {main: {nodes: [{name: a, address: 'h:1'}]}}\nroutes: [{pool: main}]", ""},
	} {
		c, err := Parse("f", []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := fmt.Sprint(errors.Join(asErrors(c.Warnings)...))
		if test.want == "" && len(c.Warnings) > 0 || test.want != "" && (len(c.Warnings) != 1 || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%s: got %s\nwant %s", name, got, test.want)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s: a password is shown: %s", name, got)
		}
	}
}

func asErrors(faults []Fault) (all []error) {
	for _, f := range faults {
		all = append(all, f)
	}
	return all
}

func TestWarningsComeInTheFilesOrder(t *testing.T) {
	c := mustParse(t, "pools:\n  b: {embedded: 1}\n  a: {embedded: 1}\nroutes:\n  - {prefix: x, pool: b}\n  - {pool: a}\nlisteners:\n  - {address: ':1', allow_open: true}\n")
	for i, line := range []int{2, 3, 6, 8} {
		if len(c.Warnings) != 4 || c.Warnings[i].Line != line {
			t.Fatalf("got %v", c.Warnings)
		}
	}
}
