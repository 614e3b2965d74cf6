package simtest

import (
	"bytes"
	"fmt"
	"strconv"

	"ringmain/resp"
)

// element finds the end of the first reply in b; 0: it is not complete. It is
// deliberately not the framer that it helps to test.
func element(b []byte) (int, error) {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 0 {
		return 0, nil
	}
	n, err := end+2, error(nil)
	count := 0
	switch b[0] {
	case '+', '-', ':', '_', '#', ',', '(':
		return n, nil
	case '$', '=', '*', '~', '%', '>':
		if count, err = strconv.Atoi(string(b[1:end])); err != nil {
			return 0, fmt.Errorf("reply header %q", b[:end])
		}
	default:
		return 0, fmt.Errorf("reply begins with %q", b[:end])
	}
	switch {
	case count < 0:
		return n, nil
	case b[0] == '$' || b[0] == '=':
		if len(b) < n+count+2 {
			return 0, nil
		}
		return n + count + 2, nil
	case b[0] == '%':
		count *= 2
	}
	for ; count > 0; count-- {
		k, err := element(b[n:])
		if k == 0 || err != nil {
			return 0, err
		}
		n += k
	}
	return n, nil
}

// eachRequest calls f with the arguments of each request in b, which holds whole
// ones.
func eachRequest(b []byte, f func(raw []byte, args [][]byte)) {
	var parser resp.Parser
	var request resp.Request
	limits := resp.Limits{Request: 1 << 30, Arguments: 1 << 20, Bulk: 1 << 30, Inline: 64 << 10}
	for len(b) > 0 {
		n, err := parser.Next(b, &limits, &request)
		if err != nil || n == 0 {
			panic(fmt.Sprintf("no whole requests go to a server: %q, %v", b, err))
		}
		f(b[:n], request.Args)
		b = b[n:]
	}
}
