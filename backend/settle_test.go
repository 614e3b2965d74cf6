package backend

import (
	"strings"
	"testing"
	"time"
)

const (
	leftRead  = `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" is left for another place`
	leftWrite = `!UNCERTAIN node "b" (127.0.0.1:7002) of pool "main" is left for another place: the command may have been executed`
	unblock7  = "*4\r\n$6\r\nCLIENT\r\n$7\r\nUNBLOCK\r\n$1\r\n7\r\n$5\r\nERROR\r\n"
)

// settling has the node settle a database; the result tells whether it has.
func (s *script) settling(database int) *bool {
	done := new(bool)
	s.node.Settle(database, func() {
		if *done {
			s.t.Error("told twice")
		}
		*done = true
	})
	return done
}

// is checks whether all has settled.
func (s *script) is(done *bool, want bool) {
	s.t.Helper()
	if *done != want {
		s.t.Errorf("settled: %v", *done)
	}
}

func TestWhatIsUnderWayOnASharedConnectionIsAwaited(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.is(s.settling(AllDatabases), true) // there is nothing
	s.write(c, 1)
	done := s.settling(0)
	s.is(s.settling(5), true) // not there
	s.write(c, 2)             // nothing is held back
	w.says(":1\r\n")
	s.expect(1, ":1\r\n.")
	s.is(done, false)
	w.says("+PONG\r\n")
	s.is(done, true)
	w.says(":2\r\n")
	s.expect(2, ":2\r\n.")
	s.pass(time.Minute)
}

func TestWhatIsAnsweredLateIsAwaitedOrItsConnectionGivenUp(t *testing.T) {
	for _, answers := range []bool{true, false} {
		s := newScript(t)
		c := s.node.Conn(2, 0)
		w := s.ready(7, "r1")
		s.write(c, 1)
		s.pass(500 * time.Millisecond)
		s.read(c, 2)
		s.pass(400 * time.Millisecond)
		w.says("")
		done := s.settling(0)
		if answers {
			w.says(":1\r\n")
			s.pass(700 * time.Millisecond) // the read is late
			s.is(done, false)
			w.says("$1\r\nv\r\n+PONG\r\n")
			s.is(done, true)
			continue
		}
		s.pass(time.Second)
		s.is(done, false) // what it owes is known when it is closed
		w.settle()
		s.pass(0)
		s.is(done, true)
		if len(s.node.debts) != 1 {
			t.Errorf("owed: %v", s.node.debts)
		}
	}
}

func TestAConnectionThatIsBeingGivenUpHasSettledWhenItsDebtIsKnown(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.write(c, 1)
	w.h.HalfClosed()
	done := s.settling(0)
	s.is(done, false)
	w.settle()
	s.expect(1, lostWrite)
	s.pass(0)
	s.is(done, true)
	if len(s.node.debts) != 1 {
		t.Errorf("owed: %v", s.node.debts)
	}
}

func TestWhatWaitsForAConnectionIsAwaited(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	s.write(c, 1)
	done := s.settling(0)
	w := s.ready(7, "r1")
	w.says(":1\r\n")
	s.is(done, false)
	w.says("+PONG\r\n")
	s.is(done, true)
	s.expect(1, ":1\r\n.")
}

func TestLeasesOnWhichNothingIsUnderWayEnd(t *testing.T) {
	for _, free := range []bool{false, true} {
		s, h, l, w := leased(t)
		want := 1
		if free {
			l.Return()
			want = 0
		}
		s.is(s.settling(5), true) // of another database
		s.open(want, 1)
		s.is(s.settling(0), true)
		s.open(0, 0)
		if h.lost != want || !w.aborted || len(s.node.debts) != 0 {
			t.Errorf("told %d times, aborted %v, owed %v", h.lost, w.aborted, s.node.debts)
		}
	}
}

func TestALeaseOnWhichARequestIsUnderWayEndsWithItsReply(t *testing.T) {
	s, h, l, w := leased(t)
	s.write(l.Conn(), 1)
	first, second := s.settling(0), s.settling(AllDatabases)
	if !l.Ending() || h.lost != 0 {
		t.Errorf("ending %v, told %d times", l.Ending(), h.lost)
	}
	w.says(":1\r\n")
	s.expect(1, ":1\r\n.")
	s.is(first, true)
	s.is(second, true)
	s.open(0, 0)
	if h.lost != 1 {
		t.Errorf("told %d times", h.lost)
	}
	s.pass(time.Minute)
}

// returner gives the lease back when its reply comes.
type returner struct{ l *Lease }

func (r returner) Reply(uint64, []byte, bool) { r.l.Return() }
func (returner) Failed(uint64, *Failure)      {}

func TestALeaseThatIsGivenBackMeanwhileIsNotLentAgain(t *testing.T) {
	s, h, l, w := leased(t)
	l.SendBlocking(returner{l}, 1, []byte(blpop), true, time.Second)
	s.node.Conn(2, 0)
	shared := s.ready(8, "r1")
	done := s.settling(0)
	if shared.sent != unblock7 {
		t.Errorf("sent %q", shared.sent)
	}
	w.says("*-1\r\n")
	s.is(done, true)
	s.open(0, 0)
	if h.lost != 0 {
		t.Errorf("told %d times", h.lost)
	}
}

func TestATransactionUnderWayOnALeaseIsFinished(t *testing.T) {
	s, h, l, w := leased(t)
	for seq := range uint64(3) { // MULTI, INCR, EXEC
		s.write(l.Conn(), seq)
	}
	done := s.settling(0)
	w.says("+OK\r\n+QUEUED\r\n")
	s.is(done, false)
	w.says("*1\r\n:1\r\n")
	s.expect(2, "*1\r\n:1\r\n.")
	s.is(done, true)
	if h.lost != 1 {
		t.Errorf("told %d times", h.lost)
	}
}

func TestWhoWaitsOnALeaseIsLetGoOrIsLeftAfterTheTimeOfARequest(t *testing.T) {
	for _, answers := range []bool{true, false} {
		s, h, l, w := leased(t)
		s.node.Conn(2, 0)
		shared := s.ready(8, "r1")
		shared.sent = ""
		l.SendBlocking(s, 1, []byte(blpop), true, Forever)
		done := s.settling(0)
		if shared.sent != unblock7 {
			t.Errorf("sent %q", shared.sent)
		}
		if answers {
			shared.says(":1\r\n")
			w.says("-UNBLOCKED x\r\n")
			s.expect(1, "-UNBLOCKED x\r\n.")
			s.is(done, true)
			continue
		}
		shared.says(":0\r\n")
		shared.sent = ""
		s.pass(unblockAgain)
		if shared.sent != unblock7 {
			t.Errorf("sent %q when nobody was let go", shared.sent)
		}
		s.is(done, false)
		s.pass(time.Second)
		s.is(done, true)
		s.expect(1, leftWrite)
		if h.lost != 1 || len(s.node.debts) != 1 || !w.aborted {
			t.Errorf("told %d times, owed %v, aborted %v", h.lost, s.node.debts, w.aborted)
		}
	}
}

func TestALeaseThatIsBeingMadeCarriesWhatWaitsForItAndEnds(t *testing.T) {
	s, h := newScript(t), &holder{}
	s.node.opt.Leases = 1
	l := s.node.Lease(2, 0, h)
	s.write(l.Conn(), 1)
	done := s.settling(0)
	w := s.ready(7, "r1")
	s.is(done, false)
	w.says(":1\r\n")
	s.expect(1, ":1\r\n.")
	s.is(done, true)
	s.open(0, 0)
}

func TestALeaseThatIsNotMadeInTimeIsLeft(t *testing.T) {
	s, h := newScript(t), &holder{}
	s.node.opt.Leases, s.node.opt.Connect = 1, time.Minute
	l := s.node.Lease(2, 0, h)
	l.SendBlocking(s, 1, []byte(blpop), true, Forever)
	done := s.settling(0)
	s.pass(time.Second)
	s.is(done, true)
	s.expect(1, leftRead)
	if h.lost != 1 {
		t.Errorf("told %d times", h.lost)
	}
}

func TestAHeldNodeAdmitsNothingUntilItIsReleased(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	woken := 0
	s.node.Hold()
	s.node.Wait(waiterFunc(func() { woken++ }))
	for _, size := range []int{0, 1, 1 << 20} {
		if s.node.Admits(size) {
			t.Errorf("%d bytes are admitted", size)
		}
	}
	s.read(c, 1) // one that does not ask
	w.says("$1\r\nv\r\n")
	if s.node.Admits(1) || !s.node.Held() || woken != 0 {
		t.Errorf("admitted or woken (%d)", woken)
	}
	s.node.Release()
	if !s.node.Admits(1) || s.node.Held() || woken != 1 {
		t.Errorf("not admitted, or woken %d times", woken)
	}
	s.node.Release()
	s.node.Wait(waiterFunc(func() { woken++ }))
	if s.node.Release(); woken != 1 {
		t.Error("a node that is not held wakes at Release")
	}
}

const otherProcess = `!CLUSTERDOWN node "b" (127.0.0.1:7003) of pool "main" is another process than before`

func TestNoConnectionCarriesAnythingToAnotherProcessThanTheOneThatIsMeant(t *testing.T) {
	for what, begin := range map[string]func(s *script) *Conn{
		"a shared connection":          func(s *script) *Conn { return s.node.Conn(2, 0) },
		"one to another database":      func(s *script) *Conn { return s.node.Conn(2, 5) },
		"one that only one client has": func(s *script) *Conn { return s.node.Lease(2, 0, &holder{}).Conn() },
	} {
		s := newScript(t)
		s.node.opt.Leases = 1
		changed := 0
		s.node.opt.Changed = func() { changed++ }
		s.node.Move(elsewhere, "r2")
		shake := func(runID string) *wire {
			w := s.accept()
			w.handshake(7, runID)
			if strings.HasSuffix(w.sent, select5) {
				w.says("+OK\r\n")
			}
			return w
		}
		c := begin(s)
		s.write(c, 1)
		w := shake("r3")
		s.expect(1, otherProcess)
		if strings.Contains(w.sent, incr) || changed != 1 {
			t.Errorf("%s: sent %q, told %d times", what, w.sent, changed)
		}
		if c.lease != nil {
			c = s.node.Lease(2, 0, &holder{}).Conn()
		} else {
			s.write(c, 2)
			s.expect(2, otherProcess)
		}
		w = shake("r2")
		s.write(c, 3)
		w.says(":1\r\n")
		s.expect(3, ":1\r\n.")
		if changed != 1 {
			t.Errorf("%s: told %d times", what, changed)
		}
	}
}

func TestConnectionsToTheSameAddressAreMadeAnewForAnotherProcess(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.write(c, 1)
	s.node.Move("127.0.0.1:7002", "r2")
	w.settle()
	if !w.aborted || s.node.RunID() != "r2" {
		t.Errorf("aborted %v, run id %q", w.aborted, s.node.RunID())
	}
	if got := s.outcome(1); !strings.HasPrefix(got, "!UNCERTAIN ") {
		t.Errorf("%q", got)
	}
	s.ready(3, "r2")
}

func TestWhatHasYetToBeSentFailsWhenTheServerIsJudged(t *testing.T) {
	for name, state := range map[string]func(s *script){
		"dialling": func(*script) {},
		"waiting":  func(s *script) { s.node.Leave("moves") },
	} {
		s, h := newScript(t), &holder{}
		s.node.opt.Leases = 1
		c, l := s.node.Conn(2, 0), s.node.Lease(2, 0, h)
		s.pass(0)
		state(s)
		s.write(c, 1)
		s.write(l.Conn(), 2)
		s.node.Judge("does not answer")
		down := `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" is down: it does not answer`
		s.expect(1, down)
		s.expect(2, down)
		if h.lost != 1 {
			t.Errorf("%s: told %d times", name, h.lost)
		}
		s.node.Judge("")
		s.node.Move("127.0.0.1:7002", "")
		s.write(c, 3)
		for len(s.dials) > 1 { // that of the lease comes to nothing
			s.dials = s.dials[1:]
		}
		w := s.ready(7, "r1")
		w.says(":1\r\n")
		s.expect(3, ":1\r\n.")
	}
}
