package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// A server that was emptied knows nothing of what the others agreed on with it, and must
// not agree on anything until it has been told.
func TestAServerThatWasEmptiedDoesNotVoteUntilItIsRepaired(t *testing.T) {
	t.Parallel()
	x := newColdScene(t, func(*quorumServer) {})
	for i := range coldKeys {
		for _, verb := range []string{"GET", "INCR"} {
			if reply := x.w.do(verb, coldKey(i)); !strings.HasPrefix(reply, "-NOQUORUM ") {
				t.Fatalf("without those that know, %s of %s is answered %q", verb, coldKey(i), reply)
			}
		}
	}
	if identified(x.q.servers[1]) {
		t.Fatal("it is repaired without those that know")
	}
	succeed(t, x.q.servers[0].Cont())
	eventually(t, "it is repaired", func() bool { return identified(x.q.servers[1]) })
	succeed(t, x.q.servers[0].Stop())
	for i := range coldKeys {
		var reply string
		eventually(t, "those that know agree", func() bool { reply = x.w.do("GET", coldKey(i)); return reply[0] != '-' })
		expect(t, "a counter that was repaired", reply, fmt.Sprintf("$2\r\n%d\r\n", i+10))
	}
}

// In torture it is measured, and bounded.
func TestAServerThatWasEmptiedIsRepairedWhileCountersAreUsed(t *testing.T) {
	t.Parallel()
	keys := 3_000
	if torture() {
		keys = 100_000
	}
	q := startQuorum(t, 3, keepsAll, 0)
	q.patient = true
	proxies := q.countingProxies(t, 2)
	begin := time.Now()
	c, err := redistest.Dial(proxies[0].Addr(), 0)
	succeed(t, err)
	defer c.Close()
	go func() {
		for i := range keys {
			_ = c.Send("INCR", fmt.Sprint("counter:many:", i))
			if i%100 == 99 {
				_ = c.Flush()
			}
		}
		_ = c.Flush()
	}()
	for range keys {
		_, err := c.Receive()
		succeed(t, err)
	}
	t.Logf("%d counters made in %v", keys, time.Since(begin).Round(time.Millisecond))
	l := &counterLoad{clients: 8, keys: 20, seed: 4}
	l.run(proxies)
	begin = time.Now()
	_, err = q.servers[1].Do("FLUSHALL")
	succeed(t, err)
	eventuallyWithin(t, 4*gross, "it is repaired", func() bool { return identified(q.servers[1]) })
	took := time.Since(begin)
	l.end()
	t.Logf("repaired after %v; %v", took.Round(time.Millisecond), l)
	if n := len(keysWith(t, q.servers[1], counterRegister+"counter:many:")); n != keys {
		t.Errorf("it has %d counters, want %d", n, keys)
	}
	if torture() && took > time.Minute {
		t.Errorf("it took %v", took)
	}
	l.check(t, proxies[1].Addr())
	if l.log.Counts().Answered == 0 {
		t.Error("no counter was used meanwhile")
	}
}
