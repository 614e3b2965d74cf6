package pubsub

import "bytes"

// Publishing is a message that is being published on a server, to find out how many it
// reaches. The server executes that at some time between NewPublishing and Receivers,
// which this proxy does not know: its subscriptions are made on other connections. So a
// client counts only if it listened, and its loop was subscribed, all the time between, as
// it is sure to get the message then; and of the server's receivers as many are taken for
// the proxy itself as can have been at any time between. While nothing changes that is
// exact. While something does, fewer may be counted than there are, never more.
type Publishing struct {
	counts  *Counts
	pool    int32
	kind    Kind
	channel []byte
	server  int
	begun   uint64 // poolCounts.begun at the beginning
	seats   []taken
}

// taken is a seat as it was at the beginning.
type taken struct {
	seat     *seat
	possible bool
	clients  int // that were sure to get the message; 0 if the server was not sure to be subscribed
	left     uint64
	lapses   uint64
}

// NewPublishing is called before a message of that kind (Channel or Shard) is sent to one of
// the pool's servers.
func (c *Counts) NewPublishing(pool int32, kind Kind, channel []byte, server int) *Publishing {
	m := &Publishing{counts: c, pool: pool, kind: kind, channel: bytes.Clone(channel), server: server}
	c.mu.RLock()
	defer c.mu.RUnlock()
	p := c.pools[pool]
	if p == nil {
		return m
	}
	m.begun = p.begun
	p.each(kind, channel, func(s *seat) {
		h := s.hold(server)
		t := taken{seat: s, possible: h.possible, left: s.left, lapses: h.lapses}
		if h.sure {
			t.clients = s.clients
		}
		m.seats = append(m.seats, t)
	})
	return m
}

// Receivers is how many the message has reached, one that listens in several ways counted as
// often, when the server has counted n.
func (m *Publishing) Receivers(n int64) int64 {
	c := m.counts
	c.mu.RLock()
	defer c.mu.RUnlock()
	var clients, own int64
	for i := range m.seats {
		t := &m.seats[i]
		if t.possible {
			own++
		}
		if t.seat.hold(m.server).lapses == t.lapses {
			clients += max(0, int64(t.clients)-int64(t.seat.left-t.left))
		}
	}
	if p := c.pools[m.pool]; p != nil && p.begun != m.begun {
		p.each(m.kind, m.channel, func(s *seat) {
			if s.hold(m.server).began > m.begun {
				own++
			}
		})
		if p.gone > m.begun { // of which name it was is not known any more
			own = n
		}
	}
	return max(0, n-own) + clients
}
