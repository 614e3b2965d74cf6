package resp

import (
	"bytes"
	"math"
	"strconv"
)

// What Redis itself allows; fit for Limits.
const (
	// MaxBulk is the longest argument, in bytes (proto-max-bulk-len).
	MaxBulk = 512 << 20
	// MaxInline is the longest inline line, in bytes.
	MaxInline = 64 << 10
)

// maxLine is the longest header line of a request, in bytes without CR LF.
const maxLine = 64 << 10

// Limits bounds one request. Every field must be above zero.
type Limits struct {
	Request   int // bytes of one whole request
	Arguments int // elements of one request
	Bulk      int // bytes of one argument; Redis allows MaxBulk
	Inline    int // bytes of one inline line; Redis allows MaxInline
	// Unauthenticated words the refusals of Arguments and Bulk as Redis does
	// before a client's AUTH.
	Unauthenticated bool
}

// ProtocolError says why the bytes of a client are not a request. It is Redis's
// text, without the code ERR; the connection is closed once it is sent.
type ProtocolError string

func (e ProtocolError) Error() string { return string(e) }

// Protocol errors that Next returns, besides those that name a byte or a limit.
const (
	errMultibulk       ProtocolError = "Protocol error: invalid multibulk length"
	errBulk            ProtocolError = "Protocol error: invalid bulk length"
	errMultibulkLine   ProtocolError = "Protocol error: too big mbulk count string"
	errBulkLine        ProtocolError = "Protocol error: too big bulk count string"
	errInline          ProtocolError = "Protocol error: too big inline request"
	errQuotes          ProtocolError = "Protocol error: unbalanced quotes in request"
	errUnauthMultibulk ProtocolError = "Protocol error: unauthenticated multibulk length"
	errUnauthBulk      ProtocolError = "Protocol error: unauthenticated bulk length"
)

// Parser remembers how far the request at the start of a client's input was
// already looked at, so that one that comes in many pieces costs no more than
// one that comes whole. The zero value is ready. It keeps no reference to the
// input. After an error it must not be used again.
type Parser struct {
	pos       int   // offset of the line or element to look at next
	need      int   // below this length of input nothing new can be found
	scanned   int   // bytes from pos that hold no end of line; stays at a NUL
	remaining int32 // elements still to come; 0 outside an array
	odd       bool  // an end of line was not CR LF
}

// Next takes the first request from b into r.
//
// n == 0 without an error: more bytes are needed; the next call must be given
// the same bytes with more behind them. n > 0 and no arguments: there is
// nothing to execute (an empty line, *0, *-1); skip n bytes. An error is always
// a ProtocolError.
//
// r's arguments point into b, or into r itself for an inline request.
func (p *Parser) Next(b []byte, lim *Limits, r *Request) (n int, err error) {
	if cap(r.Args) > keptArgs || cap(r.scratch) > keptScratch {
		r.Reset()
	}
	fresh := p.remaining == 0 && len(b) > 0
	if fresh && b[0] == '*' {
		count, next, left := r.plain(b, lim)
		if count > 0 && left == 0 && next <= lim.Request {
			p.need, p.scanned = 0, 0
			return next, nil
		}
		if left > 0 {
			p.pos, p.scanned, p.remaining = next, 0, int32(left)
		} // else nothing is taken: not plain, or longer than allowed
	}
	r.Args, r.Raw = r.Args[:0], nil
	if len(b) < p.need || len(b) == 0 {
		return 0, nil
	}
	if fresh && b[0] != '*' {
		return p.inline(b, lim, r)
	}
	return p.array(b, lim, r)
}

// array goes through a request of any form: one in pieces, one that is odd or
// wrong. The arguments are collected once all of them are there.
func (p *Parser) array(b []byte, lim *Limits, r *Request) (int, error) {
	if p.remaining == 0 {
		n, err := p.count(b, lim)
		if n > 0 || err != nil || p.remaining == 0 {
			return n, err
		}
	}
	for p.remaining > 0 {
		size, start, err := p.bulk(b, lim)
		if start == 0 || err != nil {
			return 0, err
		}
		end := start + size + 2
		if end > len(b) {
			p.need = end
			return 0, nil
		}
		// Redis skips these two bytes unseen.
		if b[end-2] != '\r' || b[end-1] != '\n' {
			p.odd = true
		}
		p.pos, p.scanned = end, 0
		p.remaining--
	}
	n, odd := p.pos, p.odd
	*p = Parser{}
	r.collect(b[:n:n])
	if !odd {
		r.Raw = b[:n:n]
	}
	return n, nil
}

// count reads the header of an array. n > 0: the array is empty and ends there.
// Neither n nor p.remaining is set while the line is incomplete.
func (p *Parser) count(b []byte, lim *Limits) (n int, err error) {
	line, next, err := p.line(b, lim, errMultibulkLine)
	if next == 0 || err != nil {
		return 0, err
	}
	v, ok := integer(line[1:])
	switch {
	case !ok || v > math.MaxInt32:
		return 0, errMultibulk
	case v > int64(lim.Arguments) && lim.Unauthenticated:
		return 0, errUnauthMultibulk
	case v > int64(lim.Arguments):
		return 0, errMultibulk
	case v <= 0:
		*p = Parser{}
		return next, nil
	}
	p.pos, p.scanned, p.remaining = next, 0, int32(v)
	return 0, nil
}

// bulk reads the header of the element at p.pos. start is 0 while it is
// incomplete.
func (p *Parser) bulk(b []byte, lim *Limits) (size, start int, err error) {
	v := int64(0)
	if p.pos < len(b) && b[p.pos] == '$' {
		size, start = length(b, p.pos+1)
		v = int64(size)
	}
	if start == 0 {
		var line []byte
		line, start, err = p.line(b, lim, errBulkLine)
		if start == 0 || err != nil {
			return 0, 0, err
		}
		if b[p.pos] != '$' {
			return 0, 0, unexpected(b[p.pos])
		}
		var ok bool
		if v, ok = integer(line[1:]); !ok || v < 0 {
			return 0, 0, errBulk
		}
	}
	switch {
	case start > lim.Request:
		return 0, 0, exceeds(lim)
	case v > int64(lim.Bulk) && v <= MaxBulk && lim.Unauthenticated:
		return 0, 0, errUnauthBulk
	case v > int64(lim.Bulk):
		return 0, 0, errBulk
	case v > int64(lim.Request-start-2):
		return 0, 0, exceeds(lim)
	}
	return int(v), start, nil
}

// line finds the header line at p.pos as Redis does: up to the first CR, with
// one more byte after it that is not looked at; a NUL before the CR hides it
// for ever. next is 0 while the line is incomplete.
func (p *Parser) line(b []byte, lim *Limits, tooLong ProtocolError) (line []byte, next int, err error) {
	longest := maxLine
	if rest := lim.Request - p.pos - 2; rest < longest {
		longest, tooLong = max(rest, -1), exceeds(lim)
	}
	window := b[p.pos:min(len(b), p.pos+longest+1)]
	at := p.end(window, '\r')
	if at < 0 {
		if len(b)-p.pos > longest {
			return nil, 0, tooLong
		}
		return nil, 0, nil
	}
	next = p.pos + at + 2
	if next > len(b) {
		p.need = next
		return nil, 0, nil
	}
	if b[next-1] != '\n' {
		p.odd = true
	}
	return b[p.pos : p.pos+at], next, nil
}

// end is the index in window of the byte that ends the line, or -1. It goes on
// where the last search stopped. As with C's strchr nothing is found behind a
// NUL.
func (p *Parser) end(window []byte, ender byte) int {
	if p.scanned >= len(window) || window[p.scanned] == 0 {
		return -1
	}
	rest := window[p.scanned:]
	at := bytes.IndexByte(rest, ender)
	if at >= 0 {
		rest = rest[:at]
	}
	if nul := bytes.IndexByte(rest, 0); nul >= 0 {
		p.scanned += nul
		return -1
	}
	p.scanned += len(rest)
	if at < 0 {
		return -1
	}
	return p.scanned
}

func exceeds(lim *Limits) ProtocolError {
	return ProtocolError("Protocol error: request exceeds " + strconv.Itoa(lim.Request) + " bytes")
}

// unexpected names a byte that stands where '$' should. Redis sends it as it
// is, but for the ends of line.
func unexpected(c byte) ProtocolError {
	if c == '\r' || c == '\n' {
		c = ' '
	}
	return ProtocolError("Protocol error: expected '$', got '" + string([]byte{c}) + "'")
}
