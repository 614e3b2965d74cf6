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

func TestClientsThatComeBackInStepDoNotTakeTurnsInTwoCrowds(t *testing.T) {
	s := newStreet()
	s.come(8)
	s.come(8) // while the others' round is under way
	s.answer()
	before, waiting := s.engine.Stats(), 8
	for range 10 {
		if len(s.asked) != 0 {
			t.Fatal("a round begins for half of the clients, though the others are about to come back")
		}
		s.come(13 - waiting)
		if len(s.asked) != 0 {
			t.Fatal("a round begins for 13 of 16")
		}
		s.come(1)
		if len(s.asked) != 2 {
			t.Fatal("no round begins for 14 of 16")
		}
		waiting = 2
		s.come(waiting)
		s.answer()
	}
	if got := s.engine.Stats().Rounds - before.Rounds; got != 10 {
		t.Errorf("%d rounds for 10 times 14 commands", got)
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
	if len(s.asked) != 2 {
		t.Fatal("it still waits")
	}
}

func TestAfterAPauseNobodyIsExpected(t *testing.T) {
	s := newStreet()
	s.come(16)
	s.answer()
	s.clock.pass(gatherFor + time.Microsecond)
	s.come(1)
	if len(s.asked) != 2 {
		t.Fatal("a round waits for those who were there long ago")
	}
}

func TestWhoComesInVainIsWaitedForEverMoreSeldom(t *testing.T) {
	s := newStreet()
	waits := 0
	for range 500 {
		s.come(8)
		s.come(1)
		if s.answer(); len(s.asked) == 0 {
			waits++
			s.clock.pass(gatherFor)
		}
		s.answer()
	}
	if waits < 2 || waits > 20 {
		t.Errorf("%d of 500 rounds have waited", waits)
	}
}

func TestWaitingDoesNotGrowWhereCommandsComeAtTheirOwnPace(t *testing.T) {
	const ticks, perRound = 10_000, 8 // a command comes with each tick
	s := newStreet()
	since := 0
	for range ticks {
		s.clock.pass(100 * time.Microsecond)
		if s.come(1); len(s.asked) == 0 {
			continue
		}
		if since++; since == perRound {
			since = 0
			s.answer()
		}
	}
	if most := ticks / s.engine.Stats().Rounds; most < perRound || most > 4*perRound {
		t.Errorf("a round carries %d commands, where %d come in its time", most, perRound)
	}
}
