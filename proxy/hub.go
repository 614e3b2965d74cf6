package proxy

import (
	"bytes"

	"ringmain/backend"
	"ringmain/proxy/pubsub"
	"ringmain/resp"
	"ringmain/router"
)

// hub is the loop's one connection for subscriptions to one server: what it subscribes to
// is what any of the loop's clients listens to.
type hub struct {
	core   *Core
	server int32 // its index in Snapshot.Servers
	group  *pubsub.Group
	line   *pubsub.Line
	conn   *backend.Hub
	// refused: the server has refused a subscription since the connection is up.
	refused bool
}

// leastMessage is what a hub takes of a message, however small a client's request may be:
// servers' other clients are not bound by that.
const leastMessage = 1 << 20

// group is that of a fleet's subscriptions, made with its hubs when it is first needed.
func (c *Core) group(f router.Fleet) *pubsub.Group {
	if g := c.groups[f.First]; g != nil {
		return g
	}
	g := pubsub.NewGroup(&c.Peers.listening, f.First)
	if c.groups == nil {
		c.groups = map[int32]*pubsub.Group{}
	}
	c.groups[f.First] = g
	c.addHubs(g, f)
	return g
}

// addHubs makes those hubs of a fleet that its group has yet to get: of servers, and of
// slots below them, so that a hub's number in the group is that of its slot.
func (c *Core) addHubs(g *pubsub.Group, f router.Fleet) {
	last := f.Place(f.Count - 1).Server
	first := len(c.hubs)
	for server := f.First + int32(g.Lines()); server <= last; server++ {
		h := &hub{core: c, server: server, group: g}
		h.line = g.AddLine(h, c.snapshot.Servers[server].Name)
		c.hubs = append(c.hubs, h)
	}
	for _, h := range c.hubs[first:] {
		h.conn = c.nodes[h.server].Hub(h, max(leastMessage, c.Limits.Request.Request))
	}
}

// listeningBytes is about how much memory the loop's subscriptions take.
func (c *Core) listeningBytes() (n int) {
	for _, g := range c.groups {
		n += g.Bytes()
	}
	for _, h := range c.hubs {
		n += h.conn.Held()
	}
	return n
}

// Up implements backend.HubOwner.
func (h *hub) Up() {
	h.refused = false
	h.line.Up()
}

// Down implements backend.HubOwner.
func (h *hub) Down(unreachable bool) { h.line.Down(unreachable) }

// Published implements backend.HubOwner.
func (h *hub) Published(raw []byte, p *resp.Published) {
	if !tellsOfReserved(p) {
		h.group.Deliver(raw, p)
	}
}

// Send implements pubsub.Server.
func (h *hub) Send(request []byte) { h.conn.Send(h, 0, request) }

// Drop implements pubsub.Server.
func (h *hub) Drop(what string) { h.conn.Drop(what) }

// Reply implements backend.Receiver: a hub's replies come whole.
func (h *hub) Reply(_ uint64, b []byte, _ bool) {
	if resp.IsError(b) && !h.refused {
		h.refused = true
		text, _ := resp.ErrorText(b)
		h.core.Log.Warn("server refuses a subscription", "pool", h.core.snapshot.Servers[h.server].Pool,
			"node", h.core.snapshot.Servers[h.server].Name, "reply", string(text))
	}
	h.line.Answered(b)
}

// Failed implements backend.Receiver. Whether the server has done it is not known, so the
// connection begins anew.
func (h *hub) Failed(uint64, *backend.Failure) { h.conn.Drop("does not confirm a subscription") }

// tellsOfReserved reports whether a message is on a channel of the proxy's own, or tells
// that one of its keys has changed.
func tellsOfReserved(p *resp.Published) bool {
	if isReserved(p.Channel) {
		return true
	}
	kind, name, ok := bytes.Cut(p.Channel, []byte("__:"))
	if !ok || !bytes.HasPrefix(kind, []byte("__key")) {
		return false
	}
	return isReserved(name) || isReserved(p.Payload)
}
