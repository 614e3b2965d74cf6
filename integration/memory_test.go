package integration

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"ringmain/config"
)

// owedTo is what CLIENT LIST says of the clients with a name: the bytes that are
// owed to each. settled is false while one of them awaits replies, or has not been
// heard yet.
func owedTo(t *testing.T, w *wire) (owed map[string]int, settled bool) {
	t.Helper()
	owed, settled = map[string]int{}, true
	for line := range strings.Lines(w.do("CLIENT", "LIST")) {
		fields := map[string]string{}
		for _, field := range strings.Fields(line) {
			name, value, _ := strings.Cut(field, "=")
			fields[name] = value
		}
		if fields["name"] != "" {
			owed[fields["name"]], _ = strconv.Atoi(fields["omem"])
			settled = settled && fields["oll"] == "0" && fields["cmd"] == "get"
		}
	}
	return owed, settled
}

func totalOf(owed map[string]int) (total int) {
	for n := range maps.Values(owed) {
		total += n
	}
	return total
}

// TestTheClientThatIsOwedTheMostIsCutOffFirstWhenMemoryIsShort has clients that do
// not read: modest ones, which ask for at most 7 MiB, and a greedy one, which is
// owed more than that. None goes before memory is short, and then it is the greedy
// one.
func TestTheClientThatIsOwedTheMostIsCutOffFirstWhenMemoryIsShort(t *testing.T) {
	const limit = 64 << 20
	r := start(t, servers(startRedis(t, 1)...), loops(2), func(c *config.Config) {
		c.Limits.Memory, c.Limits.ClientOutput = limit, limit/2 // of which a client that does not read gets half
	})
	observer := dial(t, r.Addr())
	expect(t, "SET", observer.do("SET", "big", repeat(1<<20, "x")), "+OK\r\n")
	var owed map[string]int
	const most = 7 << 20 // that is owed to a modest one
	asks := func(name string, values, atLeast int) {
		w := dial(t, r.Addr())
		_ = w.SetReadBuffer(4 << 10)
		expect(t, "SETNAME", w.do("CLIENT", "SETNAME", name), "+OK\r\n")
		w.send(repeat(values, array("GET", "big")))
		eventually(t, "all replies to "+name+" have come, or somebody is gone", func() bool {
			before, settled := len(owed), false
			owed, settled = owedTo(t, observer)
			return settled && owed[name] >= atLeast || len(owed) < before
		})
	}
	modest := 0
	for ; totalOf(owed) < limit*3/8; modest++ {
		if modest == 64 {
			t.Fatalf("%d bytes are owed to %d clients that do not read", totalOf(owed), modest)
		}
		asks(fmt.Sprint("modest-", modest), 7, 0)
	}
	asks("greedy", 20, most)
	if len(owed) != modest+1 {
		t.Fatalf("%d of %d clients are left although only %d bytes are owed", len(owed), modest+1, totalOf(owed))
	}
	for clients := modest + 1; len(owed) == clients; clients++ {
		if totalOf(owed) > 2*limit {
			t.Fatalf("%d bytes are owed, and nobody was cut off", totalOf(owed))
		}
		asks(fmt.Sprint("modest-", clients), 7, 0)
	}
	if _, there := owed["greedy"]; there {
		t.Errorf("somebody else than the greedy one was cut off: %v", owed)
	}
	if !r.log.contains("client cut off", "memory is short", "name=greedy") {
		t.Error("the log does not say why")
	}
	expect(t, "GET by one that reads", observer.do("GET", "big"), "$1048576\r\n"+repeat(1<<20, "x")+"\r\n")
}
