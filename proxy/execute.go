package proxy

import (
	"bytes"
	"slices"

	"github.com/tidwall/redcon"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/proxy/local"
	"ringmain/resp"
)

// execution receives the replies to a transaction's requests. It implements
// backend.Receiver; the requests' numbers are 0 for MULTI, from 1 on for the commands,
// and finally that of EXEC.
type execution struct {
	s      *Session
	slot   uint64 // of EXEC's reply
	tx     *transaction
	exec   uint64
	begun  bool   // a piece of EXEC's reply has come
	reason []byte // the first error when commands were queued
	// naked: the server did not take MULTI, so that it may have executed the commands
	// one by one.
	naked bool
}

const (
	errExecAbort = "EXECABORT Transaction discarded because of previous errors."
	errNaked     = "UNCERTAIN the server refused MULTI, so the commands may have been executed one by one: "
	// maxReason bounds what is shown of a server's error.
	maxReason = 512
)

// exec executes the transaction. It reports false if it has to wait.
func (s *Session) exec(size int) bool {
	tx := s.tx
	switch {
	case !s.inMulti():
		s.fail("ERR EXEC without MULTI")
		return true
	case tx.aborted:
		s.endTransaction()
		s.fail(errExecAbort)
		return true
	case !s.followView():
		s.endTransaction()
		s.fail(errScattered)
		return true
	case tx.lost: // as if a watched key had changed
		s.endTransaction()
		s.answer(resp.AppendNullArray(s.scratch(), s.client.Protocol))
		return true
	case tx.guard != nil && len(tx.queued) > 0:
		return s.execGuarded(size)
	case tx.contract != nil:
		return s.execAlone(size)
	case tx.lease == nil && len(tx.raw) == 0:
		s.answer(s.execLocally())
		s.endTransaction()
		return true
	}
	var conn *backend.Conn
	switch {
	case tx.lease != nil:
		if !s.settled() { // they have gone another way
			return false
		}
		if s.tracking != nil {
			s.trackedConn(tx.place) // which is the lease, perhaps only from now on
		}
		conn = tx.lease.Conn()
	case !tx.placed:
		tx.place = s.anyPlace()
		fallthrough
	default:
		conn = s.connTo(tx.place)
	}
	if !s.admits(tx.place, len(tx.raw)) {
		return false
	}
	if f := conn.Refusal(); f != nil {
		s.endTransaction()
		s.answer(f.AppendReply(nil))
		return true
	}
	s.sendTransaction(conn, size)
	return true
}

// sendTransaction sends all that the session has queued, in one piece.
func (s *Session) sendTransaction(conn *backend.Conn, size int) {
	tx := s.tx
	s.showQueued(tx)
	if tx.place.Rerouted {
		tx.eachForServer(func(cmd *command.Command, args [][]byte) { s.recordWrites(cmd, args) })
	}
	for _, script := range tx.scripts {
		if !script.givenTo(conn) {
			s.core.load(script, conn)
		}
	}
	for i := range tx.queued {
		if q := &tx.queued[i]; q.published != nil {
			q.edit = q.published.sent(tx.place)
		}
	}
	x := &execution{s: s, tx: tx, exec: uint64(len(tx.queued)) + 1}
	s.editing = x.splicing()
	x.slot = s.await(size + len(tx.raw))
	if tx.lease != nil || slices.ContainsFunc(tx.queued, func(q queuedCommand) bool { return q.local() }) {
		s.suspend() // what the proxy answers itself must not be overtaken by later commands
	}
	s.core.queuedBytes -= tx.size
	s.tx = nil
	s.announce(conn)
	conn.Send(x, 0, requestMulti, false, false)
	for i, q := range tx.queued {
		if !q.local() {
			conn.Send(x, uint64(i)+1, tx.raw[q.start:q.end], false, tx.slow)
		}
	}
	conn.Send(x, x.exec, requestExec, tx.writes, tx.slow)
	tx.raw = nil
}

// execLocally is the reply to a transaction of which no server need know.
func (s *Session) execLocally() []byte {
	s.showQueued(s.tx)
	out := redcon.AppendArray(nil, len(s.tx.queued))
	for i := range s.tx.queued {
		out = s.appendQueuedLocal(out, &s.tx.queued[i])
	}
	return out
}

// appendQueuedLocal appends the proxy's own reply to a command of a transaction.
func (s *Session) appendQueuedLocal(dst []byte, q *queuedCommand) []byte {
	if q.cmd.Policy != command.Local { // UNWATCH
		return append(dst, replyOK...)
	}
	call := &local.Call{Command: q.cmd, Args: q.args, Client: &s.client, Session: s}
	s.core.Local.Answer(call)
	s.tired = s.tired || call.Tiring
	if call.Set {
		s.core.tellAll((*Core).watchIdle)
	}
	return append(dst, call.Out...)
}

// Reply implements backend.Receiver.
func (x *execution) Reply(i uint64, b []byte, last bool) {
	switch {
	case i == x.exec:
		x.result(b, last)
	case resp.IsError(b) && x.reason == nil:
		x.reason = bytes.Clone(b[:min(len(b), maxReason)])
		x.naked = i == 0
	}
}

// result takes a piece of EXEC's reply.
func (x *execution) result(b []byte, last bool) {
	s := x.s
	if !x.begun && x.reason != nil && !s.gone {
		s.replies.at(x.slot).edit = x.explain
	}
	x.begun = true
	if last {
		x.release(true)
	}
	s.Reply(x.slot, b, last)
}

// Failed implements backend.Receiver.
func (x *execution) Failed(i uint64, f *backend.Failure) {
	if i == x.exec {
		x.release(false)
		x.s.Failed(x.slot, f)
	}
}

// release ends the use of the connection on which keys were watched: EXEC unwatches
// them in any case.
func (x *execution) release(clean bool) {
	if l := x.tx.lease; l != nil && !x.tx.borrowed {
		x.s.giveBack(l, clean && !x.naked && !x.tx.changed)
	}
}

// explain adds to EXEC's refusal why the server refused a command of the transaction,
// which the client was told to be queued.
func (x *execution) explain(_ *Session, reply []byte) []byte {
	reason, _ := resp.ErrorText(x.reason)
	switch {
	case x.naked:
		return redcon.AppendError(nil, errNaked+string(reason))
	case bytes.HasPrefix(reply, []byte("-EXECABORT ")):
		return redcon.AppendError(nil, errExecAbort+" "+string(reason))
	}
	return reply
}

// splicing is the edit of EXEC's reply; nil if it can go to the client as it is.
func (x *execution) splicing() edit {
	for i := range x.tx.queued {
		if q := &x.tx.queued[i]; q.local() || q.edit != nil {
			return x.splice
		}
	}
	return nil
}

// splice puts what the proxy answers itself among the server's replies.
func (x *execution) splice(s *Session, reply []byte) []byte {
	_, rest, ok := resp.ArrayHeader(reply)
	if !ok { // refused, or a watched key has changed
		return reply
	}
	out := redcon.AppendArray(nil, len(x.tx.queued))
	for i := range x.tx.queued {
		q := &x.tx.queued[i]
		if q.local() {
			out = s.appendQueuedLocal(out, q)
			continue
		}
		element, after, err := resp.Element(rest)
		if err != nil {
			return redcon.AppendError(nil, "UNCERTAIN the server's reply to EXEC is not that of the transaction's commands")
		}
		rest = after
		if q.edit != nil {
			element = q.edit(s, element)
		}
		out = append(out, element...)
	}
	return out
}
