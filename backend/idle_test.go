package backend

import (
	"strings"
	"testing"
	"time"
)

func TestAnIdleConnectionOfEveryKindAsksForASignOfLife(t *testing.T) {
	s := newScript(t)
	s.node.Conn(3, 5)
	w := s.accept()
	w.handshakeIn(7, "r1")
	w.sent = ""
	for range 3 {
		s.pass(idlePing - time.Millisecond)
		if w.sent != "" {
			t.Fatalf("too early, %q is sent", w.sent)
		}
		s.pass(time.Millisecond)
		if w.sent != string(ping) {
			t.Fatalf("sent %q", w.sent)
		}
		w.sent = ""
		w.says("-NOPERM no\r\n") // is a sign of life too
	}
	if w.aborted {
		t.Error("the connection is given up")
	}
}

func TestABusyConnectionIsNotAskedForASignOfLife(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	for seq := range uint64(10) {
		s.pass(idlePing - time.Second)
		s.read(c, seq)
		w.says("$-1\r\n")
	}
	c.Send(s, 10, []byte(get), false, true) // slow: awaited for as long as idlePing
	s.pass(idlePing - time.Second)
	w.says("$-1\r\n")
	if strings.Contains(w.sent, string(ping)) {
		t.Errorf("sent %q", w.sent)
	}
}

func TestAnUnansweredSignOfLifeEndsTheConnectionWithinTheDeadline(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.pass(idlePing + s.node.opt.Request - time.Millisecond)
	s.read(c, 1)
	s.write(c, 2)
	if w.aborted {
		t.Fatal("the connection is given up too early")
	}
	s.pass(time.Millisecond)
	w.settle()
	if !w.aborted {
		t.Error("the connection is kept")
	}
	s.expect(1, silent)
	s.expect(2, strings.Replace(silent, "CLUSTERDOWN", "UNCERTAIN", 1)+": the command may have been executed")
	s.read(c, 3)
	s.expect(3, silent)
	s.ready(8, "r2")
}

func TestASignOfLifeThatComesPieceByPieceKeepsTheConnection(t *testing.T) {
	s := newScript(t)
	s.node.Conn(2, 0)
	w := s.ready(7, "r1")
	s.pass(idlePing + 900*time.Millisecond)
	w.says("+PO")
	s.pass(900 * time.Millisecond)
	w.says("NG\r\n")
	s.pass(idlePing - time.Second)
	if w.aborted {
		t.Error("the connection is given up")
	}
}
