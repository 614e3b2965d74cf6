package pubsub

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Counts are how many listen, over all loops of a process, by pool: a pool's number is
// that of its first server. The zero value is ready; any goroutine may use it.
type Counts struct {
	begun atomic.Bool  // somebody has begun to listen, at any time
	bytes atomic.Int64 // of all subscriptions, about
	mu    sync.RWMutex
	pools map[int32]*poolCounts
}

type poolCounts struct {
	seats [kinds]map[string][]*seat
	// begun is how often a server has come to have a subscription of the proxy's, as far as
	// it may have one: it serves as a clock.
	begun uint64
	// gone is the latest that begun was when a seat that is no more had something begin.
	gone uint64
}

// seat is what one loop has of one name. Counts.mu guards it.
type seat struct {
	clients int
	left    uint64 // how many clients have ceased to listen
	// holds are by the pool's server. Servers may come, of which other loops know
	// already: see hold.
	holds []hold
}

// hold is what a server has of the seat.
func (s *seat) hold(server int) (h hold) {
	if server < len(s.holds) {
		h = s.holds[server]
	}
	return h
}

// hold is what a server has of a seat.
type hold struct {
	possible bool   // the subscription, perhaps: it is being asked for, or to be ended
	sure     bool   // the subscription, and nothing is being asked for
	began    uint64 // what poolCounts.begun became when possible last did
	lapses   uint64 // how often it was sure no more
}

// Begun reports whether anybody has ever begun to listen to anything.
func (c *Counts) Begun() bool { return c.begun.Load() }

// Bytes is about how much memory all subscriptions take.
func (c *Counts) Bytes() int { return int(c.bytes.Load()) }

// sit makes a loop's seat for a name.
func (c *Counts) sit(pool int32, kind Kind, name string, servers int) *seat {
	c.begun.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pools == nil {
		c.pools = map[int32]*poolCounts{}
	}
	p := c.pools[pool]
	if p == nil {
		p = &poolCounts{}
		for k := range p.seats {
			p.seats[k] = map[string][]*seat{}
		}
		c.pools[pool] = p
	}
	s := &seat{holds: make([]hold, servers)}
	p.seats[kind][name] = append(p.seats[kind][name], s)
	return s
}

// rise ends a seat, of which nobody has anything any more.
func (c *Counts) rise(pool int32, kind Kind, name string, s *seat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pools[pool]
	for i := range s.holds {
		p.gone = max(p.gone, s.holds[i].began)
	}
	rest := slices.DeleteFunc(p.seats[kind][name], func(other *seat) bool { return other == s })
	if p.seats[kind][name] = rest; len(rest) == 0 {
		delete(p.seats[kind], name)
	}
}

// client counts a client that begins or ceases to listen.
func (c *Counts) client(name string, s *seat, by int) {
	c.bytes.Add(int64(by * cost(name)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.clients += by; by < 0 {
		s.left++
	}
}

// server notes what a server has of a seat: the first two of now.
func (c *Counts) server(pool int32, s *seat, server int, now hold) {
	h := s.hold(server)
	now.began, now.lapses = h.began, h.lapses
	if now == h { // read without the lock: nobody but the seat's loop changes it
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.possible && !h.possible {
		p := c.pools[pool]
		p.begun++
		now.began = p.begun
	}
	if h.sure && !now.sure {
		now.lapses++
	}
	for len(s.holds) <= server {
		s.holds = append(s.holds, hold{})
	}
	s.holds[server] = now
}

// each calls f with the seats to which a message of that kind (Channel or Shard) goes, one
// for each way. Counts.mu is held.
func (p *poolCounts) each(kind Kind, channel []byte, f func(*seat)) {
	for _, s := range p.seats[kind][string(channel)] {
		f(s)
	}
	if kind != Channel || len(channel) > MaxChannel {
		return
	}
	for pattern, seats := range p.seats[Pattern] {
		if Match(pattern, channel) {
			for _, s := range seats {
				f(s)
			}
		}
	}
}

// Listeners is how many clients of the proxy listen to a name, and how many of those that
// the pool's servers count, together, may be the proxy's own subscriptions. So while these
// change a client is counted late, never one that does not listen yet.
func (c *Counts) Listeners(pool int32, kind Kind, name []byte) (clients, own int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if p := c.pools[pool]; p != nil {
		for _, s := range p.seats[kind][string(name)] {
			clients += s.clients
			for i := range s.holds {
				if s.holds[i].possible {
					own++
				}
			}
		}
	}
	return clients, own
}

// Different is how many different names of a kind the proxy's clients listen to.
func (c *Counts) Different(pool int32, kind Kind) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	total := 0
	if p := c.pools[pool]; p != nil {
		for _, seats := range p.seats[kind] {
			if slices.ContainsFunc(seats, func(s *seat) bool { return s.clients > 0 }) {
				total++
			}
		}
	}
	return total
}

// Patterns is how many different patterns the proxy's clients listen to, and how many
// of those that the pool's servers count, together, the proxy itself may listen to.
func (c *Counts) Patterns(pool int32) (clients, own int) {
	clients = c.Different(pool, Pattern)
	c.mu.RLock()
	defer c.mu.RUnlock()
	if p := c.pools[pool]; p != nil {
		for _, seats := range p.seats[Pattern] {
			most := 0
			for _, s := range seats {
				most = max(most, len(s.holds))
			}
			for server := range most { // a pattern counts once on each
				if slices.ContainsFunc(seats, func(s *seat) bool { return s.hold(server).possible }) {
					own++
				}
			}
		}
	}
	return clients, own
}
