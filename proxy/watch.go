package proxy

import (
	"fmt"
	"time"

	"ringmain/metric"
)

const (
	// sweepInterval is how often clients for which something is held are looked at.
	sweepInterval = 250 * time.Millisecond
	// overGrace is how long a client over its bound may take nothing.
	overGrace = time.Second
)

// watched is a session that is looked at.
type watched struct {
	s       *Session
	taken   uint64        // bytes the kernel had taken when last looked at
	takenAt time.Duration // when that last changed
}

// watch looks at s from time to time until nothing is held for it.
func (c *Core) watch(s *Session) {
	if s.watched {
		return
	}
	s.watched = true
	c.watched = append(c.watched, watched{s, s.wrote - uint64(s.conn.Buffered()), c.loop.Elapsed()})
	if c.sweep == nil {
		c.sweep = c.loop.After(sweepInterval, c.lookAtWatched)
	}
}

// holds is how many bytes the process holds for a client.
func (s *Session) holds() int { return s.owed() + s.conn.Kept() + s.tx.bytes() }

func (c *Core) lookAtWatched() {
	now := c.loop.Elapsed()
	kept := c.watched[:0]
	for _, w := range c.watched {
		s := w.s
		if s.gone || s.owed() == 0 && s.conn.Kept()+s.tx.bytes() < longRequest {
			s.watched = false
			continue
		}
		w.judge(now)
		kept = append(kept, w)
	}
	clear(c.watched[len(kept):])
	c.watched = kept
	c.sweep = nil
	if len(kept) > 0 {
		c.sweep = c.loop.After(sweepInterval, c.lookAtWatched)
	}
	c.publishMemory()
}

// judge cuts a client off that does not take what it is owed.
func (w *watched) judge(now time.Duration) {
	s := w.s
	buffered := s.conn.Buffered()
	if taken := s.wrote - uint64(buffered); taken != w.taken || buffered == 0 {
		w.taken, w.takenAt = taken, now
		return
	}
	limits := &s.core.Limits
	idle := now - w.takenAt
	switch {
	case idle >= limits.ClientStall:
		s.cut(metric.CutStall, fmt.Sprintf("it took no byte of its replies for %v (timeouts.client_stall)", limits.ClientStall))
	case idle >= overGrace && s.owed() > limits.ClientOutput:
		s.cut(metric.CutOutput, fmt.Sprintf("it is owed more than %d bytes (limits.client_output) and took none for %v",
			limits.ClientOutput, overGrace))
	}
}
