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

// watch looks at s from time to time until nothing is held for it.
func (c *Core) watch(s *Session) {
	if s.watched {
		return
	}
	s.watched = true
	s.taken, s.takenAt = s.wrote-uint64(s.conn.Buffered()), c.loop.Elapsed()
	c.watched = append(c.watched, s)
	if c.sweep == nil {
		c.sweep = c.loop.After(sweepInterval, c.lookAtWatched)
	}
}

// holds is how many bytes the process holds for a client.
func (s *Session) holds() int { return s.owed() + s.conn.Kept() + s.tx.bytes() }

func (c *Core) lookAtWatched() {
	now := c.loop.Elapsed()
	kept := c.watched[:0]
	for _, s := range c.watched {
		if s.gone || s.owed() == 0 && s.conn.Kept()+s.tx.bytes() < longRequest {
			s.watched = false
			continue
		}
		s.judge(now)
		kept = append(kept, s)
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
func (s *Session) judge(now time.Duration) {
	buffered := s.conn.Buffered()
	if taken := s.wrote - uint64(buffered); taken != s.taken || buffered == 0 {
		s.taken, s.takenAt = taken, now
		return
	}
	limits := &s.core.Limits
	idle := now - s.takenAt
	switch {
	case idle >= limits.ClientStall:
		s.cut(metric.CutStall, fmt.Sprintf("it took no byte of its replies for %v (timeouts.client_stall)", limits.ClientStall))
	case idle >= overGrace && s.owed() > limits.ClientOutput:
		s.cut(metric.CutOutput, fmt.Sprintf("it is owed more than %d bytes (limits.client_output) and took none for %v",
			limits.ClientOutput, overGrace))
	}
}
