package proxy

import (
	"bytes"

	"ringmain/metric"
	"ringmain/resp"
)

// isHTTP recognises the first line of an HTTP request, which is an inline request of
// three words here.
func isHTTP(r *resp.Request) bool {
	return r.Raw == nil && len(r.Args) == 3 && bytes.HasPrefix(r.Args[2], []byte("HTTP/1."))
}

// isTLS recognises the beginning of a TLS connection: a record of a handshake.
func isTLS(b []byte) bool { return len(b) > 1 && b[0] == 0x16 && b[1] == 3 }

// foreign ends a client that does not speak the Redis protocol.
func (s *Session) foreign() {
	s.core.crossProtocol(s)
	s.end()
}

// crossProtocol logs, at most once in a while, a client that speaks HTTP
// or TLS.
func (c *Core) crossProtocol(s *Session) {
	c.stats.Cut[metric.CutHTTP]++
	if c.foreigners.due(c.loop.Now()) {
		c.Log.Warn("possible security attack: a client sent HTTP or TLS; its connection was closed",
			"client", s.conn.RemoteAddr(), "seen", c.foreigners.seen)
	}
}
