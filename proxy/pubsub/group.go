package pubsub

import "slices"

// Group is one loop's subscriptions to the servers of one pool.
type Group struct {
	counts *Counts
	pool   int32
	topics [kinds]map[string]*Topic
	// first and last are the ends of the list of all topics, in the order in which they
	// were made: what is done to all of them is done in that order, so that a simulated
	// run follows from its seed.
	first, last *Topic
	lines       []*Line
	awaited     int       // topics that changes wait for
	message     Message   // on its way
	ended       []*Client // meanwhile
	bytes       int       // of all subscriptions, about
}

// Topic is a channel, a pattern or a shard channel that somebody listens to, or has until
// a moment ago.
type Topic struct {
	kind      Kind
	name      string
	seat      *seat // the loop's in the counts
	listeners []*subscription
	leavers   []*subscription // that still get what was published before they left
	pending   int             // changes under way that begin to listen
	states    []state
	changes   []*Change // that wait for it

	prev, next *Topic // in the group's list
}

// state is a topic's on one line.
type state struct {
	sent      bool   // the last that was asked for: to be subscribed, or not to be
	confirmed bool   // the last that the server has confirmed
	queued    bool   // it waits for its turn to be asked for
	asked     int32  // requests that await their confirmation
	ending    int32  // of asked, those to end the subscription
	again     bool   // it is to be subscribed once more: see Line.flush
	refusal   string // the server's error; "": it has not refused
}

// Name is what is listened to.
func (t *Topic) Name() string { return t.name }

// wanted reports whether the topic is to be subscribed.
func (t *Topic) wanted() bool { return len(t.listeners) > 0 || t.pending > 0 }

// NewGroup makes a group. pool is the pool's number in counts.
func NewGroup(counts *Counts, pool int32) *Group {
	g := &Group{counts: counts, pool: pool}
	for kind := range g.topics {
		g.topics[kind] = map[string]*Topic{}
	}
	return g
}

// Lines is how many lines the group has.
func (g *Group) Lines() int { return len(g.lines) }

// Bytes is about how much memory all subscriptions take.
func (g *Group) Bytes() int { return g.bytes }

// topic is that of a name, made if it is new.
func (g *Group) topic(kind Kind, name []byte) *Topic {
	t := g.topics[kind][string(name)]
	if t == nil {
		t = &Topic{kind: kind, name: string(name), states: make([]state, len(g.lines))}
		t.seat = g.counts.sit(g.pool, kind, t.name, len(g.lines))
		g.topics[kind][t.name] = t
		g.link(t)
	}
	return t
}

// link puts a topic at the end of the list.
func (g *Group) link(t *Topic) {
	t.prev = g.last
	if g.last == nil {
		g.first = t
	} else {
		g.last.next = t
	}
	g.last = t
}

// unlink takes a topic out of the list. Who has come to it finds its way on.
func (g *Group) unlink(t *Topic) {
	if t.prev == nil {
		g.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		g.last = t.prev
	} else {
		t.next.prev = t.prev
	}
}

// changed has the servers learn that a topic is wanted, or is no more.
func (g *Group) changed(t *Topic) {
	for _, l := range g.lines {
		l.touch(t)
	}
	g.tidy(t)
}

// flush has all come that servers have published on a topic so far, until it is settled.
func (g *Group) flush(t *Topic) {
	for _, l := range g.lines {
		l.flush(t)
	}
}

// tidy forgets a topic that nobody listens to and no server knows of.
func (g *Group) tidy(t *Topic) {
	if t.wanted() || len(t.changes) > 0 || g.topics[t.kind][t.name] != t {
		return
	}
	for i := range t.states {
		if st := &t.states[i]; st.sent || st.asked > 0 || st.queued || st.again {
			return
		}
	}
	delete(g.topics[t.kind], t.name)
	g.unlink(t)
	g.counts.rise(g.pool, t.kind, t.name, t.seat)
}

// settled reports whether every server that is up has the topic as it is wanted, or has
// refused it.
func (g *Group) settled(t *Topic) bool {
	for _, l := range g.lines {
		if l.unsettled(t) {
			return false
		}
	}
	return true
}

// refusal is the error of a server that has refused the topic; "" if none has.
func (t *Topic) refusal() string {
	for i := range t.states {
		if text := t.states[i].refusal; text != "" {
			return text
		}
	}
	return ""
}

// Change is a command under way that begins or ends subscriptions of one client. It is
// done once every server that is up has confirmed it.
type Change struct {
	g *Group
	// topics are those that begin, in the order of the command.
	topics []*Topic
	left   int // topics that are not settled
	done   func()
	over   bool
}

// Begin begins to subscribe to names on behalf of a client, which listens from Finish on.
// done is called when that may be, perhaps from within Begin.
func (g *Group) Begin(kind Kind, names [][]byte, done func(*Change)) *Change {
	c := &Change{g: g}
	c.done = func() { done(c) }
	for _, name := range names {
		t := g.topic(kind, name)
		t.pending++
		for i := range t.states {
			t.states[i].refusal = ""
		}
		g.changed(t)
		c.topics = append(c.topics, t)
	}
	c.await(c.topics)
	return c
}

// Leave ends a client's subscriptions to names; each is called with each name in turn, also
// if there is no such subscription. The client counts no more, but gets what the servers
// have published before they know; done is called then, perhaps from within Leave.
func (c *Client) Leave(kind Kind, names []string, each func(name string), done func()) *Change {
	if c == nil {
		for _, name := range names {
			each(name)
		}
		done()
		return nil
	}
	var left []*Topic
	var leavers []*subscription
	for _, name := range names {
		if s := c.leave(kind, name); s != nil {
			left, leavers = append(left, s.topic), append(leavers, s)
			s.topic.leavers = append(s.topic.leavers, s)
		}
		each(name)
	}
	ch := &Change{g: c.g, done: func() {
		for _, s := range leavers {
			s.topic.forget(s)
		}
		done()
	}}
	for _, t := range left {
		c.g.changed(t)
		if t.wanted() {
			c.g.flush(t)
		}
	}
	ch.await(left)
	return ch
}

// forget takes away one that has left.
func (t *Topic) forget(s *subscription) {
	t.leavers = slices.DeleteFunc(t.leavers, func(other *subscription) bool { return other == s })
}

// await has the change done when all topics are settled.
func (c *Change) await(topics []*Topic) {
	c.left = 1 // so that it is not done before all have been looked at
	for _, t := range topics {
		if !c.g.settled(t) {
			c.left++
			if len(t.changes) == 0 {
				c.g.awaited++
			}
			t.changes = append(t.changes, c)
		}
	}
	c.settle()
}

// settle tells the change that one of its topics is settled.
func (c *Change) settle() {
	if c.left--; c.left == 0 && !c.over {
		c.over = true
		c.done()
	}
}

// Expire has the change not wait any longer, nor others for the servers that have been too
// slow for it.
func (c *Change) Expire() {
	if c.over {
		return
	}
	for t := c.g.first; t != nil; t = t.next {
		if !slices.Contains(t.changes, c) {
			continue
		}
		for _, l := range c.g.lines {
			l.late = l.late || l.unsettled(t)
		}
	}
	c.g.recheck()
}

// Refusal is the error of a server that has refused one of the topics; "" if none has.
func (c *Change) Refusal() string {
	for _, t := range c.topics {
		if text := t.refusal(); text != "" {
			return text
		}
	}
	return ""
}

// Finish ends a change that began subscriptions: the client listens, unless it is nil.
// each is called with each name in turn.
func (c *Change) Finish(client *Client, each func(name string)) {
	for _, t := range c.topics {
		t.pending--
		if client != nil {
			client.join(t)
			each(t.name)
		}
	}
	for _, t := range c.topics {
		c.g.changed(t)
	}
	c.topics = nil
}

// check tells the changes that wait for a topic if it is settled.
func (g *Group) check(t *Topic) {
	if len(t.changes) == 0 || !g.settled(t) {
		return
	}
	waiting := t.changes
	t.changes = nil
	g.awaited--
	for _, c := range waiting {
		c.settle()
	}
	g.tidy(t)
}

// recheck is check for all topics.
func (g *Group) recheck() {
	for t := g.first; t != nil && g.awaited > 0; t = t.next {
		g.check(t)
	}
}
