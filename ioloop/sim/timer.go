package sim

import (
	"container/heap"
	"time"
)

// timer is one pending call of a loop. It implements ioloop.Timer.
type timer struct {
	when time.Time
	seq  uint64
	f    func() // nil once called or stopped
}

// Stop implements ioloop.Timer.
func (t *timer) Stop() bool {
	pending := t.f != nil
	t.f = nil
	return pending
}

// timerQueue is a loop's timers, by time and then by age.
type timerQueue struct {
	heap timerHeap
	seq  uint64
}

func (q *timerQueue) push(when time.Time, f func()) *timer {
	q.seq++
	t := &timer{when, q.seq, f}
	heap.Push(&q.heap, t)
	return t
}

// due takes the next timer that is due at now and not younger than the one
// numbered youngest, and returns its call; nil if there is none.
func (q *timerQueue) due(now time.Time, youngest uint64) func() {
	for len(q.heap) > 0 {
		t := q.heap[0]
		if t.f != nil && (t.when.After(now) || t.seq > youngest) {
			return nil
		}
		heap.Pop(&q.heap)
		if f := t.f; f != nil {
			t.f = nil
			return f
		}
	}
	return nil
}

type timerHeap []*timer

func (h timerHeap) Len() int      { return len(h) }
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h timerHeap) Less(i, j int) bool {
	if h[i].when.Equal(h[j].when) {
		return h[i].seq < h[j].seq
	}
	return h[i].when.Before(h[j].when)
}
func (h *timerHeap) Push(t any) { *h = append(*h, t.(*timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}
