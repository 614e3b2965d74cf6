package backend

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"ringmain/ioloop"
)

// fail ends a dial as soon as one is under way.
func (s *script) fail(err error) {
	s.t.Helper()
	for len(s.dials) == 0 {
		s.pass(minBackoff)
	}
	h := s.dials[0]
	s.dials = s.dials[1:]
	h.Opened(nil, err)
}

// up plays the handshake of the next dial, with a database or without.
func (s *script) up() *wire {
	s.t.Helper()
	w := s.accept()
	w.handshake(7, "r1")
	if strings.Contains(w.sent, "SELECT") {
		w.says("+OK\r\n")
	}
	return w
}

func TestTheTroubleOfAServerIsLoggedOnceForAllItsConnectionsAndLoops(t *testing.T) {
	s1, s2 := newScript(t), newScript(t)
	s2.node.opt = s1.node.opt
	var log bytes.Buffer
	s1.node.opt.Log = slog.New(slog.NewTextHandler(&log, nil))
	expect := func(what string, times int) {
		t.Helper()
		if n := strings.Count(log.String(), what); n != times {
			t.Errorf("%q is logged %d times, want %d:\n%s", what, n, times, log.String())
		}
	}
	s1.node.Conn(2, 0)
	s1.node.Conn(2, 5)
	s2.node.Conn(2, 0)
	for round := 1; round <= 3; round++ {
		for range 2 {
			s1.fail(ioloop.ErrDialTimeout)
			s1.fail(ioloop.ErrDialTimeout)
			s2.fail(ioloop.ErrDialTimeout)
		}
		expect("is unreachable", round)
		for _, s := range []*script{s1, s2} { // another reason is news
			s.accept().says("-BUSY running\r\n")
		}
		expect("refused the handshake (CLIENT SETNAME: BUSY running)", round)
		expect("CLIENT SETNAME: BUSY running", round) // once a line
		s2.fail(ioloop.ErrDialTimeout)
		first := s1.up()
		expect("server is back", round)
		s2.fail(ioloop.ErrDialTimeout) // dialled before
		expect("is unreachable", round)
		second, third := s1.up(), s2.up()
		expect("server is back", round)
		for _, w := range []*wire{first, second, third} {
			w.breaks()
		}
	}
}

func TestWhatIsRememberedOfAServersTroubleIsBounded(t *testing.T) {
	var tr trouble
	for i := range 10 * maxTroubles {
		if first := tr.first(fmt.Sprint(i)); first != (i < maxTroubles) {
			t.Errorf("trouble %d is to be said: %v", i, first)
		}
	}
	if !tr.over() || tr.over() || !tr.first("0") {
		t.Error("what is over is not forgotten")
	}
}

func TestANameThatDoesNotResolveIsAFailedAttemptThatIsLoggedOnceAndRepeated(t *testing.T) {
	s := newScript(t)
	var log bytes.Buffer
	s.node.address = "redis-b:7002"
	s.node.opt.Log = slog.New(slog.NewTextHandler(&log, nil))
	c := s.node.Conn(2, 0)
	s.write(c, 0)
	unresolved := fmt.Errorf("%w: lookup redis-b: no such host", ioloop.ErrNoAddress)
	for attempt := range uint64(5) {
		s.fail(unresolved)
		s.expect(attempt, `!CLUSTERDOWN node "b" (redis-b:7002) of pool "main" is unreachable`)
		s.write(c, attempt+1)
	}
	if n := strings.Count(log.String(), "lookup redis-b: no such host"); n != 1 {
		t.Errorf("the reason is logged %d times:\n%s", n, log.String())
	}
	w := s.ready(7, "r1")
	s.write(c, 9)
	w.says(":1\r\n")
	s.expect(9, ":1\r\n.")
	for _, address := range s.dialled {
		if address != "redis-b:7002" {
			t.Errorf("%q is dialled instead of the name", address)
		}
	}
}
