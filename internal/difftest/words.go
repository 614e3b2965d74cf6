package difftest

import (
	"fmt"
	"strconv"
	"strings"
)

// Words splits a line at blanks. A word in double quotes is one of Go's string
// literals. expand makes the arguments of each word that is not quoted; nil
// leaves it as it is.
func Words(line string, expand func(word string) string) ([]string, error) {
	var args []string
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		if rest[0] != '"' {
			word := rest
			if end := strings.IndexAny(rest, " \t"); end >= 0 {
				word = rest[:end]
			}
			rest = rest[len(word):]
			if expand != nil {
				word = expand(word)
			}
			args = append(args, word)
			continue
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return nil, fmt.Errorf("%q: a quote is not closed", line)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		args = append(args, word)
		rest = rest[len(quoted):]
	}
	return args, nil
}

// AppendRequest appends a request as clients send it.
func AppendRequest(dst []byte, args []string) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(args)), 10)
	for _, a := range args {
		dst = append(dst, "\r\n$"...)
		dst = strconv.AppendInt(dst, int64(len(a)), 10)
		dst = append(dst, "\r\n"...)
		dst = append(dst, a...)
	}
	return append(dst, "\r\n"...)
}
