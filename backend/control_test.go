package backend

import "testing"

const scriptKill = "*2\r\n$6\r\nSCRIPT\r\n$4\r\nKILL\r\n"

// kills sends SCRIPT KILL on the control connection.
func (s *script) kills(seq uint64) {
	s.t.Helper()
	s.node.Control().Send(s, seq, []byte(scriptKill), true, true)
}

func TestTheControlConnectionAsksNothingOfABusyServerBeforeItsCommand(t *testing.T) {
	for password, greeting := range map[string]string{"": "", "secret": "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"} {
		s := newScript(t)
		s.node.opt.Password = password
		s.kills(1)
		w := s.accept()
		if greeting != "" {
			if w.sent != greeting {
				t.Errorf("sent %q before the password is taken", w.sent)
			}
			w.says("+OK\r\n")
		}
		if w.sent != greeting+scriptKill {
			t.Errorf("sent %q", w.sent)
		}
		w.says("+OK\r\n")
		s.expect(1, "+OK\r\n.")
	}
}

func TestALostControlConnectionIsDialledAgainAndOwesNothing(t *testing.T) {
	s := newScript(t)
	s.kills(1)
	w := s.accept()
	w.breaks()
	s.expect(1, lostWrite)
	if len(s.node.debts) != 0 || s.node.Down() || s.node.InFlight() != 0 {
		t.Errorf("owed %v, down %v, in flight %d", s.node.debts, s.node.Down(), s.node.InFlight())
	}
	s.accept()
	s.kills(2)
	s.node.Close()
	if got := s.got[2]; got == "" {
		t.Error("a request is forgotten when the node is closed")
	}
}

func TestAnEpochEndsWithItsConnection(t *testing.T) {
	s := newScript(t)
	c := s.node.Conn(2, 0)
	first := c.Epoch()
	w := s.ready(7, "r1")
	if c.Epoch() != first {
		t.Error("what was sent before the handshake is of another epoch")
	}
	w.breaks()
	if c.Epoch() == first {
		t.Error("the epoch has not changed")
	}
}
