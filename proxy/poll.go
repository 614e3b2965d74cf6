package proxy

import "time"

// poll gathers what the loops answer to a question of one client. It is used on the
// loop of that client, of which it is the only one.
type poll[T any] struct {
	s       *Session
	seq     uint64 // of the reply
	answers []T
	left    int  // loops that have not answered
	lost    bool // one could not be asked
	done    func(seq uint64, answers []T, lost bool)
}

// errAsk is the answer where a loop could not be asked.
const errAsk = "-ERR an event loop has no time to tell of its clients; try again\r\n"

// ask opens a slot for the reply, has question called on every loop, and then done on
// the session's own, with the slot's number and the answers of those loops that could
// be asked: perhaps at once, never when the session is gone. One client of a loop is
// served at a time, because an answer may be long and is work for every loop: ask
// reports false, with nothing done, if the session has to wait.
func ask[T any](s *Session, question func(*Core) T, done func(seq uint64, answers []T, lost bool)) bool {
	c := s.core
	if c.asking {
		s.queued = true
		c.askers = append(c.askers, s)
		return false
	}
	c.asking = true
	peers := c.Peers.all()
	p := &poll[T]{s: s, seq: s.awaitLocal(), left: len(peers), done: done}
	for _, peer := range peers {
		if peer == c {
			p.answer(question(c))
			continue
		}
		asked := peer.loop.Post(func() {
			answer := question(peer)
			peer.tell(c, func() { p.answer(answer) })
		})
		if !asked { // it is stopping, or has no time for such questions
			p.lost = true
			p.next()
		}
	}
	return true
}

// awaitLocal opens the slot of a reply that no server gives.
func (s *Session) awaitLocal() uint64 {
	seq := s.await(0)
	s.replies.at(seq).local = true
	return seq
}

func (p *poll[T]) answer(answer T) {
	p.answers = append(p.answers, answer)
	p.next()
}

// next is done with one loop; after the last one others have their turn to ask.
func (p *poll[T]) next() {
	if p.left--; p.left > 0 {
		return
	}
	c := p.s.core
	if !p.s.gone {
		p.done(p.seq, p.answers, p.lost)
	}
	waiting := c.askers
	c.asking, c.askers = false, nil
	for _, s := range waiting {
		s.Writable()
	}
}

// tellAgain is how long a loop waits that finds another's queue full.
const tellAgain = 10 * time.Millisecond

// tell has f called on another core's loop, later if it has no room now, unless
// this one ends before.
func (c *Core) tell(other *Core, f func()) {
	if !other.loop.Post(f) && !c.closed {
		c.loop.After(tellAgain, func() { c.tell(other, f) })
	}
}

// tellAll has f called with every core, on its loop; with this one at once.
func (c *Core) tellAll(f func(*Core)) {
	for _, peer := range c.Peers.all() {
		if peer == c {
			f(c)
		} else {
			c.tell(peer, func() { f(peer) })
		}
	}
}
