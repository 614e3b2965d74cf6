package proxy

import (
	"time"

	"ringmain/metric"
)

// watchIdle begins to look for clients that are idle for too long, if they may
// not be. One timer serves all. It may be called again when that has changed.
func (c *Core) watchIdle() {
	if limit := c.records.ClientIdle(); limit > 0 && c.idle == nil {
		c.idle = c.loop.After(idleInterval(limit), c.closeIdle)
	}
}

// idleInterval is between two looks: a client may stay a tenth longer.
func idleInterval(limit time.Duration) time.Duration {
	return min(max(limit/10, 10*time.Millisecond), time.Second)
}

// closeIdle ends, without a word as Redis does, those clients that have sent
// nothing for too long and wait for nothing, not even messages.
func (c *Core) closeIdle() {
	c.idle = nil
	now, limit := c.loop.Elapsed(), c.records.ClientIdle()
	for _, s := range c.sessions {
		if limit > 0 && !s.gone && !s.ending && !s.blocked && !s.client.Subscribed && !s.monitoring && s.replies.empty() && s.conn.Buffered() == 0 && now-s.active >= limit {
			c.Log.Debug("idle client closed (timeouts.client_idle)", "client", s.conn.RemoteAddr(), "id", s.client.ID)
			c.stats.Cut[metric.CutIdle]++
			s.end()
		}
	}
	c.watchIdle()
}
