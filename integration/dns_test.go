package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ringmain/internal/ledger"
)

// Servers come empty, and the one that came first goes first: so no server gets keys back of
// which it has an old value, and whatever is stale is the proxy's fault.
func TestServersComeAndGoInDNSUnderLoadWithoutAWrongReply(t *testing.T) {
	r := newNamed(t, 4)
	list := []int{0, 1}
	r.start(list...)
	l := ledger.New(ledger.Options{Addr: r.proxy.addr, Actors: 8, Pairs: 60, Seed: 1})
	defer l.Close()
	succeed(t, l.Fill(gross))
	rounds := 6
	if torture() {
		rounds = 60
	}
	progress := func() {
		before := l.Reads.Load()
		eventually(t, "the load goes on", func() bool { return l.Reads.Load() > before+500 })
	}
	l.Begin()
	for n := range rounds {
		list = append(list, (n+2)%4)
		r.says(list...)
		r.becomes(list...)
		progress()
		gone := list[0]
		list = list[1:]
		r.says(list...)
		r.becomes(list...)
		r.left(gone)
		progress()
		if _, err := r.servers[gone].Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
	}
	l.End()
	judged(t, l)
	if l.Forgotten.Load() == 0 || l.Hits.Load()*4 < l.Reads.Load() {
		t.Errorf("too few reads hit to tell anything: %v", l)
	}
	if strings.Contains(r.proxy.log.String(), "has no known address") {
		t.Error("servers that are gone are still judged")
	}
	succeed(t, l.Fill(gross))
	another := startFrom(t, r.configuration("")) // which has never known any other servers
	w := dial(t, another.addr)
	for key := range l.Keys() {
		if got := w.do("GET", key); !strings.HasPrefix(got, "$") || got == "$-1\r\n" {
			t.Fatalf("another proxy looks for %s elsewhere: %q", key, got)
		}
	}
	for i, s := range r.servers {
		n, err := s.Client().DBSize(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(list, i) != (n > 0) {
			t.Errorf("server %d has %d keys, the servers are %v", i, n, list)
		}
	}
}

func TestAPoolComesUpBeforeItsNameResolvesAndKeepsItsServersWhenThatEnds(t *testing.T) {
	r := newNamed(t, 2)
	r.proxy = startFrom(t, r.configuration(""))
	w := dial(t, r.proxy.addr)
	for _, args := range [][]string{{"SET", "k", "v"}, {"DBSIZE"}, {"PUBLISH", "c", "m"}} {
		if got := w.do(args...); !strings.HasPrefix(got, `-CLUSTERDOWN node "`+theName+":"+r.port+`" of pool "main" `) ||
			!strings.Contains(got, "has no known address") || strings.HasPrefix(got, "-CLUSTERDOWN no node") {
			t.Errorf("%v: %q", args, got)
		}
	}
	eventually(t, "INFO tells why", func() bool {
		_, reason := nodeState(w.do("INFO", "servers"), theName+":"+r.port)
		return strings.HasPrefix(reason, "has no known address: ") && strings.Contains(reason, "no such host")
	})
	r.says(0, 1)
	r.becomes(0, 1)
	for n := range 20 {
		expect(t, "SET", w.do("SET", fmt.Sprint("k", n), "v"), "+OK\r\n")
	}
	for _, wrong := range []func(){
		func() { r.dns.Fails(theName) }, func() { r.dns.Forget(theName) }, func() { r.dns.Says(theName) },
	} {
		wrong()
		before := r.dns.Asked(theName)
		eventually(t, "the name is looked up twice more", func() bool { return r.dns.Asked(theName) >= before+2 })
		for n := range 20 {
			expect(t, "GET", w.do("GET", fmt.Sprint("k", n)), "$1\r\nv\r\n")
		}
	}
	if n := strings.Count(r.proxy.log.String(), "looking a name up fails"); n != 2 {
		t.Errorf("it is said %d times that the name does not resolve, want once at the start and once later\n%s", n, r.proxy.log)
	}
	r.says(1)
	r.becomes(1)
	r.left(0)
}

func TestAServerThatFailsHasItsNameLookedUpSoon(t *testing.T) {
	r := newNamed(t, 2)
	r.says(0, 1)
	r.proxy = startFrom(t, strings.Replace(r.configuration(""), "interval: 1s", "interval: 1h", 1))
	r.becomes(0, 1)
	r.says(1)
	r.servers[0].Kill()
	r.becomes(1)
}

func TestOperatorsSeeTheServersThatThereAreNow(t *testing.T) {
	r := newNamed(t, 3)
	r.says(0, 1)
	r.proxy = startFrom(t, r.configuration("\nadmin: {address: '127.0.0.1:0'}\n"))
	seen := func(servers ...int) {
		t.Helper()
		_, pools := r.proxy.get(t, "/api/pools")
		_, metrics := r.proxy.get(t, "/metrics")
		for i, node := range r.nodes {
			want := slices.Contains(servers, i)
			if strings.Contains(pools, `"`+node+`"`) != want || strings.Contains(metrics, `ringmain_server_up{node="`+node+`",pool="main"} 1`) != want {
				t.Errorf("%s is seen, or is not:\n%s\n%s", node, pools, metrics)
			}
		}
		if n := strings.Count(metrics, "\nringmain_server_up{"); n != len(servers) {
			t.Errorf("%d servers have metrics, want %d", n, len(servers))
		}
	}
	r.becomes(0, 1)
	seen(0, 1)
	r.says(2, 1)
	r.becomes(2, 1)
	seen(2, 1)
	r.servers[2].Kill()
	w := dial(t, r.proxy.addr)
	eventually(t, "a server that is down is still in the list", func() bool {
		state, _ := nodeState(w.do("INFO", "servers"), r.nodes[2])
		return state == "down"
	})
}

func TestWhoWaitsWatchesListensTracksOrScansLearnsThatServersHaveChanged(t *testing.T) {
	r := newNamed(t, 3)
	r.start(0, 1)
	leaving, staying := r.keyOf(0, "a:"), r.keyOf(1, "b:")

	listener := dial(t, r.proxy.addr)
	listener.do("SUBSCRIBE", "news")
	waiter := dial(t, r.proxy.addr)
	waiter.command("BLPOP", "{"+leaving+"}list", "0")
	eventually(t, "a client waits", func() bool { return blockedOn(t, r.servers[:1]) == 1 })
	watcher := dial(t, r.proxy.addr)
	expect(t, "WATCH", watcher.do("WATCH", staying), "+OK\r\n")
	tracker := dial(t, r.proxy.addr)
	tracker.do("HELLO", "3")
	expect(t, "CLIENT TRACKING", tracker.do("CLIENT", "TRACKING", "ON"), "+OK\r\n")
	expect(t, "GET", tracker.do("GET", staying), "$1\r\nv\r\n")
	scanner := dial(t, r.proxy.addr)
	for n := range 300 {
		expect(t, "SET", scanner.do("SET", fmt.Sprint("scanned:", n), "v"), "+OK\r\n")
	}
	cursor, _ := pageOf(t, scanner.do("SCAN", "0", "COUNT", "10"))

	r.says(1, 2)
	if got := waiter.next(); !strings.HasPrefix(got, "-UNBLOCKED ") {
		t.Errorf("the client that waits: %q", got)
	}
	expect(t, "the client that tracks", tracker.next(), ">2\r\n$10\r\ninvalidate\r\n_\r\n")
	watcher.do("MULTI")
	watcher.do("SET", staying, "w")
	expect(t, "EXEC", watcher.do("EXEC"), "*-1\r\n")
	r.becomes(1, 2)
	r.left(0)

	eventually(t, "the listener's loop listens to the server that has come", func() bool {
		n, err := r.servers[2].Client().PubSubNumSub(t.Context(), "news").Result()
		return err == nil && n["news"] == 1
	})
	if _, err := r.servers[2].Do("PUBLISH", "news", "hi"); err != nil {
		t.Fatal(err)
	}
	expect(t, "the message", listener.next(), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n")
	w := dial(t, r.proxy.addr)
	expect(t, "PUBLISH", w.do("PUBLISH", "news", "hi"), ":1\r\n")

	want := map[string]bool{} // what the server that stayed has always had
	for n := range 300 {
		if key := fmt.Sprint("scanned:", n); holds(t, r.servers[1], 0, key) && w.do("EXISTS", key) == ":1\r\n" {
			want[key] = true
		}
	}
	if len(want) < 20 {
		t.Fatalf("only %d keys have stayed", len(want))
	}
	for cursor != "0" {
		var keys []string
		cursor, keys = pageOf(t, scanner.do("SCAN", cursor, "COUNT", "10"))
		for _, key := range keys {
			delete(want, key)
		}
	}
	if len(want) > 0 {
		t.Errorf("the scan went on without %v", want)
	}
}

// pageOf is a page of SCAN.
func pageOf(t *testing.T, reply string) (cursor string, keys []string) {
	t.Helper()
	parts := strings.Split(reply, "\r\n")
	if len(parts) < 4 || parts[0] != "*2" {
		t.Fatalf("SCAN: %q", reply)
	}
	for i := 5; i < len(parts); i += 2 {
		keys = append(keys, parts[i])
	}
	return parts[2], keys
}
