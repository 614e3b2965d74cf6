package pubsub

import (
	"cmp"
	"slices"
)

// Receiver is given messages. From within Receive it may End any client, but not change
// subscriptions in other ways.
type Receiver interface {
	Receive(m *Message)
}

// Client is who listens; a nil one listens to nothing.
type Client struct {
	g       *Group
	to      Receiver
	names   [kinds]map[string]*subscription
	counter uint64
	bytes   int
}

// subscription is one client's to one topic.
type subscription struct {
	client *Client
	topic  *Topic
	at     int    // index in topic.listeners
	order  uint64 // of the client's subscriptions
}

// NewClient makes a client that listens to nothing.
func (g *Group) NewClient(to Receiver) *Client { return &Client{g: g, to: to} }

// Count is how many subscriptions of a kind the client has.
func (c *Client) Count(kind Kind) int {
	if c == nil {
		return 0
	}
	return len(c.names[kind])
}

// Told is the number that confirmations of a kind tell the client: channels and patterns
// are counted together.
func (c *Client) Told(kind Kind) int {
	if kind == Shard {
		return c.Count(Shard)
	}
	return c.Count(Channel) + c.Count(Pattern)
}

// Any reports whether the client listens to anything.
func (c *Client) Any() bool { return c.Told(Channel)+c.Told(Shard) > 0 }

// Bytes is about how much memory the client's subscriptions take.
func (c *Client) Bytes() int {
	if c == nil {
		return 0
	}
	return c.bytes
}

// join has the client listen to a topic, unless it does already.
func (c *Client) join(t *Topic) {
	if c.names[t.kind] == nil {
		c.names[t.kind] = map[string]*subscription{}
	}
	if c.names[t.kind][t.name] != nil {
		return
	}
	s := &subscription{client: c, topic: t, at: len(t.listeners), order: c.counter}
	c.counter++
	c.names[t.kind][t.name] = s
	t.listeners = append(t.listeners, s)
	c.bytes += cost(t.name)
	c.g.bytes += cost(t.name)
	c.g.counts.client(t.name, t.seat, 1)
}

// leave has the client not listen to a topic any more; nil if it did not.
func (c *Client) leave(kind Kind, name string) *subscription {
	s := c.names[kind][name]
	if s == nil {
		return nil
	}
	delete(c.names[kind], name)
	t := s.topic
	last := len(t.listeners) - 1
	t.listeners[s.at] = t.listeners[last]
	t.listeners[s.at].at = s.at
	t.listeners[last] = nil
	t.listeners = t.listeners[:last]
	c.bytes -= cost(name)
	c.g.bytes -= cost(name)
	c.g.counts.client(name, t.seat, -1)
	return s
}

// Names are those of a kind that the client listens to, in the order in which it began.
func (c *Client) Names(kind Kind) []string {
	if c == nil {
		return nil
	}
	list := make([]*subscription, 0, c.Count(kind))
	for _, s := range c.names[kind] {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *subscription) int { return cmp.Compare(a.order, b.order) })
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.topic.name
	}
	return names
}

// LeaveAll ends all of the client's subscriptions at once. done is called when the servers
// know, perhaps from within LeaveAll.
func (c *Client) LeaveAll(done func()) *Change {
	ch := &Change{g: c.g, done: done}
	var left []*Topic
	for kind := range Kind(kinds) {
		for _, name := range c.Names(kind) {
			left = append(left, c.leave(kind, name).topic)
		}
	}
	for _, t := range left {
		c.g.changed(t)
	}
	ch.await(left)
	return ch
}

// End ends all of the client's subscriptions, if a message is on its way, once that is
// delivered.
func (c *Client) End() {
	if c.g.message.array != nil {
		c.g.ended = append(c.g.ended, c)
		return
	}
	for kind := range Kind(kinds) {
		for _, name := range c.Names(kind) {
			c.g.changed(c.leave(kind, name).topic)
		}
	}
}
