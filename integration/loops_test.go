package integration

import (
	"fmt"
	"strings"
	"testing"
)

// apart are clients of which, on two loops, each has another as its neighbour: a new
// client goes to the loop with the fewest.
func apart(t *testing.T, n int) (r *ringmain, clients []*wire) {
	t.Helper()
	r = start(t, servers(startRedis(t, 2)...), loops(2))
	for range n {
		w := dial(t, r.Addr())
		expect(t, "PING", w.do("PING"), "+PONG\r\n")
		clients = append(clients, w)
	}
	return r, clients
}

func (w *wire) id() string {
	w.t.Helper()
	return strings.Trim(w.do("CLIENT", "ID"), ":\r\n")
}

func TestClientsAreKilledWhateverLoopTheyAreOn(t *testing.T) {
	_, clients := apart(t, 6)
	asker, rest := clients[0], clients[1:]
	for _, w := range rest[:3] {
		expect(t, "CLIENT KILL ID", asker.do("CLIENT", "KILL", "ID", w.id()), ":1\r\n")
		expect(t, "the rest", w.rest(), "")
	}
	expect(t, "CLIENT KILL of old", asker.do("CLIENT", "KILL", rest[3].LocalAddr().String()), "+OK\r\n")
	expect(t, "the rest", rest[3].rest(), "")
	expect(t, "CLIENT KILL", asker.do("CLIENT", "KILL", "TYPE", "normal"), ":1\r\n")
	expect(t, "the rest", rest[4].rest(), "")
	asker.send(array("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"))
	expect(t, "the end of the one that asked", asker.rest(), ":1\r\n")
}

func TestAPauseHoldsClientsOfAllLoopsBackAndUnpauseLetsThemGoOn(t *testing.T) {
	r, clients := apart(t, 4)
	expect(t, "PAUSE", clients[0].do("CLIENT", "PAUSE", "1000000", "WRITE"), "+OK\r\n")
	for i, w := range clients {
		expect(t, "GET", w.do("GET", "k"), "$-1\r\n")
		if i > 0 {
			w.command("INCR", "k")
		}
	}
	eventually(t, "all are held back", func() bool {
		return strings.Count(clients[0].do("CLIENT", "LIST"), " flags=b ") == 3
	})
	expect(t, "GET", clients[0].do("GET", "k"), "$-1\r\n")
	late := dial(t, r.Addr())
	late.command("INCR", "k")
	expect(t, "UNPAUSE", clients[0].do("CLIENT", "UNPAUSE"), "+OK\r\n")
	sum := 0
	for _, w := range append(clients[1:], late) {
		var n int
		if _, err := fmt.Sscanf(w.next(), ":%d", &n); err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if sum != 1+2+3+4 {
		t.Errorf("the numbers add up to %d", sum)
	}
	expect(t, "PAUSE", clients[1].do("CLIENT", "PAUSE", "20"), "+OK\r\n")
	expect(t, "GET after the pause", clients[0].do("GET", "k"), "$1\r\n4\r\n")
}

func TestTheSlowLogIsOneForAllLoops(t *testing.T) {
	_, clients := apart(t, 4)
	expect(t, "CONFIG SET", clients[0].do("CONFIG", "SET", "slowlog-log-slower-than", "0"), "+OK\r\n")
	for i, w := range clients[1:] {
		expect(t, "SETNAME", w.do("CLIENT", "SETNAME", fmt.Sprint("client", i)), "+OK\r\n")
		expect(t, "SET", w.do("SET", fmt.Sprint("key", i), "v"), "+OK\r\n")
	}
	log := clients[0].do("SLOWLOG", "GET", "-1")
	for i, w := range clients[1:] {
		entry := array("SET", fmt.Sprint("key", i), "v") + strings.TrimPrefix(array(w.LocalAddr().String(), fmt.Sprint("client", i)), "*2\r\n")
		if !strings.Contains(log, entry) {
			t.Errorf("%q is not in the log %q", entry, log)
		}
	}
}
