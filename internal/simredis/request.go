package simredis

import (
	"bytes"
	"strconv"
)

// maxHeader bounds a header or inline line, as Redis's PROTO_INLINE_MAX_SIZE.
const maxHeader = 64 << 10

// protocolError is the text after "-ERR Protocol error: ".
type protocolError string

// readRequest takes the first request off b. n is 0 if it is not complete yet;
// no arguments mean that there is nothing to execute. It is deliberately not the
// parser that it helps to test.
func readRequest(b []byte) (args [][]byte, n int, fault protocolError) {
	line, n, fault := readLine(b)
	if n == 0 || fault != "" {
		return nil, 0, fault
	}
	if len(line) == 0 || line[0] != '*' {
		return bytes.Fields(line), n, ""
	}
	count, err := strconv.Atoi(string(line[1:]))
	if err != nil || count > 1<<20 {
		return nil, 0, "invalid multibulk length"
	}
	for ; count > 0; count-- {
		if n == len(b) {
			return nil, 0, ""
		}
		if b[n] != '$' {
			return nil, 0, protocolError("expected '$', got '" + string(rune(b[n])) + "'")
		}
		line, k, fault := readLine(b[n:])
		if k == 0 || fault != "" {
			return nil, 0, fault
		}
		size, err := strconv.Atoi(string(line[1:]))
		if err != nil || size < 0 || size > 512<<20 {
			return nil, 0, "invalid bulk length"
		}
		n += k
		if len(b)-n < size+2 {
			return nil, 0, ""
		}
		args = append(args, b[n:n+size])
		n += size + 2
	}
	return args, n, ""
}

// readLine takes a line off b, without its CRLF or LF; n is 0 if none is
// complete.
func readLine(b []byte) (line []byte, n int, fault protocolError) {
	i := bytes.IndexByte(b[:min(len(b), maxHeader)], '\n')
	if i < 0 {
		if len(b) >= maxHeader {
			return nil, 0, "too big inline request"
		}
		return nil, 0, ""
	}
	return bytes.TrimSuffix(b[:i], []byte("\r")), i + 1, ""
}
