package proxy

import (
	"time"

	"ringmain/metric"
)

// crossProtocolEvery is how often a loop says that something other than a Redis
// client was here.
const crossProtocolEvery = time.Minute

// crossProtocol logs, at most once in a while, a client that speaks HTTP.
func (c *Core) crossProtocol(s *Session) {
	c.httpSeen++
	c.stats.Cut[metric.CutHTTP]++
	now := c.loop.Now()
	if now.Sub(c.httpLogged) < crossProtocolEvery && !c.httpLogged.IsZero() {
		return
	}
	c.httpLogged = now
	c.Log.Warn("possible security attack: a client sent HTTP; its connection was closed",
		"client", s.conn.RemoteAddr(), "seen", c.httpSeen)
}
