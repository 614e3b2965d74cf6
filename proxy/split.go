package proxy

import (
	"github.com/tidwall/redcon"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/proxy/fanout"
	"ringmain/resp"
	"ringmain/router"
)

// merge gathers the replies to the parts of one command. It implements
// backend.Receiver; the parts' numbers are its sequence numbers. Once no part is
// missing, nobody else knows it, and it is used again.
type merge struct {
	s     *Session
	seq   uint64 // of the whole command's reply
	cmd   *command.Command
	parts []fanout.Part
	held  []spool // the parts' replies
	order []int32 // part of each key, for MultiGet
	left  int     // parts that are not whole
	// emitter is emit, made once.
	emitter func([]byte)
}

// split sends each server its part of a command of many keys.
func (s *Session) split(cmd *command.Command, r *resp.Request, size int) bool {
	args, step := r.Args[1:], 1
	if cmd.Policy == command.MultiSet {
		if !command.WholePairs(r.Args) {
			s.answer(resp.AppendWrongArity(s.scratch(), cmd.Name))
			return true
		}
		step = 2
	}
	for i := 0; i < len(args); i += step {
		if isReserved(args[i]) {
			s.answer(redcon.AppendError(s.scratch(), errReserved))
			return true
		}
	}
	c := s.core
	c.Snapshot.Split(&c.split, router.ByRoutes, args, step)
	if c.split.Groups() == 1 {
		return s.sendWhole(c.split.Place(0), cmd, r, size)
	}
	if !s.admitted(size) {
		return false
	}
	if f := s.refusal(); f != nil {
		s.answer(f.AppendReply(nil))
		return true
	}
	s.sendParts(cmd, r.Args[0], args, step, size)
	return true
}

// admitted reports whether all servers of the core's split take requests of size
// bytes in all.
func (s *Session) admitted(size int) bool {
	c := s.core
	for g := range c.split.Groups() {
		if node := c.nodes[c.split.Place(g).Server]; !node.Admits(size) {
			s.waitFor(node)
			return false
		}
	}
	return true
}

// refusal is the failure of the first part that would fail at once, so that no
// other part of the command is executed; nil if all would be sent.
func (s *Session) refusal() *backend.Failure {
	c := s.core
	for g := range c.split.Groups() {
		if f := c.conn(c.split.Place(g), s.client.Protocol).Refusal(); f != nil {
			return f
		}
	}
	return nil
}

func (s *Session) sendParts(cmd *command.Command, name []byte, args [][]byte, step, size int) {
	c := s.core
	groups := c.split.Groups()
	m := c.merges.get()
	m.s, m.seq, m.cmd, m.left = s, s.await(size), cmd, groups
	if cmd.Policy == command.MultiGet {
		for i := range c.split.Keys() {
			m.order = append(m.order, int32(c.split.GroupOf(i)))
		}
	}
	for g := range groups {
		m.parts = append(m.parts, fanout.Part{Node: c.Snapshot.Servers[c.split.Place(g).Server].Name,
			Keys: len(c.split.KeysOf(g))})
		m.held = append(m.held, spool{})
	}
	for g := range groups {
		part := fanout.AppendRequest(s.scratch(), name, args, step, c.split.KeysOf(g))
		c.keepScratch(part)
		c.conn(c.split.Place(g), s.client.Protocol).Send(m, uint64(g), part, cmd.MayWrite(), cmd.Slow)
	}
	if c.split.Keys() > keptKeys {
		c.split = router.Split{}
	}
}

// keptKeys is the size up to which the memory for splitting is kept.
const keptKeys = 64 << 10

// Reply implements backend.Receiver.
func (m *merge) Reply(part uint64, b []byte, last bool) {
	s := m.s
	if s.gone {
		m.release()
	} else {
		s.core.spools.add(&m.held[part], b)
		s.held += len(b)
		s.core.watch(s)
	}
	if last {
		m.partDone()
	}
	s.core.grown(len(b))
}

// Failed implements backend.Receiver.
func (m *merge) Failed(part uint64, f *backend.Failure) {
	p := &m.parts[part]
	p.Failure, p.Uncertain = f.Text, f.Uncertain
	m.partDone()
}

// partDone gives out the whole reply once no part is missing.
func (m *merge) partDone() {
	if m.left--; m.left > 0 {
		return
	}
	s, seq := m.s, m.seq
	if !s.gone {
		for i := range m.parts {
			m.parts[i].Reply = m.held[i].pieces(m.parts[i].Reply)
		}
		fanout.Merge(m.emitter, kindOf(m.cmd), m.cmd.MayWrite(), m.order, m.parts)
	}
	m.release()
	s.core.merges.put(m)
	s.Reply(seq, nil, true)
}

// release lets go of the parts' replies.
func (m *merge) release() {
	for i := range m.held {
		m.s.held -= m.held[i].size
		m.s.core.spools.release(&m.held[i])
	}
}

// emit gives out a piece of the merged reply.
func (m *merge) emit(b []byte) { m.s.Reply(m.seq, b, false) }

func kindOf(cmd *command.Command) fanout.Kind {
	switch cmd.Policy {
	case command.SumInts:
		return fanout.Sum
	case command.MultiGet:
		return fanout.Values
	}
	return fanout.OK
}
