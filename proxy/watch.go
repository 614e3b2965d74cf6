package proxy

import (
	"fmt"
	"time"
)

const (
	// sweepInterval is how often clients that are owed something are looked at.
	sweepInterval = 250 * time.Millisecond
	// overGrace is how long a client over its bound may take nothing.
	overGrace = time.Second
)

// watch looks at s from time to time until it is owed nothing.
func (c *Core) watch(s *Session) {
	s.watched = true
	s.taken, s.takenAt = s.wrote-uint64(s.conn.Buffered()), c.loop.Now()
	c.watched = append(c.watched, s)
	if c.sweep == nil {
		c.sweep = c.loop.After(sweepInterval, c.lookAtWatched)
	}
}

func (c *Core) lookAtWatched() {
	now := c.loop.Now()
	kept := c.watched[:0]
	for _, s := range c.watched {
		if s.gone || s.conn.Buffered() == 0 {
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
func (s *Session) judge(now time.Time) {
	if taken := s.wrote - uint64(s.conn.Buffered()); taken != s.taken {
		s.taken, s.takenAt = taken, now
		return
	}
	limits := &s.core.Limits
	idle := now.Sub(s.takenAt)
	switch {
	case idle >= limits.ClientStall:
		s.cut(fmt.Sprintf("it took no byte of its replies for %v (timeouts.client_stall)", limits.ClientStall))
	case idle >= overGrace && s.owed() > limits.ClientOutput:
		s.cut(fmt.Sprintf("it is owed more than %d bytes (limits.client_output) and took none for %v",
			limits.ClientOutput, overGrace))
	}
}
