package proxy

import "time"

// Drain ends every client as soon as it has its replies: what was executed is
// answered whole, nothing more is executed, and the connection ends after that.
// New clients are ended at once. done is called on the loop, once, when no client
// is left; perhaps at once. Drain is called once, on the loop.
func (c *Core) Drain(done func()) {
	c.drained = done
	for _, s := range c.sessions {
		s.end()
		s.endWait()
	}
	c.tellDrained()
}

// endWaitAgain is how long a server may take to let a client go.
const endWaitAgain = 100 * time.Millisecond

// endWait has a client that waits let go, as if its time were over. Its request may not
// have reached the server yet, so it is tried until it does not wait any more.
func (s *Session) endWait() {
	if s.gone || !s.waiting {
		return
	}
	s.letGo("TIMEOUT", func(found int64) {
		if found == cannotLetGo && s.waiting && !s.gone { // it would wait for the whole drain
			s.hangUp()
		}
	})
	s.core.loop.After(endWaitAgain, s.endWait)
}

// draining reports whether Drain was called and clients are left, or still come.
func (c *Core) draining() bool { return c.drained != nil }

// tellDrained calls what Drain was given when the last client is gone.
func (c *Core) tellDrained() {
	if c.drained != nil && len(c.sessions) == 0 && !c.toldDrained {
		c.toldDrained = true
		c.drained()
	}
}
