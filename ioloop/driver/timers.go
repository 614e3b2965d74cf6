package driver

import (
	"container/heap"
	"time"
)

// Timers are a loop's pending calls. The zero value has none; it is used on the loop
// only.
type Timers struct {
	heap timerHeap
	seq  uint64
}

// Add has f called by Run once it is when. Timers of the same time run in the order
// of their making.
func (t *Timers) Add(when time.Time, f func()) *Timer {
	t.seq++
	timer := &Timer{all: t, when: when, seq: t.seq, f: f}
	heap.Push(&t.heap, timer)
	return timer
}

// Run calls those that are due.
func (t *Timers) Run(now time.Time) {
	for len(t.heap) > 0 && !t.heap[0].when.After(now) {
		heap.Pop(&t.heap).(*Timer).f()
	}
}

// Next is how long from now it is until the first one is due, not below 0. ok tells
// whether there is one.
func (t *Timers) Next() (d time.Duration, ok bool) {
	if len(t.heap) == 0 {
		return 0, false
	}
	return max(0, time.Until(t.heap[0].when)), true
}

// Timer is an ioloop.Timer; index is its place in the heap, -1 once it is out.
type Timer struct {
	all   *Timers
	when  time.Time
	seq   uint64
	f     func()
	index int
}

// Stop implements ioloop.Timer.
func (t *Timer) Stop() bool {
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.all.heap, t.index)
	return true
}

type timerHeap []*Timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].when.Equal(h[j].when) {
		return h[i].seq < h[j].seq
	}
	return h[i].when.Before(h[j].when)
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*Timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
