package backend

import (
	"time"

	"ringmain/resp"
)

// hubPing is how long a hub is silent before it is asked for a sign of life: what is
// published meanwhile on a server whose connection is gone would be missed.
const hubPing = 5 * time.Second

// HubOwner is told what happens to a Hub. It is called on the loop.
type HubOwner interface {
	// Up tells that the connection is there. Nothing is subscribed on it.
	Up()
	// Down tells that the connection was lost, or, if unreachable, that an attempt to
	// have one has failed. It is renewed by itself.
	Down(unreachable bool)
	// Published hands over a message. raw is the whole of it, as an array; both are
	// valid during the call only.
	Published(raw []byte, p *resp.Published)
}

// Hub is a loop's connection for subscriptions to one server, in RESP2. It carries
// nothing that writes, so that it is not fenced.
//
// Its requests have the long deadline: a server that is busy with a script loses no
// message, but one whose connection was given up for that does.
type Hub struct {
	c     *Conn
	owner HubOwner
	max   int
	// message is the beginning of a message of which more is to come.
	message  []byte
	skipping bool // the message under way is longer than max
}

// Hub makes the node's hub and begins to dial it. Messages of more than max bytes are
// passed over. It is called once.
func (n *Node) Hub(owner HubOwner, max int) *Hub {
	h := &Hub{c: newConn(n, 2, 0), owner: owner, max: max}
	h.c.hub = h
	n.hub = h
	if !n.closed {
		h.c.dial()
	}
	if h.c.state == waiting { // there is no address
		n.loop.After(0, func() {
			if h.c.state == waiting {
				owner.Down(true)
			}
		})
	}
	return h
}

// Send sends a request for which the server gives one reply. It is called between Up
// and Down only.
func (h *Hub) Send(to Receiver, seq uint64, request []byte) {
	h.c.Send(to, seq, request, false, true)
}

// Drop gives the connection up, for a server that does not do as it should. A new one
// follows.
func (h *Hub) Drop(what string) { h.c.giveUp(what, nil) }

// Held is how many bytes the hub holds of messages that are not whole.
func (h *Hub) Held() int { return cap(h.message) }

// begin forgets what a lost connection has left.
func (h *Hub) begin() { h.message, h.skipping = nil, false }

// piece takes a part of a message or of a reply.
func (h *Hub) piece(b []byte, last bool) {
	switch {
	case h.skipping:
		h.skipping = !last
		return
	case len(h.message)+len(b) > h.max:
		h.message, h.skipping = nil, !last
		n := h.c.node
		n.opt.Log.Log(noContext, levelOf(n.opt.Learned.trouble.first("long message")), "message passed over: it is too long",
			"pool", n.opt.Pool, "node", n.name, "address", n.address, "limit", h.max)
		return
	case !last:
		h.message = append(h.message, b...)
		return
	case len(h.message) > 0:
		b = append(h.message, b...)
		h.message = nil
	}
	if p, ok := resp.ReadPublished(b); ok {
		h.owner.Published(b, &p)
		return
	}
	h.c.answered(b, true)
}
