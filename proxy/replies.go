package proxy

import (
	"bytes"
	"time"

	"ringmain/backend"
	"ringmain/metric"
)

// slot is the place of one reply in a session's order.
type slot struct {
	held    spool // what has come and waits for its turn
	size    int   // bytes that have come
	request int   // bytes of the request, while the reply is awaited
	done    bool
	local   bool   // answered by the proxy itself
	counted bool   // by whoever answered; local, too
	mute    bool   // the client has asked for no reply
	command uint16 // see commandIndex
	result  metric.Result
	since   time.Duration // when the request was executed, by the loop's Elapsed
	edit    edit          // nil: the reply goes out as it comes
}

// edit turns the whole reply of a server into the one for the client. The reply is
// valid during the call only; the result may be part of it.
type edit func(s *Session, reply []byte) []byte

// replyQueue holds a slot for each command whose reply is not fully out, in the
// order of the commands. Sequence numbers count from the session's first.
type replyQueue struct {
	ring       []slot  // a power of two long; nil while empty
	notes      *[]note // by slot, as long as ring
	head, tail uint64
}

func (q *replyQueue) empty() bool         { return q.head == q.tail }
func (q *replyQueue) len() int            { return int(q.tail - q.head) }
func (q *replyQueue) at(seq uint64) *slot { return &q.ring[seq&uint64(len(q.ring)-1)] }

// noteOf is good while the slot is.
func (q *replyQueue) noteOf(seq uint64) *note { return &(*q.notes)[seq&uint64(len(q.ring)-1)] }

// await adds a slot for the reply to a request of size bytes and returns its
// number.
func (s *Session) await(size int) uint64 {
	q := &s.replies
	if q.len() == len(q.ring) {
		s.core.slots.grow(q)
	}
	seq := q.tail
	q.tail++
	sl := q.at(seq)
	c := s.core
	sl.request, sl.mute, sl.since = size, s.mute, c.loop.Elapsed()
	sl.command = commandIndex(s.last)
	if s.editing != nil {
		sl.edit = s.editing
	}
	s.inflight += size
	if c.records.Notices() {
		raw := c.request.Raw
		if raw == nil {
			raw = c.beginning()
		}
		q.noteOf(seq).keep(raw)
	}
	return seq
}

// Reply implements backend.Receiver.
func (s *Session) Reply(seq uint64, b []byte, last bool) {
	if s.gone {
		return
	}
	sl := s.replies.at(seq)
	if sl.size == 0 && isFailure(b) {
		s.noteFailure(sl, b)
	}
	sl.size += len(b)
	switch {
	case sl.edit != nil:
		s.hold(sl, b)
	case sl.mute:
	case seq == s.replies.head:
		s.write(b)
	default:
		s.hold(sl, b)
	}
	if last {
		s.complete(seq, sl)
	}
	s.core.grown(len(b))
}

// noteFailure notes that a reply, which begins with b, is an error.
func (s *Session) noteFailure(sl *slot, b []byte) {
	sl.result = resultOf(b)
	if !sl.counted {
		s.core.countError(b)
	}
}

// hold keeps a piece of a reply until its turn.
func (s *Session) hold(sl *slot, b []byte) {
	s.core.spools.add(&sl.held, b)
	s.held += len(b)
	s.core.watch(s)
}

// edited puts a whole reply into the form that the client gets.
func (s *Session) edited(sl *slot) {
	held, change := sl.held, sl.edit
	sl.held, sl.edit = spool{}, nil
	s.held -= held.size
	reply := held.first
	if len(held.more) > 0 {
		reply = bytes.Join(held.pieces(nil), nil)
	}
	if reply = change(s, reply); !sl.mute {
		s.hold(sl, reply)
	}
	s.core.spools.release(&held) // which reply may be part of
}

// Failed implements backend.Receiver.
func (s *Session) Failed(seq uint64, f *backend.Failure) {
	if s.gone {
		return
	}
	sl := s.replies.at(seq)
	if s.begun(seq) {
		s.cut(metric.CutLostReply, "a server was lost in the middle of a reply")
		return
	}
	s.release(sl)
	sl.size, sl.edit = 0, nil
	s.Reply(seq, f.AppendReply(nil), true)
}

// begun reports whether some of a reply that is not whole has been given out.
func (s *Session) begun(seq uint64) bool {
	if seq != s.replies.head || s.replies.empty() {
		return false
	}
	sl := s.replies.at(seq)
	return sl.size > 0 && !sl.done && !sl.mute && sl.edit == nil
}

// complete marks a reply as whole and gives out what is due.
func (s *Session) complete(seq uint64, sl *slot) {
	if sl.edit != nil {
		s.edited(sl)
	}
	sl.done = true
	s.inflight -= sl.request
	sl.request = 0
	s.count(seq, sl)
	if seq == s.replies.head {
		s.advance()
	}
	if s.suspended && s.replies.empty() {
		s.resume()
	}
	if s.blocked {
		s.unblock()
	}
	if s.ending || s.eof {
		s.closeIfDone()
	}
}

// count takes a whole reply into the statistics.
func (s *Session) count(seq uint64, sl *slot) {
	if sl.counted {
		return
	}
	c := s.core
	took := c.loop.Elapsed() - sl.since
	if c.records.Noticed(took) {
		s.noteSlow(s.replies.noteOf(seq), took)
	}
	stats := c.families[sl.command]
	stats.Results[sl.result]++
	c.countReply(sl.command, sl.result, took)
	if !sl.local {
		s.measure(sl.size)
		stats.Duration.Observe(took)
	}
}

// advance moves on to the first reply that is not whole, giving out all before
// it and what has come of it.
func (s *Session) advance() {
	q := &s.replies
	for !q.empty() {
		sl := q.at(q.head)
		if sl.held.first != nil {
			if sl.edit != nil {
				return // it is not whole, and goes out as a whole
			}
			s.write(sl.held.first)
			for _, b := range sl.held.more {
				s.write(b)
			}
			s.release(sl)
		}
		if !sl.done {
			return
		}
		*sl = slot{}
		q.head++
	}
	s.core.slots.put(q)
}

// release lets go of what a slot holds.
func (s *Session) release(sl *slot) {
	s.held -= sl.held.size
	s.core.spools.release(&sl.held)
}

// releaseReplies lets go of what a session that is gone still held.
func (s *Session) releaseReplies() {
	q := &s.replies
	for seq := q.head; seq != q.tail; seq++ {
		s.release(q.at(seq))
	}
	clear(q.ring)
	q.head = q.tail
	s.core.slots.put(q)
}
