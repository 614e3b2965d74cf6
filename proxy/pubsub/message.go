package pubsub

import "ringmain/resp"

// Message is one message on its way to clients.
type Message struct {
	resp.Published
	array []byte // as servers send it
	push  []byte // made when it is first needed
}

// Encoded is the message in the form of a client's protocol. It is valid while the message
// is delivered.
func (m *Message) Encoded(protocol int) []byte {
	if protocol < 3 {
		return m.array
	}
	if len(m.push) == 0 {
		m.push = append(append(m.push, '>'), m.array[1:]...)
	}
	return m.push
}

// maxKeptPush bounds the room for an encoded message that is kept for the next one.
const maxKeptPush = 64 << 10

// Deliver gives a message that came from one of the group's servers to all who listen. raw
// is the whole of it.
func (g *Group) Deliver(raw []byte, p *resp.Published) {
	kind, name := Channel, p.Channel
	switch {
	case p.Pattern != nil:
		kind, name = Pattern, p.Pattern
	case p.Shard:
		kind = Shard
	}
	t := g.topics[kind][string(name)]
	if t == nil {
		return
	}
	g.message.Published, g.message.array, g.message.push = *p, raw, g.message.push[:0]
	for _, list := range [][]*subscription{t.listeners, t.leavers} {
		for _, s := range list {
			s.client.to.Receive(&g.message)
		}
	}
	g.message.Published, g.message.array = resp.Published{}, nil
	for _, c := range g.ended {
		c.End()
	}
	g.ended = nil
	if cap(g.message.push) > maxKeptPush {
		g.message.push = nil
	}
}
