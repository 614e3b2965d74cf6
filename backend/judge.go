package backend

import (
	"cmp"
	"slices"
)

// Judge tells what the health checks have found: why the server is down, a clause such as
// "does not answer", or "" if it is up. While it is down all requests fail at once, and
// those under way when it falls end then: nobody waits for it. Its hub goes on as long as
// the server answers there: what others publish is heard.
func (n *Node) Judge(reason string) {
	if reason == "" {
		n.judged = nil
		n.wake()
		return
	}
	what := "is down: it " + reason
	n.judged = n.downAt(cmp.Or(n.address, n.former), what)
	for _, c := range n.conns {
		c.giveUpUnanswered(what)
	}
	for _, l := range slices.Clone(n.leases) {
		l.conn.giveUpUnanswered(what)
	}
	if n.hub != nil && n.hub.c.queue.len() > 0 {
		n.hub.c.giveUp(what, nil)
	}
	n.wake()
}

// giveUpUnanswered ends a connection on which a client waits for a reply. What has yet to be
// sent on one that is not there fails.
func (c *Conn) giveUpUnanswered(what string) {
	switch why := (loss{certain: c.node.judged, uncertain: c.node.judged}); {
	case !c.owes():
	case c.state != waiting && c.state != dialling:
		c.giveUp(what, nil)
	case c.lease != nil:
		c.lease.lost(why, 0)
	default:
		c.pending = nil
		c.failAll(why, 0)
	}
}

// suspect tells the health checks of bad news.
func (n *Node) suspect(refused bool) {
	if n.opt.Suspect != nil && !n.closed {
		n.opt.Suspect(refused)
	}
}

// count takes a request that may rightly take long among those that excuse the server. A
// hub's have the long deadline, but keep no server from answering.
func (c *Conn) count(e *entry) {
	if e.slow && c.hub == nil {
		e.counted = true
		c.node.opt.Learned.slow.Add(1)
	}
}

func (c *Conn) uncount(e *entry) {
	if e.counted {
		e.counted = false
		c.node.opt.Learned.slow.Add(-1)
	}
}
