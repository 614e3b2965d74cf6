package pubsub

import (
	"sync"
	"sync/atomic"
)

// Counts are how many listen, over all loops of a process, by pool: a pool's number is
// that of its first server. The zero value is ready; any goroutine may use it.
type Counts struct {
	used  atomic.Int64 // counts that are not zero
	bytes atomic.Int64 // of all subscriptions, about
	mu    sync.RWMutex
	pools map[int32]*[kinds]map[string]*count
}

// count is how many listen to one thing.
type count struct {
	clients int
	own     []int // the proxy's own subscriptions for them, by the pool's server
	servers int   // sum of own
}

// Idle reports whether nobody listens to anything.
func (c *Counts) Idle() bool { return c.used.Load() == 0 }

// Bytes is about how much memory all subscriptions take.
func (c *Counts) Bytes() int { return int(c.bytes.Load()) }

// client counts a client that begins or ceases to listen.
func (c *Counts) client(pool int32, kind Kind, name string, by int) {
	c.bytes.Add(int64(by * cost(name)))
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.at(pool, kind, name)
	n.clients += by
	c.tidy(pool, kind, name, n)
}

// server counts a subscription of the proxy's own.
func (c *Counts) server(pool int32, kind Kind, name string, server, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.at(pool, kind, name)
	for len(n.own) <= server {
		n.own = append(n.own, 0)
	}
	n.own[server] += by
	n.servers += by
	c.tidy(pool, kind, name, n)
}

// at is the count of a name, made if it is new. c.mu is held.
func (c *Counts) at(pool int32, kind Kind, name string) *count {
	if c.pools == nil {
		c.pools = map[int32]*[kinds]map[string]*count{}
	}
	p := c.pools[pool]
	if p == nil {
		p = &[kinds]map[string]*count{}
		for k := range p {
			p[k] = map[string]*count{}
		}
		c.pools[pool] = p
	}
	n := p[kind][name]
	if n == nil {
		n = &count{}
		p[kind][name] = n
		c.used.Add(1)
	}
	return n
}

// tidy forgets a count that is zero. c.mu is held.
func (c *Counts) tidy(pool int32, kind Kind, name string, n *count) {
	if n.clients == 0 && n.servers == 0 {
		delete(c.pools[pool][kind], name)
		c.used.Add(-1)
	}
}

// Receivers is how many clients of the proxy a message of that kind (Channel or Shard)
// reaches, one that listens in several ways counted as often; and how many of the
// receivers that one of the pool's servers counts are the proxy's own subscriptions.
func (c *Counts) Receivers(pool int32, kind Kind, channel []byte, server int) (clients, own int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	p := c.pools[pool]
	if p == nil {
		return 0, 0
	}
	add := func(n *count) {
		clients += n.clients
		if server < len(n.own) {
			own += n.own[server]
		}
	}
	if n := p[kind][string(channel)]; n != nil {
		add(n)
	}
	if kind == Channel && len(channel) <= MaxChannel {
		for pattern, n := range p[Pattern] {
			if Match(pattern, channel) {
				add(n)
			}
		}
	}
	return clients, own
}

// Listeners is how many clients of the proxy listen to a name, and how many of those that
// the pool's servers count, together, are the proxy's own subscriptions.
func (c *Counts) Listeners(pool int32, kind Kind, name []byte) (clients, own int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if p := c.pools[pool]; p != nil {
		if n := p[kind][string(name)]; n != nil {
			return n.clients, n.servers
		}
	}
	return 0, 0
}

// Different is how many different names of a kind the proxy's clients listen to.
func (c *Counts) Different(pool int32, kind Kind) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	total := 0
	if p := c.pools[pool]; p != nil {
		for _, n := range p[kind] {
			total += min(n.clients, 1)
		}
	}
	return total
}

// Patterns is how many different patterns the proxy's clients listen to, and how many
// of those that the pool's servers count, together, the proxy itself listens to.
func (c *Counts) Patterns(pool int32) (clients, own int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if p := c.pools[pool]; p != nil {
		for _, n := range p[Pattern] {
			clients += min(n.clients, 1)
			for _, here := range n.own {
				own += min(here, 1)
			}
		}
	}
	return clients, own
}
