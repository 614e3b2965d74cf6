package fanout

import (
	"bytes"

	"ringmain/resp"
)

// elements goes through a whole reply that lies in pieces. It is copied to go
// through it again.
type elements struct {
	pieces [][]byte
	piece  int // the one under way, and how much of it has been passed
	passed int
	framer resp.Framer
	joined []byte // an element that lies in several pieces
}

// rest is what is left of the piece under way; nil at the end of the reply.
func (e *elements) rest() []byte {
	for e.piece < len(e.pieces) && e.passed == len(e.pieces[e.piece]) {
		e.piece, e.passed = e.piece+1, 0
	}
	if e.piece == len(e.pieces) {
		return nil
	}
	return e.pieces[e.piece][e.passed:]
}

// line is the next line, which may open an aggregate. It is valid until the next
// call.
func (e *elements) line() []byte {
	e.joined = e.joined[:0]
	for b := e.rest(); b != nil; b = e.rest() {
		n := bytes.IndexByte(b, '\n') + 1
		whole := n > 0
		if !whole {
			n = len(b)
		}
		e.passed += n
		e.joined = append(e.joined, b[:n]...)
		if whole {
			break
		}
	}
	return e.joined
}

// next is the next whole element; nil if there is none. It is valid until the next
// call.
func (e *elements) next() []byte {
	e.joined = e.joined[:0]
	for b := e.rest(); b != nil; b = e.rest() {
		n, done, err := e.framer.Scan(b)
		if err != nil {
			return nil
		}
		e.passed += n
		if done && len(e.joined) == 0 {
			return b[:n]
		}
		e.joined = append(e.joined, b[:n]...)
		if done {
			return e.joined
		}
	}
	return nil
}
