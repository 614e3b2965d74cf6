package proxy

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"ringmain/router"
)

// scene is one client of a core over one server.
type scene struct {
	*testing.T
	core   *Core
	loop   *stillLoop
	client *stillConn
	s      *Session
}

func newScene(t *testing.T) *scene {
	core, loop := stillCore(t, 1)
	sc := &scene{T: t, core: core, loop: loop, client: &stillConn{keep: true}, s: core.NewSession(1, router.ByRoutes)}
	sc.s.Opened(sc.client, nil)
	return sc
}

// sends gives the session input, and returns what it leaves.
func (sc *scene) sends(input string) (left string) {
	return input[sc.s.Data([]byte(input)):]
}

// server answers with bytes.
func (sc *scene) server(bytes string) { sc.loop.dialled[0].Data([]byte(bytes)) }

// gets checks what the client has been sent since the last look.
func (sc *scene) gets(want string) {
	sc.Helper()
	if got := sc.client.take(); got != want {
		sc.Errorf("the client gets %q, want %q", got, want)
	}
}

func TestLocalAnswersWaitForTheRepliesBeforeThem(t *testing.T) {
	sc := newScene(t)
	sc.sends("GET a\r\nPING\r\nGET b\r\nECHO x\r\n")
	sc.gets("")
	sc.server("$1\r\n1\r\n")
	sc.gets("$1\r\n1\r\n+PONG\r\n")
	sc.server("$1\r\n2\r\n")
	sc.gets("$1\r\n2\r\n$1\r\nx\r\n")
}

func TestTheFirstReplyStreamsThroughAndTheOthersAreHeld(t *testing.T) {
	sc := newScene(t)
	sc.sends("GET a\r\nGET b\r\n")
	sc.server("$10\r\nabc")
	sc.gets("$10\r\nabc")
	sc.server("defghij\r\n$3\r\nx")
	sc.gets("defghij\r\n$3\r\nx")
	sc.server("yz\r\n")
	sc.gets("yz\r\n")
}

func TestAReplyThatBreaksOffEndsTheClientAndNoOther(t *testing.T) {
	sc := newScene(t)
	other := &stillConn{keep: true}
	s2 := sc.core.NewSession(2, router.ByRoutes)
	s2.Opened(other, nil)
	sc.sends("GET a\r\n")
	s2.Data([]byte("GET b\r\n"))
	sc.server("$10\r\nabc")
	sc.loop.dialled[0].Closed(io.EOF)
	if !sc.client.aborted || other.aborted {
		t.Errorf("cut off: %v, the other %v", sc.client.aborted, other.aborted)
	}
	if got := other.take(); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
		t.Errorf("the other gets %q", got)
	}
}

func TestAProtocolErrorClosesAfterTheRepliesBeforeIt(t *testing.T) {
	sc := newScene(t)
	sc.sends("GET a\r\n*1\r\n!3\r\nfoo\r\nPING\r\n")
	if sc.client.closed {
		t.Fatal("closed too early")
	}
	sc.server("$1\r\n1\r\n")
	sc.gets("$1\r\n1\r\n-ERR Protocol error: expected '$', got '!'\r\n")
	if !sc.client.closed {
		t.Error("not closed")
	}
}

func TestNothingBehindQuitIsExecuted(t *testing.T) {
	sc := newScene(t)
	if left := sc.sends("QUIT\r\nPING\r\n"); left != "" {
		t.Errorf("%q is left", left)
	}
	sc.gets("+OK\r\n")
	if !sc.client.closed {
		t.Error("not closed")
	}
}

func TestAHalfClosedClientGetsItsReplies(t *testing.T) {
	sc := newScene(t)
	sc.sends("GET a\r\nGET")
	sc.s.HalfClosed()
	if sc.client.closed {
		t.Fatal("closed before the reply")
	}
	sc.server("$-1\r\n")
	sc.gets("$-1\r\n")
	if !sc.client.closed {
		t.Error("not closed")
	}
}

func TestHelloWaitsForEarlierReplies(t *testing.T) {
	sc := newScene(t)
	left := sc.sends("GET a\r\nHELLO 3\r\nGET b\r\n")
	if left != "HELLO 3\r\nGET b\r\n" || !sc.client.paused {
		t.Fatalf("left %q, paused %v", left, sc.client.paused)
	}
	sc.server("$1\r\n1\r\n")
	if !sc.client.resumed {
		t.Fatal("reading does not go on")
	}
	if sc.sends(left); sc.s.client.Protocol != 3 {
		t.Error("the protocol is not changed")
	}
	if len(sc.loop.dialled) != 2 {
		t.Errorf("%d connections to the server, want one for each protocol", len(sc.loop.dialled))
	}
}

func TestAClientIsServedInTurns(t *testing.T) {
	sc := newScene(t)
	left := sc.sends(strings.Repeat("PING\r\n", maxTurnCommands+1))
	if left != "PING\r\n" || !sc.client.resumed {
		t.Errorf("left %q, resumed %v", left, sc.client.resumed)
	}
}

func TestTheProxysOwnKeysAreOutOfReach(t *testing.T) {
	sc := newScene(t)
	for _, words := range []string{"GET __ringmain:x", "SET __ringmain:x 1", "MGET a __ringmain:x", "MSET a 1 __ringmain:x 2", "DEL a b __ringmain:x"} {
		sc.sends(words + "\r\n")
		sc.gets("-" + errReserved + "\r\n")
	}
	sc.sends("MSET a __ringmain:x\r\n") // a value
	sc.gets("")
}

func TestHTTPEndsTheConnectionWithoutAReply(t *testing.T) {
	for _, request := range []string{"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "Host: x\r\nPING\r\n"} {
		sc := newScene(t)
		sc.sends(request)
		sc.gets("")
		if !sc.client.closed {
			t.Errorf("%q: not closed", request)
		}
	}
}

func TestReadingPausesAtHalfOfTheOutputAndGoesOnOnceItIsTaken(t *testing.T) {
	sc := newScene(t)
	sc.core.Limits.ClientOutput = 1 << 20
	echo := "ECHO " + strings.Repeat("x", 40<<10) + "\r\n"
	executed := 0
	for sc.sends(echo) == "" {
		if executed++; executed > 100 {
			t.Fatal("reading never pauses")
		}
	}
	if half := sc.core.Limits.ClientOutput / 2; sc.client.buffered < half || sc.client.buffered > half+len(echo) {
		t.Errorf("paused at %d bytes", sc.client.buffered)
	}
	sc.client.take()
	if sc.s.Drained(); !sc.client.resumed {
		t.Error("reading does not go on")
	}
}

func TestWhatIsAwaitedCountsWithTheSizeOfTheLargestLatelySeen(t *testing.T) {
	sc := newScene(t)
	sc.core.Limits.ClientOutput = 4 << 20
	count := func() (n int) {
		for sc.sends("GET a\r\n") == "" {
			if n++; n > 2*maxAwaited {
				t.Fatal("the window has no end")
			}
		}
		return n
	}
	reply := func(size int) {
		sc.server(fmt.Sprintf("$%d\r\n%s\r\n", size, bytes.Repeat([]byte("x"), size)))
		sc.client.take()
	}
	settle := func(awaited int) {
		for range awaited {
			reply(1)
		}
	}
	n := count()
	if n != 8 {
		t.Errorf("of an unknown client %d replies are awaited, want 8 of 256 KiB", n)
	}
	settle(n)
	for range 4096 {
		sc.sends("GET a\r\n")
		reply(1)
	}
	if n = count(); n != maxAwaited {
		t.Errorf("of small replies %d are awaited, want %d", n, maxAwaited)
	}
	settle(n)
	sc.sends("GET a\r\n")
	reply(1 << 20)
	for range 100 {
		sc.sends("PING\r\n")
		sc.sends("GET a\r\n")
		reply(1)
	}
	if n = count(); n < 2 || n > 3 {
		t.Errorf("lately after a reply of 1 MiB %d are awaited, want 2 or 3", n)
	}
}

func TestRequestsUnderWayAreBoundedInBytes(t *testing.T) {
	sc := newScene(t)
	sc.s.estimate = 5
	set := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n" + strings.Repeat("x", 100_000) + "\r\n"
	n := 0
	for ; sc.sends(set) == ""; n++ {
	}
	if n != 3 {
		t.Errorf("%d requests of 100 kB are under way, want 3", n)
	}
	sc.server("+OK\r\n")
	if !sc.client.resumed {
		t.Error("reading does not go on")
	}
}

func TestAClientThatTakesNothingIsCutOff(t *testing.T) {
	for _, test := range []struct {
		name   string
		output int
		after  time.Duration
		cut    bool
	}{
		{"within its bound and its time", 1 << 20, 29 * time.Second, false},
		{"within its bound, for too long", 1 << 20, 30 * time.Second, true},
		{"over its bound, for a moment", 100, 900 * time.Millisecond, false},
		{"over its bound, for a second", 100, time.Second, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			sc := newScene(t)
			sc.core.Limits.ClientOutput = test.output
			sc.sends("ECHO " + strings.Repeat("x", 200) + "\r\n")
			sc.loop.sweep()
			sc.loop.now = sc.loop.now.Add(test.after)
			sc.loop.sweep()
			if sc.client.aborted != test.cut {
				t.Errorf("cut off: %v", sc.client.aborted)
			}
		})
	}
}

func TestAClientThatTakesSomethingIsNotCutOff(t *testing.T) {
	sc := newScene(t)
	sc.core.Limits.ClientOutput = 100
	sc.sends("ECHO " + strings.Repeat("x", 1000) + "\r\n")
	for range 100 {
		sc.client.buffered--
		sc.loop.now = sc.loop.now.Add(time.Second)
		sc.loop.sweep()
	}
	if sc.client.aborted {
		t.Error("cut off")
	}
}

func TestWhenMemoryIsShortTheClientThatIsOwedTheMostGoesFirst(t *testing.T) {
	sc := newScene(t)
	big := &stillConn{keep: true}
	s2 := sc.core.NewSession(2, router.ByRoutes)
	s2.Opened(big, nil)
	sc.sends("ECHO small\r\n")
	s2.Data([]byte("ECHO " + strings.Repeat("x", 1000) + "\r\n"))
	sc.core.Memory.limit = 1000
	sc.loop.memory = 1001
	sc.core.publishMemory()
	sc.core.publishMemory() // before the big one has let go of its buffers
	if sc.client.aborted || !big.aborted {
		t.Errorf("cut off: the small one %v, the big one %v", sc.client.aborted, big.aborted)
	}
	s2.Closed(io.EOF)
	if !sc.client.aborted {
		t.Error("the small one is kept though memory is still short")
	}
}

func TestASessionThatIsGoneHoldsNothing(t *testing.T) {
	sc := newScene(t)
	sc.sends("GET a\r\nGET b\r\nECHO x\r\n")
	sc.s.Closed(io.EOF)
	sc.server("$1\r\n1\r\n$1\r\n2\r\n")
	sc.gets("")
	if sc.core.spools.bytes != 0 || sc.s.replies.ring != nil {
		t.Errorf("%d bytes held, ring %v", sc.core.spools.bytes, sc.s.replies.ring)
	}
}
