// Package fanout splits commands of many keys into one command for each server,
// and merges the replies into the one that a single Redis would have given. It
// is pure: bytes in, bytes out.
package fanout

import (
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
)

// Part is one server's share of a command.
type Part struct {
	// Node names the server.
	Node string
	// Reply is what it has answered; unused if Failure is set.
	Reply []byte
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

// Merge appends the reply to the whole command. parts are in the order of their
// first keys; order has the part of each key, for Values. A failed part makes the
// whole reply one error, that of the first failing key, so that a reply never
// holds an error inside; if part of a write was or may have been executed then,
// the error is UNCERTAIN and names the servers.
func Merge(dst []byte, kind Kind, writes bool, order []int32, parts []Part) []byte {
	if first := firstFailure(parts, kind); first >= 0 {
		return appendFailure(dst, writes, parts, first, kind)
	}
	switch kind {
	case Sum:
		return redcon.AppendInt(dst, total(parts))
	case Values:
		return appendInOrder(dst, order, parts)
	default:
		return redcon.AppendOK(dst)
	}
}

// firstFailure is the first part without a usable reply, -1 if there is none.
func firstFailure(parts []Part, kind Kind) int {
	for i := range parts {
		if p := &parts[i]; p.Failure != "" || !usable(p.Reply, kind) {
			return i
		}
	}
	return -1
}

func usable(reply []byte, kind Kind) bool {
	switch kind {
	case Sum:
		_, ok := resp.Integer(reply)
		return ok
	case Values:
		_, _, ok := resp.Array(reply)
		return ok
	default:
		return !resp.IsError(reply)
	}
}

// appendFailure appends the error of part number first.
func appendFailure(dst []byte, writes bool, parts []Part, first int, kind Kind) []byte {
	text := failure(&parts[first])
	if !writes {
		return redcon.AppendError(dst, text)
	}
	var maybe []string
	for i := range parts {
		if p := &parts[i]; p.Uncertain || p.Failure == "" && usable(p.Reply, kind) {
			maybe = append(maybe, p.Node)
		}
	}
	if len(maybe) == 0 {
		return redcon.AppendError(dst, text)
	}
	return redcon.AppendError(dst, "UNCERTAIN the command was or may have been executed in part, on "+
		strings.Join(maybe, ", ")+": "+text)
}

// failure is the text of a part that has no usable reply.
func failure(p *Part) string {
	switch {
	case p.Failure != "":
		return p.Failure
	case resp.IsError(p.Reply):
		return strings.TrimRight(string(p.Reply[1:]), "\r\n")
	}
	return "ERR node \"" + p.Node + "\" sent a reply of the wrong type"
}

func total(parts []Part) int64 {
	var sum int64
	for i := range parts {
		n, _ := resp.Integer(parts[i].Reply)
		sum += n
	}
	return sum
}

// appendInOrder takes each key's element from the reply of its part. A server
// that sent fewer elements than it was asked for has broken the protocol.
func appendInOrder(dst []byte, order []int32, parts []Part) []byte {
	start := len(dst)
	for i := range parts {
		_, parts[i].Reply, _ = resp.Array(parts[i].Reply)
	}
	dst = redcon.AppendArray(dst, len(order))
	for _, part := range order {
		element, rest, err := resp.Element(parts[part].Reply)
		if err != nil || len(element) == 0 {
			return redcon.AppendError(dst[:start], "ERR node \""+parts[part].Node+"\" sent too few values")
		}
		parts[part].Reply = rest
		dst = append(dst, element...)
	}
	return dst
}
