package resp

import (
	"bytes"
	"errors"
)

// ErrIncomplete is returned by Element when b ends before the reply does.
var ErrIncomplete = errors.New("reply is incomplete")

// Element cuts the first complete reply off b: elem is all of it, attributes
// included.
func Element(b []byte) (elem, rest []byte, err error) {
	var f Framer
	n, done, err := f.Scan(b)
	if err != nil {
		return nil, b, err
	}
	if !done {
		return nil, b, ErrIncomplete
	}
	return b[:n:n], b[n:], nil
}

// The functions below read one complete reply, as Framer or Element has cut it
// out. Attributes before it are passed over. What they return points into b.

// IsError tells whether the reply is an error.
func IsError(b []byte) bool {
	b = withoutAttributes(b)
	return len(b) > 0 && (b[0] == '-' || b[0] == '!')
}

// ErrorText is the text of an error reply, its code included.
func ErrorText(b []byte) (text []byte, ok bool) {
	b = withoutAttributes(b)
	switch {
	case len(b) > 0 && b[0] == '-':
		return line(b)
	case len(b) > 0 && b[0] == '!':
		return payload(b)
	}
	return nil, false
}

// IsNull tells whether the reply is a null of either protocol.
func IsNull(b []byte) bool {
	switch string(withoutAttributes(b)) {
	case "_\r\n", nullBulk, "*-1\r\n":
		return true
	}
	return false
}

// ArrayHeader reads only the first line of an array: how many elements it
// declares, and what comes behind the line. b may end anywhere behind it.
func ArrayHeader(b []byte) (n int, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '*' {
		return 0, nil, false
	}
	end := bytes.IndexByte(b, '\n')
	if end < 2 || b[end-1] != '\r' {
		return 0, nil, false
	}
	v, ok := integer(b[1 : end-1])
	if !ok || v < 0 || v > MaxElements {
		return 0, nil, false
	}
	return int(v), b[end+1:], true
}

// Integer is the value of an integer reply.
func Integer(b []byte) (v int64, ok bool) {
	b = withoutAttributes(b)
	if len(b) == 0 || b[0] != ':' {
		return 0, false
	}
	digits, ok := line(b)
	if !ok {
		return 0, false
	}
	return integer(digits)
}

// Bulk is the text of a bulk, verbatim (without its format) or simple string
// reply. A null is none.
func Bulk(b []byte) (text []byte, ok bool) {
	b = withoutAttributes(b)
	if len(b) == 0 {
		return nil, false
	}
	switch b[0] {
	case '+':
		return line(b)
	case '$':
		return payload(b)
	case '=':
		text, ok = payload(b)
		if !ok || len(text) < len(verbatim) {
			return nil, false
		}
		return text[len(verbatim):], true
	}
	return nil, false
}

// Array opens an array, set or push message: n elements follow in rest, one
// after the other. A map counts as an array of its keys and values, twice as
// many. A null is no array.
func Array(b []byte) (n int, rest []byte, ok bool) {
	b = withoutAttributes(b)
	if len(b) == 0 {
		return 0, nil, false
	}
	each := 1
	switch b[0] {
	case '*', '~', '>':
	case '%':
		each = 2
	default:
		return 0, nil, false
	}
	v, next := declared(b)
	if next == 0 || v > int64(len(b)) { // an element has three bytes at least
		return 0, nil, false
	}
	return int(v) * each, b[next:], true
}

// withoutAttributes passes over attributes before a reply.
func withoutAttributes(b []byte) []byte {
	for len(b) > 0 && b[0] == '|' {
		pairs, next := declared(b)
		if next == 0 {
			return nil
		}
		b = b[next:]
		for i := int64(0); i < 2*pairs; i++ {
			var err error
			if _, b, err = Element(b); err != nil {
				return nil
			}
		}
	}
	return b
}

// line is the text of a simple element.
func line(b []byte) ([]byte, bool) {
	text, ok := bytes.CutSuffix(b[1:], []byte("\r\n"))
	return text[:len(text):len(text)], ok
}

// payload is the text of an element that declares its length.
func payload(b []byte) ([]byte, bool) {
	v, next := declared(b)
	if next == 0 || v > int64(len(b)-next) {
		return nil, false
	}
	end := next + int(v)
	return b[next:end:end], true
}

// declared is the length in the header line that b begins with. next is 0 if
// it is none, or that of a null.
func declared(b []byte) (v int64, next int) {
	at := bytes.IndexByte(b, '\n')
	if at < 2 || b[at-1] != '\r' {
		return 0, 0
	}
	v, ok := integer(b[1 : at-1])
	if !ok || v < 0 {
		return 0, 0
	}
	return v, at + 1
}
