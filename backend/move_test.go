package backend

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	elsewhere   = "127.0.0.1:7003"
	askRole     = "*1\r\n$4\r\nROLE\r\n"
	primaryRole = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
	replicaRole = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:7002\r\n$9\r\nconnected\r\n:0\r\n"

	formerRead  = `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" is no longer the primary`
	formerWrite = `!UNCERTAIN node "b" (127.0.0.1:7002) of pool "main" is no longer the primary: the command may have been executed`
)

// dials checks which addresses were dialled since the last look.
func (s *script) dialsTo(want ...string) {
	s.t.Helper()
	s.pass(0)
	if got := strings.Join(s.dialled, " "); got != strings.Join(want, " ") {
		s.t.Errorf("dialled %q, want %q", got, want)
	}
	s.dialled = nil
}

func TestANodeThatMovesEndsWhatIsUnansweredAndSendsWhatComesThenElsewhere(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	old := s.ready(7, "r1")
	s.dialsTo("127.0.0.1:7002")
	s.read(c, 1)
	s.write(c, 2)
	old.buffered = len(incr)
	s.write(c, 3)
	old.buffered = len(incr) // the kernel has not taken the last one
	s.node.Leave("is no longer the primary")
	s.write(c, 4) // in the iteration in which the connection is given up
	old.settle()
	s.expect(1, formerRead)
	s.expect(2, formerWrite)
	s.expect(3, formerRead)
	s.expect(4, `!CLUSTERDOWN node "b" of pool "main" is no longer the primary`)
	sent := old.sent
	s.write(c, 5)
	s.pass(100 * time.Millisecond)
	s.dialsTo()
	s.node.Move(elsewhere, "")
	s.dialsTo(elsewhere)
	w := s.accept()
	w.handshake(3, "r2")
	w.says(":1\r\n")
	s.expect(5, ":1\r\n.")
	if !strings.HasSuffix(w.sent, incr) || strings.Count(w.sent, incr) != 1 || old.sent != sent {
		t.Errorf("the old server got %q, the new one %q", old.sent, w.sent)
	}
}

func TestWhatWaitsWhileANodeMovesIsBoundByItsDeadline(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.node.Leave("is no longer the primary")
	w.settle()
	s.read(c, 1)
	s.pass(time.Second)
	s.expect(1, `!CLUSTERDOWN node "b" of pool "main" does not answer`)
	s.node.Move(elsewhere, "")
	s.read(c, 2)
	s.ready(3, "r2").says("$1\r\nv\r\n")
	s.expect(2, "$1\r\nv\r\n.")
}

func TestAMoveIsFollowedInEveryState(t *testing.T) {
	for name, begin := range map[string]func(s *script) (after func()){
		"dialling": func(s *script) func() {
			h := s.dials[0]
			s.dials = nil
			return func() { // the dial under way succeeds too late
				w := &wire{s: s, h: h}
				h.Opened(w, nil)
				if !w.aborted || w.sent != "" {
					t.Errorf("the old server is used: aborted %v, sent %q", w.aborted, w.sent)
				}
				w.settle()
			}
		},
		"failed dial": func(s *script) func() {
			h := s.dials[0]
			s.dials = nil
			return func() { h.Opened(nil, fmt.Errorf("connection refused")) }
		},
		"shaking hands": func(s *script) func() {
			w := s.accept()
			return w.settle
		},
		"waiting": func(s *script) func() {
			s.refuse()
			return func() {}
		},
		"given up": func(s *script) func() {
			w := s.ready(7, "r1")
			w.aborted = true
			s.node.conns[0].giveUp("is tired", nil)
			return w.settle
		},
		"down": func(s *script) func() {
			s.refuse()
			s.node.Judge("refuses connections")
			return func() {}
		},
	} {
		for _, between := range []bool{false, true} { // whether the old connection's end comes between the steps
			s := newScript(t)
			c := s.node.Conn(2, 0)
			after := begin(s)
			s.dialsTo("127.0.0.1:7002")
			s.node.Leave("is no longer the primary")
			if between {
				after()
			}
			s.dialsTo()
			s.node.Move(elsewhere, "")
			if !between {
				after()
			}
			s.dialsTo(elsewhere)
			s.read(c, 1)
			w := s.accept()
			w.handshake(3, "r2")
			w.says("$1\r\nv\r\n")
			if s.expect(1, "$1\r\nv\r\n."); t.Failed() {
				t.Fatalf("%s, %v", name, between)
			}
			if len(s.dials) > 0 || s.node.Down() {
				t.Errorf("%s, %v: %d more dials, down %v", name, between, len(s.dials), s.node.Down())
			}
		}
	}
}

func TestEveryKindOfConnectionMoves(t *testing.T) {
	s := newScript(t)
	s.node.opt.Leases = 2
	s.node.Control()
	s.accept()
	o := &owner{}
	hub := s.node.Hub(o, 200)
	hubWire := s.accept()
	hubWire.says("+OK\r\n")
	holder := &holder{}
	used := s.node.Lease(2, 0, holder)
	usedWire := s.ready(8, "r1")
	used.SendBlocking(s, 1, []byte(blpop), true, Forever)
	s.node.Lease(2, 1, holder) // yet to be dialled
	s.dialled = nil
	s.node.Leave("is no longer the primary")
	for _, w := range []*wire{hubWire, usedWire} {
		w.settle()
	}
	s.expect(1, formerWrite)
	o.expect(t, "up", "down false")
	if holder.lost != 1 {
		t.Errorf("%d leases are lost", holder.lost)
	}
	s.node.control.conn.(*wire).settle()
	s.node.Move(elsewhere, "")
	s.dialsTo(elsewhere, elsewhere, elsewhere) // the hub, the control connection, the other lease
	if hub.c.state != dialling {
		t.Error("the hub is not dialled")
	}
}

func TestADebtIsKeptForAServerThatMayBeReturnedTo(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	first := s.ready(7, "r1")
	s.write(c, 1)
	s.node.Leave("is no longer the primary")
	first.settle()
	s.node.Move(elsewhere, "")
	second := s.ready(3, "r2") // no CLIENT KILL of a connection that was another's
	s.node.Leave("is no longer the primary")
	second.settle()
	s.node.Move("127.0.0.1:7002", "")
	w := s.accept()
	w.handshake(9, "r1")
	if !strings.HasSuffix(w.sent, killed+"7\r\n") {
		t.Errorf("the handshake is %q", w.sent)
	}
	w.says(":1\r\n")
	if len(s.node.debts) != 0 {
		t.Errorf("owed %v", s.node.debts)
	}
}

func TestADebtToAProcessWhosePlaceAnotherHasTakenIsVoid(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.write(c, 1)
	w.breaks()
	s.ready(3, "r2")
	if len(s.node.debts) != 0 {
		t.Errorf("owed %v", s.node.debts)
	}
}

func TestDebtsToFormerServersAreBounded(t *testing.T) {
	s := newScript(t)
	for i := range 3 * maxDebts {
		s.node.debts = append(s.node.debts, debt{int64(i), "r1", elsewhere})
	}
	s.node.Move("127.0.0.1:7004", "")
	if n := len(s.node.debts); n != maxDebts || s.node.debts[n-1].id != 3*maxDebts-1 {
		t.Errorf("%d debts are kept, the last of them %v", n, s.node.debts[n-1])
	}
}

func TestWithoutAnAddressEverythingFailsAtOnceUntilThereIsOne(t *testing.T) {
	s := newScript(t)
	opt := *s.node.opt
	opt.Address, opt.Absent, opt.Leases = "", "has no known primary: no sentinel has told of one yet", 1
	s.node = NewNode(s, &opt)
	const unknown = `!CLUSTERDOWN node "b" of pool "main" has no known primary: no sentinel has told of one yet`
	c := s.node.Conn(2, 0)
	s.read(c, 1)
	s.kills(2)
	l := s.node.Lease(2, 0, &holder{})
	s.read(l.Conn(), 3)
	for seq := range uint64(3) {
		s.expect(seq+1, unknown)
	}
	o := &owner{}
	s.node.Hub(o, 200)
	s.pass(0)
	o.expect(t, "down true")
	s.pass(time.Minute)
	s.dialsTo()
	s.node.Judge("has no known primary: no sentinel answers")
	s.read(c, 1)
	s.expect(1, `!CLUSTERDOWN node "b" of pool "main" is down: it has no known primary: no sentinel answers`)
	s.node.Leave("is no longer the primary")
	s.node.Move(elsewhere, "")
	s.dialsTo(elsewhere, elsewhere, elsewhere, elsewhere)
	s.read(c, 1)
	s.accept().handshake(3, "r2")
	if s.node.Down() {
		t.Error("it is down")
	}
}

func TestOnlyAPrimaryIsSpokenToWhereOneMustBe(t *testing.T) {
	for role, refused := range map[string]string{
		primaryRole:                        "",
		replicaRole:                        "is a replica, where a primary is expected",
		"-NOPERM no\r\n":                   "refused the handshake (ROLE: NOPERM no)",
		"-LOADING soon\r\n":                "refused the handshake (ROLE: LOADING soon)",
		"*1\r\n$8\r\nsentinel\r\n":         "refused the handshake (ROLE: not the reply of a Redis server)",
		"*2\r\n$5\r\nother\r\n+master\r\n": "refused the handshake (ROLE: not the reply of a Redis server)",
		"*0\r\n":                           "refused the handshake (ROLE: not the reply of a Redis server)",
		"+OK\r\n":                          "refused the handshake (ROLE: not the reply of a Redis server)",
	} {
		s := newScript(t)
		opt := *s.node.opt
		opt.Primary = true
		suspicions := 0
		opt.Suspect = func(bool) { suspicions++ }
		s.node = NewNode(s, &opt)
		s.write(s.node.Conn(2, 0), 1)
		w := s.accept()
		if !strings.HasPrefix(w.sent, askRole) {
			t.Errorf("the handshake is %q", w.sent)
		}
		w.says(role)
		if refused != "" {
			s.expect(1, `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" `+refused)
			if role == replicaRole && suspicions != 1 {
				t.Errorf("%d suspicions", suspicions)
			}
			continue
		}
		w.handshake(7, "r1")
		if !strings.HasSuffix(w.sent, incr) {
			t.Errorf("to a primary %q is sent", w.sent)
		}
	}
}

func TestANodeThatBecomesAnotherServersIsThatUnderAnotherName(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	old := s.ready(7, "r1")
	s.read(c, 1)
	old.says("$-1\r\n")
	s.expect(1, "$-1\r\n.")
	s.dialsTo("127.0.0.1:7002")
	s.node.Become("x", elsewhere)
	old.settle()
	s.dialsTo(elsewhere)
	s.refuse()
	s.read(c, 2)
	s.expect(2, `!CLUSTERDOWN node "x" (`+elsewhere+`) of pool "main" is unreachable`)
	stats := s.node.Stats()
	if n := stats.Duration.Count(); n != 0 || s.node.Name() != "x" {
		t.Errorf("%d replies are counted of %s", n, s.node.Name())
	}
}

func TestANodePaysWhatAnotherOneOwesAtTheAddressThatIsNowItsOwn(t *testing.T) {
	s := newScript(t)
	former := NewNode(s, s.node.opt)
	former.debts = []debt{{7, "r2", elsewhere}, {8, "r3", "127.0.0.1:7004"}}
	s.node.Become("x", elsewhere)
	s.node.Inherit(former)
	s.node.Inherit(former)
	if len(s.node.debts) != 1 || s.node.debts[0] != former.debts[0] {
		t.Errorf("it owes %v", s.node.debts)
	}
}

func TestLeasesEndWhileWhatAllShareGoesOn(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	shared := s.ready(7, "r1")
	s.read(c, 1)
	h := &holder{}
	s.node.opt.Leases = 2
	l := s.node.Lease(2, 0, h)
	own := s.ready(8, "r1")
	s.node.EndLeases()
	if h.lost != 1 || !own.aborted || !l.Conn().Gone() {
		t.Errorf("lost %d times, aborted %v", h.lost, own.aborted)
	}
	s.pass(900 * time.Millisecond)
	shared.says("$-1\r\n")
	s.expect(1, "$-1\r\n.")
}
