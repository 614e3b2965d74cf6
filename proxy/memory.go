package proxy

import "sync/atomic"

// Memory bounds the bytes of all loops' buffers together. Loops publish what
// they hold and read the others' sums; none waits for another.
type Memory struct {
	limit  int64
	loops  int
	shares []share
	joined atomic.Int32
}

// share is one loop's part, on a cache line of its own.
type share struct {
	held atomic.Int64
	_    [56]byte
}

// NewMemory makes the bound for that many loops.
func NewMemory(limit int, loops int) *Memory {
	return &Memory{limit: int64(limit), loops: loops, shares: make([]share, loops)}
}

func (m *Memory) join() *share { return &m.shares[m.joined.Add(1)-1] }

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

// publishMemory makes this loop's memory known, and cuts its largest client off
// if all loops together hold too much and this one more than its part.
func (c *Core) publishMemory() {
	c.fresh = 0
	own := int64(c.loop.Memory() + c.spools.bytes)
	c.share.held.Store(own)
	m := c.Memory
	if own <= m.limit/int64(m.loops) || int64(m.Held()) <= m.limit {
		return
	}
	var largest *Session
	for _, s := range c.watched {
		if !s.gone && (largest == nil || s.holds() > largest.holds()) {
			largest = s
		}
	}
	if largest != nil {
		largest.cut("memory is short (limits.memory) and the most is held for it")
	}
}
