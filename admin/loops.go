package admin

import (
	"context"
	"sync/atomic"
	"time"

	"ringmain/metric"
)

const (
	// beatInterval is how often each loop is asked for a sign of life.
	beatInterval = time.Second
	// stuckAfter is how long a loop may not turn.
	stuckAfter = 10 * time.Second
	// maxMissed is how many beats in a row a loop may miss. One that stopped just
	// after a beat misses the last of them when stuckAfter has passed.
	maxMissed = int32(stuckAfter/beatInterval) - 2
	// patience is how long a loop is waited for that is to copy its counters.
	patience = time.Second
)

// watched is a loop with what is known of it.
type watched struct {
	index int
	loop  Loop

	// beating: a beat is on its way. missed are those that could not be sent
	// since, or because the loop takes none. They are counted, rather than the
	// time, because the whole process may have stood still.
	beating atomic.Bool
	missed  atomic.Int32
	// lag is how long beats took to be run; only the loop touches it.
	lag metric.Histogram

	// answer is closed, by the loop, once the question for a copy that waits on it
	// was answered; nil if none does. One round at a time uses it.
	answer chan struct{}
	// last is the latest copy, nil before the first.
	last atomic.Pointer[reading]
}

// reading is what a loop has counted.
type reading struct {
	LoopStats
	lag metric.Histogram
}

func newWatched(index int, l Loop) *watched { return &watched{index: index, loop: l} }

// Watch looks after the loops until ctx ends; without it /livez never fails.
func (a *Admin) Watch(ctx context.Context) {
	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	for {
		for _, l := range a.loops {
			l.beat(time.Now())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// beat asks the loop for a sign of life, unless it owes one.
func (w *watched) beat(now time.Time) {
	if !w.beating.CompareAndSwap(false, true) {
		w.missed.Add(1)
		return
	}
	sent := w.loop.Post(func() {
		w.lag.Observe(time.Since(now))
		w.missed.Store(0)
		w.beating.Store(false)
	})
	if !sent { // its queue is full, or it has stopped
		w.beating.Store(false)
		w.missed.Add(1)
	}
}

func (w *watched) stuck() bool { return w.missed.Load() > maxMissed }

// ask has the loop make a copy of its counters, unless it owes one already. The
// answer is closed then; nil means that none will come.
func (w *watched) ask() <-chan struct{} {
	if w.answer != nil {
		select {
		case <-w.answer:
		default:
			return nil // it was waited for in an earlier round
		}
	}
	answer := make(chan struct{})
	sent := w.loop.Post(func() {
		w.last.Store(&reading{w.loop.Stats(), w.lag})
		close(answer)
	})
	if !sent {
		w.answer = nil
		return nil
	}
	w.answer = answer
	return answer
}

// readers reads loops.
type readers struct {
	all []*watched
	// round holds a token while they are read.
	round chan struct{}
}

func newReaders(all []*watched) *readers { return &readers{all, make(chan struct{}, 1)} }

// read has all loops make copies, at the same time, and gives the latest of each,
// nil for one that never made any, and whether it is new.
func (r *readers) read() (readings []*reading, fresh []bool) {
	r.round <- struct{}{}
	defer func() { <-r.round }()
	return read(r.all)
}

// read is called by one goroutine at a time.
func read(loops []*watched) (readings []*reading, fresh []bool) {
	answers := make([]<-chan struct{}, len(loops))
	for i, l := range loops {
		answers[i] = l.ask()
	}
	late, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i, l := range loops {
		fresh = append(fresh, came(answers[i], late.Done()))
		readings = append(readings, l.last.Load())
	}
	return readings, fresh
}

// came waits for an answer until late is closed. One that has come counts even
// then.
func came(answer, late <-chan struct{}) bool {
	if answer == nil {
		return false
	}
	select {
	case <-answer:
		return true
	case <-late:
	}
	select {
	case <-answer:
		return true
	default:
		return false
	}
}
