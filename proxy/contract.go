package proxy

import (
	"ringmain/ioloop"
)

// Contract is what the keys of a pattern have in place of a home among the pools'
// servers: they are locks or counters, which a quorum keeps.
type Contract struct {
	// Name says to people which pattern it is: `locks[0] "lock:*"`.
	Name string
	// Kind is what its keys are: "lock" or "counter".
	Kind string
	// Matches reports whether a key, with its tenant's prefix, is one of them. It may be called
	// on any goroutine.
	Matches func(key []byte) bool
	// Executor carries out commands all of whose keys are the contract's; nil: the keys are
	// plain ones after all (mode: owner).
	Executor Executor
}

// ContractCall is a command for an Executor.
type ContractCall struct {
	Name string // in lower case; "config|get"
	// Args is the whole request, Keys the positions of the keys in it. Both belong to the
	// Executor.
	Args [][]byte
	Keys []int
	// Text is the text of the script that EVALSHA names, if it is known.
	Text []byte
	// Protocol is the version that the reply is to be in.
	Protocol int
}

// Executor carries out commands beside the loops' servers. It may be called on any loop.
type Executor interface {
	// Execute carries out a command. done is called exactly once, on the loop from, with the
	// whole reply, which belongs to the callee then; perhaps before Execute returns. Commands
	// that come from one loop on one key are carried out in their order.
	//
	// cancel, if it is not nil, tells that nobody waits for the reply any more. It is called on
	// from, at most once, perhaps after done.
	Execute(from ioloop.Loop, call ContractCall, done func(reply []byte)) (cancel func())
}
