package proxy

import (
	"sync/atomic"

	"ringmain/metric"
)

// Memory bounds the bytes of all loops' buffers together. Loops publish what
// they hold and read the others' sums; none waits for another.
type Memory struct {
	limit  int64
	shares []share
	joined atomic.Int32
}

// share is one loop's part, on a cache line of its own.
type share struct {
	held atomic.Int64
	// largest is what the loop holds for the client for which it holds the most;
	// 0 while memory is not nearly short.
	largest atomic.Int64
	_       [48]byte
}

// NewMemory makes the bound for that many loops.
func NewMemory(limit int, loops int) *Memory {
	return &Memory{limit: int64(limit), shares: make([]share, loops)}
}

func (m *Memory) join() *share { return &m.shares[m.joined.Add(1)-1] }

// Limit is the bound, in bytes. Any goroutine may call it.
func (m *Memory) Limit() int { return int(m.limit) }

// Held is how many bytes all loops hold. Any goroutine may call it.
func (m *Memory) Held() int {
	var total int64
	for i := range m.shares {
		total += m.shares[i].held.Load()
	}
	return int(total)
}

// publishEvery is how many bytes may come to a loop between two looks at the
// bound.
const publishEvery = 1 << 20

// grown tells that n bytes more are held, or were for a moment.
func (c *Core) grown(n int) {
	if c.fresh += n; c.fresh >= publishEvery {
		c.publishMemory()
	}
}

// hasRoom reports whether n bytes more may be held.
func (c *Core) hasRoom(n int) bool {
	others := int64(c.Memory.Held()) - c.share.held.Load()
	return others+int64(c.loop.Memory()+c.spools.bytes+n) <= c.Memory.limit
}

// publishMemory makes this loop's memory known, and cuts its largest client off
// if all loops together hold too much and no other loop has a larger one.
func (c *Core) publishMemory() {
	c.fresh = 0
	own := int64(c.loop.Memory() + c.spools.bytes + c.queuedBytes + c.listeningBytes())
	c.share.held.Store(own)
	total := int64(c.Memory.Held())
	if total <= c.Memory.limit/2 {
		c.share.largest.Store(0)
		return
	}
	largest := c.largest()
	if largest == nil {
		c.share.largest.Store(0)
		return
	}
	size := int64(largest.holds())
	c.share.largest.Store(size)
	if total <= c.Memory.limit || c.leaving > 0 || c.Memory.largestBeside(c.share) > size {
		return // what those hold that were cut off is free in a moment
	}
	// So that no other loop cuts one off too.
	c.share.held.Store(own - size)
	c.share.largest.Store(0)
	largest.cut(metric.CutMemory, "memory is short (limits.memory) and the most is held for it")
}

// largest is the client for which the most is held, nil if there is none.
func (c *Core) largest() (found *Session) {
	for i := range c.watched {
		s := c.watched[i].s
		if !s.gone && (found == nil || s.holds() > found.holds()) {
			found = s
		}
	}
	return found
}

// largestBeside is the most that a loop other than own holds for one client.
func (m *Memory) largestBeside(own *share) (most int64) {
	for i := range m.shares {
		if s := &m.shares[i]; s != own {
			most = max(most, s.largest.Load())
		}
	}
	return most
}
