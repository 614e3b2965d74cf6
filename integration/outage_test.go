package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// unreachable is what commands on the keys of a server get that is down.
func unreachable(i int, s addresser) string {
	return fmt.Sprintf("-CLUSTERDOWN node %q (%s) of pool \"main\" is unreachable\r\n", nodeName(i), s.Addr())
}

// keysOf writes total keys with the value v through Ringmain, and returns those
// that have come to lie on each of the servers.
func keysOf(t *testing.T, proxy string, total int, list []*redistest.Server) [][]string {
	t.Helper()
	w := dial(t, proxy)
	go func() {
		for i := range total {
			_ = w.write([]byte(array("SET", fmt.Sprintf("key:%06d", i), "v")))
		}
	}()
	for _, reply := range w.replies(total) {
		if reply != "+OK\r\n" {
			t.Fatalf("SET: %q", reply)
		}
	}
	keys, stored := make([][]string, len(list)), 0
	for i, s := range list {
		found, err := s.Client().Keys(t.Context(), "key:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Fatalf("server %d has no key", i)
		}
		keys[i] = found
		stored += len(found)
	}
	if stored != total {
		t.Fatalf("the servers have %d keys, want %d", stored, total)
	}
	return keys
}

// answers reports whether a command is answered as expected on a new connection.
func answers(t *testing.T, addr, want string, args ...string) func() bool {
	return func() bool {
		w := dial(t, addr)
		defer w.Close()
		return w.do(args...) == want
	}
}

func TestTheKeysOfARefusedServerGetAClearErrorAtOnceAndTheOthersAreServed(t *testing.T) {
	list := startRedis(t, 3)
	keys := keysOf(t, start(t, servers(list...)).Addr(), 300, list)
	list[1].Kill()
	const slow = 20 * time.Second
	r := start(t, servers(list...), requestTimeout(slow))
	w := dial(t, r.Addr())
	began := time.Now()
	for range 100 {
		expect(t, "GET", w.do("GET", keys[1][0]), unreachable(1, list[1]))
		expect(t, "SET", w.do("SET", keys[1][1], "v"), unreachable(1, list[1]))
		expect(t, "MGET", w.do("MGET", keys[0][0], keys[1][0], keys[2][0]), unreachable(1, list[1]))
		expect(t, "GET", w.do("GET", keys[0][0]), "$1\r\nv\r\n")
		expect(t, "MGET", w.do("MGET", keys[2][0], keys[0][1]), "*2\r\n$1\r\nv\r\n$1\r\nv\r\n")
		if t.Failed() {
			return
		}
	}
	expect(t, "MSET", w.do("MSET", keys[0][0], "new", keys[1][0], "new"), unreachable(1, list[1]))
	expect(t, "GET", w.do("GET", keys[0][0]), "$1\r\nv\r\n")
	if took := time.Since(began); took > slow/2 {
		t.Errorf("the errors took %v", took)
	}
}

func TestAServerThatIsKilledAndStartedAgainIsUsedAgain(t *testing.T) {
	list := startRedis(t, 3)
	r := start(t, servers(list...))
	keys := keysOf(t, r.Addr(), 100, list)
	for range 3 {
		list[2].Kill()
		eventually(t, "the server is known to be down", answers(t, r.Addr(), unreachable(2, list[2]), "GET", keys[2][0]))
		expect(t, "GET elsewhere", dial(t, r.Addr()).do("GET", keys[0][0]), "$1\r\nv\r\n")
		if err := list[2].Restart(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server is used again", answers(t, r.Addr(), "+OK\r\n", "SET", keys[2][0], "v"))
	}
}

func TestAWriteInFlightToAKilledServerIsUncertainAndAReadIsNot(t *testing.T) {
	list := startRedis(t, 3)
	r := start(t, servers(list...), requestTimeout(gross))
	keys := keysOf(t, r.Addr(), 100, list)
	if err := list[1].Stop(); err != nil {
		t.Fatal(err)
	}
	write, read, both := dial(t, r.Addr()), dial(t, r.Addr()), dial(t, r.Addr())
	write.command("INCR", keys[1][0])
	read.command("GET", keys[1][0])
	both.command("DEL", keys[0][0], keys[1][1], keys[2][0])
	// What Ringmain answers after that it has read later, so it has sent these.
	for range 4 {
		expect(t, "GET elsewhere", dial(t, r.Addr()).do("GET", keys[0][1]), "$1\r\nv\r\n")
	}
	list[1].Kill()
	label := fmt.Sprintf("node \"b\" (%s) of pool \"main\"", list[1].Addr())
	got := write.next()
	if !strings.HasPrefix(got, "-UNCERTAIN "+label+" ") || !strings.HasSuffix(got, ": the command may have been executed\r\n") {
		t.Errorf("the write is answered with %q", got)
	}
	if got := read.next(); !strings.HasPrefix(got, "-CLUSTERDOWN "+label+" ") {
		t.Errorf("the read is answered with %q", got)
	}
	if got := both.next(); !strings.HasPrefix(got, "-UNCERTAIN ") || !strings.Contains(got, label) {
		t.Errorf("the split write is answered with %q", got)
	}
	if err := list[1].Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is used again", answers(t, r.Addr(), "$-1\r\n", "GET", keys[1][0]))
}

func TestWithAllServersDownAtTheStartRingmainAnswersWhatItCanAndRecovers(t *testing.T) {
	list := startRedis(t, 3)
	for _, s := range list {
		s.Kill()
	}
	r := start(t, servers(list...))
	w := dial(t, r.Addr())
	expect(t, "PING", w.do("PING"), "+PONG\r\n")
	for i := range 100 {
		got := w.do("GET", fmt.Sprint("key", i))
		if !strings.HasPrefix(got, "-CLUSTERDOWN node ") || !strings.HasSuffix(got, " is unreachable\r\n") {
			t.Fatalf("GET is answered with %q", got)
		}
	}
	expect(t, "ECHO", w.do("ECHO", "here"), "$4\r\nhere\r\n")
	for _, s := range list {
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all servers are used", func() bool {
		return dial(t, r.Addr()).do("MSET", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g", "7") == "+OK\r\n"
	})
	expect(t, "GET on the connection that saw the outage", w.do("GET", "c"), "$1\r\n3\r\n")
}
