package integration

import (
	"fmt"
	"strings"
	"testing"
)

func TestATenantsKeysAloneAreCountedAndDrawn(t *testing.T) {
	nodes := startRedis(t, 3)
	r := start(t, servers(nodes...), tenants, loops(2))
	const own, theirs = 2500, 4000
	for _, c := range []struct {
		login []string
		n     int
	}{{[]string{"AUTH", "all"}, theirs}, {tenantLogin, own}} {
		w := dial(t, r.addr)
		expect(t, "AUTH", w.do(c.login...), "+OK\r\n")
		for from := 0; from < c.n; from += 500 {
			args := []string{"MSET"}
			for i := range 500 {
				args = append(args, fmt.Sprintf("k%d", from+i), "v")
			}
			expect(t, "MSET", w.do(args...), "+OK\r\n")
		}
	}
	w := dial(t, r.addr)
	expect(t, "AUTH", w.do(tenantLogin...), "+OK\r\n")
	expect(t, "DBSIZE", w.do("DBSIZE"), fmt.Sprintf(":%d\r\n", own))
	drawn := map[string]bool{}
	for range 20 {
		w.command("RANDOMKEY")
		w.command("DBSIZE")
		key := w.next()
		if !strings.Contains(key, "\r\nk") || strings.Contains(key, tenantPrefix) {
			t.Fatalf("RANDOMKEY: %q", key)
		}
		drawn[key] = true
		expect(t, "DBSIZE", w.next(), fmt.Sprintf(":%d\r\n", own))
	}
	if len(drawn) < 15 {
		t.Errorf("only %d different keys in 20 draws", len(drawn))
	}
	expect(t, "DBSIZE in another database", w.do("SELECT", "3")+w.do("DBSIZE")+w.do("RANDOMKEY"), "+OK\r\n:0\r\n$-1\r\n")
	expect(t, "SELECT", w.do("SELECT", "0"), "+OK\r\n")
	nodes[1].Kill()
	eventually(t, "a lost server makes it an error", func() bool { return strings.HasPrefix(w.do("DBSIZE"), "-CLUSTERDOWN ") })
}
