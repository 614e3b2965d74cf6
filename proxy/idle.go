package proxy

import (
	"time"

	"ringmain/metric"
)

// watchIdle begins to look for clients that are idle for too long, if they may
// not be. One timer serves all.
func (c *Core) watchIdle() {
	if c.Limits.ClientIdle > 0 {
		c.idle = c.loop.After(c.idleInterval(), c.closeIdle)
	}
}

// idleInterval is between two looks: a client may stay a tenth longer.
func (c *Core) idleInterval() time.Duration {
	return min(max(c.Limits.ClientIdle/10, 10*time.Millisecond), time.Second)
}

// closeIdle ends, without a word as Redis does, those clients that have sent
// nothing for too long and wait for nothing.
func (c *Core) closeIdle() {
	now := c.loop.Elapsed()
	for _, s := range c.sessions {
		if !s.gone && !s.ending && !s.blocked && s.replies.empty() && s.conn.Buffered() == 0 && now-s.active >= c.Limits.ClientIdle {
			c.Log.Debug("idle client closed (timeouts.client_idle)", "client", s.conn.RemoteAddr(), "id", s.client.ID)
			c.stats.Cut[metric.CutIdle]++
			s.end()
		}
	}
	c.watchIdle()
}
