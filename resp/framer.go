package resp

import (
	"bytes"
	"errors"
	"fmt"
)

// What a reply may be. They are far beyond what a healthy server sends, and
// hold for what the framer itself must remember, not for the reply's length.
const (
	// MaxNesting is how deep aggregates may lie in each other. A script's
	// reply is up to 8,000 deep in Redis, and must not cost the other clients
	// their connection.
	MaxNesting = 8192
	// MaxElements is how many elements one aggregate may declare.
	MaxElements = 1<<32 - 1
	// MaxReplyBulk is the longest string of a reply in bytes, simple ones too.
	MaxReplyBulk = 1 << 40
)

// keptNesting is how much of its stack a Framer keeps between replies.
const keptNesting = 64

// Errors of Scan. After each the connection must be closed: where the next
// reply begins is not known.
var (
	errNesting  = errors.New("reply nested too deep")
	errStreamed = errors.New("streamed reply is not supported")
	errEnd      = errors.New("string of a reply is not followed by CR LF")
	errHeader   = errors.New("invalid length in a reply")
	errElements = errors.New("reply declares too many elements")
	errString   = errors.New("string of a reply is too long")
	errPush     = errors.New("push message inside a reply")
)

// part is what a Framer expects next.
type part uint8

const (
	partType   part = iota // the first byte of an element
	partHeader             // the rest of a line that holds a length
	partLine               // the rest of a simple element
	partString             // bytes of a string and its CR LF
)

// Framer finds where replies end in the byte stream of a server, however it is
// cut. It keeps no bytes and needs none kept. The zero value is ready.
type Framer struct {
	// open holds for each aggregate under way how many elements are still to
	// come, innermost last; negative for an attribute, which is no element
	// itself.
	open   []int64
	left   int64    // partString: bytes to come; partLine: bytes seen
	header [22]byte // partHeader: what has come of the line, without its type
	filled uint8    // bytes of header
	part   part
	cr     bool // partLine: the last byte was CR
	busy   bool // a reply is under way
	typ    byte // of the element under way
	kind   byte
}

// Kind is the type byte of the reply under way or just completed: one of
// + - : $ * % ~ _ , # ( = ! >. Attributes before a reply belong to it and are
// passed over. It is 0 while not known.
func (f *Framer) Kind() byte { return f.kind }

// Scan consumes bytes of the reply under way, or of a new one. n of them belong
// to it; done tells that it is complete, and n == len(b) if it is not. A push
// message (kind >) counts as a reply of its own. On an error n is meaningless,
// the framer must not be used again, and the connection is to be closed.
func (f *Framer) Scan(b []byte) (n int, done bool, err error) {
	if f.busy {
		return f.scan(b)
	}
	if n := whole(b); n > 0 {
		f.kind = b[0]
		return n, true, nil
	}
	if len(b) == 0 {
		return 0, false, nil
	}
	f.busy, f.kind = true, 0
	return f.scan(b)
}

const nullBulk = "$-1\r\n"

// whole is the length of the scalar that b begins with, if all of it is there
// and nothing about it is unusual, else 0.
func whole(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	switch b[0] {
	case '$':
		size, start := length(b, 1)
		end := start + size
		if start > 0 && end+2 <= len(b) && b[end] == '\r' && b[end+1] == '\n' {
			return end + 2
		}
		if start == 0 && len(b) >= len(nullBulk) && string(b[:len(nullBulk)]) == nullBulk {
			return len(nullBulk)
		}
	case '+', '-', ':':
		end := bytes.IndexByte(b, '\r')
		if end > 0 && end+1 < len(b) && b[end+1] == '\n' {
			return end + 2
		}
	}
	return 0
}

func (f *Framer) scan(b []byte) (n int, done bool, err error) {
	for i := 0; i < len(b); {
		ended := false
		switch f.part {
		case partType:
			if n := whole(b[i:]); n > 0 {
				f.setKind(b[i])
				i, ended = i+n, true
				break
			}
			i, ended, err = f.begin(b, i)
		case partHeader:
			i, ended, err = f.readHeader(b, i)
		case partLine:
			i, ended, err = f.skipLine(b, i)
		case partString:
			i, ended, err = f.skipString(b, i)
		}
		if err != nil {
			return i, false, err
		}
		if ended && f.endElement() {
			f.busy = false
			if cap(f.open) > keptNesting {
				f.open = nil
			}
			return i, true, nil
		}
	}
	return len(b), false, nil
}

// setKind notes the type of the reply itself.
func (f *Framer) setKind(c byte) {
	if len(f.open) == 0 && c != '|' {
		f.kind = c
	}
}

// begin takes the first byte of an element, and its length if that is there.
func (f *Framer) begin(b []byte, i int) (next int, ended bool, err error) {
	c := b[i]
	switch c {
	case '+', '-', ':', '_', ',', '#', '(':
		f.part, f.left, f.cr = partLine, 0, false
	case '$', '!', '=', '*', '%', '~', '|', '>':
		if c == '>' && len(f.open) > 0 {
			return i, false, errPush
		}
		f.part, f.filled = partHeader, 0
	default:
		return i, false, fmt.Errorf("reply has an element of unknown type %q", c)
	}
	f.typ = c
	f.setKind(c)
	if f.part == partHeader {
		if v, next := length(b, i+1); next > 0 {
			ended, err = f.length(int64(v))
			return next, ended, err
		}
	}
	return i + 1, false, nil
}

// endElement counts an element that is complete, and the aggregates that end
// with it. It reports whether the reply is complete.
func (f *Framer) endElement() bool {
	f.part = partType
	for last := len(f.open) - 1; last >= 0; last-- {
		attribute := f.open[last] < 0
		if attribute {
			f.open[last]++
		} else {
			f.open[last]--
		}
		if f.open[last] != 0 {
			return false
		}
		f.open = f.open[:last]
		if attribute {
			return false // what it belongs to is still to come
		}
	}
	return true
}

// readHeader takes bytes of a line that declares a length.
func (f *Framer) readHeader(b []byte, i int) (next int, ended bool, err error) {
	rest := b[i:]
	if f.filled == 0 && rest[0] == '?' {
		return i, false, errStreamed
	}
	at := bytes.IndexByte(rest[:min(len(rest), len(f.header))], '\n')
	if at >= 0 {
		rest = rest[:at+1]
	}
	if int(f.filled)+len(rest) > len(f.header) {
		return i, false, errHeader
	}
	f.filled += uint8(copy(f.header[f.filled:], rest))
	i += len(rest)
	line := f.header[:f.filled]
	switch {
	case at < 0:
		return i, false, nil
	case len(line) < 2 || line[len(line)-2] != '\r':
		return i, false, errHeader
	}
	v, ok := integer(line[:len(line)-2])
	if !ok || v < -1 || v == -1 && f.typ != '$' && f.typ != '*' {
		return i, false, errHeader
	}
	ended, err = f.length(v)
	return i, ended, err
}

// length acts on a declared length, -1 for a null.
func (f *Framer) length(v int64) (ended bool, err error) {
	if v < 0 {
		return true, nil
	}
	switch f.typ {
	case '$', '!', '=':
		if v > MaxReplyBulk {
			return false, errString
		}
		f.part, f.left = partString, v+2
		return false, nil
	case '%', '|':
		if v > MaxElements/2 {
			return false, errElements
		}
		v *= 2
	}
	f.part = partType
	switch {
	case v > MaxElements:
		return false, errElements
	case v == 0:
		return f.typ != '|', nil
	case len(f.open) == MaxNesting:
		return false, errNesting
	case f.typ == '|':
		v = -v
	}
	f.open = append(f.open, v)
	return false, nil
}

// skipLine takes bytes of a simple element. It ends with CR LF; a CR or an LF
// alone is part of it, as hiredis has it.
func (f *Framer) skipLine(b []byte, i int) (next int, ended bool, err error) {
	f.left += int64(len(b) - i)
	for i < len(b) {
		at := bytes.IndexByte(b[i:], '\n')
		if at < 0 {
			break
		}
		cr := f.cr
		if at > 0 {
			cr = b[i+at-1] == '\r'
		}
		i += at + 1
		if cr {
			return i, true, nil
		}
		f.cr = false
	}
	if f.left > MaxReplyBulk {
		return i, false, errString
	}
	f.cr = b[len(b)-1] == '\r'
	return len(b), false, nil
}

// skipString takes bytes of a string whose length is known.
func (f *Framer) skipString(b []byte, i int) (next int, ended bool, err error) {
	if f.left > 2 {
		n := min(f.left-2, int64(len(b)-i))
		f.left -= n
		i += int(n)
	}
	for ; f.left > 0 && f.left <= 2 && i < len(b); i++ {
		if b[i] != "\n\r"[f.left-1] {
			return i, false, errEnd
		}
		f.left--
	}
	return i, f.left == 0, nil
}
