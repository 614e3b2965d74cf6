// Package metric holds the counters that an event loop keeps for itself: plain
// numbers without locks or atomics, which cost a few nanoseconds on the way of a
// command. Whoever reports them is given a copy, made on the loop.
package metric

import (
	"math/bits"
	"time"
)

const (
	// Bounded is how many buckets of a Histogram have an upper bound.
	Bounded = 21
	// first is the upper bound of the first one; each further one is twice the
	// one before, up to 16.8 s.
	first = 16 * time.Microsecond
)

// Histogram counts durations in buckets whose bounds are powers of two. Its zero
// value is empty. One goroutine uses it at a time; a copy is a snapshot.
type Histogram struct {
	// Buckets[i] counts the durations above the bound of the bucket before, up to
	// and including Bound(i). The last one has no bound. They do not include each
	// other.
	Buckets [Bounded + 1]uint64
	// Sum is that of all durations, in seconds.
	Sum float64
}

// Observe counts one duration. A negative one, which only a clock set back could
// give, counts as none.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 1)
	h.Buckets[min(bits.Len64(uint64(d-1)/uint64(first)), Bounded)]++
	h.Sum += float64(d) * 1e-9
}

// Add counts what o has counted.
func (h *Histogram) Add(o *Histogram) {
	addEach(h.Buckets[:], o.Buckets[:])
	h.Sum += o.Sum
}

// Count is how many durations were observed.
func (h *Histogram) Count() uint64 {
	var n uint64
	for _, b := range h.Buckets {
		n += b
	}
	return n
}

// Bound is the upper bound, in seconds, of bucket i: 0 <= i < Bounded.
func Bound(i int) float64 { return (first << i).Seconds() }
