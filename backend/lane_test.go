package backend

import (
	"strings"
	"testing"
	"time"
)

func TestWhatIsLostOnOneLaneIsFencedOnTheOthers(t *testing.T) {
	s := newScript(t)
	first, second := s.node.Lane(0), s.node.Lane(1)
	if first == second || first != s.node.Conn(2, 0) || second != s.node.Lane(1) {
		t.Fatal("lanes are not what they are asked for as")
	}
	w1, w2 := s.ready(7, "r1"), s.ready(8, "r1")
	s.write(first, 1)
	if w1.sent != incr || w2.sent != "" {
		t.Errorf("sent %q and %q", w1.sent, w2.sent)
	}
	w1.breaks()
	s.expect(1, lostWrite)
	s.write(second, 2)
	if want := "*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n$1\r\n7\r\n" + incr; w2.sent != want {
		t.Errorf("the other lane is sent %q, want %q", w2.sent, want)
	}
}

func TestALaneIsStalledWhileAReplyDoesNotCome(t *testing.T) {
	s := newScript(t)
	c := s.node.Lane(0)
	w := s.ready(7, "r1")
	s.pass(time.Second)
	if c.Stalled(0) {
		t.Error("stalled with nothing awaited")
	}
	s.read(c, 1)
	s.pass(10 * time.Millisecond)
	if c.Stalled(11*time.Millisecond) || !c.Stalled(10*time.Millisecond) {
		t.Error("how long a reply has not come is not told")
	}
	w.says("+OK\r\n")
	if c.Stalled(0) {
		t.Error("stalled when it was answered")
	}
}

func TestConnectionsToAnotherProcessThanExpectedAreGivenUp(t *testing.T) {
	s := newScript(t)
	changed := 0
	s.node.opt.Changed = func() { changed++ }
	c := s.node.Lane(0)
	w := s.ready(7, "r1")
	s.node.Expect("r1")
	s.read(c, 1)
	w.says("+OK\r\n")
	s.expect(1, "+OK\r\n.")
	s.node.Expect("r2")
	w.settle()
	w = s.accept()
	w.handshake(8, "r1")
	if changed != 1 || !w.aborted {
		t.Errorf("told %d times, aborted: %v", changed, w.aborted)
	}
	s.node.Expect("")
	w = s.ready(9, "r1")
	s.read(c, 2)
	if !strings.HasSuffix(w.sent, get) {
		t.Errorf("sent %q", w.sent)
	}
}

func TestReconnectionIsAsQuickAsItIsAskedToBe(t *testing.T) {
	s := newScript(t)
	s.node.opt.Backoff = Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}
	s.node.Lane(0)
	w := s.ready(7, "r1")
	s.pass(100 * time.Millisecond)
	w.breaks()
	for _, pause := range []time.Duration{0, 10, 20, 40, 80, 100, 100} {
		if pause > 0 {
			s.pass(pause*time.Millisecond - 1)
			if len(s.dials) != 0 {
				t.Fatalf("dialled before %d ms", pause)
			}
			s.pass(1)
		}
		s.refuse()
	}
}
