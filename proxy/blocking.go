package proxy

import (
	"bytes"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/proxy/users"
	"ringmain/resp"
	"ringmain/router"
)

// wait sends a command whose reply the server may hold back, on a connection of the
// session's own. As in Redis, the client's later commands come after it.
func (s *Session) wait(p router.Place, cmd *command.Command, r *resp.Request, size int) bool {
	switch {
	case !s.settled():
		return false
	case s.eof:
		s.hangUp()
		return true
	}
	l, borrowed, done := s.ownLease(p)
	if l == nil {
		return done
	}
	request := r.Raw
	if request == nil {
		request = resp.AppendCommand(s.scratch(), r.Args...)
		s.core.keepScratch(request)
	}
	if p.Rerouted {
		s.recordWrites(cmd, r.Args)
	}
	s.announce(l.Conn())
	s.suspend()
	s.waiting = true
	l.SendBlocking(&errand{s: s, l: l, keep: borrowed}, s.await(size), request, cmd.MayWrite(), blockTime(cmd, r.Args))
	return true
}

// hangUp ends a client that waits and will send no more, as Redis does: nobody is left to
// give an element to.
func (s *Session) hangUp() {
	s.gone = true
	s.conn.CloseAfterFlush()
	s.leave()
}

func blockTime(cmd *command.Command, args [][]byte) (wait time.Duration) {
	if wait = cmd.BlockTime(args); wait == 0 {
		wait = backend.Forever
	}
	return wait
}

// waitForReplicas is WAIT and WAITAOF. Each server is asked on a connection of the
// session's own, after a PING that makes all earlier writes count as that connection's;
// the session's own have been answered by then.
func (s *Session) waitForReplicas(cmd *command.Command, r *resp.Request, size int) bool {
	switch {
	case !s.settled():
		return false
	case s.eof:
		s.hangUp()
		return true
	}
	f := s.core.snapshot.Keys(s.scope, true)
	if f.Count == 0 {
		s.failAllOut(f)
		return true
	}
	leases := make([]*backend.Lease, 0, f.Count)
	for i := range f.Count {
		l, done := s.lease(f.Place(i))
		if l == nil {
			for _, other := range leases {
				s.giveBack(other, true)
			}
			return done
		}
		leases = append(leases, l)
	}
	s.pins.asked = 0
	m := s.newFleetMerge(cmd, f, f.Count, f.Place, size)
	request := resp.AppendCommand(s.scratch(), r.Args...)
	s.core.keepScratch(request)
	s.suspend()
	s.waiting = true
	for part, l := range leases {
		l.Conn().Send(ignored{}, 0, requestPing, false, false)
		l.SendBlocking(&waitPart{s, m, l}, uint64(part), request, false, blockTime(cmd, r.Args))
	}
	return true
}

var requestPing = resp.AppendCommand(nil, "PING")

// waitPart is a part of WAIT on a lease. It implements backend.Receiver.
type waitPart struct {
	s *Session
	m *merge
	l *backend.Lease
}

// Reply implements backend.Receiver.
func (w *waitPart) Reply(part uint64, b []byte, last bool) {
	if last {
		w.s.giveBack(w.l, true)
	}
	w.m.Reply(part, b, last)
}

// Failed implements backend.Receiver.
func (w *waitPart) Failed(part uint64, f *backend.Failure) {
	w.s.pins.lose(w.l)
	w.m.Failed(part, f)
}

// unblockOther is CLIENT UNBLOCK: it looks for the client on all loops and has the
// server that it waits for let it go.
func (s *Session) unblockOther(args [][]byte) bool {
	reason := "TIMEOUT"
	switch {
	case len(args) > 4:
		s.fail("ERR unknown subcommand or wrong number of arguments for '" + string(args[1][:min(len(args[1]), 128)]) + "'. Try CLIENT HELP.")
		return true
	case len(args) == 4 && bytes.EqualFold(args[3], []byte("error")):
		reason = "ERROR"
	case len(args) == 4 && !bytes.EqualFold(args[3], []byte("timeout")):
		s.fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
		return true
	}
	id, ok := resp.ParseInteger(args[2])
	if !ok {
		s.fail(resp.TextNotInteger)
		return true
	}
	user, peers := s.user, s.core.Peers.all()
	u := &unblocking{s: s, seq: s.await(0), left: len(peers)}
	s.replies.at(u.seq).local = true
	for _, peer := range peers {
		if peer == s.core {
			peer.unblockClient(id, user, reason, u.add)
			continue
		}
		asked := peer.loop.Post(func() {
			peer.unblockClient(id, user, reason, func(n int64) { peer.tell(s.core, func() { u.add(n) }) })
		})
		if !asked {
			u.add(0)
		}
	}
	return true
}

// unblocking is the reply to CLIENT UNBLOCK in the making. It is used on the loop of the
// client that asked.
type unblocking struct {
	s     *Session
	seq   uint64
	left  int // loops that have not answered
	found int64
}

func (u *unblocking) add(n int64) {
	u.found = max(u.found, n)
	if u.left--; u.left == 0 {
		u.s.Reply(u.seq, redcon.AppendInt(nil, u.found), true)
	}
}

// unblockClient has the servers let a client go that waits for them, if asker may know of
// it, and calls told with 1 if one has, else with 0 or cannotLetGo.
func (c *Core) unblockClient(id int64, asker *users.User, reason string, told func(int64)) {
	for _, other := range c.sessions {
		if other.client.ID == id && other.waiting && other.shownTo(asker) {
			other.letGo(reason, told)
			return
		}
	}
	told(0)
}

// letGo has the servers, or a lock's executor, end what the session waits for.
func (s *Session) letGo(reason string, told func(int64)) {
	if s.commissions != nil {
		n := int64(0)
		if s.unblockCommission(reason) {
			n = 1
		}
		told(n)
		return
	}
	var waits []*backend.Lease
	for _, l := range s.pins.leases {
		if l.Waits() {
			waits = append(waits, l)
		}
	}
	if len(waits) == 0 {
		told(0)
		return
	}
	u := &release{left: len(waits), told: told}
	for _, l := range waits {
		l.Unblock(reason, u)
	}
}

// release receives servers' replies to CLIENT UNBLOCK.
type release struct {
	left  int
	found int64
	told  func(int64)
	// refused: a server does not let anybody go.
	refused bool
}

// Reply implements backend.Receiver.
func (u *release) Reply(_ uint64, b []byte, last bool) {
	if n, ok := resp.Integer(b); ok {
		u.found = max(u.found, n)
	}
	u.refused = u.refused || resp.IsError(b)
	if last {
		u.done()
	}
}

// Failed implements backend.Receiver.
func (u *release) Failed(uint64, *backend.Failure) { u.done() }

func (u *release) done() {
	if u.left--; u.left > 0 {
		return
	}
	if u.refused {
		u.found = cannotLetGo
	}
	u.told(u.found)
}

// cannotLetGo is told where a server does not know CLIENT UNBLOCK or refuses it.
const cannotLetGo = -1
