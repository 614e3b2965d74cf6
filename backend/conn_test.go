package backend

import (
	"strings"
	"testing"
	"time"
)

const (
	get  = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
	incr = "*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n"

	unreachable = `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" is unreachable`
	silent      = `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" does not answer`
	lateRead    = `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" did not answer within 1s`
	lateWrite   = `!UNCERTAIN node "b" (127.0.0.1:7002) of pool "main" did not answer within 1s: the command may have been executed`
	lostRead    = `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" closed the connection`
	lostWrite   = `!UNCERTAIN node "b" (127.0.0.1:7002) of pool "main" closed the connection: the command may have been executed`
)

func (s *script) read(c *Conn, seq uint64)  { c.Send(s, seq, []byte(get), false, false) }
func (s *script) write(c *Conn, seq uint64) { c.Send(s, seq, []byte(incr), true, false) }

func TestNoClientsByteIsSentBeforeTheHandshakeIsAnswered(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	s.read(c, 1)
	w := s.accept()
	s.write(c, 2)
	want := "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$10\r\nringmain-x\r\n" +
		"*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n"
	if w.sent != want {
		t.Errorf("the handshake is %q, want %q", w.sent, want)
	}
	w.sent = ""
	w.handshake(7, "r1")
	if w.sent != get+incr {
		t.Errorf("after it comes %q", w.sent)
	}
	w.says("$1\r\nv\r\n:1\r\n")
	s.expect(1, "$1\r\nv\r\n.")
	s.expect(2, ":1\r\n.")
}

func TestALoginComesFirst(t *testing.T) {
	for _, test := range []struct {
		protocol       int
		user, password string
		want           string
	}{
		{2, "", "pw", "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n"},
		{2, "joe", "pw", "*3\r\n$4\r\nAUTH\r\n$3\r\njoe\r\n$2\r\npw\r\n"},
		{3, "", "", "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"},
		{3, "", "pw", "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$2\r\npw\r\n"},
	} {
		s := newScript(t)
		s.node.opt.Username, s.node.opt.Password = test.user, test.password
		c := s.node.Conn(test.protocol, 0)
		s.read(c, 1)
		w := s.accept()
		if !strings.HasPrefix(w.sent, test.want) {
			t.Errorf("the handshake is %q, want %q first", w.sent, test.want)
		}
		w.says("-WRONGPASS no\r\n")
		if got := s.outcome(1); !strings.HasPrefix(got, "!CLUSTERDOWN ") || !strings.Contains(got, "WRONGPASS no") {
			t.Errorf("a refused login gives %q", got)
		}
	}
}

func TestADatabaseIsSelectedInTheHandshake(t *testing.T) {
	s := newScript(t)
	s.node.Conn(2, 5)
	w := s.accept()
	if want := "*2\r\n$6\r\nSELECT\r\n$1\r\n5\r\n"; !strings.HasSuffix(w.sent, want) {
		t.Errorf("the handshake is %q", w.sent)
	}
}

func TestARefusedServerFailsAtOnceAndComesBackByItself(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	s.write(c, 1)
	s.refuse()
	s.expect(1, unreachable)
	s.write(c, 2)
	s.expect(2, unreachable)
	s.pass(minBackoff)
	w := s.ready(7, "r1")
	s.write(c, 3)
	w.says(":1\r\n")
	s.expect(3, ":1\r\n.")
}

func TestOfALostConnectionOnlyWritesThatWereSentWholeAreUncertain(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.write(c, 1)
	s.read(c, 2)
	s.write(c, 3)
	w.buffered = 1 // the last byte has not left
	w.breaks()
	s.expect(1, lostWrite)
	s.expect(2, lostRead)
	s.expect(3, lostRead)
}

func TestNothingIsSentTwice(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.read(c, 1)
	s.write(c, 2)
	w.breaks()
	w2 := s.accept()
	w2.handshake(8, "r2")
	if strings.Contains(w2.sent, "GET") || strings.Contains(w2.sent, "INCR") {
		t.Errorf("the next connection is sent %q", w2.sent)
	}
}

func TestAMissedDeadlineFailsWhatComesAfterItAtOnceUntilAReply(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.read(c, 1)
	s.write(c, 2)
	s.pass(600 * time.Millisecond)
	w.says("$10\r\nabc") // something comes, so the connection stays
	s.read(c, 3)
	s.pass(400 * time.Millisecond)
	s.expect(2, lateWrite)
	s.read(c, 4)
	s.expect(4, silent)
	w.says("defghij\r\n:1\r\n") // ends request 1; the late reply to 2 is thrown away
	s.expect(1, "$10\r\nabcdefghij\r\n.")
	s.expect(2, "")
	w.says("$1\r\nv\r\n")
	s.expect(3, "$1\r\nv\r\n.")
	s.read(c, 5)
	w.says("$-1\r\n")
	s.expect(5, "$-1\r\n.")
}

func TestASilentConnectionIsGivenUpAtTheDeadlineAndFencedByTheNext(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.read(c, 1)
	s.write(c, 2)
	s.pass(time.Second)
	w.settle()
	s.expect(1, lateRead)
	s.expect(2, lateWrite)
	s.write(c, 3)
	s.expect(3, silent)
	w2 := s.accept()
	w2.sent = ""
	w2.handshake(8, "r1")
	if want := "*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n$1\r\n7\r\n"; w2.sent != want {
		t.Fatalf("the fence is %q, want %q", w2.sent, want)
	}
	s.write(c, 4)
	s.expect(4, silent)
	w2.says(":1\r\n")
	s.write(c, 5)
	w2.says(":9\r\n")
	s.expect(5, ":9\r\n.")
	if len(s.node.debts) != 0 {
		t.Errorf("still owed: %v", s.node.debts)
	}
}

func TestARestartedServerVoidsADebt(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.write(c, 1)
	w.breaks()
	w2 := s.accept()
	w2.sent = ""
	w2.handshake(7, "r2")
	if w2.sent != "" || len(s.node.debts) != 0 {
		t.Errorf("sent %q, owed %v", w2.sent, s.node.debts)
	}
}

func TestAConnectionWithNothingUnansweredLeavesNoDebt(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.write(c, 1)
	w.says(":1\r\n")
	w.breaks()
	w2 := s.accept()
	w2.sent = ""
	w2.handshake(8, "r1")
	if w2.sent != "" {
		t.Errorf("sent %q", w2.sent)
	}
}

func TestASisterConnectionPaysAheadOfWhatIsSentOnItLater(t *testing.T) {
	s := newScript(t)
	c2, c3 := s.node.Conn(2, 0), s.node.Conn(3, 0)
	w2 := s.ready(7, "r1")
	w3 := s.accept()
	w3.says("%0\r\n")
	w3.handshake(8, "r1")
	w3.sent = ""
	s.write(c2, 1)
	w2.breaks()
	s.write(c3, 2)
	want := "*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n$1\r\n7\r\n" + incr
	if w3.sent != want {
		t.Errorf("sent %q, want %q", w3.sent, want)
	}
	w3.says(":1\r\n:5\r\n")
	s.expect(2, ":5\r\n.")
	if len(s.node.debts) != 0 {
		t.Errorf("still owed: %v", s.node.debts)
	}
}

func TestSlowCommandsHaveTheirOwnDeadline(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	c.Send(s, 1, []byte(get), false, true)
	s.read(c, 2)
	s.pass(29 * time.Second)
	s.expect(1, "")
	s.expect(2, lateRead)
	if w.aborted {
		t.Error("the connection is given up while a slow command may run")
	}
	s.pass(time.Second)
	w.settle()
	s.expect(1, `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" did not answer within 30s`)
	if !w.aborted {
		t.Error("the connection is not given up after the slow deadline")
	}
}

func TestAnUnansweredHandshakeIsAFailedAttempt(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	s.write(c, 1)
	w := s.accept()
	s.pass(500 * time.Millisecond)
	w.settle()
	s.expect(1, unreachable)
	if !w.aborted {
		t.Error("the connection is kept")
	}
}

func TestABrokenOrUnaskedReplyEndsTheConnectionOnly(t *testing.T) {
	for _, bytes := range []string{"hello\r\n", "$abc\r\n", ":1\r\n:2\r\n"} {
		s := newScript(t)
		c := s.node.Conn(2, 0)
		w := s.ready(7, "r1")
		s.write(c, 1)
		w.says(bytes)
		if !w.aborted {
			t.Errorf("%q: the connection is kept", bytes)
		}
		s.ready(8, "r2")
	}
}

func TestAnIdleConnectionAsksForASignOfLife(t *testing.T) {
	s := newScript(t)
	s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.pass(idlePing)
	if w.sent != string(ping) {
		t.Fatalf("sent %q", w.sent)
	}
	w.says("+PONG\r\n")
	s.pass(idlePing)
	if w.sent != string(ping)+string(ping) {
		t.Fatalf("sent %q", w.sent)
	}
	s.pass(time.Second)
	w.settle()
	if !w.aborted {
		t.Error("a connection that does not answer is kept")
	}
}

func TestAFullQueueAdmitsNothingUntilItHasRoom(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	if !s.node.Admits(64 << 20) {
		t.Error("an empty queue admits one request of any size")
	}
	c.Send(discard{}, 1, make([]byte, 1<<20), true, false)
	w.buffered = 1 << 20
	if s.node.Admits(1) {
		t.Error("a full queue admits more")
	}
	told := 0
	s.node.Wait(waiterFunc(func() { told++ }))
	w.buffered = 0
	w.h.Drained()
	w.h.Drained()
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	if !s.node.Admits(1) {
		t.Error("a queue that has become empty admits nothing")
	}
}

type waiterFunc func()

func (f waiterFunc) Writable() { f() }

func TestReconnectionBacksOff(t *testing.T) {
	want := []time.Duration{0, 50, 100, 200, 400, 800, 1000, 1000}
	for failures, ms := range want {
		if got := (&Options{}).backoff().after(failures, func() float64 { return 0 }); got != ms*time.Millisecond {
			t.Errorf("after %d failures %v, want %v", failures, got, ms*time.Millisecond)
		}
		if got := (&Options{}).backoff().after(failures, func() float64 { return 1 }); got != ms*time.Millisecond/2 {
			t.Errorf("after %d failures at least %v, want %v", failures, got, ms*time.Millisecond/2)
		}
	}
}

func TestAServerThatAcceptsAndClosesIsNotDialledWithoutAPause(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	for range 20 {
		s.ready(7, "r1").breaks()
		if len(s.dials) > 0 {
			t.Fatal("dialled again at once")
		}
	}
	s.write(c, 1)
	s.expect(1, unreachable)
}

func TestAClosedNodeFailsEverythingAndDialsNoMore(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.write(c, 1)
	s.node.Close()
	w.settle()
	s.write(c, 2)
	s.pass(time.Minute)
	if got := s.outcome(1); !strings.HasPrefix(got, "!UNCERTAIN") {
		t.Errorf("in flight: %q", got)
	}
	if got := s.outcome(2); !strings.HasPrefix(got, "!CLUSTERDOWN") {
		t.Errorf("afterwards: %q", got)
	}
	if len(s.dials) > 0 {
		t.Error("it is dialled again")
	}
}

func TestARefusedHandshakeCommandIsOnlyLogged(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	s.read(c, 1)
	w := s.accept()
	w.sent = ""
	w.says("-NOPERM no\r\n-NOPERM no\r\n-NOPERM no\r\n")
	if w.sent != get {
		t.Fatalf("sent %q", w.sent)
	}
	w.says("-NOPERM k\r\n")
	s.expect(1, "-NOPERM k\r\n.")
}

func TestAServerThatAsksForALoginFailsTheHandshake(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	s.read(c, 1)
	w := s.accept()
	w.says("-NOAUTH Authentication required.\r\n")
	if got := s.outcome(1); !strings.Contains(got, "NOAUTH") {
		t.Errorf("got %q", got)
	}
}

func TestASisterThatIsLateItselfPaysToo(t *testing.T) {
	s := newScript(t)
	c2, c3 := s.node.Conn(2, 0), s.node.Conn(3, 0)
	w2 := s.ready(7, "r1")
	w3 := s.accept()
	w3.says("%0\r\n")
	w3.handshake(8, "r1")
	s.read(c3, 1)
	s.pass(900 * time.Millisecond)
	w3.says("$5\r\n") // so that it is not given up
	s.read(c3, 2)
	s.write(c2, 3)
	s.pass(600 * time.Millisecond)
	w3.says("ab")
	s.pass(400 * time.Millisecond) // misses the deadline of 2
	s.expect(2, lateRead)
	w3.sent = ""
	w2.settle()
	if !strings.Contains(w3.sent, "KILL") {
		t.Errorf("sent %q", w3.sent)
	}
}

func TestOnlyARefusalForGoodIsLetPassInTheHandshake(t *testing.T) {
	for _, test := range []struct {
		replies string
		ready   bool
	}{
		{"+OK\r\n:7\r\n$9\r\nrun_id:r1\r\n", true},
		{"-NOPERM no\r\n-ERR unknown command 'CLIENT'\r\n-ERR unknown subcommand 'x'\r\n", true},
		{"-BUSY Redis is busy running a script\r\n", false},
		{"+OK\r\n-BUSY Redis is busy running a script\r\n", false},
		{"+OK\r\n+OK\r\n", false},
		{"+OK\r\n:7\r\n+PONG\r\n", false},
		{"+OK\r\n:7\r\n$2\r\nno\r\n", false},
		{"*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$1\r\nx\r\n", false}, // our own bytes
	} {
		s := newScript(t)
		c := s.node.Conn(2, 0)
		w := s.accept()
		w.says(test.replies)
		if ready := c.state == ready; ready != test.ready || w.aborted == test.ready {
			t.Errorf("%q: ready %v, aborted %v", test.replies, ready, w.aborted)
		}
	}
}

func TestAFenceThatIsNotGrantedEndsTheAttempt(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.write(c, 1)
	w.breaks()
	w2 := s.accept()
	w2.handshake(8, "r1")
	w2.says("-BUSY later\r\n")
	if !w2.aborted || len(s.node.debts) != 1 {
		t.Errorf("aborted %v, owed %v", w2.aborted, s.node.debts)
	}
	w3 := s.accept()
	w3.handshake(9, "r1")
	w3.says("-NOPERM no\r\n")
	if c.state != ready || len(s.node.debts) != 0 {
		t.Errorf("state %v, owed %v", c.state, s.node.debts)
	}
}

func TestABrokenOffHandshakeLeavesNothingForTheNext(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(3, 0)
	w := s.accept()
	w.says("%7\r\n$6\r\nserver")
	w.breaks()
	w2 := s.accept()
	w2.says("-NOPROTO no\r\n")
	if c.state == ready || !w2.aborted {
		t.Errorf("state %v, aborted %v", c.state, w2.aborted)
	}
}

func TestReconnectingLeavesNoTimersBehind(t *testing.T) {
	s := newScript(t)
	s.node.Conn(2, 0)
	for range 50 {
		s.ready(7, "r1").breaks()
	}
	s.ready(7, "r1")
	live := 0
	for _, timer := range s.timers {
		if !timer.stopped {
			live++
		}
	}
	if live > 1 {
		t.Errorf("%d timers are pending, want one", live)
	}
}

func TestWhatWaitsForAConnectionFailsAtItsDeadline(t *testing.T) {
	s := newScript(t)
	s.node.opt.Connect = time.Minute
	c := s.node.Conn(2, 0)
	s.write(c, 1)
	s.pass(time.Second)
	s.expect(1, silent)
	s.write(c, 2)
	s.expect(2, silent)
	w := s.accept()
	w.sent = ""
	w.handshake(7, "r1")
	if w.sent != "" {
		t.Errorf("a request that has failed is sent: %q", w.sent)
	}
	s.write(c, 3)
	w.says(":1\r\n")
	s.expect(3, ":1\r\n.")
}

func TestADialThatEndsAfterTheNodeWasClosedIsHarmless(t *testing.T) {
	s := newScript(t)
	s.node.Conn(2, 0)
	s.node.Close()
	w := s.accept()
	w.settle()
	if !w.aborted {
		t.Error("the connection is kept")
	}
}

func TestWaitersAreWokenThoughNoConnectionAloneIsOverItsMark(t *testing.T) {
	s := newScript(t)
	s.node.Conn(2, 0)
	s.node.Conn(3, 0)
	w2 := s.ready(7, "r1")
	w3 := s.accept()
	w3.says("%0\r\n")
	w3.handshake(8, "r1")
	w2.buffered, w3.buffered = 60<<10, 60<<10 // neither is ever drained
	if !s.node.Admits(1 << 20) {
		t.Error("a request is held back that nobody would wake")
	}
}

func TestALossIsFencedByTheOtherLoopsNodesToo(t *testing.T) {
	s1, s2 := newScript(t), newScript(t)
	s2.node.opt = s1.node.opt
	s1.node.opt.Fence.join(s2.node)
	c1, c2 := s1.node.Conn(2, 0), s2.node.Conn(2, 0)
	w1, w2 := s1.ready(7, "r1"), s2.ready(8, "r1")
	s1.write(c1, 1)
	w1.breaks()
	s2.write(c2, 2)
	if want := string(kill(debt{id: 7})) + incr; w2.sent != want {
		t.Errorf("sent %q, want %q", w2.sent, want)
	}
}

// A burst of large replies over a slow link is not late as long as it comes.
func TestWhileRepliesFlowNoDeadlineComesNearer(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	const size = 1 << 20
	head, body := "$1048576\r\n", strings.Repeat("x", size)+"\r\n"
	for seq := range uint64(50) {
		s.read(c, seq)
	}
	for seq := range uint64(50) { // 5 s at 10 MiB/s
		s.pass(50 * time.Millisecond)
		w.says(head + body[:size/2])
		s.pass(50 * time.Millisecond)
		w.says(body[size/2:])
		s.expect(seq, head+body+".")
	}
	// Time counts again when nothing comes, and almost fully when little does.
	s.write(c, 100)
	s.read(c, 101)
	s.pass(500 * time.Millisecond)
	w.says(":")
	s.pass(499 * time.Millisecond)
	s.expect(101, "")
	s.pass(2 * time.Millisecond)
	s.expect(101, lateRead)
	w.says("1\r\n")
	s.expect(100, ":1\r\n.")
}

func TestDeadlinesKeepTheirOrderWhileRepliesFlow(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	seq, last := uint64(0), time.Duration(0)
	s.read(c, seq)
	w.says("$1073741824\r\n")
	for n := range 300 {
		seq++
		s.read(c, seq)
		if e := c.queue.at(c.queue.tail - 1); e.deadline < last {
			t.Fatalf("after %d requests a deadline comes before the one before", n)
		} else {
			last = e.deadline
		}
		s.pass(time.Duration(n%7) * time.Millisecond)
		w.says(strings.Repeat("x", n*100))
	}
}
