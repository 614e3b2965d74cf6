package quorum

import (
	"strings"
	"testing"
	"time"
)

func TestTheStateOfEachServerIsToldAndLoggedOnce(t *testing.T) {
	b, started := repaired(t)
	expect := func(server int, state string, since time.Duration) { // within a beat
		t.Helper()
		if s := b.set.Status().Servers[server]; s.State != state || s.Since > since || s.Since < since-beat || (s.Reason == "") != (state == StateVotes) {
			t.Errorf("server %d is %+v, want %s since %v", server, s, state, since)
		}
	}
	expect(0, StateVotes, 0)
	b.clock.pass(time.Minute)
	expect(0, StateVotes, time.Minute)
	voting := b.log.String()
	b.models[0].down = "is unreachable"
	b.models[1].keys = map[string]string{}
	b.models[2].ahead = time.Hour
	b.clock.pass(time.Second)
	if said := b.log.String()[len(voting):]; strings.Contains(said, "unreachable") || !strings.Contains(said, "no identity") {
		t.Errorf("what may be over in a moment is logged, or what is not is not:\n%s", said)
	}
	b.clock.pass(time.Second)
	expect(0, StateDown, 2*time.Second)
	expect(1, StateBarred, 2*time.Second)
	expect(2, StateQuarantine, 2*time.Second)
	if s := b.set.Status().Servers[2]; s.Jumps != 1 || s.Calls[Done] == 0 || s.Calls[Unknown] == 0 {
		t.Errorf("of the one whose clock has jumped is counted %+v", s)
	}
	b.models[0].down = ""
	b.clock.pass(2 * beat)
	if len(*started) != 1 {
		t.Fatalf("%d refills", len(*started))
	}
	if s := b.set.Status().Servers[1]; s.State != StateRepair || s.Copied != 7 {
		t.Errorf("the one that is repaired is %+v", s)
	}
	(*started)[0].done(nil)
	b.clock.pass(time.Minute)
	expect(1, StateVotes, time.Minute-b.set.quarantine())
	if n := strings.Count(b.log.String(), "level=WARN msg=\"server of a quorum"); n != 5 {
		t.Errorf("the log has %d lines of changes for the worse:\n%s", n, b.log.String())
	}
}
