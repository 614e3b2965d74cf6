package simtest

import (
	"strings"
	"testing"
	"time"

	"ringmain/ioloop/sim"
	"ringmain/resp"
)

func TestClientsThatLeaveWhileTheirRepliesComeLeaveNoMemoryBehind(t *testing.T) {
	for seed := range uint64(20) {
		s := newScene(seed, nil, options{servers: 3, loops: 1})
		mget := []string{"MGET"}
		for i := range 30 {
			key := strings.Repeat("k", i+1)
			mget = append(mget, key)
			s.owner(key).Set(0, key, strings.Repeat("v", 1000))
		}
		s.run(50 * time.Millisecond) // connections to servers are ready
		for round := range 20 {
			stuck := s.servers[round%3].Loop
			stuck.Pause()
			c := s.peer(t)
			for range 10 {
				sendTo(t, c, mget...)
			}
			sendTo(t, c, "GET", mget[1])
			s.run(s.between(time.Millisecond, 30*time.Millisecond))
			_ = c.Reset()
			s.run(s.between(0, 5*time.Millisecond))
			stuck.Resume()
			s.run(50 * time.Millisecond)
		}
		c := s.peer(t)
		sendTo(t, c, "GET", mget[1]) // makes the loop look at its memory
		s.run(time.Second)
		if held := s.memory.Held(); held > 16<<10 {
			t.Fatalf("seed %d: %d bytes are held for nobody", seed, held)
		}
	}
}

// peer is a client that the test plays itself.
func (s *scene) peer(t testing.TB) *sim.Peer {
	p, err := s.w.DialPeer(clientHost, proxyAddress(0))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sendTo(t testing.TB, p *sim.Peer, args ...string) {
	if _, err := p.Write(resp.AppendCommand(nil, args...)); err != nil {
		t.Fatal(err)
	}
}
