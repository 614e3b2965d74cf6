package sim

import "time"

// retransmitMax bounds how long after the end of a partition a kernel sends
// again what was not acknowledged.
const retransmitMax = 400 * time.Millisecond

// Partition cuts the network from one host to another, or heals it. Hosts are
// named as Loop.Host does; an address at which nothing listens is a host too.
//
// While it is cut, what is sent is held, not lost: it arrives some time after
// the healing, in order, also if its sender has closed the socket meanwhile.
// The other direction still works, but its sender does not learn what arrives,
// and stops when its buffers are full. Attempts to connect go unanswered.
func (w *World) Partition(from, to string, on bool) {
	l := link{from, to}
	if w.cuts[l] == on {
		return
	}
	w.Logf(from, "partition to %s: %v", to, on)
	if on {
		w.cuts[l] = true
		return
	}
	delete(w.cuts, l)
	for _, s := range w.sockets {
		switch {
		case s.host == from && s.peer.host == to && s.held:
			w.at(w.now+w.between(0, retransmitMax), func() {
				s.held = false
				s.deliver()
			})
		case s.host == to && s.peer.host == from:
			s.heard()
		}
	}
}

func (w *World) cut(from, to string) bool { return len(w.cuts) > 0 && w.cuts[link{from, to}] }

// Slow multiplies the delays from one host to another by factor; 1 ends it.
func (w *World) Slow(from, to string, factor float64) {
	if factor == 1 {
		delete(w.slow, link{from, to})
		return
	}
	w.slow[link{from, to}] = factor
}

// Reset breaks the connections between two hosts in mid-stream, as a middle box
// does: both ends get a reset, and some of what is under way is lost. It
// returns how many there were.
func (w *World) Reset(a, b string) int {
	pairs := w.connections(a, b)
	for _, s := range pairs {
		s.breakDown()
	}
	return len(pairs)
}

// ResetOne is Reset of one connection, chosen at random. It reports false if
// there is none.
func (w *World) ResetOne(a, b string) bool {
	pairs := w.connections(a, b)
	if len(pairs) == 0 {
		return false
	}
	pairs[w.rng.IntN(len(pairs))].breakDown()
	return true
}

// connections are the dialling ends of the live connections between two hosts.
func (w *World) connections(a, b string) (pairs []*socket) {
	for i, s := range w.sockets {
		p := s.peer
		if s.closed || p.closed || s.reset || p.reset || i > 0 && w.sockets[i-1] == p {
			continue
		}
		if s.host == a && p.host == b || s.host == b && p.host == a {
			pairs = append(pairs, s)
		}
	}
	return pairs
}

func (s *socket) breakDown() {
	s.w.Logf(s.host, "connection %s > %s is broken", s.local, s.remote)
	s.sendReset()
	s.peer.sendReset()
}

// Pause stops the loop as SIGSTOP stops a process: nothing of it runs, its
// timers fall due unheard, and its kernel goes on: connections to its listeners
// are completed, and what arrives fills the buffers. Called from one of the
// loop's own handlers it takes effect when that returns, before output is
// flushed.
func (l *Loop) Pause() {
	l.w.Logf(l.name, "paused")
	l.paused = true
}

// Resume ends a Pause.
func (l *Loop) Resume() {
	if l.paused {
		l.w.Logf(l.name, "resumed")
		l.paused = false
		l.w.at(l.w.now, l.touch)
	}
}

// Crash is the death of the loop's process: handlers, timers and output that
// was not flushed are gone without a call, listeners close, so that dials are
// refused, and the kernel ends each connection, with a reset or with what it had
// accepted and FIN. The loop itself can be used again, for the next process.
func (l *Loop) Crash() {
	l.w.Logf(l.name, "crashed")
	for len(l.conns) > 0 {
		c := l.conns[0]
		if c.dial != nil {
			c.dial.canceled = true
		}
		if c.s != nil {
			c.s.close(l.w.chance(0.5))
		}
		c.forget()
	}
	l.closeListeners()
	l.ready, l.dirty, l.gone, l.posted, l.atEnd = nil, nil, nil, nil, nil
	l.timers.heap = nil
	l.paused = false
}
