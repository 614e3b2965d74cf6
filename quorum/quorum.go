// Package quorum is a fixed, odd set of Redis servers that locks and counters are
// kept on, as one loop sees it: which of the servers may vote, and scripts that run
// on them.
//
// The set is the configured one and no other: what counts as a majority never
// depends on which servers are up. Nothing here opens a socket, starts a goroutine
// or takes a lock; everything is called on one loop.
package quorum

import (
	"crypto/sha1"
	"encoding/hex"
	"time"
)

// Kind says what a script's guard checks, in the same execution, before its body
// runs.
type Kind uint8

const (
	// Read and write of what the servers keep for good: that the server is the one
	// that was initialised, and that all proxies have the same settings.
	Register Kind = iota
	// Vote, of a lock: moreover that the server has not lost locks lately, and that its
	// clock goes on as it did.
	Vote
	// Owned, for taking back what a lock's vote left: as Register. It is sent to servers
	// that may not vote, too.
	Owned
	// Refill, of a server that has lost its identity: that the repair is still the caller's, whose
	// mark is the last of the arguments, for the guard alone. Each call prolongs the repair.
	Refill
)

// RepairLost is the reason of an answer to a call of the kind Refill: the repair's mark is
// gone, with all that it has written, or the server is whole again, or another one's.
const RepairLost = "is not under this repair any more"

// RepairHold is how long a repair's mark lasts after each call of the kind Refill.
const RepairHold = 10 * time.Second

// Script is a Lua script for the servers. Its body sees KEYS and ARGV as the Call has
// them, and returns a flat array of integers, strings and false. It is never changed.
type Script struct {
	Name string // for the log
	Kind Kind
	// Text is the whole script with its guard, SHA its digest in hexadecimal.
	Text, SHA string
}

// NewScript makes a script of its body.
func NewScript(name string, kind Kind, body string) *Script {
	text := guarded(kind, body)
	sum := sha1.Sum([]byte(text))
	return &Script{Name: name, Kind: kind, Text: text, SHA: hex.EncodeToString(sum[:])}
}

// Call is one execution of a script on one server.
type Call struct {
	// Server is the index of the server in the set's configuration.
	Server int
	Script *Script
	// Keys and Args are not changed until done was called.
	Keys, Args []string
	// Within bounds the wait for the answer. Zero: as long as the set's node_timeout.
	Within time.Duration
}

// Outcome says what is known of a call.
type Outcome uint8

const (
	// Done: the body was executed, and Values are what it returned.
	Done Outcome = iota
	// NotDone: the body was not and will not be executed.
	NotDone
	// Unknown: it may have been executed, or may yet be.
	Unknown
)

// Answer is the outcome of a call.
type Answer struct {
	Outcome Outcome
	// Reason is why there are no Values, a clause without the server's name such as
	// "did not answer within 50ms".
	Reason string
	Values []Value
}

// Value is an element of what a script returned.
type Value struct {
	Int  int64
	Text string
	Null bool
}

// Instant is a moment by both clocks of this machine.
type Instant struct {
	// Monotonic is the time since some moment, which never goes back, and may stand still
	// while the machine is suspended.
	Monotonic time.Duration
	// Wall is the time since 1970, which may be set.
	Wall time.Duration
}

// Since is the time from earlier to i: the longer one of both clocks', so that neither a
// suspended machine nor a clock that is set back makes it too short.
func (i Instant) Since(earlier Instant) time.Duration {
	return max(i.Monotonic-earlier.Monotonic, i.Wall-earlier.Wall)
}

// Plus is the moment that comes d later by both clocks.
func (i Instant) Plus(d time.Duration) Instant {
	return Instant{Monotonic: i.Monotonic + d, Wall: i.Wall + d}
}

// Timer is a pending call.
type Timer interface {
	// Stop cancels the call. It reports whether the call was still pending.
	Stop() bool
}

// Clock is the loop's.
type Clock interface {
	// Now is the present moment, not that of the iteration's beginning.
	Now() Instant
	// After calls f on the loop once d has passed.
	After(d time.Duration, f func()) Timer
}

// Servers are the fixed set, as locks and counters use it: *Set is one, and models are in
// simulations. All methods are called on the loop.
type Servers interface {
	// Len is how many servers are configured: 1, 3 or 5. A majority is Len()/2+1.
	Len() int
	// Call runs a script on one server. done is called exactly once, on the loop, perhaps
	// before Call returns. What comes after Within is not told.
	Call(c Call, done func(Answer))
	// Barred is why a server may not take part in calls of a kind now; "": it may, as far as
	// is known. Whoever calls anyway gets NotDone.
	Barred(server int, kind Kind) string
	// Missing puts into words why there is no majority, for a NOQUORUM error: `1/3 servers of
	// quorum "safe" can vote: 127.0.0.1:7202 is down; …`.
	Missing(kind Kind) string
	// Persistent reports whether the set keeps what it has acknowledged through a restart of
	// all its servers, which counters and fencing need.
	Persistent() bool
}
