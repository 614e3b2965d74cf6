package resp

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// outcome is what came of the first request in a buffer.
type outcome struct {
	n    int // 0 without an error: more is needed
	args []string
	raw  bool
	err  string
}

// twin parses as Redis does, slowly and obviously, from scratch at each call.
func twin(b []byte, lim *Limits) outcome {
	if len(b) == 0 {
		return outcome{}
	}
	if b[0] != '*' {
		return twinInline(b, lim)
	}
	raw := true
	line, pos, fault := twinLine(b, 0, lim, "too big mbulk count string", &raw)
	if fault != "" || pos == 0 {
		return outcome{err: fault}
	}
	count, err := canonical(line[1:])
	switch {
	case err != nil || count > math.MaxInt32:
		return outcome{err: "invalid multibulk length"}
	case count > int64(lim.Arguments) && lim.Unauthenticated:
		return outcome{err: "unauthenticated multibulk length"}
	case count > int64(lim.Arguments):
		return outcome{err: "invalid multibulk length"}
	case count <= 0:
		return outcome{n: pos}
	}
	var args []string
	for range count {
		line, next, fault := twinLine(b, pos, lim, "too big bulk count string", &raw)
		if fault != "" || next == 0 {
			return outcome{err: fault}
		}
		if b[pos] != '$' {
			got := strings.NewReplacer("\r", " ", "\n", " ").Replace(string(b[pos : pos+1]))
			return outcome{err: "expected '$', got '" + got + "'"}
		}
		size, err := canonical(line[1:])
		switch {
		case err != nil || size < 0 || size > MaxBulk:
			return outcome{err: "invalid bulk length"}
		case size > int64(lim.Bulk) && lim.Unauthenticated:
			return outcome{err: "unauthenticated bulk length"}
		case size > int64(lim.Bulk):
			return outcome{err: "invalid bulk length"}
		case next+int(size)+2 > lim.Request:
			return outcome{err: fmt.Sprintf("request exceeds %d bytes", lim.Request)}
		}
		pos = next + int(size) + 2
		if pos > len(b) {
			return outcome{}
		}
		args = append(args, string(b[next:pos-2]))
		raw = raw && string(b[pos-2:pos]) == "\r\n"
	}
	return outcome{n: pos, args: args, raw: raw}
}

// canonical reads a number that is written as Go would write it.
func canonical(s string) (int64, error) {
	v, err := strconv.ParseInt(s, 10, 64)
	if err == nil && strconv.FormatInt(v, 10) != s {
		err = strconv.ErrSyntax
	}
	return v, err
}

// strchr finds c as C does.
func strchr(b []byte, c byte) int {
	for i := range b {
		if b[i] == c {
			return i
		}
		if b[i] == 0 {
			return -1
		}
	}
	return -1
}

func twinLine(b []byte, pos int, lim *Limits, fault string, raw *bool) (string, int, string) {
	longest := 64 << 10
	if lim.Request-pos-2 < longest {
		longest, fault = lim.Request-pos-2, fmt.Sprintf("request exceeds %d bytes", lim.Request)
	}
	cr := strchr(b[pos:], '\r')
	if cr > longest || cr < 0 && len(b)-pos > longest {
		return "", 0, fault
	}
	if cr < 0 || pos+cr+2 > len(b) {
		return "", 0, ""
	}
	*raw = *raw && b[pos+cr+1] == '\n'
	return string(b[pos : pos+cr]), pos + cr + 2, ""
}

func twinInline(b []byte, lim *Limits) outcome {
	longest := min(lim.Inline, lim.Request)
	lf := strchr(b, '\n')
	switch {
	case lf > longest || lf < 0 && len(b) > longest:
		return outcome{err: "too big inline request"}
	case lf < 0:
		return outcome{}
	}
	args, ok := sdssplitargs(string(bytes.TrimSuffix(b[:lf], []byte("\r"))))
	switch {
	case !ok:
		return outcome{err: "unbalanced quotes in request"}
	case len(args) > lim.Arguments:
		return outcome{err: "invalid multibulk length"}
	}
	return outcome{n: lf + 1, args: args}
}

// sdssplitargs follows the C function of that name statement by statement, on
// a string that ends with a NUL.
func sdssplitargs(line string) (args []string, ok bool) {
	line += "\x00\x00\x00\x00"
	space := func(c byte) bool { return strings.IndexByte(" \t\n\v\f\r", c) >= 0 }
	p := 0
	for {
		for line[p] != 0 && space(line[p]) {
			p++
		}
		if line[p] == 0 {
			return args, true
		}
		inq, insq, done, current := false, false, false, ""
		for !done {
			c := line[p]
			switch {
			case inq:
				if code, err := strconv.ParseUint(line[p+min(2, len(line)-p):min(p+4, len(line))], 16, 8); c == '\\' && line[p+1] == 'x' && err == nil {
					current += string([]byte{byte(code)})
					p += 3
				} else if c == '\\' && line[p+1] != 0 {
					p++
					c = line[p]
					if i := strings.IndexByte("nrtba", c); i >= 0 {
						c = "\n\r\t\b\a"[i]
					}
					current += string([]byte{c})
				} else if c == '"' {
					if line[p+1] != 0 && !space(line[p+1]) {
						return nil, false
					}
					done = true
				} else if c == 0 {
					return nil, false
				} else {
					current += string([]byte{c})
				}
			case insq:
				if c == '\\' && line[p+1] == '\'' {
					p++
					current += "'"
				} else if c == '\'' {
					if line[p+1] != 0 && !space(line[p+1]) {
						return nil, false
					}
					done = true
				} else if c == 0 {
					return nil, false
				} else {
					current += string([]byte{c})
				}
			default:
				switch c {
				case ' ', '\n', '\r', '\t', 0:
					done = true
				case '"':
					inq = true
				case '\'':
					insq = true
				default:
					current += string([]byte{c})
				}
			}
			if line[p] != 0 {
				p++
			}
		}
		args = append(args, current)
	}
}

// Results of frame besides a length.
const (
	frameShort = -1 // more bytes are needed
	frameWrong = -2
)

// frame is the length of the reply b begins with, by recursion.
func frame(b string, nested bool) int {
	if b == "" {
		return frameShort
	}
	if strings.IndexByte("+-:_,#(", b[0]) >= 0 {
		end := strings.Index(b, "\r\n")
		if end < 0 {
			return frameShort
		}
		return end + 2
	}
	if strings.IndexByte("$!=*%~|>", b[0]) < 0 || nested && b[0] == '>' {
		return frameWrong
	}
	lf := strings.IndexByte(b, '\n')
	switch {
	case len(b) > 1 && b[1] == '?', lf > 22, lf < 0 && len(b) > 23:
		return frameWrong
	case lf < 0:
		return frameShort
	}
	v, err := canonical(strings.TrimSuffix(b[1:lf], "\r"))
	if err != nil || b[lf-1] != '\r' || v < -1 {
		return frameWrong
	}
	null := v == -1
	switch pos := lf + 1; b[0] {
	case '$', '!', '=':
		if null && b[0] == '$' {
			return pos
		}
		if null || v > MaxReplyBulk {
			return frameWrong
		}
		// A wrong end is seen as soon as it is there.
		for i, want := range []byte("\r\n") {
			if int64(len(b)-pos) <= v+int64(i) {
				return frameShort
			}
			if b[pos+int(v)+i] != want {
				return frameWrong
			}
		}
		return pos + int(v) + 2
	default:
		if null && b[0] == '*' {
			return pos
		}
		each := int64(1)
		if b[0] == '%' || b[0] == '|' {
			each = 2
		}
		if null || v > MaxElements/each {
			return frameWrong
		}
		for range v * each {
			n := frame(b[pos:], true)
			if n < 0 {
				return n
			}
			pos += n
		}
		if b[0] == '|' {
			n := frame(b[pos:], nested)
			if n < 0 {
				return n
			}
			pos += n
		}
		return pos
	}
}
