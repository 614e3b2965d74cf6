package integration

import (
	"net"
	"testing"
	"time"
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
	f := &flood{TCPConn: warm.stream.(*net.TCPConn), done: make(chan struct{})}
	eventually(t, "a client that never reads is cut off", f.cutOff)
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
