package embedded

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Bounds of a request: those of Redis, and of Ringmain's own largest request.
const (
	maxArgs    = 1 << 24
	maxBulk    = 512 << 20
	maxRequest = 1 << 30
)

// protocolError is what is wrong with a request, in Redis's words.
type protocolError string

func (e protocolError) Error() string { return string(e) }

// requestReader reads requests as arrays of strings, the only form in which
// Ringmain sends them. What a client declares never drives an allocation.
type requestReader struct{ r *bufio.Reader }

func newRequestReader(r io.Reader) *requestReader {
	return &requestReader{bufio.NewReaderSize(r, 16<<10)}
}

// next is the next request; it has at least one element.
func (r *requestReader) next() ([]string, error) {
	n := 0
	for n <= 0 { // Redis ignores empty ones
		var err error
		if n, err = r.length('*', "invalid multibulk length", maxArgs); err != nil {
			return nil, err
		}
	}
	args := make([]string, 0, min(n, 16))
	total := 0
	for range n {
		size, err := r.length('$', "invalid bulk length", maxBulk)
		if err != nil {
			return nil, err
		}
		if total += size; size < 0 || total > maxRequest {
			return nil, protocolError("invalid bulk length")
		}
		arg, err := r.bulk(size)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return args, nil
}

// length reads a line of a mark and a number.
func (r *requestReader) length(mark byte, invalid string, most int) (int, error) {
	line, err := r.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return 0, protocolError("too big line")
	case err != nil:
		return 0, err
	case line[0] != mark:
		return 0, protocolError("expected '" + string(mark) + "'")
	}
	n, err := strconv.Atoi(strings.TrimSuffix(string(line[1:len(line)-1]), "\r"))
	if err != nil || n > most {
		return 0, protocolError(invalid)
	}
	return n, nil
}

// bulk reads n bytes and the line break after them. The buffer grows with what
// has come.
func (r *requestReader) bulk(n int) (string, error) {
	if n <= r.r.Size() {
		b, err := r.r.Peek(n)
		if err != nil {
			return "", err
		}
		s := string(b)
		_, err = r.r.Discard(n + 2)
		return s, err
	}
	var b strings.Builder
	if _, err := io.CopyN(&b, r.r, int64(n)); err != nil {
		return "", err
	}
	if _, err := r.r.Discard(2); err != nil {
		return "", err
	}
	return b.String(), nil
}
