package counter

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ringmain/quorum"
)

// varied are servers that each take a time of their own to answer, by the kind of question.
type varied struct {
	*calm
	clock         *ticking
	engine        *Engine
	writes, reads [3]time.Duration
	asked         int
}

func newVaried() *varied {
	s := &varied{calm: newCalm(3), clock: &ticking{}}
	for i := range 3 {
		s.writes[i], s.reads[i] = time.Millisecond, time.Millisecond
	}
	s.restart(7)
	return s
}

// restart has another proxy take the place of the one before.
func (s *varied) restart(incarnation uint64) {
	p := Pattern{Name: "counters[0]", Deadline: 2 * time.Second, MaxBatch: 4096}
	atEnd := func(f func()) { s.clock.After(0, f) }
	s.engine = New(Settings{Patterns: []Pattern{p}, NodeTimeout: 50 * time.Millisecond, AtEnd: atEnd}, s, s.clock, rand.New(rand.NewPCG(1, 2)), incarnation)
}

// Call implements quorum.Servers.
func (s *varied) Call(c quorum.Call, done func(quorum.Answer)) {
	s.asked++
	d := s.writes[c.Server]
	if c.Script == readScript {
		d = s.reads[c.Server]
	}
	if s.barred[c.Server] != "" {
		d = 0
	}
	s.clock.After(d/2, func() {
		s.calm.Call(c, func(a quorum.Answer) { s.clock.After(d/2, func() { done(a) }) })
	})
}

// loop has a client of each of so many counters send a command, and another one some time after each
// reply, for a while. It returns what a reply has taken on average, and for how many.
func (s *varied) loop(counters int, line string, think, d time.Duration) (mean time.Duration, replies int) {
	var sum time.Duration
	end := s.clock.now + d
	for i := range counters {
		var next func()
		next = func() {
			sent := s.clock.now
			if sent >= end {
				return
			}
			s.engine.Do(command(fmt.Sprintf("%s k%d", line, i)), func([]byte) {
				sum += s.clock.now - sent
				replies++
				s.clock.After(think, next)
			})
		}
		s.clock.After(time.Duration(i)*max(97*time.Microsecond, think/time.Duration(counters)), next)
	}
	s.clock.pass(d + 100*time.Millisecond)
	return sum / time.Duration(max(replies, 1)), replies
}

func TestASlowServerIsKnownWhereChangesAreSeldom(t *testing.T) {
	s := newVaried()
	s.loop(30, "incr", 0, 100*time.Millisecond)
	s.writes[0] = 40 * time.Millisecond
	// One in 100 ms, two thirds of which would ask it.
	if mean, _ := s.loop(30, "incr", 3*time.Second, time.Minute); mean > 1500*time.Microsecond {
		t.Errorf("a change takes %v, where a majority takes 1ms", mean)
	}
}

func TestChangesThatTakeLongerThanReadsAreNotTakenForLate(t *testing.T) {
	s := newVaried()
	for i := range s.writes {
		s.writes[i], s.reads[i] = 10*time.Millisecond, 100*time.Microsecond
	}
	s.loop(10, "incr", 0, time.Second)
	s.loop(10, "get", 0, time.Second)
	s.asked = 0
	if _, n := s.loop(10, "incr", 0, time.Second); s.asked != 2*n {
		t.Errorf("%d servers are asked for %d changes", s.asked, n)
	}
}

func TestReadsTakeOneRoundTripThoughAServerHasMissedChanges(t *testing.T) {
	s := newVaried()
	s.loop(10, "incr", 0, 100*time.Millisecond)
	s.barred[0] = "down"
	s.loop(10, "incr", 0, 100*time.Millisecond)
	s.barred[0] = ""
	s.restart(8)
	if mean, n := s.loop(10, "get", 0, 5*time.Second); mean > 1010*time.Microsecond {
		t.Errorf("a read takes %v, where a majority takes 1ms", mean)
	} else if s.asked = 0; n == 0 {
		t.Error("nothing is read")
	}
	s.loop(10, "incr", 0, 100*time.Millisecond) // it has them now
	s.clock.pass(wideLast)
	s.asked = 0
	if _, n := s.loop(10, "get", 0, time.Second); s.asked != 2*n {
		t.Errorf("%d servers are asked for %d reads, though they agree", s.asked, n)
	}
}

func TestClientsThatComeBackAtOnceDoNotWaitForSlowOnesAgainAndAgain(t *testing.T) {
	carry := func(slow int) (replies int) {
		s := newVaried()
		client := func(think time.Duration, counts int) {
			var next func()
			next = func() {
				s.engine.Do(command("incr a"), func([]byte) { replies += counts; s.clock.After(think, next) })
			}
			next()
		}
		for range 8 {
			client(200*time.Microsecond, 1)
		}
		for range slow {
			client(10*time.Millisecond, 0)
		}
		s.clock.pass(3 * time.Second)
		return replies
	}
	if alone, among := carry(0), carry(8); among < alone*3/4 {
		t.Errorf("8 clients that come back at once have %d replies, %d among 8 that do not", alone, among)
	}
}
