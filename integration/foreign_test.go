package integration

import (
	"fmt"
	"strings"
	"testing"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// A pool that reroutes deletes what it finds old on its servers. These are servers that are
// not, or not only, its own.

// onRedis runs commands on a server, in a database. They are to succeed.
func onRedis(t *testing.T, s *redistest.Server, database string, lines ...string) {
	t.Helper()
	w := dial(t, s.Addr())
	defer w.Close()
	for _, line := range append([]string{"SELECT " + database}, lines...) {
		if got := w.do(strings.Fields(line)...); strings.HasPrefix(got, "-") {
			t.Fatalf("%s: %q", line, got)
		}
	}
}

func TestForeignDataIsNeitherReadNorDeleted(t *testing.T) {
	for what, c := range map[string]struct{ database, key, value, reason string }{
		"in database 0":            {"0", "key", "foreign", "holds data that is not known to be this pool's"},
		"in another":               {"7", "key", "foreign", "holds data that is not known to be this pool's"},
		"in the refuge":            {"15", "key", "foreign", "holds foreign keys in database 15"},
		"a marker of another pool": {"15", "__ringmain:marker", `{"pool":"other","epoch":7,"incarnation":"x","run_id":"y"}`, "holds foreign keys in database 15"},
		"a marker that is none":    {"15", "__ringmain:marker", `version-9`, "holds foreign keys in database 15"},
	} {
		t.Run(what, func(t *testing.T) {
			list := startRedis(t, 3)
			onRedis(t, list[1], c.database, "SET "+c.key+" "+c.value)
			r := start(t, servers(list...), rerouting(soon), admitted)
			eventually(t, "it is told why it is not used", func() bool { // a server that answers late is asked again
				b := r.told(t).Servers[1]
				return b.State == "down" && strings.Contains(b.Reason, c.reason) && strings.Contains(b.Reason, "ringmain adopt main --empty")
			})
			w := dial(t, r.addr)
			refused := 0
			for _, key := range strings.Fields("key k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 k11 k12 k13 k14 k15") {
				switch got := w.do("GET", key); {
				case strings.HasPrefix(got, "-CLUSTERDOWN "):
					refused++
				case got != "$-1\r\n":
					t.Errorf("GET %s: %q", key, got)
				}
			}
			if refused == 0 {
				t.Error("no key is refused")
			}
			want := fmt.Sprintf("$%d\r\n%s\r\n", len(c.value), c.value)
			expect(t, "the foreign key", onDatabase(t, list[1], c.database, "GET", c.key), want)
			newOperator(t, r).must("adopt", "main", "--empty")
			if b := r.told(t).Servers[1]; b.State != "up" {
				t.Errorf("adopted, it is told that %+v", b)
			}
			if got := onDatabase(t, list[1], c.database, "GET", c.key); got == want {
				t.Error("adopted, it has the foreign key still")
			}
		})
	}
}

func TestForeignKeysThatComeIntoARefugeEndRerouting(t *testing.T) {
	st := newStage(t, 3, rerouting(soon), admitted)
	onRedis(t, st.servers[1], "15", "SET key foreign")
	eventually(t, "rerouting has ended", func() bool { return strings.Contains(st.proxy.told(t).Trouble, "holds keys of others") })
	st.servers[0].Kill()
	eventually(t, "a server is down", func() bool { return st.proxy.told(t).Servers[0].State == "down" })
	if err := st.servers[1].Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another one is down", func() bool { return st.proxy.told(t).Servers[1].State == "down" })
	if err := st.servers[1].Cont(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool { return st.proxy.told(t).Servers[1].State == "up" })
	expect(t, "the foreign key", onDatabase(t, st.servers[1], "15", "GET", "key"), "$7\r\nforeign\r\n")
}

func TestAServerThatRefusesClientKillIsNotReroutedFrom(t *testing.T) {
	list := startRedis(t, 3)
	for _, s := range list {
		onRedis(t, s, "0", "SET key data", "ACL SETUSER proxy on >secret ~* &* +@all -client|kill")
	}
	r := start(t, servers(list...), rerouting(soon), admitted, func(c *config.Config) {
		mainPool(c).Auth = config.Auth{Username: "proxy", Password: config.NewSecret("secret")}
	})
	if trouble := r.told(t).Trouble; !strings.Contains(trouble, "refuses CLIENT KILL") {
		t.Errorf("it is told that %q", trouble)
	}
	for _, s := range list {
		expect(t, "its data", onDatabase(t, s, "0", "GET", "key"), "$4\r\ndata\r\n")
	}
}

// onDatabase is the reply of a server to a command in a database.
func onDatabase(t *testing.T, s *redistest.Server, database string, args ...string) string {
	t.Helper()
	w := dial(t, s.Addr())
	defer w.Close()
	expect(t, "SELECT", w.do("SELECT", database), "+OK\r\n")
	return w.do(args...)
}
