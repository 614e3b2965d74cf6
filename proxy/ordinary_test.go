package proxy

import (
	"strings"
	"testing"
)

// forwards has two commands go the way of ordinary clients' commands.
func (f *fleetScene) forwards() {
	f.Helper()
	f.sends("GET a\r\nGET b\r\n")
	f.answers(0, "$1\r\n1\r\n$1\r\n2\r\n")
	f.gets("$1\r\n1\r\n$1\r\n2\r\n")
}

func TestForwardedCommandsHeedTheStateThatAnOrdinaryClientHasComeTo(t *testing.T) {
	for _, test := range []struct{ before, want, then string }{
		{"MULTI\r\n", "+QUEUED\r\n", "DISCARD\r\n"},
		{"MONITOR\r\n", "-" + errKeyspace + "\r\n", "RESET\r\n"},
		{"CLIENT REPLY OFF\r\n", "", "CLIENT REPLY ON\r\n"},
	} {
		f := newFleetScene(t, 1)
		f.forwards()
		f.sends(test.before)
		f.client.take()
		f.sends("GET a\r\n")
		if f.core.nodes[0].InFlight() > 0 {
			f.answers(0, "$1\r\n1\r\n")
		}
		f.gets(test.want)
		f.sends(test.then)
		f.client.take()
		f.forwards()
	}
}

func TestAPauseHoldsTheForwardedCommandsOfOrdinaryClientsBack(t *testing.T) {
	f := newFleetScene(t, 1)
	f.forwards()
	f.neighbour(3).sends("CLIENT PAUSE 1000\r\n")
	if left := f.sends("GET a\r\n"); left != "GET a\r\n" {
		t.Errorf("left %q", left)
	}
}

func TestForwardedCommandsAreRefusedOnceAnOrdinaryClientListens(t *testing.T) {
	sc := newListenScene(t)
	sc.sends("GET a\r\nGET b\r\n")
	for i := range 2 {
		for range sc.core.nodes[i].InFlight() {
			sc.answers(i, "$-1\r\n")
		}
	}
	sc.gets("$-1\r\n$-1\r\n")
	sc.listening()
	sc.sends("GET a\r\n")
	if got := sc.client.take(); !strings.HasPrefix(got, "-ERR Can't execute 'get'") {
		t.Errorf("%q", got)
	}
}
