package counter

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// later is a desk whose servers answer when they are told to.
type later struct {
	*desk
	late *late
	told []string // the replies
}

// apart is one whose engine is not the one that has set the counter a to 5.
func apart(t *testing.T) *later {
	d := newDesk(3)
	if got := d.do("set a 5"); got != "+OK " {
		t.Fatal(got)
	}
	l := &later{desk: d, late: &late{calm: d.calm}}
	d.engine = New(Settings{Patterns: d.engine.patterns}, l.late, d.clock, rand.New(rand.NewPCG(3, 4)), 8)
	return l
}

func (l *later) send(line string) {
	l.engine.Do(command(line), func(reply []byte) { l.told = append(l.told, strings.TrimSpace(string(reply))) })
}

func TestWhatWasNotCarriedOutDoesNotShowInOthersReplies(t *testing.T) {
	d := apart(t)
	d.send("incr a")
	d.clock.pass(1500 * time.Millisecond)
	d.send("decr a") // waits for the round of that one
	copy(d.barred, []string{"down", "down", "down"})
	answers := d.late.answers
	d.late.answers = nil
	for _, f := range answers {
		f()
	}
	clear(d.barred)
	d.clock.pass(2 * retryLast) // both are of one round now
	d.clock.pass(500 * time.Millisecond)
	d.late.answer()
	d.send("get a")
	d.late.answer()
	if len(d.told) != 3 || !strings.HasPrefix(d.told[0], "-NOQUORUM") || !slices.Equal(d.told[1:], []string{":4", "$1\r\n4"}) {
		t.Errorf("told %q", d.told)
	}
}

func TestWhatHasNothingToChangeLeavesNoRegister(t *testing.T) {
	d := newDesk(3)
	for _, line := range []string{"del a", "unlink a b", "getdel a", "set a 1 xx", "set a 1 xx get", "get a", "exists a"} {
		if got := d.do(line); got != ":0 " && got != "$-1 " {
			t.Errorf("%s: %q", line, got)
		}
	}
	for i, a := range d.acceptors {
		if len(a.keys) > 0 {
			t.Errorf("server %d has %v", i, a.keys)
		}
	}
	l := apart(t) // whose engine does not know the counter yet
	l.engine.servers = l.calm
	for _, step := range [][2]string{{"set a 6 xx get", "$1\r\n5"}, {"get a", "$1\r\n6"}, {"getdel a", "$1\r\n6"}, {"del a", ":0"}, {"set a 1 xx", "$-1"},
		{"incr a", ":1"}, {"del a", ":1"}, {"exists a", ":0"}} {
		l.told = nil
		l.send(step[0])
		l.clock.pass(3 * yield)
		if !slices.Equal(l.told, step[1:]) {
			t.Errorf("%s: %q, want %q", step[0], l.told, step[1])
		}
	}
}
