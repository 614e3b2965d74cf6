package sim

import "time"

// socket is one end of a connection, as its host's kernel sees it. Its outgoing
// half is queue -> flight -> the peer's in; it lives on after the process has
// closed it, until all of that has arrived.
type socket struct {
	w             *World
	host          string
	local, remote string
	peer          *socket
	conn          *Conn     // the driver's side; nil for a Peer, and once closed
	backlog       *listener // where it waits for the last step of the handshake
	onDeliver     func()    // deliver, bound once

	queue      []byte    // accepted from the process, not sent
	flight     []segment // sent, not arrived, oldest first
	outCap     int       // bound of queue and of data in flight
	inFlight   int       // bytes of data in flight, or arrived without the sender knowing
	unread     int       // bytes sent that the sender does not know to be read
	lastArrive time.Duration
	held       bool // the oldest segment met a partition and waits for its end
	ackArrive  int  // bytes whose arrival the sender cannot learn: a partition the other way
	ackRead    int  // bytes whose reading it cannot learn
	fin        bool // the process will write no more
	finSent    bool
	rstSent    bool

	in     []byte // received, not read
	inCap  int
	eof    bool // the peer's FIN has come
	reset  bool // the peer's RST has come
	closed bool // the process has closed it
}

type segmentKind uint8

const (
	segData segmentKind = iota
	segAck              // the last step of the opening handshake
	segFIN
	segRST
)

type segment struct {
	at   time.Duration
	kind segmentKind
	data []byte
}

func (w *World) newSocket(host, local, remote string) *socket {
	if len(w.sockets) >= w.sweepAt {
		w.sweep()
	}
	s := &socket{w: w, host: host, local: local, remote: remote, outCap: w.bufferSize(), inCap: w.bufferSize()}
	s.onDeliver = s.deliver
	w.sockets = append(w.sockets, s)
	return s
}

// sweep forgets connections of which nothing is left to happen.
func (w *World) sweep() {
	live := w.sockets[:0]
	for _, s := range w.sockets {
		if !s.finished() || !s.peer.finished() {
			live = append(live, s)
		}
	}
	clear(w.sockets[len(live):])
	w.sockets = live
	w.sweepAt = 2*len(live) + 64
}

func (s *socket) finished() bool {
	return s.closed && len(s.flight) == 0 && len(s.queue) == 0
}

// room is how many more bytes the kernel accepts for sending.
func (s *socket) room() int {
	if s.fin || s.reset || s.rstSent {
		return 0
	}
	return max(0, s.outCap-len(s.queue)-s.inFlight)
}

// send accepts as much of b as there is room for.
func (s *socket) send(b []byte) int {
	n := min(s.room(), len(b))
	if n > 0 {
		s.queue = append(s.queue, b[:n]...)
		s.transmit()
	}
	return n
}

// transmit cuts segments off the queue as far as the peer's buffer allows.
func (s *socket) transmit() {
	if s.rstSent || s.reset {
		return
	}
	for len(s.queue) > 0 && s.unread < s.peer.inCap {
		n := s.w.segmentSize(min(len(s.queue), s.peer.inCap-s.unread))
		s.push(segment{kind: segData, data: s.queue[:n:n]})
		s.queue = s.queue[n:]
		s.unread += n
		s.inFlight += n
	}
	if len(s.queue) > 0 {
		return
	}
	s.queue = nil
	if s.fin && !s.finSent {
		s.finSent = true
		s.push(segment{kind: segFIN})
	}
}

// push puts a segment on its way, never to arrive before an earlier one.
func (s *socket) push(g segment) {
	g.at = max(s.lastArrive, s.w.now+s.w.delay(s.host, s.peer.host))
	s.lastArrive = g.at
	s.flight = append(s.flight, g)
	s.w.at(g.at, s.onDeliver)
}

// deliver hands over the segments whose time has come.
func (s *socket) deliver() {
	for !s.held && len(s.flight) > 0 && s.flight[0].at <= s.w.now {
		if s.w.cut(s.host, s.peer.host) {
			s.held = true
			return
		}
		g := s.flight[0]
		s.flight[0] = segment{}
		s.flight = s.flight[1:]
		s.arrive(g)
	}
}

func (s *socket) arrive(g segment) {
	p := s.peer
	switch g.kind {
	case segData:
		s.w.traceSegment(s, "%d bytes", len(g.data))
		if s.w.cut(p.host, s.host) {
			s.ackArrive += len(g.data)
		} else {
			s.inFlight -= len(g.data)
			s.wakeWriter()
		}
		p.receive(g.data)
	case segAck:
		s.w.accepted(p)
	case segFIN:
		s.w.traceSegment(s, "FIN")
		p.eof = true
		p.wakeReader()
	case segRST:
		s.w.traceSegment(s, "RST")
		if !p.reset {
			p.reset, p.queue = true, nil
			p.closed = p.closed || p.backlog != nil
			p.wakeReader()
		}
	}
}

// receive takes data in, or answers with a reset when no process will read it.
func (s *socket) receive(b []byte) {
	switch {
	case s.reset:
	case s.closed:
		s.sendReset()
	default:
		s.in = append(s.in, b...)
		s.wakeReader()
	}
}

// take moves the first n received bytes to the process.
func (s *socket) take(n int) []byte {
	b := s.in[:n:n]
	s.in = s.in[n:]
	if len(s.in) == 0 {
		s.in = nil
	}
	if s.w.cut(s.host, s.peer.host) {
		s.peer.ackRead += n
	} else {
		s.peer.unread -= n
		s.peer.transmit()
	}
	return b
}

// heard lets the sender learn what it could not during a partition.
func (s *socket) heard() {
	if s.ackArrive == 0 && s.ackRead == 0 {
		return
	}
	s.inFlight -= s.ackArrive
	s.unread -= s.ackRead
	s.ackArrive, s.ackRead = 0, 0
	s.transmit()
	s.wakeWriter()
}

// shutdownWrite has a FIN follow what was accepted.
func (s *socket) shutdownWrite() {
	if !s.fin {
		s.fin = true
		s.transmit()
	}
}

// close is the process giving the socket up. As in a kernel, unread input makes
// it a reset; otherwise what was accepted is still sent, then FIN.
func (s *socket) close(abort bool) {
	if s.closed {
		return
	}
	unread := len(s.in) > 0
	s.closed, s.conn, s.in = true, nil, nil
	if s.reset {
		return
	}
	if abort || unread {
		s.sendReset()
	} else {
		s.shutdownWrite()
	}
}

// sendReset drops what was not sent. Of what is in the network a part, often
// all, still arrives before the reset.
func (s *socket) sendReset() {
	if s.rstSent || s.reset {
		return
	}
	s.rstSent, s.queue = true, nil
	if len(s.flight) > 0 && s.w.chance(0.5) {
		keep := s.w.rng.IntN(len(s.flight) + 1)
		for _, g := range s.flight[keep:] {
			s.inFlight -= len(g.data)
		}
		clear(s.flight[keep:])
		s.flight = s.flight[:keep]
	}
	s.push(segment{kind: segRST})
}

func (s *socket) wakeReader() {
	if s.conn != nil {
		s.conn.mark()
	}
}

func (s *socket) wakeWriter() {
	if s.conn != nil && s.conn.blocked() {
		s.conn.mark()
	}
}

func (w *World) traceSegment(s *socket, format string, args ...any) {
	if w.trace != nil {
		w.Logf(s.peer.host, "<- "+s.local+" "+format, args...)
	}
}
