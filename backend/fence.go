package backend

import (
	"fmt"
	"slices"
	"strconv"
	"sync"

	"ringmain/resp"
)

// Fence joins the nodes of one server over all loops, so that each pays what any
// of them owes: otherwise what one loop gave up could be executed after what
// another one has had acknowledged. The zero value is ready; any goroutine may
// use it.
type Fence struct {
	mu    sync.Mutex
	nodes []*Node
}

func (f *Fence) join(n *Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = append(f.nodes, n)
}

func (f *Fence) leave(n *Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = slices.DeleteFunc(f.nodes, func(other *Node) bool { return other == n })
}

// spread tells the other loops' nodes of a debt. Their loops learn of it before
// they serve what a client sends that has been told of the loss.
func (f *Fence) spread(d debt, from *Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.nodes {
		if n != from && !n.loop.Post(func() { n.owed(d) }) {
			n.opt.Log.Error("a loop is too busy to learn of a connection that was given up: a write "+
				"that was answered UNCERTAIN may be executed late", "pool", n.opt.Pool, "node", from.name)
		}
	}
}

// owe records that a connection was given up with something unanswered.
func (n *Node) owe(d debt) {
	if d.id == 0 || d.runID == "" {
		return // the log has said what that means
	}
	n.owed(d)
	n.opt.Fence.spread(d, n)
}

// owed adds a debt. A connection that is up pays at once, ahead of whatever is
// sent on it later, and each of them for itself; else the next handshake does.
func (n *Node) owed(d debt) {
	if n.closed {
		return
	}
	n.debts = append(n.debts, d)
	for _, c := range n.conns {
		if c.state == ready && c.hello.runID == d.runID && c.hello.id != d.id {
			c.send(&entry{to: &payment{n: n, c: c, d: d}, own: true}, kill(d))
		}
	}
	for _, l := range n.leases {
		l.fenced(d)
	}
}

// payments are the handshake's steps that pay what is owed to the server that c
// has reached. Debts to a process that is gone, because another one has its address, are
// void. One at another address may live, and become the server again.
func (n *Node) payments(c *Conn) []step {
	if c.hello.runID == "" {
		return nil
	}
	var steps []step
	for _, d := range append([]debt(nil), n.debts...) {
		if d.runID != c.hello.runID {
			if d.address == c.attempt.address {
				n.paid(d)
			}
			continue
		}
		steps = append(steps, step{killArgs(d), func(reply []byte) error { return n.killed(d, reply) }})
	}
	return steps
}

func killArgs(d debt) []string {
	return []string{"CLIENT", "KILL", "ID", strconv.FormatInt(d.id, 10)}
}

func kill(d debt) []byte { return resp.AppendCommand(nil, killArgs(d)...) }

// killed takes the reply to CLIENT KILL: how many connections it ended, none if
// the server knew already that the connection is gone. A refusal for good settles
// the debt too, as nothing else can; any other error leaves it.
func (n *Node) killed(d debt, reply []byte) error {
	if _, ok := resp.Integer(reply); ok {
		n.paid(d)
		return nil
	}
	if !resp.IsError(reply) || !refusedForGood(reply) {
		return fmt.Errorf("CLIENT KILL: %s", errorText(reply))
	}
	if !n.refusedKill {
		n.refusedKill = true
		n.opt.Log.Error("server refuses CLIENT KILL: a write that was answered UNCERTAIN may be "+
			"executed at any later time, over newer values", "pool", n.opt.Pool,
			"node", n.name, "address", n.address, "reply", errorText(reply))
	}
	n.paid(d)
	return nil
}

func (n *Node) paid(d debt) {
	for i := range n.debts {
		if n.debts[i] == d {
			n.debts = append(n.debts[:i], n.debts[i+1:]...)
			return
		}
	}
}

// payment receives the reply to a CLIENT KILL among a connection's requests. If
// that fails, the connection is given up, so that a handshake pays.
type payment struct {
	n     *Node
	c     *Conn
	d     debt
	reply []byte
}

func (p *payment) Reply(_ uint64, b []byte, last bool) {
	if p.reply = append(p.reply, b...); !last {
		return
	}
	if err := p.n.killed(p.d, p.reply); err != nil {
		p.c.giveUp("does not fence a lost connection", err)
	}
}

func (p *payment) Failed(uint64, *Failure) {}
