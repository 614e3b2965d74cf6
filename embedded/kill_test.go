package embedded

import (
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mini "github.com/alicebob/miniredis/v2/server"
)

// The victim's commands that came after the kill, in its socket or in the
// server's buffers, are never executed.
func TestAKilledConnectionExecutesNothingMore(t *testing.T) {
	addr := running(t, 1).Addrs()[0]
	killer := dial(t, addr)
	rounds := 15
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		rounds = 1000
	}
	for round := range rounds {
		victim := dial(t, addr)
		id := victim.id()
		var flood sync.WaitGroup
		flood.Go(func() {
			incr := []byte(strings.Repeat("*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n", 200))
			for {
				if _, err := victim.tcp.Write(incr); err != nil {
					return
				}
			}
		})
		flood.Go(func() { _, _ = io.Copy(io.Discard, victim.tcp) })
		if round%2 == 0 {
			eventually(t, "the flood flows", func() bool { killer.send("GET n"); l := killer.line(); return l != "$-1" && killer.line() != "0" })
		}
		killer.do("CLIENT KILL ID "+id, ":1")
		killer.do("SET n 0", "+OK")
		killer.do("PING", "+PONG")
		flood.Wait() // the connection is really closed
		killer.do("GET n", "$1")
		if n := killer.line(); n != "0" {
			t.Fatalf("round %d: %s commands were executed after the kill", round, n)
		}
		killer.do("CLIENT KILL ID "+id, ":0")
	}
}

func TestABlockedConnectionCanBeKilledAndGetsNothing(t *testing.T) {
	s := running(t, 1)
	killer, victim := dial(t, s.Addrs()[0]), dial(t, s.Addrs()[0])
	id := victim.id()
	victim.send("BLPOP list 0")
	victim.send("SET zombie 1")
	eventually(t, "the victim is blocked", func() bool { return executing(s, id) })
	killer.do("CLIENT KILL ID "+id, ":1")
	killer.do("RPUSH list x", ":1")
	killer.do("LLEN list", ":1")
	killer.do("EXISTS zombie", ":0")
	if _, err := victim.r.ReadByte(); err == nil {
		t.Error("the victim got a reply")
	}
}

// executing reports whether a connection is in a command.
func executing(s *Servers, id string) bool {
	n, _ := strconv.ParseInt(id, 10, 64)
	c := s.list[0].find(n)
	if c.executing.TryLock() {
		c.executing.Unlock()
		return false
	}
	return true
}

func TestAKillIsAnsweredAfterTheCommandThatWasRunning(t *testing.T) {
	s := running(t, 1)
	entered, release := make(chan struct{}), make(chan struct{})
	s.list[0].commands.SetPreHook(func(_ *mini.Peer, name string, _ ...string) bool {
		if name == "INCR" {
			close(entered)
			<-release
		}
		return false
	})
	killer, victim := dial(t, s.Addrs()[0]), dial(t, s.Addrs()[0])
	id := victim.id()
	victim.send("INCR n")
	<-entered
	killer.send("CLIENT KILL ID " + id)
	_ = killer.tcp.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if b, err := killer.r.Peek(1); err == nil {
		t.Errorf("answered %q while the command was running", b)
	}
	close(release)
	_ = killer.tcp.SetReadDeadline(time.Now().Add(deadline))
	if got := killer.line(); got != ":1" {
		t.Errorf("got %s", got)
	}
}

func TestConnectionsThatKillEachOtherDoNotHang(t *testing.T) {
	s := running(t, 1)
	for range 50 {
		a, b := dial(t, s.Addrs()[0]), dial(t, s.Addrs()[0])
		ida, idb := a.id(), b.id()
		var both sync.WaitGroup
		both.Go(func() { a.send("CLIENT KILL ID " + idb); _, _ = a.r.ReadByte() })
		both.Go(func() { b.send("CLIENT KILL ID " + ida); _, _ = b.r.ReadByte() })
		both.Wait()
	}
	dial(t, s.Addrs()[0]).do("PING", "+PONG")
}
