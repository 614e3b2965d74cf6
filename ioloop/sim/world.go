// Package sim is the simulated driver of ioloop: a seeded, single-threaded
// network and clock for tests.
//
// A World holds hosts, loops, listeners, connections and the time. Nothing
// happens but inside Step, Run and RunUntil (and the blocking methods of Peer),
// on the caller's goroutine: no goroutine is started, no real clock is read, and
// the same seed with the same calls gives exactly the same run.
//
// The network is TCP as a process sees it: bytes keep their order in each
// direction and travel in segments of random size with random delay, kernels
// buffer a bounded amount for their processes whether those run or not, FIN and
// RST arrive in order behind the data, and what a kernel has accepted it goes on
// delivering after its process has closed the socket.
package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// epoch is what the clocks of all loops show at the start of a world.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// World is one simulated network with its clock. It is not safe for concurrent
// use, and none of its loops is either.
type World struct {
	now    time.Duration
	events eventQueue
	rng    *rand.Rand
	char   character
	trace  io.Writer

	listeners map[string]*listener
	sockets   []*socket // in order of creation; dead ones are swept now and then
	sweepAt   int
	ports     map[string]int
	cuts      map[link]bool
	slow      map[link]float64
}

// link is one direction between two hosts.
type link struct{ from, to string }

// New makes an empty world. All that is random in it follows from seed.
func New(seed uint64) *World {
	w := &World{
		rng:       rand.New(rand.NewPCG(seed, 0x52696e676d61696e)),
		listeners: map[string]*listener{},
		ports:     map[string]int{},
		cuts:      map[link]bool{},
		slow:      map[link]float64{},
		sweepAt:   64,
	}
	w.char = newCharacter(w.rng)
	return w
}

// Rand is the world's source of randomness, for tests that want their choices
// to follow from the seed too.
func (w *World) Rand() *rand.Rand { return w.rng }

// Now is the virtual time since the world began.
func (w *World) Now() time.Duration { return w.now }

// Trace has every event written to out as a line: time, who, what. nil ends it.
// Tracing changes nothing in the run.
func (w *World) Trace(out io.Writer) { w.trace = out }

// Logf adds a line to the trace, if there is one.
func (w *World) Logf(who, format string, args ...any) {
	if w.trace == nil {
		return
	}
	fmt.Fprintf(w.trace, "%12.6fms %-22s %s\n", float64(w.now)/1e6, who, fmt.Sprintf(format, args...))
}

// Step lets the next event happen, advancing the clock to it. It reports false
// when nothing is left to happen.
func (w *World) Step() bool {
	if w.events.empty() {
		return false
	}
	e := w.events.pop()
	w.now = e.at
	e.run()
	return true
}

// Run lets everything happen up to the virtual time until, counted from the
// world's beginning, and sets the clock to it.
func (w *World) Run(until time.Duration) {
	for !w.events.empty() && w.events.next() <= until {
		w.Step()
	}
	w.now = max(w.now, until)
}

// RunUntil runs until cond holds, at most for a further atMost of virtual time,
// and reports whether it holds. cond is asked after each event.
func (w *World) RunUntil(cond func() bool, atMost time.Duration) bool {
	limit := w.now + atMost
	for !cond() {
		if w.events.empty() || w.events.next() > limit {
			w.now = limit
			return cond()
		}
		w.Step()
	}
	return true
}

// at schedules run. Events of one time happen in the order of their scheduling.
func (w *World) at(when time.Duration, run func()) {
	w.events.push(max(when, w.now), run)
}

// chance is true with probability p.
func (w *World) chance(p float64) bool { return w.rng.Float64() < p }

// between is a random duration from lo to hi.
func (w *World) between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(w.rng.Int64N(int64(hi-lo)+1))
}

// event is something that happens at a time. seq orders those of one time.
type event struct {
	at  time.Duration
	seq uint64
	run func()
}

func (e event) before(f event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

// eventQueue is a binary heap of events.
type eventQueue struct {
	heap []event
	seq  uint64
}

func (q *eventQueue) empty() bool         { return len(q.heap) == 0 }
func (q *eventQueue) next() time.Duration { return q.heap[0].at }

func (q *eventQueue) push(at time.Duration, run func()) {
	q.seq++
	q.heap = append(q.heap, event{at, q.seq, run})
	h := q.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (q *eventQueue) pop() event {
	h := q.heap
	top, last := h[0], len(h)-1
	h[0], h[last] = h[last], event{}
	h = h[:last]
	q.heap = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[i]) {
			return top
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
