package ledger

import (
	"fmt"
	"strconv"
)

// held is what a key holds; the zero value is nothing.
type held struct {
	n        int64
	lifetime int64 // which one it was given; 0: none
}

// Lifetimes are so far apart that the rest of one tells which it was.
const (
	firstLifetime = 1_000_000 // seconds
	lifetimeStep  = 10_000
)

// deed is what a command does to one key.
type deed struct {
	name string
	// does gives what the key holds afterwards, and what the command is answered: as
	// redistest.Conn.Receive returns it, or one of the types below.
	does func(before held) (after held, says any)
	// decides: once acknowledged, the key holds what the command has made it hold, and
	// nothing that was ever written before.
	decides bool
	// reads: what it says tells what the key held.
	reads bool
}

// leftOf is the answer to TTL for a lifetime.
type leftOf int64

// anything is an answer that tells nothing of this key.
type anything struct{}

// agrees tells whether an answer is what a deed says.
func agrees(says, got any) bool {
	switch says := says.(type) {
	case anything:
		return true
	case leftOf:
		left, ok := got.(int64)
		whole := firstLifetime + int64(says)*lifetimeStep
		return ok && left <= whole && left > whole-lifetimeStep
	}
	return says == got
}

// The deeds.

func deedGet() deed {
	return deed{name: "GET", reads: true, does: func(b held) (held, any) {
		if b == (held{}) {
			return b, nil
		}
		return b, strconv.FormatInt(b.n, 10)
	}}
}

func deedTTL() deed {
	return deed{name: "TTL", reads: true, does: func(b held) (held, any) {
		switch {
		case b == (held{}):
			return b, int64(-2)
		case b.lifetime == 0:
			return b, int64(-1)
		}
		return b, leftOf(b.lifetime)
	}}
}

func deedSet(n, lifetime int64) deed {
	return deed{name: fmt.Sprint("SET ", n, " ", lifetime), decides: true, does: func(held) (held, any) {
		return held{n, lifetime}, "OK"
	}}
}

// deedDel is DEL of this key alone, or of several.
func deedDel(alone bool) deed {
	return deed{name: "DEL", decides: true, reads: alone, does: func(b held) (held, any) {
		switch {
		case !alone:
			return held{}, anything{}
		case b == (held{}):
			return held{}, int64(0)
		}
		return held{}, int64(1)
	}}
}

// deedIncr is INCRBY: its answer tells what the key held, as all numbers differ.
func deedIncr(by int64) deed {
	return deed{name: fmt.Sprint("INCRBY ", by), decides: true, reads: true, does: func(b held) (held, any) {
		return held{b.n + by, b.lifetime}, b.n + by
	}}
}

func deedSetNX(n int64) deed {
	return deed{name: fmt.Sprint("SETNX ", n), does: func(b held) (held, any) {
		if b == (held{}) {
			return held{n: n}, int64(1)
		}
		return b, int64(0)
	}}
}

func deedExpire(lifetime int64) deed {
	return deed{name: fmt.Sprint("EXPIRE ", lifetime), reads: true, does: func(b held) (held, any) {
		if b == (held{}) {
			return b, int64(0)
		}
		return held{b.n, lifetime}, int64(1)
	}}
}
