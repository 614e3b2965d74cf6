package counter

import (
	"strconv"
	"strings"
)

// value is what a client sees of a register.
type value struct {
	n      int64 // zero if it does not exist
	exists bool
}

func (v value) append(dst []byte) []byte {
	if !v.exists {
		return append(dst, '-')
	}
	return strconv.AppendInt(dst, v.n, 10)
}

func parseValue(s string) (v value, ok bool) {
	if s == "-" {
		return v, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return value{n, true}, err == nil
}

// valueOf is the value that stands at the beginning of a state, perhaps of a part of one.
func valueOf(s string) (v value, ok bool) {
	if s == "" {
		return v, true
	}
	word, _, _ := strings.Cut(s, " ")
	return parseValue(word)
}

// maxBatches bounds how many proposers' last batches a register remembers.
const maxBatches = 64

// batch is the last batch of changes of one proposer.
type batch struct {
	by, seq uint64
	base    value  // what it was applied to, from which its replies can be had again
	version uint64 // the state's, with it
}

// state is all that is kept in a register. It is never changed, only replaced.
type state struct {
	value   value
	version uint64  // how many batches have changed it
	batches []batch // by version, one of each proposer
}

// of is the last batch of a proposer that the state knows.
func (s state) of(by uint64) (b batch, ok bool) {
	for _, b := range s.batches {
		if b.by == by {
			return b, true
		}
	}
	return b, false
}

// forgotten reports whether a batch that was applied to a version, or to a later one,
// may be in the state although it is not known any more: others have taken the place of
// its entry since. remember is how many batches a register remembers.
func (s state) forgotten(remember int, version uint64) bool {
	return len(s.batches) >= remember && s.batches[0].version > version
}

// with is the state after a batch. The oldest one makes way for it.
func (s state) with(remember int, b batch, after value) state {
	b.base, b.version = s.value, s.version+1
	next := state{value: after, version: b.version, batches: make([]batch, 0, len(s.batches)+1)}
	for _, other := range s.batches {
		if other.by != b.by {
			next.batches = append(next.batches, other)
		}
	}
	if over := len(next.batches) + 1 - remember; over > 0 {
		next.batches = append(next.batches[:0], next.batches[over:]...)
	}
	next.batches = append(next.batches, b)
	return next
}

// append appends the state as servers keep it: `17 5` is the value 17 (`-`: none) in
// version 5; four words for each batch follow.
func (s state) append(dst []byte) []byte {
	dst = s.value.append(dst)
	dst = strconv.AppendUint(append(dst, ' '), s.version, 10)
	for _, b := range s.batches {
		dst = appendHex(append(dst, ' '), b.by)
		dst = strconv.AppendUint(append(dst, ' '), b.seq, 10)
		dst = b.base.append(append(dst, ' '))
		dst = strconv.AppendUint(append(dst, ' '), b.version, 10)
	}
	return dst
}

// parseState reads what append wrote. Nothing at all is the state of a register that
// nobody has written.
func parseState(s string) (st state, ok bool) {
	if s == "" {
		return st, true
	}
	word, s, _ := strings.Cut(s, " ")
	if st.value, ok = parseValue(word); !ok {
		return st, false
	}
	word, s, more := strings.Cut(s, " ")
	if st.version, ok = parseCount(word); !ok {
		return st, false
	}
	if more {
		st.batches = make([]batch, 0, strings.Count(s, " ")/4+1)
	}
	for more {
		var b batch
		var by, seq, base string
		by, s, _ = strings.Cut(s, " ")
		seq, s, _ = strings.Cut(s, " ")
		base, s, _ = strings.Cut(s, " ")
		word, s, more = strings.Cut(s, " ")
		var ok1, ok2, ok3, ok4 bool
		b.by, ok1 = parseHex(by)
		b.seq, ok2 = parseCount(seq)
		b.base, ok3 = parseValue(base)
		b.version, ok4 = parseCount(word)
		if !ok1 || !ok2 || !ok3 || !ok4 || len(st.batches) == maxBatches {
			return st, false
		}
		st.batches = append(st.batches, b)
	}
	return st, true
}
