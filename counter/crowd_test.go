package counter

import (
	"math/rand/v2"
	"testing"
	"time"

	"ringmain/quorum"
)

// street is an Engine whose servers answer, and whose iterations end, when a test has them do so.
type street struct {
	*calm
	clock   *clockwork
	engine  *Engine
	asked   []func()
	atEnd   []func()
	replies int
}

func newStreet() *street {
	s := &street{calm: newCalm(3), clock: &clockwork{}}
	p := Pattern{Name: "counters[0]", Deadline: 2 * time.Second, MaxBatch: 4096}
	s.engine = New(Settings{Patterns: []Pattern{p}, AtEnd: func(f func()) { s.atEnd = append(s.atEnd, f) }}, s, s.clock, rand.New(rand.NewPCG(1, 2)), 7)
	s.come(1)
	for s.replies == 0 {
		s.answer()
	}
	return s
}

// Call implements quorum.Servers.
func (s *street) Call(c quorum.Call, done func(quorum.Answer)) {
	s.asked = append(s.asked, func() { s.calm.Call(c, done) })
}

// come has commands come in one iteration.
func (s *street) come(commands int) {
	for range commands {
		s.engine.Do(command("incr a"), func([]byte) { s.replies++ })
	}
	s.end()
}

func (s *street) end() {
	for len(s.atEnd) > 0 {
		f := s.atEnd[0]
		s.atEnd = s.atEnd[1:]
		f()
	}
}

// answer has the servers answer what they were asked.
func (s *street) answer() {
	asked := s.asked
	s.asked = nil
	for _, f := range asked {
		f()
	}
	s.end()
}

func TestClientsThatComeBackInStepShareOneRound(t *testing.T) {
	s := newStreet()
	s.come(8)
	s.come(8) // while the others' round is under way
	s.answer()
	if len(s.asked) != 0 {
		t.Fatal("a round begins for those who have waited, though the others are about to come back")
	}
	s.come(8)
	before := s.engine.Stats()
	for range 10 {
		s.answer()
		s.come(7)
		s.come(8)
		if len(s.asked) != 3 {
			t.Fatal("no round begins though nearly all are there")
		}
		s.come(1)
		s.answer()
		if len(s.asked) != 0 {
			t.Fatal("a round begins for one")
		}
		s.come(15)
	}
	if got := s.engine.Stats().Rounds - before.Rounds; got != 20 {
		t.Errorf("%d rounds for 20 times 16 clients", got)
	}
}

func TestARoundDoesNotWaitForLongForThoseWhoStayAway(t *testing.T) {
	s := newStreet()
	s.come(8)
	s.come(8)
	s.answer()
	s.clock.pass(gatherFor - time.Microsecond)
	if len(s.asked) != 0 {
		t.Fatal("it does not wait")
	}
	s.clock.pass(time.Microsecond)
	if len(s.asked) != 3 {
		t.Fatal("it still waits")
	}
}

func TestAfterAPauseNobodyIsExpected(t *testing.T) {
	s := newStreet()
	s.come(16)
	s.answer()
	s.clock.pass(gatherFor + time.Microsecond)
	s.come(1)
	if len(s.asked) != 3 {
		t.Fatal("a round waits for those who were there long ago")
	}
}

func TestRoundsSeldomWaitWhereThereAreAlwaysOthers(t *testing.T) {
	s := newStreet()
	s.come(8)
	waits := 0
	for range 500 {
		s.come(8) // others, while the round is under way
		if s.answer(); len(s.asked) == 0 {
			waits++
			s.come(8) // which do not come back, but others do
		}
	}
	if waits < 2 || waits > 20 {
		t.Errorf("%d of 500 rounds have waited", waits)
	}
}
