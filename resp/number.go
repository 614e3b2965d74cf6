package resp

import (
	"encoding/binary"
	"math"
)

// crlf is CR LF as a little-endian number.
const crlf = '\r' | '\n'<<8

// length reads the plain decimal at b[i:] and the CR LF behind it. next is the
// offset after the LF, or 0 for whatever else is there: an incomplete line, a
// sign, a leading zero, more than nine digits.
//
// A request's speed is largely this function's: lengths of one and two digits
// have their own way.
func length(b []byte, i int) (v, next int) {
	if len(b)-i < 4 {
		return longLength(b, i)
	}
	w := binary.LittleEndian.Uint32(b[i:])
	d := w&0xff - '0'
	if d > 9 {
		return 0, 0
	}
	if w>>8&0xffff == crlf {
		return int(d), i + 3
	}
	e := w>>8&0xff - '0'
	if w>>16 == crlf && d > 0 && e <= 9 {
		return int(d*10 + e), i + 4
	}
	return longLength(b, i)
}

func longLength(b []byte, i int) (v, next int) {
	for j, end := i, min(len(b)-1, i+10); j < end; j++ {
		if c := b[j] - '0'; c <= 9 {
			v = v*10 + int(c)
			continue
		}
		if b[j] == '\r' && b[j+1] == '\n' && j > i && (b[i] != '0' || j == i+1) {
			return v, j + 2
		}
		break
	}
	return 0, 0
}

// integer reads b as Redis' string2ll does: an optional minus and canonical
// digits that fit 64 bits, nothing else.
func integer(b []byte) (int64, bool) {
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 19 || b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint64(c-'0') // 19 digits fit
	}
	if negative {
		return -int64(v), v <= math.MaxInt64+1
	}
	return int64(v), v <= math.MaxInt64
}

// ParseInteger reads an argument as Redis reads integers: canonical digits that
// fit 64 bits, with an optional minus.
func ParseInteger(b []byte) (v int64, ok bool) { return integer(b) }
