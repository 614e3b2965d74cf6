package proxy

import (
	"bytes"
	"math"
	"strconv"

	"ringmain/command"
	"ringmain/resp"
)

// guard is what WATCH of a lock keeps. Many clients release and extend their lock in this way
// and no other: WATCH key; GET key; MULTI; DEL key, or PEXPIRE key time; EXEC. It is one comparison
// of the value that GET gave, and a change if that is still there; so it is carried out as
// such when EXEC comes. Nothing is watched on any server.
type guard struct {
	contract *Contract
	key      []byte
	// seen: GET has given value since WATCH; nil: that there is none.
	seen  bool
	value []byte
}

var (
	getID     = command.ByName([]byte("get")).ID()
	delID     = command.ByName([]byte("del")).ID()
	unlinkID  = command.ByName([]byte("unlink")).ID()
	expireID  = command.ByName([]byte("expire")).ID()
	pexpireID = command.ByName([]byte("pexpire")).ID()
)

const (
	// lockTransaction is what a transaction on a lock may be, for errors.
	lockTransaction = "a transaction of a lock is WATCH key, GET key, MULTI, one of DEL, UNLINK, EXPIRE and PEXPIRE key, EXEC"
	// aloneInMulti is what a transaction on keys under contracts may be, if none is watched.
	aloneInMulti  = "it must be the only command of a transaction, without WATCH. Many clients send each pipeline as a transaction: switch that off"
	errWatchMixed = "ERR WATCH is not supported on locks together with other keys: " + lockTransaction
)

// guard is that of the session; nil: it watches no lock.
func (s *Session) guard() *guard {
	if s.tx == nil {
		return nil
	}
	return s.tx.guard
}

// guardKey is WATCH of keys under a contract.
func (s *Session) guardKey(contract *Contract, args [][]byte) {
	key := args[1]
	text := ""
	switch {
	case contract.Kind != KindLock:
		text = s.refusal(contract, s.last, key, "", "such keys cannot be watched"+contract.allows())
	case s.tx != nil && s.tx.guard == nil:
		text = errWatchMixed
	case s.tx == nil:
	case !bytes.Equal(s.tx.guard.key, key):
		text = s.refusal(contract, s.last, key, "", lockTransaction)
	}
	for _, other := range args[2:] {
		if text == "" && !bytes.Equal(other, key) {
			text = s.refusal(contract, s.last, other, "", lockTransaction)
		}
	}
	switch {
	case text != "":
		s.unsupported(text)
		return
	case s.tx == nil:
		s.tx = &transaction{guard: &guard{contract: contract, key: bytes.Clone(key)}}
	}
	s.answer(replyOK)
}

// learning is the guard that learns from the reply to a command; nil: there is none.
func (s *Session) learning(cmd *command.Command, args [][]byte) *guard {
	if g := s.guard(); g != nil && cmd.ID() == getID && bytes.Equal(args[1], g.key) {
		return g
	}
	return nil
}

// learn takes the reply to GET.
func (g *guard) learn(reply []byte) {
	value, ok := resp.Bulk(reply)
	g.seen = ok || resp.IsNull(reply)
	g.value = nil
	if ok {
		g.value = append([]byte{}, value...)
	}
}

// enqueueUnderContract takes a command into the transaction, or refuses it, if one of its keys
// is under a contract or a lock is watched. It reports whether that is so.
func (s *Session) enqueueUnderContract(cmd *command.Command, r *resp.Request) bool {
	contract, _, text := s.contractFor(cmd, r.Args)
	g := s.tx.guard
	switch {
	case contract == nil && g == nil && s.tx.contract == nil:
		return false
	case text != "":
	case contract == nil && g == nil:
		text = "ERR command '" + cmd.Name + "' is not supported behind one on " + s.tx.contract.Name + ": " + aloneInMulti
	case contract == nil:
		text = "ERR command '" + cmd.Name + "' is not supported while a lock is watched: " + lockTransaction
	case g == nil:
		text = s.alone(contract, cmd, r.Args)
	case contract.Kind != KindLock || !g.takes(cmd, r.Args) || len(s.tx.queued) > 0:
		text = s.refusal(contract, cmd, cmd.FirstKey(r.Args), "", lockTransaction)
	case !g.seen:
		text = s.refusal(contract, cmd, g.key, "", "there has been no GET of it since WATCH, and "+lockTransaction)
	case g.expires(cmd):
		_, text = milliseconds(cmd, r.Args[2])
	}
	if text != "" {
		s.abort()
		s.unsupported(text)
		return true
	}
	if g == nil {
		s.tx.contract = contract
	}
	s.queueForServer(cmd, r)
	return true
}

// alone is the text of the error for a command on keys under a contract that is not the only one
// of its transaction, or that cannot stand in any. The only command of a transaction is no other
// than it is without one; only its reply is.
func (s *Session) alone(contract *Contract, cmd *command.Command, args [][]byte) (text string) {
	switch key := cmd.FirstKey(args); {
	case len(s.tx.queued) > 0 || s.tx.contract != nil || s.tx.lease != nil:
		return s.refusal(contract, cmd, key, "", aloneInMulti)
	case cmd.Blocks(args):
		return s.refusal(contract, cmd, key, "", "nothing waits within MULTI")
	}
	return ""
}

// takes reports whether a command may stand in a transaction on the lock.
func (g *guard) takes(cmd *command.Command, args [][]byte) bool {
	switch cmd.ID() {
	case delID, unlinkID:
		return len(args) == 2 && bytes.Equal(args[1], g.key)
	}
	return g.expires(cmd) && len(args) == 3 && bytes.Equal(args[1], g.key)
}

func (*guard) expires(cmd *command.Command) bool {
	return cmd.ID() == expireID || cmd.ID() == pexpireID
}

// milliseconds is the argument of EXPIRE or PEXPIRE.
func milliseconds(cmd *command.Command, arg []byte) (n int64, text string) {
	unit := int64(1)
	if cmd.ID() == expireID {
		unit = 1000
	}
	n, ok := resp.ParseInteger(arg)
	switch {
	case !ok:
		return 0, resp.TextNotInteger
	case n <= 0 || n > math.MaxInt64/unit:
		return 0, "ERR invalid expire time in '" + cmd.Name + "' command"
	}
	return n * unit, ""
}

// execGuarded executes the transaction on a lock. It reports false if it has to wait.
func (s *Session) execGuarded(size int) bool {
	if !s.settled() {
		return false
	}
	tx := s.tx
	call := ContractCall{Keys: []int{1}, Protocol: s.client.Protocol}
	tx.eachForServer(func(cmd *command.Command, args [][]byte) { call.Name, call.Args = tx.guard.call(cmd, args) })
	s.showQueued(tx)
	size += len(tx.raw)
	s.endTransaction()
	protocol, absent := s.client.Protocol, tx.guard.value == nil
	c := s.core.commissions.get()
	c.s, c.change = s, func(reply []byte) []byte { return execReply(reply, absent, protocol) }
	s.entrust(c, tx.guard.contract, call, size, false)
	return true
}

// execAlone executes a transaction of one command on keys under a contract. It reports false if
// it has to wait.
func (s *Session) execAlone(size int) bool {
	tx := s.tx
	if tx.contract.Kind == KindLock && !s.settled() {
		return false
	}
	s.showQueued(tx)
	s.endTransaction()
	tx.eachForServer(func(cmd *command.Command, args [][]byte) {
		_, keys, _ := s.contractFor(cmd, args)
		c := s.core.commissions.get()
		c.s, c.change = s, func(reply []byte) []byte { return append([]byte("*1\r\n"), reply...) }
		s.entrust(c, tx.contract, s.callOf(cmd, args, keys), size+len(tx.raw), false)
	})
	return true
}

// call is what a command of the transaction comes to. A key that was not there can only not
// be there still.
func (g *guard) call(cmd *command.Command, args [][]byte) (name string, request [][]byte) {
	switch {
	case g.value == nil:
		return "exists", [][]byte{[]byte("EXISTS"), g.key}
	case g.expires(cmd):
		n, _ := milliseconds(cmd, args[2])
		return "set", [][]byte{[]byte("SET"), g.key, g.value, []byte("IFEQ"), bytes.Clone(g.value), []byte("PX"), strconv.AppendInt(nil, n, 10)}
	}
	return "delifeq", [][]byte{[]byte("DELIFEQ"), g.key, g.value}
}

// execReply is EXEC's reply for that of the call: nil if the key has changed since GET.
func execReply(reply []byte, absent bool, protocol int) []byte {
	n, isInteger := resp.Integer(reply)
	switch {
	case isFailure(reply):
		return reply
	case absent && isInteger && n == 0:
		return []byte("*1\r\n:0\r\n")
	case !absent && (bytes.Equal(reply, replyOK) || isInteger && n == 1):
		return []byte("*1\r\n:1\r\n")
	}
	return resp.AppendNullArray(nil, protocol)
}
