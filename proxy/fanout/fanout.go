// Package fanout splits commands of many keys into one command for each server,
// and merges the replies into the one that a single Redis would have given. It
// is pure: bytes in, bytes out.
package fanout

import (
	"bytes"
	"strings"

	"github.com/tidwall/redcon"

	"ringmain/resp"
)

// Kind is how replies are merged.
type Kind uint8

// The kinds of merging.
const (
	Sum    Kind = iota // integers, added up
	Values             // arrays with an element for each key, put in the keys' order
	OK                 // all say OK
	Arrays             // arrays of keys, one behind the other
	Random             // one key of a random part: see AppendRandomRequest
	Scan               // one page of keys and the cursor behind it, of one part
	Same               // all say the same
	Loaded             // all say the same, or cannot be asked: see Whole.Kept
	Exist              // arrays of 0 and 1: see Whole.Kept
	Killed             // OK of one part at least
	Least              // integers, or arrays of them, of which the least count
	Union              // arrays of names, each of which is given once
	Counts             // arrays of names and numbers, the same names everywhere, whose numbers are added up
)

// Whole is what is known of the command that was sent in parts.
type Whole struct {
	Kind Kind
	// Writes: a part that was executed may have changed something.
	Writes bool
	// Order has the part of each key, for Values.
	Order []int32
	// Shows reports whether a key that a part's server has told may be shown: that
	// server is the one which owns it. For Arrays, Random, Scan and Union.
	Shows func(part int, key []byte) bool
	// More are the proxy's clients that are added to the sum for a name of Counts, or to
	// that of Sum, and how many in it may be the proxy itself; nil: none.
	More func(name []byte) (clients, own int)
	// Cursors turns the server's cursor into the client's, for Scan.
	Cursors Cursors
	// Intn returns a random number in [0,n), for Random.
	Intn func(n int64) int64
	// Protocol is the client's, for the null of Random.
	Protocol int
	// Kept, for Exist, tells of each script whether the proxy would give it to those
	// servers that do not have it. For Loaded there is one script: if it is kept, a
	// server that cannot take it now does not matter.
	Kept []bool
}

// Part is one server's share of a command.
type Part struct {
	// Node names the server.
	Node string
	// Keys is how many of the command's keys it has; for Exist, of the scripts.
	Keys int
	// Less: its integer is taken from the sum.
	Less bool
	// Reply is what it has answered, whole, in pieces; unused if Failure is set.
	// Its first piece holds at least the first line.
	Reply [][]byte
	// Failure is the text of the error that took the reply's place: without '-'
	// and CRLF. Empty: there is a reply.
	Failure string
	// Uncertain: with a failure, the part may have been executed.
	Uncertain bool
}

// AppendRequest appends the command for some of the keys. args are the arguments
// behind the name; each key has step arguments, itself first; keys are numbers
// of keys, from 0.
func AppendRequest(dst, name []byte, args [][]byte, step int, keys []int32) []byte {
	dst = redcon.AppendArray(dst, 1+step*len(keys))
	dst = redcon.AppendBulk(dst, name)
	for _, k := range keys {
		for _, arg := range args[int(k)*step : int(k)*step+step] {
			dst = redcon.AppendBulk(dst, arg)
		}
	}
	return dst
}

// Merge hands the reply to the whole command to emit, in pieces that are valid
// during the call. parts are in the order of their first keys. A failed part makes
// the whole reply one error, that of the first failing key, so that a reply never
// holds an error inside; if part of a write was or may have been executed then,
// the error is UNCERTAIN and names the servers.
func Merge(emit func([]byte), w *Whole, parts []Part) {
	switch {
	case w.Kind == Killed:
		emitKilled(emit, parts)
		return
	case w.Kind == Loaded && w.Kept[0]:
		parts = capable(parts)
	}
	if first := firstFailure(parts, w.Kind); first >= 0 {
		emit(redcon.AppendError(nil, failureOf(w.Writes, parts, first, w.Kind)))
		return
	}
	var line [32]byte
	switch w.Kind {
	case Sum:
		sum := total(parts)
		if w.More != nil {
			sum = w.listeners(nil, sum)
		}
		emit(redcon.AppendInt(line[:0], sum))
	case Values:
		emit(redcon.AppendArray(line[:0], len(w.Order)))
		emitInOrder(emit, w.Order, parts)
	case Arrays:
		emitArrays(emit, w, parts)
	case Random:
		emitRandom(emit, w, parts)
	case Scan:
		emitPage(emit, w, &parts[0])
	case Same, Loaded:
		for _, piece := range parts[0].Reply {
			emit(piece)
		}
	case Union:
		emitUnion(emit, w, parts)
	case Counts:
		emitCounts(emit, w, parts)
	case Exist:
		emitExist(emit, w, parts)
	case Least:
		emitLeast(emit, parts)
	default:
		emit(redcon.AppendOK(line[:0]))
	}
}

// firstFailure is the first part without a usable reply, -1 if there is none.
func firstFailure(parts []Part, kind Kind) int {
	for i := range parts {
		if p := &parts[i]; p.Failure != "" || !p.usable(kind) {
			return i
		}
	}
	return -1
}

// head is the beginning of the reply, at least its first line.
func (p *Part) head() []byte {
	if len(p.Reply) == 0 {
		return nil
	}
	return p.Reply[0]
}

// usable reports whether the reply is of the type that is to be merged.
func (p *Part) usable(kind Kind) bool {
	switch kind {
	case Sum:
		_, ok := resp.Integer(p.head())
		return ok
	case Least:
		_, integer := resp.Integer(p.head())
		n, _, array := resp.ArrayHeader(p.head())
		return integer || array && n == waitedFor
	case Values, Exist, Counts:
		n, _, ok := resp.ArrayHeader(p.head())
		return ok && n == p.Keys
	case Arrays, Union:
		_, _, ok := resp.ArrayHeader(p.head())
		return ok
	case Scan:
		n, _, ok := resp.ArrayHeader(p.head())
		return ok && n == 2
	default:
		return len(p.Reply) > 0 && !resp.IsError(p.head())
	}
}

// failureOf is the error of the whole command when part number first failed.
func failureOf(writes bool, parts []Part, first int, kind Kind) string {
	text := parts[first].failure()
	if !writes {
		return text
	}
	var maybe []string
	for i := range parts {
		if p := &parts[i]; p.Uncertain || p.Failure == "" && p.usable(kind) {
			maybe = append(maybe, p.Node)
		}
	}
	if len(maybe) == 0 {
		return text
	}
	return "UNCERTAIN the command was or may have been executed in part, on " + strings.Join(maybe, ", ") + ": " + text
}

// failure is the text of a part that has no usable reply.
func (p *Part) failure() string {
	if p.Failure != "" {
		return p.Failure
	}
	if text, ok := resp.ErrorText(bytes.Join(p.Reply, nil)); ok {
		return string(text)
	}
	return "ERR node \"" + p.Node + "\" sent a reply of the wrong type"
}

func total(parts []Part) int64 {
	var sum int64
	for i := range parts {
		n, _ := resp.Integer(parts[i].head())
		if parts[i].Less {
			n = -n
		}
		sum += n
	}
	return sum
}

// emitInOrder takes each key's element from the reply of its part. The replies
// are whole and have as many elements as the parts have keys.
func emitInOrder(emit func([]byte), order []int32, parts []Part) {
	for i := range parts {
		p := &parts[i]
		_, p.Reply[0], _ = resp.ArrayHeader(p.Reply[0])
	}
	var framer resp.Framer
	for _, part := range order {
		for done := false; !done; {
			p := &parts[part]
			for len(p.Reply[0]) == 0 {
				p.Reply = p.Reply[1:]
			}
			var n int
			n, done, _ = framer.Scan(p.Reply[0])
			emit(p.Reply[0][:n])
			p.Reply[0] = p.Reply[0][n:]
		}
	}
}
