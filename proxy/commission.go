package proxy

import (
	"bytes"
	"strconv"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/resp"
)

// commission is a command that the executor of a contract carries out for a session.
type commission struct {
	s          *Session
	seq        uint64 // of the reply
	cancel     func() // nil: there is nothing to give up, or it has been
	prev, next *commission
	// change makes the client's reply of the executor's; nil: they are the same.
	change func(reply []byte) []byte
	// guard learns from the reply to a GET of its key; nil: there is none.
	guard *guard
	over  bool
	// letGo: the client does not wait any more (CLIENT UNBLOCK), so that it is not to be told of
	// a lock that it is given all the same; unblocked: it is told so by an error.
	letGo, unblocked bool
	// answered: done was called; begun: Execute has returned. After both nobody knows the
	// commission any more.
	answered, begun bool
	receive         func(reply []byte) // done, kept over its uses
}

// underContract carries out a command one of whose keys at least is under a contract. It
// reports whether that is so, and whether the command has to wait.
func (s *Session) underContract(cmd *command.Command, r *resp.Request, size int) (handled, waits bool) {
	contract, keys, text := s.contractFor(cmd, r.Args)
	switch {
	case cmd.ID() == watchID && s.inMulti(): // which is refused whatever the keys are
		return false, false
	case contract == nil && (cmd.ID() != watchID || s.guard() == nil):
		return false, false
	case contract == nil:
		text = errWatchMixed
	}
	switch {
	case text != "":
		s.unsupported(text)
	case cmd.ID() == watchID:
		s.guardKey(contract, r.Args)
	default:
		return true, !s.commit(contract, cmd, r, keys, size)
	}
	return true, false
}

// contractFor is the contract of a request's keys, if one of them at least has one; nil: all are
// plain keys, or no server would find any. positions are those of the keys, until the next call.
// text is that of the error with which the request is refused, or "".
func (s *Session) contractFor(cmd *command.Command, args [][]byte) (contract *Contract, positions []int, text string) {
	switch cmd.Policy {
	case command.Forward, command.SameServer, command.SumInts, command.MultiGet, command.MultiSet, command.Transaction, command.Contract:
	default:
		return nil, nil, ""
	}
	positions = s.core.positions[:0]
	var its, other []byte // a key of the contract's, and one that is none
	keys := cmd.KeyPositions(args)
	for i, ok := keys.Next(); ok; i, ok = keys.Next() {
		positions = append(positions, i)
		switch found := s.core.contractOf(args[i]); {
		case found == nil, contract != nil && found != contract:
			if other == nil {
				other = args[i]
			}
		case contract == nil:
			contract, its = found, args[i]
		}
	}
	if cap(positions) <= keptOrder {
		s.core.positions = positions
	}
	switch {
	case contract == nil || keys.Invalid():
		return nil, nil, ""
	case other != nil:
		text = s.refusal(contract, cmd, its, " together with "+s.shown(other), "such keys stand in a command by themselves"+contract.allows())
	case s.client.Database != 0:
		text = s.refusal(contract, cmd, its, "", "such keys are in database 0 only, and the client has selected another one")
	case cmd.Flags&command.ReadOnly != 0 && s.mayKeep(its):
		text = s.refusal(contract, cmd, its, "", "the client may keep a copy of what it reads (CLIENT TRACKING), and would not be told when such a key changes")
	}
	return contract, positions, text
}

// refusal is the text of an error: on which key, with what, a command is not supported, and why.
func (s *Session) refusal(contract *Contract, cmd *command.Command, key []byte, with, why string) string {
	return "ERR command '" + cmd.Name + "' is not supported on the " + contract.Kind + " " + s.shown(key) + " (" + contract.Name + ")" + with + ": " + why
}

// allows is the end of an error: which commands there are.
func (c *Contract) allows() string {
	if c.Allows == "" {
		return ""
	}
	return "; they allow " + c.Allows
}

// shown is a key as its client knows it, or the beginning of it, for an error.
func (s *Session) shown(key []byte) string {
	if s.tenant != nil {
		if own, ok := s.tenant.Key(key); ok {
			key = own
		}
	}
	return strconv.Quote(string(key[:min(len(key), maxShownKey)]))
}

// maxShownKey bounds what is shown of a key.
const maxShownKey = 128

// mayKeep reports whether the client may keep a copy of a key that the command under way
// reads. Nobody tracks keys under contracts.
func (s *Session) mayKeep(key []byte) bool {
	t := s.client.Tracking
	switch {
	case t == nil:
		return false
	case t.OptIn:
		return t.Caching
	case t.OptOut:
		return !t.Caching
	case !t.Broadcast || len(t.Prefixes) == 0:
		return true
	}
	for _, prefix := range t.Prefixes {
		if bytes.HasPrefix(bytes.TrimPrefix(key, t.Within), prefix) {
			return true
		}
	}
	return false
}

// commit has a command carried out whose keys are all of one contract. It reports false if it
// has to wait.
func (s *Session) commit(contract *Contract, cmd *command.Command, r *resp.Request, keys []int, size int) bool {
	blocks := cmd.Blocks(r.Args)
	switch {
	case (blocks || contract.Kind == KindLock) && !s.settled():
		return false
	case blocks && s.eof:
		s.hangUp()
		return true
	}
	c := s.core.commissions.get()
	c.s, c.guard = s, s.learning(cmd, r.Args)
	s.entrust(c, contract, s.callOf(cmd, r.Args, keys), size, blocks)
	return true
}

// callOf is a command for an executor.
func (s *Session) callOf(cmd *command.Command, args [][]byte, keys []int) ContractCall {
	call := ContractCall{Name: cmd.Name, Args: args, Keys: keys, Protocol: s.client.Protocol}
	if s.tenant != nil { // it neither adds to the scripts that all clients share, nor learns which they are
		return call
	}
	switch cmd.ID() {
	case evalID, evalROID:
		s.core.scripts.keep(args[1]) // for a later EVALSHA
	case evalshaID, evalshaROID:
		if d, ok := parseDigest(args[1]); ok {
			if known := s.core.scripts.find(d); known != nil {
				call.Text = []byte(known.body)
			}
		}
	}
	return call
}

// entrust has an executor carry out a call. What comes behind a command on a lock, or one that
// blocks, is executed once that has its reply.
func (s *Session) entrust(c *commission, contract *Contract, call ContractCall, size int, blocks bool) {
	c.seq = s.await(size)
	if c.next = s.commissions; c.next != nil {
		c.next.prev = c
	}
	s.commissions = c
	if blocks || contract.Kind == KindLock {
		s.suspend()
		s.waiting = blocks
	}
	cancel := contract.Executor.Execute(s.core.loop, call, c.receive)
	if c.begun = true; c.answered {
		s.core.commissions.put(c)
	} else if !c.over {
		c.cancel = cancel
	}
}

// done gives out the reply of the executor.
func (c *commission) done(reply []byte) {
	c.finish()
	c.answered = true
	s := c.s
	if !s.gone {
		c.give(reply)
	}
	if c.begun {
		s.core.commissions.put(c)
	}
}

// give gives out a reply to a client that is there.
func (c *commission) give(reply []byte) {
	s := c.s
	if c.guard != nil {
		c.guard.learn(reply)
	}
	switch {
	case c.unblocked:
		reply = replyUnblocked
	case c.letGo && !denies(reply):
		reply = replyNotGranted
	case c.change != nil:
		reply = c.change(reply)
	}
	s.Reply(c.seq, reply, true)
}

// finish takes the commission off the session's list.
func (c *commission) finish() {
	if c.over {
		return
	}
	c.over, c.cancel = true, nil
	if c.next != nil {
		c.next.prev = c.prev
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		c.s.commissions = c.next
	}
}

// cancelCommissions gives up what the client, which is gone, does not wait for any more.
func (s *Session) cancelCommissions() {
	for c := s.commissions; c != nil; c = s.commissions {
		cancel := c.cancel
		c.finish()
		if cancel != nil {
			cancel()
		}
	}
}

// unblockCommission ends the wait of the client for a lock. It reports whether it waits.
func (s *Session) unblockCommission(reason string) bool {
	c := s.commissions
	cancel := c.cancel
	if cancel == nil {
		return false
	}
	c.cancel, c.letGo, c.unblocked = nil, true, reason == "ERROR"
	cancel()
	return true
}

var (
	replyUnblocked = redcon.AppendError(nil, "UNBLOCKED client unblocked via CLIENT UNBLOCK")
	// replyNotGranted is that of RINGMAIN.LOCK: no lock, no fence, and nothing known of the time
	// that is left to the one who has it.
	replyNotGranted = []byte("*3\r\n:0\r\n:0\r\n:0\r\n")
)

// denies reports whether a reply is RINGMAIN.LOCK's that somebody else has the lock, or that
// there is no quorum.
func denies(reply []byte) bool {
	_, rest, ok := resp.Array(reply)
	if !ok {
		return bytes.HasPrefix(reply, noQuorum)
	}
	first, _, err := resp.Element(rest)
	n, ok := resp.Integer(first)
	return err == nil && ok && n == 0
}

var noQuorum = []byte("-NOQUORUM ")

// errNoContract is the text of the error for a command of contracts on a key that has none.
func errNoContract(cmd *command.Command, key string) string {
	return "ERR command '" + cmd.Name + "' is not supported on " + key + ": it matches no pattern of `locks` in the configuration that a quorum keeps"
}

// maxLockPattern bounds a pattern, in bytes: matching may take long.
const maxLockPattern = 1024

// listLocks is RINGMAIN LOCKS.
func (s *Session) listLocks(args [][]byte) {
	var pattern []byte
	switch {
	case len(args) > 3:
		s.fail(resp.SubcommandSyntax("ringmain", args[1]))
		return
	case s.core.Locks == nil:
		s.fail("ERR there are no locks: the configuration has no pattern of keys for them (`locks`)")
		return
	case len(args) == 3 && len(args[2]) > maxLockPattern:
		s.fail("ERR the pattern is longer than " + strconv.Itoa(maxLockPattern) + " bytes")
		return
	case len(args) == 3:
		pattern = bytes.Clone(args[2])
	}
	seq := s.awaitLocal()
	s.core.Locks.Locks(s.core.loop, pattern, s.client.Protocol, func(reply []byte) { s.Reply(seq, reply, true) })
}
