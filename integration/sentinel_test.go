package integration

import (
	"fmt"
	"strings"
	"testing"

	"ringmain/internal/redistest"
	"ringmain/internal/sentineltest"
)

func TestAPrimaryThatIsKilledIsReplacedUnderLoadAndNotWrittenToWhenItIsBack(t *testing.T) {
	t.Parallel() // sentinels take their time
	g := newGuarded(t)
	switched := g.switches()
	l := g.begin()
	l.goesOn()
	g.masters[0].Kill()
	l.failsOver(switched)
	// Nobody tells the former primary what it is, and nobody the proxy that it is none.
	g.dismiss()
	if err := g.masters[0].Restart(); err != nil {
		t.Fatal(err)
	}
	l.goesOn()
	g.untouched(g.masters[0])
	if n, err := g.masters[0].Client().DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("the former primary has %d keys, %v", n, err)
	}
	l.finish(g.replicas[0], g.masters[1])
}

// untouched checks that Ringmain has no connection to a server.
func (g *guarded) untouched(s *redistest.Server) {
	g.Helper()
	list, err := s.Client().ClientList(g.Context()).Result()
	if err != nil || strings.Contains(list, "name=ringmain-") {
		g.Errorf("its clients are, %v:\n%s", err, list)
	}
}

func TestAPrimaryThatHungIsNotWrittenToWhenItGoesOn(t *testing.T) {
	t.Parallel() // sentinels take their time
	g := newGuarded(t)
	switched := g.switches()
	l := g.begin()
	l.goesOn()
	if err := g.masters[0].Stop(); err != nil {
		t.Fatal(err)
	}
	l.failsOver(switched)
	w := dial(t, g.proxy.addr)
	after := "{" + g.keys[0][0] + "}after"
	expect(t, "SET", w.do("SET", after, "1"), "+OK\r\n")
	g.dismiss()
	if err := g.masters[0].Cont(); err != nil {
		t.Fatal(err)
	}
	// It executes what was sent to it before, as a primary that it takes itself to be; then
	// its connections are seen to have ended.
	eventually(t, "the old connections have ended", func() bool {
		list, err := g.masters[0].Client().ClientList(t.Context()).Result()
		return err == nil && !strings.Contains(list, "name=ringmain-")
	})
	was := counted(t, g.masters[0])
	l.goesOn()
	g.untouched(g.masters[0])
	if now := counted(t, g.masters[0]); now != was {
		t.Errorf("the former primary had executed %q, now %q", was, now)
	}
	if holds(t, g.masters[0], 0, after) {
		t.Error("it has what was written after the switch")
	}
	l.finish(g.replicas[0], g.masters[1])
}

// counted is what a server says of how often it has executed INCR.
func counted(t *testing.T, s *redistest.Server) string {
	t.Helper()
	stats, err := s.Client().Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(stats) {
		if strings.HasPrefix(line, "cmdstat_incr:") {
			return line
		}
	}
	return ""
}

func TestAPlannedFailoverIsFollowedUnderLoad(t *testing.T) {
	t.Parallel() // sentinels take their time
	times := 1
	if torture() {
		times = 6 // there and back
	}
	g := newGuarded(t)
	l := g.begin()
	l.goesOn()
	for range times {
		switched := g.switches()
		eventually(t, "a failover begins", func() bool {
			_, err := g.sentinels[0].Do("SENTINEL", "FAILOVER", "one")
			return err == nil
		})
		l.failsOver(switched)
		l.goesOn()
		eventually(t, "the former primary is a replica in step", func() bool {
			info, err := g.masters[0].Client().Info(t.Context(), "replication").Result()
			return err == nil && strings.Contains(info, "role:slave") && strings.Contains(info, "master_link_status:up")
		})
		g.masters[0], g.replicas[0] = g.replicas[0], g.masters[0]
	}
	l.finish(g.masters[0], g.masters[1])
}

func TestAPoolComesUpWithoutSentinelsAndWithSomeOfThem(t *testing.T) {
	list := startRedis(t, 2)
	sentinels := sentineltest.Start(t, 3, map[string]*redistest.Server{"one": list[0], "two": list[1]})
	var addresses []string
	for _, s := range sentinels {
		addresses = append(addresses, s.Addr())
		s.Kill()
	}
	list[1].Kill()
	proxy := startFrom(t, sentinelPool(addresses))
	w := dial(t, proxy.addr)
	for n := range 20 {
		if got := w.do("SET", fmt.Sprint("k", n), "v"); !strings.HasPrefix(got, "-CLUSTERDOWN node ") || !strings.Contains(got, "has no known primary: no sentinel ") {
			t.Fatalf("SET: %q", got)
		}
	}
	eventually(t, "INFO tells why", func() bool {
		return nodeField(t, proxy, "a", "state") == "down" && nodeField(t, proxy, "a", "reason") == "has no known primary: no sentinel answers"
	})
	if err := sentinels[1].Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the primary that is there is served", func() bool {
		served := 0
		for n := range 20 {
			if w.do("SET", fmt.Sprint("k", n), "v") == "+OK\r\n" {
				served++
			}
		}
		return served > 0 && served < 20
	})
	if err := list[1].Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is served", func() bool {
		for n := range 20 {
			if w.do("SET", fmt.Sprint("k", n), "v") != "+OK\r\n" {
				return false
			}
		}
		return true
	})
}

// staged is Ringmain and a sentinel that says of the primary called one what a test has it
// say, at first that it is at first; the other one stays. Another sentinel knows nothing.
func staged(t *testing.T, first string, other *redistest.Server) (*sentineltest.Fake, *ringmain) {
	t.Helper()
	f := sentineltest.NewFake(t)
	f.Says("one", first, 1, false)
	f.Says("two", other.Addr(), 1, false)
	return f, startFrom(t, sentinelPool([]string{f.Address, sentineltest.NewFake(t).Address}))
}

// onFirst is a key that lives on a server.
func onFirst(t *testing.T, proxy *ringmain, s *redistest.Server) string {
	t.Helper()
	w := dial(t, proxy.addr)
	for n := range 1000 {
		if key := fmt.Sprint("key:", n); w.do("SET", key, "v") == "+OK\r\n" && holds(t, s, 0, key) {
			return key
		}
	}
	t.Fatal("no key lives there")
	return ""
}

func TestAServerThatASentinelCallsAPrimaryIsUsedOnceItIsOne(t *testing.T) {
	list := startRedis(t, 3, atOnce...)
	f, proxy := staged(t, list[0].Addr(), list[2])
	key := onFirst(t, proxy, list[0])
	if _, err := list[1].Do("REPLICAOF", "127.0.0.1", list[0].Port()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica has the key", func() bool { return holds(t, list[1], 0, key) })
	f.Says("one", list[1].Addr(), 2, true)
	w := dial(t, proxy.addr)
	eventually(t, "the replica is refused", func() bool {
		got := w.do("SET", key, "early")
		return strings.HasPrefix(got, "-CLUSTERDOWN ") && strings.Contains(got, list[1].Addr()) && strings.Contains(got, "is a replica, where a primary is expected")
	})
	if _, err := list[1].Do("REPLICAOF", "NO", "ONE"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is used", func() bool { return w.do("SET", key, "w") == "+OK\r\n" })
	if got, err := list[0].Do("GET", key); got != "v" && got != "early" {
		t.Errorf("the former primary has %v, %v", got, err)
	}
	f.Says("one", list[0].Addr(), 1, true) // a sentinel that was left behind
	asked := f.Asked()
	eventually(t, "it is asked for both twice", func() bool { return f.Asked() >= asked+4 })
	for range 100 {
		expect(t, "SET", w.do("SET", key, "x"), "+OK\r\n")
	}
	if got, err := list[0].Do("GET", key); got != "v" && got != "early" {
		t.Errorf("the former primary has %v, %v", got, err)
	}
}

func TestWhoWaitsListensOrTracksMovesWithThePrimary(t *testing.T) {
	list := startRedis(t, 3)
	f, proxy := staged(t, list[0].Addr(), list[2])
	key := onFirst(t, proxy, list[0])

	listener := dial(t, proxy.addr)
	listener.do("SUBSCRIBE", "news")
	waiter := dial(t, proxy.addr)
	waiter.command("BLPOP", "{"+key+"}list", "0")
	eventually(t, "a client waits", func() bool { return blockedOn(t, list[:1]) == 1 })
	tracker := dial(t, proxy.addr)
	tracker.do("HELLO", "3")
	expect(t, "CLIENT TRACKING", tracker.do("CLIENT", "TRACKING", "ON"), "+OK\r\n")
	expect(t, "GET", tracker.do("GET", key), "$1\r\nv\r\n")

	f.Says("one", list[1].Addr(), 2, true)
	if got := waiter.next(); !strings.HasPrefix(got, "-UNCERTAIN ") || !strings.Contains(got, list[0].Addr()) || !strings.Contains(got, "is no longer the primary") {
		t.Errorf("the client that waits: %q", got)
	}
	expect(t, "the client that tracks", tracker.next(), ">2\r\n$10\r\ninvalidate\r\n_\r\n")
	eventually(t, "the hubs have moved", func() bool {
		n, err := list[1].Client().PubSubNumSub(t.Context(), "news").Result()
		return err == nil && n["news"] == 1
	})
	if _, err := list[1].Do("PUBLISH", "news", "hi"); err != nil {
		t.Fatal(err)
	}
	expect(t, "the client that listens", listener.next(), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n")
	w := dial(t, proxy.addr)
	expect(t, "SET", w.do("SET", key, "w"), "+OK\r\n")
	if !holds(t, list[1], 0, key) {
		t.Error("the new primary does not have what was written")
	}
}
