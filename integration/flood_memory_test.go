package integration

import (
	"strings"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/redistest"
)

func TestAClientThatAsksForLargeRepliesAfterSmallOnesIsBoundedToo(t *testing.T) {
	list := startRedis(t, 2)
	r := startProcess(t, servers(list...), floodLimits)
	large, same, other := keyOn(t, r, list[0], "large"), keyOn(t, r, list[0], "same"), keyOn(t, r, list[1], "other")
	if _, err := list[0].Do("SET", large, repeat(mebibyte, "x")); err != nil {
		t.Fatal(err)
	}
	warm := dial(t, r.Addr())
	warm.send(repeat(5000, array("GET", same)))
	warm.replies(5000)
	probes := []*probe{startProbe("on the same server", r.Addr(), same), startProbe("on another server", r.Addr(), other)}
	warm.send(repeat(1000, array("GET", large)))
	f := &flood{TCPConn: warm.TCPConn, done: make(chan struct{})}
	if !f.settled(floodLasts) {
		t.Error("a client that never reads was not cut off")
	}
	for _, p := range probes {
		if p99 := p.end(t); p99 > probeBound {
			t.Errorf("%s others wait %v", p.name, p99)
		}
	}
	peak := peakKiB(t, r.Pid())
	t.Logf("Ringmain: at most %d MiB", peak>>10)
	if peak > floodRSS {
		t.Errorf("Ringmain took %d KiB, want at most %d", peak, floodRSS)
	}
}

// Many clients that do not read stay each within its bound, but not together:
// the one that is owed the most has to go, and only it.
func TestOverTheBoundOfAllMemoryTheClientThatIsOwedTheMostGoesFirst(t *testing.T) {
	const smallReplies, largeReplies = 9, 60
	const room = 90 * mebibyte // that the modest ones fill, of 128
	list := startRedis(t, 1)
	r := startProcess(t, servers(list...), floodLimits, func(c *config.Config) {
		c.Limits.Memory = 128 * mebibyte
		c.Timeouts.ClientStall = config.Duration(time.Minute)
	})
	value := repeat(mebibyte, "x")
	if _, err := list[0].Do("SET", "large", value); err != nil {
		t.Fatal(err)
	}
	name := func(w *wire, name string) *wire {
		expect(t, "CLIENT SETNAME", w.do("CLIENT", "SETNAME", name), "+OK\r\n")
		return w
	}
	var modest []*wire
	for held := 0; held < room; {
		w := name(dial(t, r.Addr()), "modest")
		w.send(repeat(smallReplies, array("GET", "large")))
		modest = append(modest, w)
		before := held
		eventually(t, "the client is owed something", func() bool {
			held = buffersHeld(t, r)
			return held > before+(smallReplies-6)*mebibyte
		})
	}
	greedy := name(dial(t, r.Addr()), "greedy")
	greedy.send(repeat(largeReplies, array("GET", "large")))
	eventually(t, "a client is cut off", func() bool { return strings.Contains(r.Log(), "client cut off") })
	for line := range strings.Lines(r.Log()) {
		if strings.Contains(line, "cut off") && !strings.Contains(line, "name=greedy") {
			t.Errorf("the wrong client was cut off: %s", line)
		}
	}
	if !strings.Contains(r.Log(), "limits.memory") {
		t.Errorf("the log does not say why:\n%s", r.Log())
	}
	for _, w := range modest {
		for _, reply := range w.replies(smallReplies) {
			if len(reply) != len(value)+len("$1048576\r\n\r\n") {
				t.Fatalf("a modest client got %q", clip(reply))
			}
		}
	}
	peak := peakKiB(t, r.Pid())
	t.Logf("Ringmain: at most %d MiB", peak>>10)
	if peak > 2*128<<10 {
		t.Errorf("Ringmain took %d KiB with limits.memory 128MiB", peak)
	}
}

// buffersHeld is what Ringmain says that it holds.
func buffersHeld(t *testing.T, r *redistest.Server) int {
	t.Helper()
	info := dial(t, r.Addr()).do("INFO", "memory")
	_, text, _ := strings.Cut(info, "ringmain_buffers:")
	n := 0
	for _, c := range strings.TrimRight(strings.SplitN(text, "\r\n", 2)[0], "\r\n") {
		n = 10*n + int(c-'0')
	}
	return n
}

// A server that stands still fills what may wait for it, and no more.
func TestClientsThatFloodAServerThatStandsStillHarmNobodyElse(t *testing.T) {
	const clients, perClient, value = 200, 16, 64 << 10
	list := startRedis(t, 2)
	r := startProcess(t, servers(list...), floodLimits, requestTimeout(2*time.Second))
	key, other := keyOn(t, r, list[0], "flood"), keyOn(t, r, list[1], "other")
	if err := list[0].Stop(); err != nil {
		t.Fatal(err)
	}
	p := startProbe("on another server", r.Addr(), other)
	request := array("SET", key, repeat(value, "x"))
	answered := make(chan error, clients)
	for range clients {
		w := dial(t, r.Addr())
		go func() {
			for range perClient {
				if err := w.write([]byte(request)); err != nil {
					answered <- err
					return
				}
			}
			answered <- nil
		}()
		go func() {
			var err error
			for range perClient {
				if _, err = w.receive(); err != nil {
					break
				}
			}
			answered <- err
		}()
	}
	for range 2 * clients {
		if err := <-answered; err != nil {
			t.Errorf("a client that sends and reads: %v", err)
		}
	}
	if p99 := p.end(t); p99 > probeBound {
		t.Errorf("others wait %v", p99)
	}
	if err := list[0].Cont(); err != nil {
		t.Fatal(err)
	}
	w := dial(t, r.Addr())
	eventually(t, "the server serves again", func() bool { return w.do("SET", key, "v") == "+OK\r\n" })
	peak := peakKiB(t, r.Pid())
	t.Logf("Ringmain: at most %d MiB", peak>>10)
	if peak > floodRSS {
		t.Errorf("Ringmain took %d KiB, want at most %d", peak, floodRSS)
	}
}
