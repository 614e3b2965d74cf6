package backend

import (
	"fmt"
	"time"

	"github.com/tidwall/redcon"
)

// Failure is why a request got no reply. One Failure is shared by all requests
// that it befell; it is not changed.
type Failure struct {
	// Uncertain: the command may have been executed. Otherwise it was not, or
	// it changes nothing.
	Uncertain bool
	// Node is the server's name, for errors that gather several.
	Node string
	// Text is the error for the client, without '-' and CRLF.
	Text string
	// Cause is why no connection could be made, if Text does not say it; nil: nothing more
	// is known. It tells of certificates and networks, which are no matter of a pool's clients.
	Cause error
}

// AppendReply appends the failure as an error reply.
func (f *Failure) AppendReply(dst []byte) []byte { return redcon.AppendError(dst, f.Text) }

// loss is one event that ends requests: the failure of those that may have been
// executed, and of the others.
type loss struct{ certain, uncertain *Failure }

func (l loss) of(e *entry) *Failure {
	if e.mayWrite {
		return l.uncertain
	}
	return l.certain
}

// label names the server when it is, or was, at address.
func (n *Node) label(address string) string {
	if address == "" {
		return fmt.Sprintf("node %q of pool %q", n.name, n.opt.Pool)
	}
	return fmt.Sprintf("node %q (%s) of pool %q", n.name, address, n.opt.Pool)
}

func (n *Node) down(what string) *Failure { return n.downAt(n.address, what) }

func (n *Node) downAt(address, what string) *Failure {
	return &Failure{Node: n.name, Text: "CLUSTERDOWN " + n.label(address) + " " + what}
}

func (n *Node) lost(what string) loss { return n.lostAt(n.address, what) }

func (n *Node) lostAt(address, what string) loss {
	return loss{certain: n.downAt(address, what), uncertain: &Failure{
		Uncertain: true, Node: n.name,
		Text: "UNCERTAIN " + n.label(address) + " " + what + ": the command may have been executed",
	}}
}

func (n *Node) late(timeout time.Duration) loss {
	return n.lost(fmt.Sprintf("did not answer within %v", timeout))
}

// failAll fails every awaited request. Those that end beyond left, counted in
// the connection's stream, never left whole, so the server cannot have executed
// them.
func (c *Conn) failAll(l loss, left uint64) {
	for n := c.queue.len(); n > 0; n-- {
		c.uncount(c.queue.at(c.queue.head))
		e := *c.queue.at(c.queue.head)
		c.queue.pop()
		switch {
		case e.to == nil:
		case e.end > left:
			e.to.Failed(e.seq, l.certain)
		default:
			e.to.Failed(e.seq, l.of(&e))
		}
	}
}
