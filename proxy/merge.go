package proxy

import (
	"math/rand/v2"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/proxy/fanout"
	"ringmain/proxy/local"
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
	fleet fleet   // of a whole-fleet command
	// emitter is emit, made once.
	emitter func([]byte)
}

// fleet is what a merge knows of a whole-fleet command.
type fleet struct {
	scope    router.Scope
	first    int32 // index of the pool's first server
	place    func(part int) router.Place
	snapshot *router.Snapshot // that the places are of
	cursors  fanout.Cursors
	sections []string    // that INFO is asked for
	view     *local.View // what it is made of
	kept     []bool      // the proxy itself has the script, for fanout's Kept
}

// newMerge begins to await the parts of a command of size bytes.
func (s *Session) newMerge(cmd *command.Command, parts, size int) *merge {
	return s.mergeInto(s.await(size), cmd, parts)
}

// mergeInto is newMerge for a slot that is there.
func (s *Session) mergeInto(seq uint64, cmd *command.Command, parts int) *merge {
	m := s.core.merges.get()
	m.s, m.seq, m.cmd, m.left = s, seq, cmd, parts
	return m
}

// admitted reports whether the servers of n places take requests of size bytes in
// all; if not, the session is told when to try again.
func (s *Session) admitted(n int, place func(int) router.Place, size int) bool {
	for i := range n {
		if !s.admits(place(i), size) {
			return false
		}
	}
	return true
}

// refused answers with the failure of the first of n places that would fail at once,
// so that no part of the command is executed; it reports false if there is none.
func (s *Session) refused(n int, place func(int) router.Place) bool {
	for i := range n {
		if f := s.connTo(place(i)).Refusal(); f != nil {
			s.answer(f.AppendReply(nil))
			return true
		}
	}
	return false
}

// addPart announces a part for a server, which has that many of the keys.
func (m *merge) addPart(node string, keys int) {
	m.parts = append(m.parts, fanout.Part{Node: node, Keys: keys})
	m.held = append(m.held, spool{})
}

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
	if m.cmd.Policy == command.ScriptFlush {
		// What was given on other connections meanwhile may be gone, too.
		s.core.scripts.shared.changes.Add(1)
	}
	if !s.gone {
		for i := range m.parts {
			m.parts[i].Reply = m.held[i].pieces(m.parts[i].Reply)
		}
		if m.cmd.Policy == command.FleetInfo {
			m.emitInfo()
		} else {
			fanout.Merge(m.emitter, m.whole(), m.parts)
		}
	}
	m.release()
	s.core.merges.put(m)
	s.Reply(seq, nil, true)
}

// whole is what the replies are merged by.
func (m *merge) whole() *fanout.Whole {
	w := &m.s.core.whole
	*w = fanout.Whole{Kind: kindOf(m.cmd), Writes: m.cmd.MayWrite(), Order: m.order}
	switch w.Kind {
	case fanout.Loaded, fanout.Exist:
		w.Kept = m.fleet.kept
	case fanout.Sum, fanout.Union, fanout.Counts:
		if m.cmd.Policy == command.FleetPubSub {
			m.listeners(w)
		}
	case fanout.Arrays, fanout.Random, fanout.Scan:
		w.Shows, w.Cursors, w.Intn, w.Protocol = m.shows, m.fleet.cursors, rand.Int64N, m.s.client.Protocol
	}
	return w
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
	case command.SumInts, command.FleetSum:
		return fanout.Sum
	case command.MultiGet:
		return fanout.Values
	case command.FleetArrays:
		return fanout.Arrays
	case command.FleetRandom:
		return fanout.Random
	case command.FleetScan:
		return fanout.Scan
	case command.FleetSame:
		return fanout.Same
	case command.ScriptLoad:
		return fanout.Loaded
	case command.ScriptExists:
		return fanout.Exist
	case command.ScriptKill:
		return fanout.Killed
	case command.FleetWait:
		return fanout.Least
	case command.FleetPubSub:
		return pubsubKind(cmd)
	}
	return fanout.OK
}
