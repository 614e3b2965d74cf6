package history

import (
	"bytes"
	"errors"
	"strconv"
)

// Parse reads a whole reply, of RESP2 or RESP3, as Call.Reply takes it. Of what is not a
// reply it makes an error, as of a refusal.
func Parse(b []byte) any {
	reply, rest, ok := parse(b)
	if !ok || len(rest) > 0 {
		return errors.New("not a reply: " + strconv.Quote(string(b)))
	}
	return reply
}

func parse(b []byte) (reply any, rest []byte, ok bool) {
	line, rest, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok || len(line) == 0 {
		return nil, nil, false
	}
	kind, word := line[0], string(line[1:])
	switch kind {
	case '+':
		return word, rest, true
	case '-':
		return errors.New(word), rest, true
	case '_':
		return nil, rest, true
	}
	n, err := strconv.ParseInt(word, 10, 64)
	switch {
	case err != nil:
		return nil, nil, false
	case kind == ':':
		return n, rest, true
	case n < 0:
		return nil, rest, true
	case kind == '$' && int64(len(rest)) >= n+2:
		return string(rest[:n]), rest[n+2:], true
	case kind != '*' && kind != '~' && kind != '%':
		return nil, nil, false
	case kind == '%':
		n *= 2
	}
	list := []any{}
	for range n {
		var element any
		if element, rest, ok = parse(rest); !ok {
			return nil, nil, false
		}
		list = append(list, element)
	}
	return list, rest, true
}
