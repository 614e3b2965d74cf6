package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"ringmain/backend"
	"ringmain/health"
	"ringmain/ioloop"
	"ringmain/quorum"
)

const (
	// lanes is how many connections lead to a server of a quorum. The first one that is well
	// carries all, so that what is sent together is written together; the others take over
	// when its replies stop coming, long before it is given up.
	lanes = 3
	// maxQuorumReply bounds a server's reply to a quorum.
	maxQuorumReply = 4 << 20
	// quorumQueue bounds what waits to be sent to a server of a quorum.
	quorumQueue = 16 << 20
)

// link carries a quorum's requests, on its loop. It implements quorum.Link.
type link struct {
	set   *quorum.Set
	nodes []*linked
	// stalled is for how long a reply may not come before requests take another lane.
	stalled time.Duration
	free    []*passage
}

// linked is a server at the end of a link.
type linked struct {
	link   *link
	index  int
	node   *backend.Node
	lanes  [lanes]*backend.Conn
	usable bool // a lane was fit when last looked at
}

// newLink makes the nodes of a quorum's servers. Their connections are made by open.
func newLink(loop ioloop.Loop, options []*backend.Options, stalled time.Duration) *link {
	k := &link{stalled: stalled}
	for i, opt := range options {
		own := *opt
		own.Changed = func() { k.set.Changed(i) }
		k.nodes = append(k.nodes, &linked{link: k, index: i, node: backend.NewNode(loop, &own)})
	}
	return k
}

// open begins to connect.
func (k *link) open() {
	for _, n := range k.nodes {
		for i := range n.lanes {
			n.lanes[i] = n.node.Lane(i)
		}
		n.node.Wait(n)
	}
}

func (k *link) close() {
	for _, n := range k.nodes {
		n.node.Unwait(n)
		n.node.Close()
	}
}

// Writable implements backend.Waiter: something has changed.
func (n *linked) Writable() {
	n.node.Wait(n)
	was := n.usable
	n.usable = n.fit() != nil
	if n.usable && !was {
		n.link.set.Connected(n.index)
	}
}

// fit is a lane on which a request is sent at once, nil if there is none.
func (n *linked) fit() *backend.Conn {
	for _, c := range n.lanes {
		if c.Fit() {
			return c
		}
	}
	return nil
}

// lane is the one that a request is best sent on.
func (n *linked) lane() *backend.Conn {
	var fit, open *backend.Conn
	for _, c := range n.lanes {
		switch {
		case !c.Fit():
			if open == nil && c.Refusal() == nil {
				open = c
			}
		case !c.Stalled(n.link.stalled):
			return c
		case fit == nil:
			fit = c
		}
	}
	return cmp.Or(fit, open, n.lanes[0])
}

// Send implements quorum.Link.
func (k *link) Send(server int, request []byte, to quorum.Receiver) {
	n := k.nodes[server]
	if !n.node.Admits(len(request)) {
		to.Failed(false, "has too much to be sent to it")
		return
	}
	var p *passage
	if last := len(k.free) - 1; last >= 0 {
		p, k.free = k.free[last], k.free[:last]
	} else {
		p = &passage{link: k}
	}
	p.to = to
	n.lane().Send(p, 0, request, true, false)
}

// Expect implements quorum.Link.
func (k *link) Expect(server int, runID string) { k.nodes[server].node.Expect(runID) }

// Down implements quorum.Link.
func (k *link) Down(server int) string {
	n := k.nodes[server]
	for _, c := range n.lanes {
		if c.Refusal() == nil {
			return ""
		}
	}
	return reasonOf(n.lanes[0].Refusal())
}

// passage is a request under way. It implements backend.Receiver.
type passage struct {
	link    *link
	to      quorum.Receiver
	reply   []byte // but the last piece, if there are several
	tooLong bool
}

// end has the passage be used again, and says whose it was.
func (p *passage) end() quorum.Receiver {
	to := p.to
	*p = passage{link: p.link}
	p.link.free = append(p.link.free, p)
	return to
}

// Reply implements backend.Receiver.
func (p *passage) Reply(_ uint64, b []byte, last bool) {
	switch {
	case last && len(p.reply) == 0 && !p.tooLong:
		p.end().Replied(b)
		return
	case len(p.reply)+len(b) > maxQuorumReply:
		p.reply, p.tooLong = nil, true
	case !p.tooLong:
		p.reply = append(p.reply, b...)
	}
	if !last {
		return
	}
	if p.tooLong {
		p.end().Failed(true, "has sent a reply that is too long")
		return
	}
	whole := p.reply
	p.end().Replied(whole)
}

// Failed implements backend.Receiver.
func (p *passage) Failed(_ uint64, f *backend.Failure) {
	uncertain, why := f.Uncertain, reasonOf(f)
	p.end().Failed(uncertain, why)
}

// reasonOf is why a server is not reached, as a clause: if it is TLS, what is wrong with that,
// because there is nothing to wait for then, but something to be configured. What else
// networks say of one fault differs from one attempt to the next.
func reasonOf(f *backend.Failure) string {
	why := clause(f.Text)
	if errors.Is(f.Cause, ioloop.ErrTLS) || health.RefusedByTLS(f.Cause) {
		cause := f.Cause.Error()
		why += " (" + cause[:min(len(cause), maxComplaint)] + ")"
	}
	return why
}

// clause is what a failure says, without which server it is and what that means: who asks
// knows.
func clause(text string) string {
	if _, after, ok := strings.Cut(text, " of pool "); ok {
		if quoted, err := strconv.QuotedPrefix(after); err == nil {
			text = strings.TrimPrefix(after[len(quoted):], " ")
		}
	}
	return strings.TrimSuffix(text, ": the command may have been executed")
}

// quiet is a log for connections of which several lead to one server, and that are given up
// early: what becomes of a server, its Set tells. Errors are told all the same.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(quieter{log.Handler()}) }

type quieter struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quieter) Enabled(ctx context.Context, l slog.Level) bool {
	return q.Handler.Enabled(ctx, quietly(l))
}

// Handle implements slog.Handler.
func (q quieter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = quietly(r.Level)
	if !q.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (q quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quieter{q.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (q quieter) WithGroup(name string) slog.Handler { return quieter{q.Handler.WithGroup(name)} }

func quietly(l slog.Level) slog.Level {
	if l < slog.LevelError {
		return slog.LevelDebug
	}
	return l
}
