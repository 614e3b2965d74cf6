package proxy

import "math/bits"

// rings are what a reply queue consists of.
type rings struct {
	slots []slot
	notes *[]note // a pointer, so that an idle client has less
}

// slotPool keeps reply queues' rings for those sessions that await something, so
// that an idle one owns none.
type slotPool struct {
	free [16][]rings // by the logarithm of the length
}

const (
	minRing = 16
	// keptSlots bounds the slots kept free, for each length of ring.
	keptSlots = 16 << 10
)

func (p *slotPool) get(n int) rings {
	class := bits.TrailingZeros(uint(n))
	if class >= len(p.free) || len(p.free[class]) == 0 {
		notes := make([]note, n)
		return rings{make([]slot, n), &notes}
	}
	list := p.free[class]
	ring := list[len(list)-1]
	p.free[class] = list[:len(list)-1]
	return ring
}

// grow doubles a full ring.
func (p *slotPool) grow(q *replyQueue) {
	old := *q
	r := p.get(max(minRing, 2*len(old.ring)))
	q.ring, q.notes = r.slots, r.notes
	for seq := old.head; seq != old.tail; seq++ {
		*q.at(seq) = *old.at(seq)
		*old.at(seq) = slot{}
		*q.noteOf(seq) = *old.noteOf(seq)
	}
	p.keep(rings{old.ring, old.notes})
}

// put takes the ring of an empty queue back.
func (p *slotPool) put(q *replyQueue) {
	p.keep(rings{q.ring, q.notes})
	q.ring, q.notes = nil, nil
}

func (p *slotPool) keep(r rings) {
	if len(r.slots) == 0 {
		return
	}
	class := bits.TrailingZeros(uint(len(r.slots)))
	if class < len(p.free) && (len(p.free[class])+1)*len(r.slots) <= keptSlots {
		p.free[class] = append(p.free[class], r)
	}
}

// mergePool keeps merges.
type mergePool struct{ free []*merge }

const (
	keptMerges = 1024
	// keptOrder bounds the keys of a merge that is kept.
	keptOrder = 1024
)

func (p *mergePool) get() *merge {
	n := len(p.free)
	if n == 0 {
		m := &merge{}
		m.emitter = m.emit
		return m
	}
	m := p.free[n-1]
	p.free = p.free[:n-1]
	return m
}

func (p *mergePool) put(m *merge) {
	if len(p.free) == keptMerges || cap(m.order) > keptOrder {
		return
	}
	clear(m.parts)
	clear(m.held)
	*m = merge{parts: m.parts[:0], held: m.held[:0], order: m.order[:0], emitter: m.emitter}
	p.free = append(p.free, m)
}

// commissionPool keeps commissions for their next use.
type commissionPool struct{ free []*commission }

const keptCommissions = 4096

func (p *commissionPool) get() *commission {
	n := len(p.free)
	if n == 0 {
		c := &commission{}
		c.receive = c.done
		return c
	}
	c := p.free[n-1]
	p.free = p.free[:n-1]
	return c
}

func (p *commissionPool) put(c *commission) {
	if len(p.free) < keptCommissions {
		*c = commission{receive: c.receive}
		p.free = append(p.free, c)
	}
}
