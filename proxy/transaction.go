package proxy

import (
	"strings"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/resp"
	"ringmain/router"
)

var (
	multiID   = command.ByName([]byte("multi")).ID()
	execID    = command.ByName([]byte("exec")).ID()
	discardID = command.ByName([]byte("discard")).ID()
	watchID   = command.ByName([]byte("watch")).ID()
)

// transaction is what a session keeps from MULTI, or the first WATCH, to EXEC. The
// commands are sent together when EXEC comes, in one piece, so that no other client's
// come between them on a connection that all share; only WATCH needs a connection of
// the session's own.
type transaction struct {
	open    bool // MULTI has come
	aborted bool // a command was refused, so EXEC will be
	// lease is the connection on which keys are watched, nil if none are. borrowed: it
	// is the one that tracks keys, and stays when the transaction ends.
	lease    *backend.Lease
	borrowed bool
	guard    *guard    // of a lock that is watched; no other key is then
	contract *Contract // of the only command's keys, if they have one
	changed  bool      // the lease has another protocol or database than it was made for
	lost     bool      // the connection with the watched keys: they may have changed
	placed   bool      // place is known
	place    router.Place
	epoch    uint64 // of the snapshot that place is from
	queued   []queuedCommand
	size     int    // of all that is kept, about
	raw      []byte // the requests of those that a server executes
	slow     bool
	writes   bool
	scripts  []*script // that EVALSHA needs
}

// queuedCommand is a command between MULTI and EXEC.
type queuedCommand struct {
	cmd   *command.Command
	args  [][]byte // of one that the proxy answers, copied
	start int      // of its request in transaction.raw; one that the proxy answers has none
	end   int
	edit  edit
	// published is set for one that publishes: its edit is made when it is sent.
	published *published
}

func (q *queuedCommand) local() bool { return q.args != nil }

var (
	replyQueued    = []byte("+QUEUED\r\n")
	requestMulti   = resp.AppendCommand(nil, "MULTI")
	requestExec    = resp.AppendCommand(nil, "EXEC")
	requestUnwatch = resp.AppendCommand(nil, "UNWATCH")
)

// inMulti reports whether commands are being queued.
func (s *Session) inMulti() bool { return s.tx != nil && s.tx.open }

// transact executes MULTI, EXEC, DISCARD, WATCH and UNWATCH.
func (s *Session) transact(cmd *command.Command, r *resp.Request, size int) bool {
	switch cmd.ID() {
	case multiID:
		s.multi()
	case execID:
		return s.exec(size)
	case discardID:
		if !s.inMulti() {
			s.fail("ERR DISCARD without MULTI")
			return true
		}
		s.endTransaction()
		s.answer(replyOK)
	case watchID:
		return s.watchKeys(cmd, r, size)
	default: // UNWATCH
		if s.inMulti() { // EXEC unwatches all
			s.queueLocal(cmd, r)
			return true
		}
		s.endTransaction()
		s.answer(replyOK)
	}
	return true
}

func (s *Session) multi() {
	switch {
	case s.inMulti():
		s.fail("ERR MULTI calls can not be nested")
		return
	case s.tx == nil:
		s.tx = &transaction{}
	}
	s.tx.open = true
	s.answer(replyOK)
}

// watchKeys is WATCH, on a connection of the session's own.
func (s *Session) watchKeys(cmd *command.Command, r *resp.Request, size int) bool {
	if s.inMulti() {
		s.fail("ERR WATCH inside MULTI is not allowed")
		return true
	}
	place, _, text := s.commonPlace(cmd, r.Args)
	if text == "" && s.tx != nil {
		s.followView()
		text = s.tx.elsewhere(place)
	}
	if text != "" {
		s.fail(text)
		return true
	}
	if !s.settled() { // they have gone another way
		return false
	}
	if s.tx == nil {
		s.tx = &transaction{}
	}
	tx := s.tx
	if tx.lease == nil {
		l, borrowed, done := s.ownLease(place)
		if l == nil {
			if done {
				tx.lost = true // a transaction after a WATCH that failed must not be executed
			}
			return done
		}
		tx.lease, tx.borrowed = l, borrowed
	}
	s.tx.at(place, s.core.snapshot)
	s.suspend()
	s.transmit(&errand{s: s, l: tx.lease, keep: true}, tx.lease.Conn(), cmd, r, size)
	return true
}

// ownLease is a connection of the session's own to a place: that which tracks keys, if
// there is one, else a new one. See lease.
func (s *Session) ownLease(place router.Place) (l *backend.Lease, borrowed, done bool) {
	if s.tracking != nil && s.trackedConn(place) != nil {
		return s.tracking.leases[leaseAt(place)], true, true
	}
	if l, done = s.lease(place); l != nil {
		s.pins.asked = 0
	}
	return l, false, done
}

// endTransaction forgets the transaction. The connection on which keys are watched is
// given back.
func (s *Session) endTransaction() {
	tx := s.tx
	if tx == nil {
		return
	}
	s.core.queuedBytes -= tx.size
	s.tx = nil
	switch {
	case tx.lease == nil || s.gone:
	case tx.changed && !tx.borrowed:
		s.giveBack(tx.lease, false)
	default:
		tx.lease.Conn().Send(chore{s, tx.lease, !tx.borrowed}, 0, requestUnwatch, false, false)
	}
}

// ignored receives what nobody needs to know.
type ignored struct{}

// Reply implements backend.Receiver.
func (ignored) Reply(uint64, []byte, bool) {}

// Failed implements backend.Receiver.
func (ignored) Failed(uint64, *backend.Failure) {}

// refuse answers with the error that keeps a command from being executed. As in Redis, EXEC
// is over with it.
func (s *Session) refuse(cmd *command.Command, text string) {
	if cmd.ID() == execID {
		s.endTransaction()
		text = "EXECABORT Transaction discarded because of: " + strings.TrimPrefix(text, "ERR ")
	}
	s.fail(text)
}

// abort has EXEC refused because a command has been.
func (s *Session) abort() {
	if s.inMulti() {
		s.tx.aborted = true
	}
}

// enqueue takes a command into the transaction, or refuses it. It makes the checks that
// Redis makes then.
func (s *Session) enqueue(cmd *command.Command, r *resp.Request) {
	if s.core.Contracts != nil && s.enqueueUnderContract(cmd, r) {
		return
	}
	switch cmd.Policy {
	case command.Forward, command.SumInts, command.MultiGet, command.MultiSet, command.SameServer:
		place, found, text := s.commonPlace(cmd, r.Args)
		if text == "" && found {
			text = s.restriction(cmd, r.Args, place)
		}
		switch {
		case text != "" || !found:
		case !s.followView():
			text = resp.TextCrossSlot
		default:
			text = s.tx.elsewhere(place)
		}
		if text != "" {
			s.abort()
			s.fail(text)
			return
		}
		if found {
			s.tx.at(place, s.core.snapshot)
		}
		s.queueForServer(cmd, r)
	case command.AnyServer, command.FleetWait: // nothing waits in a transaction
		s.queueForServer(cmd, r)
	case command.Publish:
		s.queuePublish(cmd, r)
	case command.Local:
		if deferrable(cmd) {
			s.queueLocal(cmd, r)
			return
		}
		s.abort()
		s.notSupported(cmd, "not within MULTI")
	case command.Refused:
		s.abort()
		s.notSupported(cmd, cmd.Reason)
	default:
		s.abort()
		s.notSupported(cmd, "not within MULTI, because it concerns more than the server that executes the transaction")
	}
}

// deferrable reports whether what the proxy answers itself can be answered when EXEC
// comes. The others change how replies are given.
func deferrable(cmd *command.Command) bool { return !notDeferrable[cmd.ID()] }

var notDeferrable = func() map[int]bool {
	ids := map[int]bool{}
	for _, name := range []string{"hello", "auth", "client|reply"} {
		ids[command.ByName([]byte(name)).ID()] = true
	}
	return ids
}()

// queueForServer keeps a command that a server is to execute.
func (s *Session) queueForServer(cmd *command.Command, r *resp.Request) {
	tx := s.tx
	if !s.roomToQueue(r) {
		return
	}
	start := len(tx.raw)
	if r.Raw != nil {
		tx.raw = append(tx.raw, r.Raw...)
	} else {
		tx.raw = resp.AppendCommand(tx.raw, r.Args...)
	}
	tx.queued = append(tx.queued, queuedCommand{cmd: cmd, start: start, end: len(tx.raw), edit: s.editing})
	tx.slow = tx.slow || cmd.Slow
	tx.writes = tx.writes || cmd.MayWrite()
	tx.scripts = append(tx.scripts, s.scriptOf(cmd, r.Args)...)
}

// queueLocal keeps a command that the proxy answers.
func (s *Session) queueLocal(cmd *command.Command, r *resp.Request) {
	if s.roomToQueue(r) {
		s.tx.queued = append(s.tx.queued, queuedCommand{cmd: cmd, args: copyArgs(r.Args)})
	}
}

func copyArgs(args [][]byte) [][]byte {
	kept := make([][]byte, len(args))
	for i, arg := range args {
		kept[i] = append([]byte{}, arg...)
	}
	return kept
}

const errLargeTransaction = "ERR the transaction is larger than a request may be (limits.request, limits.arguments)"

// roomToQueue answers a command that is queued. It reports whether it is to be kept: one
// is not if the transaction will not be executed anyway.
func (s *Session) roomToQueue(r *resp.Request) bool {
	tx, size := s.tx, 0
	if tx.aborted {
		s.answer(replyQueued)
		return false
	}
	for _, arg := range r.Args {
		size += len(arg) + queuedOverhead
	}
	if tx.size+size > s.core.Limits.Request.Request || len(tx.queued) >= s.core.Limits.Request.Arguments {
		tx.aborted = true
		s.fail(errLargeTransaction)
		return false
	}
	tx.size += size
	s.core.queuedBytes += size
	if tx.size >= longRequest {
		s.core.watch(s)
	}
	s.core.grown(size)
	s.answer(replyQueued)
	return true
}

// queuedOverhead is about what an argument takes besides its bytes.
const queuedOverhead = 16

// bytes is about how much a transaction holds.
func (tx *transaction) bytes() int {
	if tx == nil {
		return 0
	}
	return tx.size
}

// commands is how many are queued; -1 if none are to be.
func (tx *transaction) commands() int {
	if tx == nil || !tx.open {
		return -1
	}
	return len(tx.queued)
}

// queues reports whether MULTI has a command wait for EXEC.
func (s *Session) queues(cmd *command.Command) bool {
	return cmd.Policy != command.Transaction && cmd.ID() != quitID && cmd.ID() != resetID
}

var (
	quitID  = command.ByName([]byte("quit")).ID()
	resetID = command.ByName([]byte("reset")).ID()
)
