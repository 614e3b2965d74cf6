package counter

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ringmain/quorum"
)

// toiling are servers that execute one script after the other, each of which takes them service. Who
// waits for longer than timeout is told nothing; the script is executed all the same.
type toiling struct {
	*calm
	clock            *ticking
	service, timeout time.Duration
	free             []time.Duration // when each has done all that it was asked
}

func (s *toiling) Call(c quorum.Call, done func(quorum.Answer)) {
	if s.free == nil {
		s.free = make([]time.Duration, s.Len())
	}
	at := max(s.free[c.Server], s.clock.now) + s.service
	s.free[c.Server] = at
	late := at-s.clock.now > s.timeout
	s.clock.After(at-s.clock.now, func() {
		s.calm.Call(c, func(a quorum.Answer) {
			if !late {
				done(a)
			}
		})
	})
	if late {
		s.clock.After(s.timeout, func() { done(quorum.Answer{Outcome: quorum.Unknown, Reason: "did not answer"}) })
	}
}

// ticking is a clock for many timers, on the events of a simulation.
type ticking struct{ sim }

func (c *ticking) Now() quorum.Instant { return quorum.Instant{Monotonic: c.now, Wall: c.now} }

func (c *ticking) After(d time.Duration, f func()) quorum.Timer {
	a := &alarm{}
	c.in(d, func() {
		if !a.done {
			a.done = true
			f()
		}
	})
	return a
}

func (c *ticking) pass(d time.Duration) {
	end := c.now + d
	for len(c.events) > 0 && c.events[0].at <= end {
		c.step()
	}
	c.now = end
}

// newToiling is an Engine on such servers.
func newToiling() (*toiling, *Engine) {
	s := &toiling{calm: newCalm(3), clock: &ticking{}, service: 50 * time.Microsecond, timeout: 50 * time.Millisecond}
	p := Pattern{Name: "counters[0]", Deadline: 2 * time.Second, MaxBatch: 4096}
	return s, New(Settings{Patterns: []Pattern{p}, FenceDeadline: time.Second, NodeTimeout: s.timeout}, s, s.clock, rand.New(rand.NewPCG(1, 2)), 7)
}

func TestMoreThanTheServersCanAnswerInTimeIsAskedBitByBit(t *testing.T) {
	s, e := newToiling()
	const keys = 10_000 // two rounds each: a second
	replies := map[byte]int{}
	for i := range keys {
		e.Do(command(fmt.Sprintf("incr k%d", i)), func(reply []byte) { replies[reply[0]]++ })
	}
	s.clock.pass(2 * time.Second)
	if replies[':'] != keys {
		t.Errorf("%d of %d are done, %d are refused or unknown, after %d rounds", replies[':'], keys, replies['-'], e.Stats().Rounds)
	}
	if n := e.Stats().Rounds; n > 2*keys+keys/10 {
		t.Errorf("%d rounds", n)
	}
}

func TestWhatIsTooMuchForTheServersIsRefusedAndNotUncertain(t *testing.T) {
	s, e := newToiling()
	const keys = 60_000 // six seconds
	done, refused, other := 0, 0, 0
	for i := range keys {
		e.Do(command(fmt.Sprintf("incr k%d", i)), func(reply []byte) {
			switch {
			case reply[0] == ':':
				done++
			case strings.HasPrefix(string(reply), "-NOQUORUM"):
				refused++
			default:
				other++
			}
		})
	}
	s.clock.pass(2*time.Second + sweepEvery)
	if done < keys/4 || other > keys/100 || done+refused+other != keys {
		t.Errorf("%d of %d are done, %d refused, %d told something else", done, keys, refused, other)
	}
	if e.Stats().Waiting != 0 {
		t.Errorf("%d wait", e.Stats().Waiting)
	}
}

func TestServersThatTakeLongAreAskedLessAtATime(t *testing.T) {
	s, e := newToiling()
	s.service = 500 * time.Microsecond // so that a hundred are too many
	replies := map[byte]int{}
	for i := range 3000 {
		e.Do(command(fmt.Sprintf("incr k%d", i)), func(reply []byte) { replies[reply[0]]++ })
	}
	s.clock.pass(2*time.Second + sweepEvery)
	if replies[':'] < 1000 || replies[':']+replies['-'] != 3000 {
		t.Errorf("%d of 3000 are done, %d refused", replies[':'], replies['-'])
	}
	s.service = 50 * time.Microsecond // they have recovered
	s.clock.pass(time.Second)
	clear(replies)
	for i := range 5000 {
		e.Do(command(fmt.Sprintf("incr l%d", i)), func(reply []byte) { replies[reply[0]]++ })
	}
	s.clock.pass(time.Second)
	if replies[':'] != 5000 {
		t.Errorf("%d of 5000 are done, %d refused", replies[':'], replies['-'])
	}
}

func TestFencesDoNotWaitBehindCounters(t *testing.T) {
	s, e := newToiling()
	for i := range 10_000 {
		e.Do(command(fmt.Sprintf("incr k%d", i)), func([]byte) {})
	}
	drawn := 0
	e.Next(3, func(_ int64, err error) {
		if err == nil {
			drawn++
		}
	})
	s.clock.pass(100 * time.Millisecond)
	if drawn != 1 {
		t.Error("a lock's number is not there after 100 ms")
	}
}
