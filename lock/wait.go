package lock

import (
	"slices"
	"time"

	"ringmain/quorum"
)

// A lock may be waited for. Those of one proxy who wait for a key get it in the order in which
// they came: the first of them asks again as soon as this proxy has released the lock, and
// every now and then, because its TTL may have ended, or another proxy have released it.
const (
	pollLeast = 50 * time.Millisecond
	pollMost  = 100 * time.Millisecond
	// longestWait is for ever, and can be added to a time.
	longestWait = 10 * 365 * 24 * time.Hour
)

// line are those who wait for one key.
type line struct {
	all []*waiter
	// left is what the last attempt saw left, at the moment seen.
	left time.Duration
	seen quorum.Instant
	// awake tells that the lock was released while an attempt was under way.
	awake bool
}

// waiter waits for one lock.
type waiter struct {
	e        *Engine
	r        Request
	line     *line
	size     int
	deadline quorum.Timer
	retry    quorum.Timer // of the first; nil while it asks
	task     *task        // while it asks
	late     bool         // the deadline has passed
	gone     bool         // nobody waits for the lock any more
	done     func(Result)
}

// AcquireWaiting is as AcquireFenced, and waits for the lock to become free.
func (e *Engine) AcquireWaiting(r Request, wait time.Duration, done func(Result)) (cancel func()) {
	if wait <= 0 {
		return e.AcquireFenced(r, done)
	}
	wait = min(wait, longestWait)
	d := &delivery{e: e, r: r, done: done}
	key := r.Keys[0]
	l := e.waiters[key]
	if l == nil {
		l = &line{}
	}
	w := &waiter{e: e, r: r, line: l, size: len(key) + len(r.Token) + 512, done: d.end}
	if len(l.all) >= maxQueued || e.waiting >= maxQueuedAll || e.waitingBytes+w.size > maxQueuedBytes {
		done(failed("ERR too many commands wait for locks of " + e.pattern(r).Name))
		return nil
	}
	e.waiters[key] = l
	w.deadline = e.clock.After(wait, func() {
		w.late = true
		if w.task == nil || !w.task.running {
			w.giveUp(Result{Verdict: No, Left: max(l.left-e.clock.Now().Since(l.seen), 0)})
		}
	})
	l.all = append(l.all, w)
	e.waiting++
	e.waitingBytes += w.size
	if len(l.all) == 1 {
		w.ask(false)
	}
	return func() {
		w.gone = true
		d.fail()
		w.giveUp(failed(textGone))
	}
}

// ask tries to get the lock; before all others, if it is its turn again.
func (w *waiter) ask(first bool) {
	w.retry = nil
	w.line.awake = false
	w.task = w.e.task(w.r, w.answered, func(done func(Result)) { w.e.acquireFenced(w.r, done) })
	w.task.patient = true // it has a deadline of its own
	if first {
		w.e.gate.enterFirst(w.task)
	} else if !w.e.gate.enter(w.task) {
		w.end(failed("ERR too many commands wait for locks of " + w.e.pattern(w.r).Name))
	}
}

func (w *waiter) answered(result Result) {
	w.task = nil
	switch {
	case result.Verdict != No || w.late || w.gone:
		w.end(result)
		return
	}
	w.line.left, w.line.seen = result.Left, w.e.clock.Now()
	if w.line.awake {
		w.again(0)
		return
	}
	w.again(pollLeast + time.Duration(w.e.random.Int64N(int64(pollMost-pollLeast))))
}

// again asks after a while. Not at once, because the gate still has the last attempt.
func (w *waiter) again(pause time.Duration) {
	w.retry = w.e.clock.After(pause, func() { w.ask(true) })
}

// giveUp ends a waiter that is not asking just now.
func (w *waiter) giveUp(result Result) {
	if w.done == nil || w.task != nil && w.task.running {
		return
	}
	if w.task != nil {
		w.e.gate.leave(w.task)
		w.task = nil
	}
	if w.retry != nil {
		w.retry.Stop()
		w.retry = nil
	}
	w.end(result)
}

// end takes a waiter out of its line; the next one asks.
func (w *waiter) end(result Result) {
	done := w.done
	w.done = nil
	w.deadline.Stop()
	wasFirst := w.line.all[0] == w
	w.line.all = slices.DeleteFunc(w.line.all, func(other *waiter) bool { return other == w })
	w.e.waiting--
	w.e.waitingBytes -= w.size
	if len(w.line.all) == 0 {
		delete(w.e.waiters, w.r.Keys[0])
	} else if next := w.line.all[0]; wasFirst {
		pause := time.Duration(0)
		if result.Verdict == Yes {
			pause = pollLeast
		}
		next.again(pause)
	}
	done(result)
}

// wake tells the first of those who wait for a key that it was released. It is called while
// the release has the gate: what is asked then comes next.
func (e *Engine) wake(key string) {
	l := e.waiters[key]
	if l == nil {
		return
	}
	w := l.all[0]
	if w.retry != nil && w.retry.Stop() {
		w.ask(true)
		return
	}
	l.awake = true
}
