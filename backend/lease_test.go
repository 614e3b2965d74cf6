package backend

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	blpop  = "*3\r\n$5\r\nBLPOP\r\n$1\r\nk\r\n$1\r\n0\r\n"
	killed = "*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n$1\r\n"
)

// holder notes what it is told.
type holder struct {
	pushes []string
	lost   int
}

func (h *holder) Pushed(_ *Lease, b []byte) { h.pushes = append(h.pushes, string(b)) }
func (h *holder) Lost(*Lease)               { h.lost++ }

// leased is a script whose node has a lease that is ready.
func leased(t *testing.T) (*script, *holder, *Lease, *wire) {
	s, h := newScript(t), &holder{}
	s.node.opt.Leases = 2
	l := s.node.Lease(2, 0, h)
	w := s.ready(7, "r1")
	return s, h, l, w
}

func (s *script) open(out, open int) {
	s.t.Helper()
	if o, all := s.node.Leases(); o != out || all != open {
		s.t.Errorf("%d of %d leases are out, want %d of %d", o, all, out, open)
	}
}

func TestALeaseThatWasReturnedIsLentAgain(t *testing.T) {
	s, h, l, w := leased(t)
	s.read(l.Conn(), 1)
	w.says("$1\r\nv\r\n")
	s.expect(1, "$1\r\nv\r\n.")
	s.open(1, 1)
	l.Return()
	s.open(0, 1)
	if again := s.node.Lease(2, 0, h); again != l {
		t.Error("another connection is made")
	}
	if other := s.node.Lease(2, 3, h); other == l {
		t.Error("a lease serves two databases")
	}
	s.open(2, 2)
	if s.node.Lease(3, 0, h) != nil {
		t.Error("there are more leases than there may be")
	}
	l.Return()
	if s.node.Lease(3, 0, h) == nil {
		t.Error("an unused lease of another kind stands in the way")
	}
	s.open(2, 2)
	if !w.aborted {
		t.Error("the one that made room is still connected")
	}
}

func TestAReturnedLeaseWakesThoseThatWait(t *testing.T) {
	s, _, l, _ := leased(t)
	woken := 0
	s.node.Wait(waiterFunc(func() { woken++ }))
	l.Return()
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
}

func TestALeaseOnWhichSomethingIsUnansweredIsNotLentAgain(t *testing.T) {
	s, h, l, w := leased(t)
	s.write(l.Conn(), 1)
	l.Return()
	s.open(0, 0)
	if !w.aborted || h.lost != 0 || len(s.node.debts) != 1 {
		t.Errorf("aborted %v, told %d times, owed %v", w.aborted, h.lost, s.node.debts)
	}
}

func TestABlockingRequestMayTakeItsTimeAndNoMore(t *testing.T) {
	s, h, l, w := leased(t)
	l.SendBlocking(s, 1, []byte(blpop), true, 10*time.Second)
	s.pass(10 * time.Second)
	s.expect(1, "")
	s.pass(time.Second)
	w.settle()
	if got := s.outcome(1); !strings.HasPrefix(got, "!UNCERTAIN ") || h.lost != 1 {
		t.Errorf("late: %q, told %d times", got, h.lost)
	}
	s.open(0, 0)
	if len(s.node.debts) != 1 {
		t.Errorf("owed: %v", s.node.debts)
	}
}

func TestABlockingRequestMayTakeForEver(t *testing.T) {
	s, _, l, w := leased(t)
	l.SendBlocking(s, 1, []byte(blpop), true, Forever)
	for range 3 {
		s.pass(24 * time.Hour)
	}
	s.expect(1, "")
	w.says("*-1\r\n")
	s.expect(1, "*-1\r\n.")
	l.Return()
	s.open(0, 1)
}

func TestWhoLeavesWhileTheServerHoldsAReplyBackIsFenced(t *testing.T) {
	s, _, l, w := leased(t)
	s.node.Conn(2, 0)
	shared := s.ready(8, "r1")
	shared.sent = ""
	l.SendBlocking(s, 1, []byte(blpop), true, Forever)
	l.Drop()
	if !w.aborted || shared.sent != killed+"7\r\n" {
		t.Errorf("aborted %v; the server is sent %q", w.aborted, shared.sent)
	}
	shared.says(":1\r\n")
	if len(s.node.debts) != 0 {
		t.Errorf("owed: %v", s.node.debts)
	}
	s.open(0, 0)
}

func TestALeaseOnWhichNothingIsUnansweredOwesNothing(t *testing.T) {
	s, _, l, _ := leased(t)
	l.Drop()
	if len(s.node.debts) != 0 {
		t.Errorf("owed: %v", s.node.debts)
	}
}

// A write on a connection that was lost may still be executed until the server has been
// told to kill that: before anything else is sent on a lease, too.
func TestALeaseKeepsTheFence(t *testing.T) {
	for what, begin := range map[string]func(s *script, l *Lease){
		"in use":  func(*script, *Lease) {},
		"free":    func(_ *script, l *Lease) { l.Return() },
		"blocked": func(s *script, l *Lease) { l.SendBlocking(s, 1, []byte(blpop), true, Forever) },
	} {
		t.Run(what, func(t *testing.T) {
			s, h, l, w := leased(t)
			begin(s, l)
			w.sent = ""
			s.node.owed(debt{id: 3, runID: "r1"})
			fence := killed + "3\r\n"
			switch what {
			case "in use":
				s.read(l.Conn(), 2)
				if w.sent != fence+get {
					t.Errorf("sent %q", w.sent)
				}
			case "free":
				if s.node.Lease(2, 0, h) == l {
					t.Error("it is lent out without a fence")
				}
			default:
				w.says("*-1\r\n")
				l.Return()
				if s.node.Lease(2, 0, h) == l {
					t.Error("it is lent out without a fence")
				}
			}
		})
	}
}

func TestALostLeaseTellsItsHolderAndIsNotDialledAgain(t *testing.T) {
	s, h, l, w := leased(t)
	s.write(l.Conn(), 1)
	w.breaks()
	s.expect(1, lostWrite)
	if h.lost != 1 {
		t.Errorf("told %d times", h.lost)
	}
	s.open(0, 0)
	s.pass(time.Minute)
	if n := len(s.dials); n != 0 {
		t.Errorf("dialled %d times", n)
	}
}

func TestALeaseThatCannotBeDialledFailsItsRequests(t *testing.T) {
	s, h := newScript(t), &holder{}
	s.node.opt.Leases = 1
	l := s.node.Lease(2, 0, h)
	s.write(l.Conn(), 1)
	s.refuse()
	s.expect(1, unreachable)
	if h.lost != 1 {
		t.Errorf("told %d times", h.lost)
	}
	s.open(0, 0)
}

func TestAnUnusedLeaseIsClosedAfterAWhile(t *testing.T) {
	s, _, l, w := leased(t)
	l.Return()
	s.pass(idlePing)
	s.open(0, 0)
	if !w.aborted {
		t.Error("it is still connected")
	}
}

func TestPushesReachTheHolderWhole(t *testing.T) {
	s, h := newScript(t), &holder{}
	s.node.opt.Leases = 1
	l := s.node.Lease(3, 0, h)
	w := s.accept()
	w.says("%0\r\n")
	w.handshake(7, "r1")
	s.read(l.Conn(), 1)
	push := ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"
	w.says(push + push[:9])
	w.says(push[9:] + "$1\r\nv\r\n")
	s.expect(1, "$1\r\nv\r\n.")
	if len(h.pushes) != 2 || h.pushes[0] != push || h.pushes[1] != push {
		t.Errorf("pushed: %q", h.pushes)
	}
	w.says(fmt.Sprintf(">2\r\n$10\r\ninvalidate\r\n$%d\r\n", maxPush+1) + strings.Repeat("x", maxPush))
	w.settle()
	if h.lost != 1 {
		t.Error("a push without end is taken")
	}
}

func TestWhoLeavesAConnectionThatWasJustGivenUpIsFenced(t *testing.T) {
	s, _, l, w := leased(t)
	s.write(l.Conn(), 1)
	w.h.HalfClosed() // Closed comes at the end of the iteration
	l.Drop()
	w.settle()
	s.expect(1, "!UNCERTAIN node \"b\" (127.0.0.1:7002) of pool \"main\" is not used any more: the proxy is stopping: the command may have been executed")
	if len(s.node.debts) != 1 {
		t.Errorf("owed: %v", s.node.debts)
	}
}

// CLIENT UNBLOCK takes another way than the lease's requests and may come after the reply.
func TestALeaseForWhichAnUnblockMayComeLateIsNotLentAgain(t *testing.T) {
	s, h, l, w := leased(t)
	l.SendBlocking(s, 1, []byte(blpop), true, Forever)
	l.Unblock("ERROR", s)
	w.says("*2\r\n$1\r\nk\r\n$1\r\nv\r\n")
	l.Return()
	if s.node.Lease(2, 0, h) == l {
		t.Error("it is lent again")
	}
}
