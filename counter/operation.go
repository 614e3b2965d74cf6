package counter

import (
	"strconv"

	"github.com/tidwall/redcon"

	"ringmain/quorum"
	"ringmain/resp"
)

// op is what a command does to one counter.
type op uint8

const (
	opAdd    op = iota // INCR and its kin; arg: how much
	opSet              // arg: the value
	opDelete           //
	opCopy             // changes nothing, but is agreed on like a change
	// Those behind change nothing.
	opGet
	opExists
	opType
	opLen
	opLifetime
)

func (o op) reads() bool { return o >= opGet }

// condition is when opSet has an effect.
type condition uint8

const (
	always  condition = iota
	ifNew             // NX
	ifThere           // XX
)

// answers is what a client is told of opSet and opDelete.
type answers uint8

const (
	asSet   answers = iota // OK, or null if there was no effect
	asCount                // 1, or 0 if there was no effect
	asOld                  // the value before
)

// waiting is a command on one counter that has no reply yet.
type waiting struct {
	op       op
	when     condition
	answers  answers
	protocol uint8
	answered bool // it is part of a batch still
	arg      int64
	since    quorum.Instant
	// One of both is told the outcome: done the reply, told the result.
	done func(reply []byte)
	told func(result)
}

// kind is what a result is as a reply.
type kind uint8

const (
	isInt kind = iota
	isBulk
	isNull
	isStatus
	isError
)

// result is a command's outcome.
type result struct {
	kind kind
	n    int64  // isInt, isBulk
	text string // isStatus, isError
}

// apply carries out the command on a value.
func (w *waiting) apply(v value) (after value, r result) {
	switch w.op {
	case opAdd:
		sum := v.n + w.arg
		if (w.arg > 0) != (sum > v.n) && w.arg != 0 {
			return v, failure("ERR increment or decrement would overflow")
		}
		return value{sum, true}, result{n: sum}
	case opSet:
		if w.when == ifNew && v.exists || w.when == ifThere && !v.exists {
			return v, w.outcome(v, false)
		}
		return value{w.arg, true}, w.outcome(v, true)
	case opDelete:
		return value{}, w.outcome(v, v.exists)
	case opExists:
		return v, result{n: oneIf(v.exists)}
	case opType:
		if v.exists {
			return v, result{kind: isStatus, text: "string"}
		}
		return v, result{kind: isStatus, text: "none"}
	case opLen:
		if v.exists {
			return v, result{n: int64(len(strconv.FormatInt(v.n, 10)))}
		}
		return v, result{}
	case opLifetime:
		return v, result{n: oneIf(v.exists) - 2} // -1: none, -2: no such key
	default:
		return v, old(v)
	}
}

// outcome is the result of opSet and opDelete.
func (w *waiting) outcome(before value, effect bool) result {
	switch {
	case w.answers == asOld:
		return old(before)
	case w.answers == asCount:
		return result{n: oneIf(effect)}
	case effect:
		return result{kind: isStatus, text: "OK"}
	}
	return result{kind: isNull}
}

func old(v value) result {
	if !v.exists {
		return result{kind: isNull}
	}
	return result{kind: isBulk, n: v.n}
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// append appends the reply.
func (r result) append(dst []byte, protocol int) []byte {
	switch r.kind {
	case isInt:
		return redcon.AppendInt(dst, r.n)
	case isBulk:
		return redcon.AppendBulkInt(dst, r.n)
	case isNull:
		return resp.AppendNull(dst, protocol)
	case isStatus:
		return redcon.AppendString(dst, r.text)
	}
	return redcon.AppendError(dst, r.text)
}

// uncertain is the first word of the error for what may have been carried out.
const uncertain = "UNCERTAIN"

// reply tells the outcome. The bytes of a reply are appended to buf: many replies share one
// piece of memory.
func (w *waiting) reply(buf []byte, r result) []byte {
	if w.told != nil {
		w.told(r)
		return buf
	}
	from := len(buf)
	buf = r.append(buf, int(w.protocol))
	w.done(buf[from:len(buf):len(buf)])
	return buf
}

func failure(text string) result { return result{kind: isError, text: text} }
