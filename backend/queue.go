package backend

import "time"

// entry is a request that awaits its reply.
type entry struct {
	to       Receiver // nil: the reply is thrown away
	seq      uint64
	end      uint64        // of the connection's stream, behind the request's last byte
	sent     time.Duration // by the loop's Elapsed
	deadline time.Duration // of the reply, by the connection's clock
	mayWrite bool
	slow     bool
	begun    bool // a piece of the reply has been handed over
	blocking bool // the server may hold the reply back for the lease's wait
	own      bool // the proxy's, not a client's
	counted  bool // among Facts.slow
}

// queue holds entries in the order of their sending. Positions count from the
// first entry ever; those from head to tail are held.
type queue struct {
	ring       []entry // a power of two long
	head, tail uint64
}

func (q *queue) len() int { return int(q.tail - q.head) }

func (q *queue) at(position uint64) *entry {
	return &q.ring[position&uint64(len(q.ring)-1)]
}

// push adds a copy of e.
func (q *queue) push(e *entry) {
	if q.len() == len(q.ring) {
		q.resize(max(64, 2*len(q.ring)))
	}
	*q.at(q.tail) = *e
	q.tail++
}

func (q *queue) pop() {
	*q.at(q.head) = entry{}
	q.head++
	if q.head == q.tail && len(q.ring) > 4096 {
		q.ring = nil // a burst's room is not kept for ever
	}
}

func (q *queue) resize(size int) {
	old := *q
	q.ring = make([]entry, size)
	for p := q.head; p != q.tail; p++ {
		*q.at(p) = *old.at(p)
	}
}
