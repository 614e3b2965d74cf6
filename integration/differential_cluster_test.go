package integration

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"

	"ringmain/internal/redistest"
)

// clusterCases are compared with a node that has all slots of a cluster. ID stands for
// the node's own.
const clusterCases = `
CLUSTER MYID
CLUSTER INFO
CLUSTER NODES
CLUSTER SLOTS
CLUSTER SHARDS
CLUSTER LINKS
CLUSTER KEYSLOT foo
CLUSTER KEYSLOT foo{bar}
CLUSTER KEYSLOT {}bar
CLUSTER KEYSLOT {a}{b}
CLUSTER KEYSLOT a}{b}c
CLUSTER KEYSLOT {{a}}
CLUSTER KEYSLOT 123456789
CLUSTER KEYSLOT ""
CLUSTER KEYSLOT {é}
CLUSTER KEYSLOT
CLUSTER REPLICAS ID
CLUSTER REPLICAS x
CLUSTER SLAVES ID
CLUSTER SLAVES "a b"
CLUSTER COUNT-FAILURE-REPORTS ID
CLUSTER COUNT-FAILURE-REPORTS x
CLUSTER NOSUCH
CLUSTER INFO x
CLUSTER
READONLY
READWRITE
ASKING
ASKING x
`

func TestClusterClientsSeeOneNodeWithAllSlotsInRedisWords(t *testing.T) {
	bus, err := net.Listen("tcp", "127.0.0.1:0") // Redis would take its own port plus 10,000, which there may not be
	if err != nil {
		t.Fatal(err)
	}
	_, busPort, _ := net.SplitHostPort(bus.Addr().String())
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	lone := redistest.Start(t, "cluster-enabled", "yes", "cluster-port", busPort)
	if _, err := lone.Do("CLUSTER", "ADDSLOTSRANGE", 0, 16383); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster is up", func() bool {
		text, err := lone.Do("CLUSTER", "INFO")
		return err == nil && strings.Contains(fmt.Sprint(text), "cluster_state:ok")
	})
	proxy := start(t, servers(startRedis(t, 2)...))
	for _, protocol := range []string{"2", "3"} {
		var said [2]string
		for i, addr := range []string{proxy.Addr(), lone.Addr()} {
			w := dial(t, addr)
			id := strings.TrimSuffix(strings.TrimPrefix(w.do("CLUSTER", "MYID"), "$40\r\n"), "\r\n")
			if !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(id) {
				t.Fatalf("the node's id is %q", id)
			}
			w.do("HELLO", protocol)
			host, port, _ := strings.Cut(addr, ":")
			for text := range strings.Lines(clusterCases) {
				l, err := parseLine(strings.TrimSpace(text), nil)
				if err != nil {
					t.Fatal(err)
				}
				args := l.named(naming{})
				for k, arg := range args {
					if arg == "ID" {
						args[k] = id
					}
				}
				if len(args) == 0 {
					continue
				}
				reply := strings.NewReplacer(id, "ID", port, "PORT").Replace(w.do(args...))
				reply = strings.ReplaceAll(reply, fmt.Sprintf("$%d\r\n%s\r\n", len(host), host), "$0\r\n\r\n") // a node that has met no other does not know its own
				reply = regexp.MustCompile(`(?s)[$=]\d+\r\n(txt:)?ID .*?:PORT@\d+ `).ReplaceAllString(reply, "${1}ID PORT ")
				said[i] += strings.TrimSpace(text) + ": " + reply
			}
		}
		expect(t, "RESP"+protocol, said[0], said[1])
	}
}

func TestClientsThatLookForAClusterThemselvesFindNone(t *testing.T) {
	proxy := start(t, servers(startRedis(t, 1)...))
	for _, name := range []string{"rueidis", "SE.Redis"} {
		w := dial(t, proxy.Addr())
		expect(t, "SETINFO", w.do("CLIENT", "SETINFO", "LIB-NAME", name), "+OK\r\n")
		for _, args := range [][]string{{"CLUSTER", "SLOTS"}, {"CLUSTER", "NODES"}, {"READONLY"}} {
			expect(t, fmt.Sprint(name, args), w.do(args...), "-ERR This instance has cluster support disabled\r\n")
		}
	}
}
