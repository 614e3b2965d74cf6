package lockcheck

import "sync"

// Resource is what a lock protects: it takes writes that carry fencing numbers. Any
// goroutine may use it.
type Resource struct {
	// Careless: it takes every write, as one does that checks no numbers.
	Careless bool

	mu             sync.Mutex
	highest        int64
	taken, refused int
	outOfOrder     int
}

// Write reports whether a write was taken.
func (r *Resource) Write(fence int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if fence < r.highest {
		if !r.Careless {
			r.refused++
			return false
		}
		r.outOfOrder++
	}
	r.taken++
	r.highest = max(r.highest, fence)
	return true
}

// Counts are how many writes were taken and refused, and how many were taken behind one
// of a higher number.
func (r *Resource) Counts() (taken, refused, outOfOrder int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken, r.refused, r.outOfOrder
}
