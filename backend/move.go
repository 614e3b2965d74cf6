package backend

import (
	"slices"

	"ringmain/ioloop"
	"ringmain/metric"
)

// A node whose address changes does so in two steps, so that no loop uses the new
// address while another still uses the old one: every loop's node leaves, and when all
// have, each moves on.

// Leave gives up the connections to the present address, and makes none until Move. what,
// a clause such as "is no longer the primary", says why. Nothing more is written there;
// what was sent and is unanswered ends now. What comes meanwhile waits, unless the server
// is judged to be down.
func (n *Node) Leave(what string) {
	if n.closed || n.address == "" {
		return
	}
	n.former, n.address = n.address, ""
	n.turn(what)
}

// Move gives the server's new address, and the run id of the process there, if no other
// one is to be used. What the health checks have found of the old one is forgotten.
func (n *Node) Move(address, runID string) {
	if n.closed {
		return
	}
	n.address, n.runID, n.judged = address, runID, nil
	n.debts = slices.Delete(n.debts, 0, max(0, len(n.debts)-maxDebts))
	n.turn(movedOn)
	n.wake()
}

// Expect has connections reach the process of a run id only, as Move does; "": any. Those to
// another process are given up.
func (n *Node) Expect(runID string) {
	n.runID = runID
	for _, c := range n.conns {
		if c.state == ready && c.rightProcess() != nil {
			c.giveUp(errChanged.Error(), nil)
		}
	}
}

// Become has the node be another server's, of another name and at another address: it
// moves there, and what was counted of the former server is forgotten. What connections
// owed there they owe when the node is that server's again, or Inherit says who does.
func (n *Node) Become(name, address string) {
	if n.name != name {
		n.name, n.stats, n.refusedKill = name, metric.Server{}, false
	}
	n.Move(address, "")
}

// Inherit takes over what another node owes to the server that is now this one's.
func (n *Node) Inherit(from *Node) {
	for _, d := range from.debts {
		if d.address == n.address && !slices.Contains(n.debts, d) {
			n.debts = append(n.debts, d)
		}
	}
}

// movedOn is why connections end that lead to an old address.
const movedOn = "is no longer at this address"

// maxDebts bounds what a node still owes to servers that it has left, which may never be
// there again.
const maxDebts = 8192

// RunID is that of the only process that is to be used; "": any may be.
func (n *Node) RunID() string { return n.runID }

// Name is the server's.
func (n *Node) Name() string { return n.name }

// Address is where the server is; "": that is not known.
func (n *Node) Address() string { return n.address }

// turn has all connections follow the address.
func (n *Node) turn(what string) {
	for _, c := range n.conns {
		c.turn(what)
	}
	if n.control != nil {
		n.control.turn(what)
	}
	if n.hub != nil {
		n.hub.c.turn(what)
	}
	for _, l := range slices.Clone(n.leases) {
		l.conn.turn(what)
	}
}

// turn gives up what leads to another address, and dials the present one, if there is
// one. What waits to be sent goes on waiting.
func (c *Conn) turn(what string) {
	switch c.state {
	case handshaking, ready:
		c.giveUp(what, nil) // reconnect does the rest
		return
	case dialling:
		c.attempt.gone = true
	case waiting:
		if c.redial != nil {
			c.redial.Stop()
		}
	default:
		return
	}
	c.afresh()
	c.dial()
}

// afresh forgets how attempts at another address have ended.
func (c *Conn) afresh() { c.attempts, c.readySince, c.failing = 0, 0, nil }

// attempt is one dial, and the connection that it makes. It implements
// ioloop.Handler.
type attempt struct {
	*Conn
	address string
	// gone: nobody waits for it any more.
	gone bool
}

// Opened implements ioloop.Handler.
func (a *attempt) Opened(conn ioloop.Conn, err error) {
	if !a.gone {
		a.Conn.Opened(conn, err)
	} else if conn != nil {
		conn.Abort()
	}
}

// Closed implements ioloop.Handler.
func (a *attempt) Closed(err error) {
	if !a.gone {
		a.Conn.Closed(err)
	}
}
