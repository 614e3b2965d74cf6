package lock

import (
	"container/heap"
	"time"

	"ringmain/quorum"
)

// world is the time that passes for all machines of a test, and what is to happen in it.
type world struct {
	now    time.Duration
	events events
	number int // of the next event: those of one moment come in their order
}

type event struct {
	at     time.Duration
	number int
	f      func()
}

type events []*event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].number < q[j].number
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *events) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = nil
	*q = (*q)[:len(*q)-1]
	return last
}

// after has something happen once d has passed.
func (w *world) after(d time.Duration, f func()) {
	heap.Push(&w.events, &event{at: w.now + max(d, 0), number: w.number, f: f})
	w.number++
}

// step has the next thing happen, if there is one before end.
func (w *world) step(end time.Duration) bool {
	if len(w.events) == 0 || w.events[0].at > end {
		return false
	}
	e := heap.Pop(&w.events).(*event)
	w.now = e.at
	e.f()
	return true
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	end := w.now + d
	for w.step(end) {
	}
	w.now = end
}

// until lets time go by until something is so, at most a minute.
func (w *world) until(so func() bool) bool {
	for end := w.now + time.Minute; !so(); {
		if !w.step(end) {
			return false
		}
	}
	return true
}

// machine is a clock of its own: it implements quorum.Clock. While the machine is paused,
// what is due there waits.
type machine struct {
	w *world
	// rate is how fast its clocks run; began is from when on, and what they showed then.
	rate            float64
	began           time.Duration
	monotonic, wall time.Duration
	paused          bool
	due             []func() // while paused
	gone            bool     // crashed: nothing happens there any more
}

func newMachine(w *world, rate float64, wall time.Duration) *machine {
	return &machine{w: w, rate: rate, began: w.now, wall: wall}
}

func (m *machine) passed() time.Duration { return time.Duration(float64(m.w.now-m.began) * m.rate) }

func (m *machine) Now() quorum.Instant {
	return quorum.Instant{Monotonic: m.monotonic + m.passed(), Wall: m.wall + m.passed()}
}

func (m *machine) After(d time.Duration, f func()) quorum.Timer {
	a := &alarm{f: f}
	m.w.after(time.Duration(float64(d)/m.rate), func() { m.do(a.ring) })
	return a
}

// alarm is a timer of a machine: it can be stopped until it has rung there.
type alarm struct{ f func() }

func (a *alarm) ring() {
	if f := a.f; f != nil {
		a.f = nil
		f()
	}
}

// Stop implements quorum.Timer.
func (a *alarm) Stop() bool {
	was := a.f != nil
	a.f = nil
	return was
}

// do has something happen on the machine.
func (m *machine) do(f func()) {
	switch {
	case m.gone:
	case m.paused:
		m.due = append(m.due, f)
	default:
		f()
	}
}

func (m *machine) pause() { m.paused = true }

func (m *machine) resume() {
	m.paused = false
	for len(m.due) > 0 && !m.paused {
		f := m.due[0]
		m.due = m.due[1:]
		f()
	}
}

// step sets the wall's clock.
func (m *machine) step(by time.Duration) { m.wall += by }

// stoodStill tells that the monotonic clock has not gone on for so long, as when a machine is
// suspended.
func (m *machine) stoodStill(d time.Duration) { m.monotonic -= time.Duration(float64(d) * m.rate) }
