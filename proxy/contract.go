package proxy

import (
	"slices"

	"ringmain/ioloop"
)

// Contract is what the keys of a pattern have in place of a home among the pools'
// servers: they are locks or counters, which a quorum keeps.
type Contract struct {
	// Name says to people which pattern it is: `locks[0] "lock:*"`.
	Name string
	// Kind is what its keys are: KindLock or KindCounter.
	Kind string
	// Allows are the commands that its keys take, for errors: "GET, SET … NX PX". It may be
	// empty.
	Allows string
	// Matches reports whether a key, with its tenant's prefix, is one of them. It may be called
	// on any goroutine.
	Matches func(key []byte) bool
	// Executor carries out commands all of whose keys are the contract's; nil: the keys are
	// plain ones after all (mode: owner).
	Executor Executor
}

// The kinds of contracts.
const (
	// KindLock: a command on such a key and the client's other commands are executed strictly
	// one after the other, also within a pipeline, because what a lock protects are other keys:
	// what is sent behind a grant must not be executed before it, nor a release before what was
	// sent ahead of it.
	KindLock = "lock"
	// KindCounter: as with other keys, commands on one key are executed in their order.
	KindCounter = "counter"
)

// ContractCall is a command for an Executor.
type ContractCall struct {
	Name string // in lower case; "config|get"
	// Args is the whole request, Keys the positions of the keys in it. Both are valid during
	// the call of Execute only: see Kept.
	Args [][]byte
	Keys []int
	// Text is the text of the script that EVALSHA names, if it is known and the client no tenant.
	Text []byte
	// Protocol is the version that the reply is to be in.
	Protocol int
}

// CallMemory is what the arguments of a call are kept in, again and again.
type CallMemory struct {
	args  [][]byte
	keys  []int
	bytes []byte
}

// Size is how many bytes and arguments there is room for.
func (m *CallMemory) Size() int { return cap(m.bytes) + cap(m.args) + cap(m.keys) }

// Kept is a copy that lasts: as long as m is not used again, or, of nil, for good.
func (c ContractCall) Kept(m *CallMemory) ContractCall {
	if m == nil {
		m = &CallMemory{}
	}
	size := 0
	for _, arg := range c.Args {
		size += len(arg)
	}
	m.args, m.bytes = slices.Grow(m.args[:0], len(c.Args)), slices.Grow(m.bytes[:0], size)
	for _, arg := range c.Args {
		start := len(m.bytes)
		m.bytes = append(m.bytes, arg...)
		m.args = append(m.args, m.bytes[start:len(m.bytes):len(m.bytes)])
	}
	m.keys = append(m.keys[:0], c.Keys...)
	c.Args, c.Keys = m.args, m.keys
	return c
}

// Executor carries out commands beside the loops' servers. It may be called on any loop.
type Executor interface {
	// Execute carries out a command. done is called exactly once, on the loop from, with the
	// whole reply, which belongs to the callee then; perhaps before Execute returns. Commands
	// that come from one loop on one key are carried out in their order.
	//
	// cancel, if it is not nil, tells that nobody waits for what the command may yet get: the
	// client has gone, or has been let go (CLIENT UNBLOCK). Of a lock that is granted all the same
	// the client is not told, and it is released. cancel is called on from, at most once, not after
	// done.
	Execute(from ioloop.Loop, call ContractCall, done func(reply []byte)) (cancel func())
}

// LockLister tells operators of locks. It may be called on any loop.
type LockLister interface {
	// Locks calls done exactly once, on the loop from, with the whole reply to RINGMAIN LOCKS, an
	// array or an error, which belongs to the callee then; perhaps before Locks returns. pattern
	// is a glob that the names of the keys match; nil: all do. It belongs to the LockLister.
	Locks(from ioloop.Loop, pattern []byte, protocol int, done func(reply []byte))
}

// contractOf is the contract of a key; nil: it is a plain one.
func (c *Core) contractOf(key []byte) *Contract {
	for i := range c.Contracts {
		if contract := &c.Contracts[i]; contract.Matches(key) {
			if contract.Executor == nil || isReserved(key) {
				return nil
			}
			return contract
		}
	}
	return nil
}
