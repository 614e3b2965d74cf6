package backend

import (
	"strings"
	"testing"
)

const (
	hello3  = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
	select5 = "*2\r\n$6\r\nSELECT\r\n$1\r\n5\r\n"
)

// handshakeIn plays the server's part for a RESP3 connection with a database.
func (w *wire) handshakeIn(id int, runID string) {
	w.s.t.Helper()
	w.says("%0\r\n")
	w.handshake(id, runID)
	w.says("+OK\r\n")
}

func TestADatabaseIsSelectedInEveryHandshakeOfRESP3Too(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(3, 5)
	s.read(c, 1)
	for id := 7; id < 10; id++ {
		w := s.accept()
		if !strings.HasPrefix(w.sent, hello3) || !strings.HasSuffix(w.sent, select5) {
			t.Fatalf("the handshake is %q", w.sent)
		}
		w.sent = ""
		w.says("%0\r\n")
		w.handshake(id, "r1")
		if w.sent != "" {
			t.Fatalf("before SELECT is answered, %q is sent", w.sent)
		}
		w.says("+OK\r\n")
		if id == 7 {
			w.says("$-1\r\n")
			s.expect(1, "$-1\r\n.")
		}
		w.breaks()
	}
}

func TestAConnectionWithADatabaseIsFencedAndFences(t *testing.T) {
	s := newScript(t)
	c0, c5 := s.node.Conn(2, 0), s.node.Conn(3, 5)
	w0 := s.ready(7, "r1")
	w5 := s.accept()
	w5.handshakeIn(8, "r1")
	s.pass(maxBackoff) // it has lived long enough for its successor to be dialled at once
	s.write(c5, 1)
	w5.breaks()
	s.expect(1, lostWrite)
	s.write(c0, 2)
	if want := string(kill(debt{id: 8})) + incr; w0.sent != want {
		t.Fatalf("the sister is sent %q, want %q", w0.sent, want)
	}
	successor := s.accept()
	successor.sent = ""
	successor.handshakeIn(9, "r1")
	s.write(c5, 3)
	if want := string(kill(debt{id: 8})); successor.sent != want {
		t.Fatalf("the successor is sent %q, want %q", successor.sent, want)
	}
	successor.says(":0\r\n:1\r\n")
	w0.says(":1\r\n:2\r\n")
	s.expect(3, ":1\r\n.")
	s.expect(2, ":2\r\n.")
	if len(s.node.debts) != 0 {
		t.Errorf("still owed: %v", s.node.debts)
	}
}

func TestADatabaseThatTheServerRefusesIsNamedToTheClient(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		s := newScript(t)
		c := s.node.Conn(protocol, 5)
		const want = `!CLUSTERDOWN node "b" (127.0.0.1:7002) of pool "main" refused the handshake ` +
			`(SELECT 5: ERR DB index is out of range)`
		s.write(c, 0) // waits for the first handshake; the others fail at once
		for attempt := range uint64(3) {
			w := s.accept()
			if protocol == 3 {
				w.says("%0\r\n")
			}
			w.handshake(7, "r1")
			w.says("-ERR DB index is out of range\r\n")
			if !w.aborted || strings.Contains(w.sent, "INCR") {
				t.Errorf("aborted %v, sent %q", w.aborted, w.sent)
			}
			s.expect(attempt, want)
			s.write(c, attempt+1)
		}
		s.expect(3, want)
		if len(s.node.debts) != 0 {
			t.Errorf("owed: %v", s.node.debts)
		}
	}
}

func TestADatabaseThatIsRefusedHarmsNoOther(t *testing.T) {
	s := newScript(t)
	c0 := s.node.Conn(2, 0)
	w0 := s.ready(7, "r1")
	s.node.Conn(2, 5)
	w5 := s.accept()
	w5.handshake(8, "r1")
	w5.says("-ERR DB index is out of range\r\n")
	s.write(c0, 1)
	w0.says(":1\r\n")
	s.expect(1, ":1\r\n.")
}
