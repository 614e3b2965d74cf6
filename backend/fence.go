package backend

import (
	"strconv"

	"ringmain/resp"
)

// owe records that lost was given up with something unanswered. A sister
// connection that is up pays at once, ahead of whatever is sent on it later;
// else the next handshake does.
func (n *Node) owe(d debt, lost *Conn) {
	if d.id == 0 || d.runID == "" {
		return // the log has said what that means
	}
	n.debts = append(n.debts, d)
	for _, c := range n.conns {
		if c != lost && c.state == ready && c.hello.runID == d.runID {
			c.send(entry{to: &payment{n, d}}, kill(d))
			return
		}
	}
}

// payments are the handshake's steps that pay what is owed to the server that c
// has reached. Debts to a process that is gone are void.
func (n *Node) payments(c *Conn) []step {
	if c.hello.runID == "" {
		return nil
	}
	var steps []step
	for _, d := range append([]debt(nil), n.debts...) {
		if d.runID != c.hello.runID {
			n.paid(d)
			continue
		}
		steps = append(steps, step{killArgs(d), func(reply []byte) error {
			n.killed(d, reply)
			return nil
		}})
	}
	return steps
}

func killArgs(d debt) []string {
	return []string{"CLIENT", "KILL", "ID", strconv.FormatInt(d.id, 10)}
}

func kill(d debt) []byte { return resp.AppendCommand(nil, killArgs(d)...) }

// killed takes the reply to CLIENT KILL: how many connections it ended, none if
// the server knew already that the connection is gone.
func (n *Node) killed(d debt, reply []byte) {
	if resp.IsError(reply) && !n.refusedKill {
		n.refusedKill = true
		n.opt.Log.Error("server refuses CLIENT KILL: a write that was answered UNCERTAIN may be "+
			"executed at any later time, over newer values", "pool", n.opt.Pool,
			"node", n.opt.Name, "address", n.opt.Address, "reply", errorText(reply))
	}
	n.paid(d)
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
// that fails, the debt stays for the next handshake.
type payment struct {
	n *Node
	d debt
}

func (p *payment) Reply(_ uint64, b []byte, last bool) {
	if last {
		p.n.killed(p.d, b)
	}
}

func (p *payment) Failed(uint64, *Failure) {}
