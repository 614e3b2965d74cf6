package resp

// inline takes a request that is a line of words.
func (p *Parser) inline(b []byte, lim *Limits, r *Request) (int, error) {
	longest := min(lim.Inline, lim.Request)
	at := p.end(b[:min(len(b), longest+1)], '\n')
	if at < 0 {
		if len(b) > longest {
			return 0, errInline
		}
		return 0, nil
	}
	*p = Parser{}
	line := b[:at]
	if at > 0 && line[at-1] == '\r' {
		line = line[:at-1]
	}
	err := r.split(line)
	if err == nil && len(r.Args) > lim.Arguments {
		err = errMultibulk
	}
	if err != nil {
		r.Args = r.Args[:0]
		return 0, err
	}
	return at + 1, nil
}

// split splits a line into words as Redis' sdssplitargs does. It fails if quotes
// do not match.
func (r *Request) split(line []byte) error {
	// Where buf grows, the words cut out so far stay in its former memory.
	buf := r.scratch[:0]
	for i := skipSpace(line, 0); i < len(line); i = skipSpace(line, i) {
		from := len(buf)
		var ok bool
		if buf, i, ok = word(buf, line, i); !ok {
			return errQuotes
		}
		r.Args = append(r.Args, buf[from:len(buf):len(buf)])
	}
	r.scratch = buf
	r.trim()
	return nil
}

// word appends the word at line[i:] to dst. It ends at a blank or behind a
// closing quote; a quote may also open in its middle.
func word(dst, line []byte, i int) ([]byte, int, bool) {
	for i < len(line) {
		switch c := line[i]; c {
		case ' ', '\n', '\r', '\t': // not all that isSpace knows, as in Redis
			return dst, i, true
		case '"', '\'':
			var ok bool
			dst, i, ok = quoted(dst, line, i+1, c)
			return dst, i, ok && (i == len(line) || isSpace(line[i]))
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst, i, true
}

// quoted appends what stands between line[i:] and the closing quote, unescaped,
// and returns the offset behind that quote.
func quoted(dst, line []byte, i int, quote byte) ([]byte, int, bool) {
	for ; i < len(line); i++ {
		c := line[i]
		switch {
		case c == quote:
			return dst, i + 1, true
		case c != '\\' || i+1 == len(line):
		case quote == '\'':
			if line[i+1] == '\'' {
				i++
				c = '\''
			}
		case line[i+1] == 'x' && i+3 < len(line) && hex[line[i+2]] >= 0 && hex[line[i+3]] >= 0:
			c = byte(hex[line[i+2]]<<4 | hex[line[i+3]])
			i += 3
		default:
			i++
			c = unescape(line[i])
		}
		dst = append(dst, c)
	}
	return dst, i, false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

func skipSpace(line []byte, i int) int {
	for i < len(line) && isSpace(line[i]) {
		i++
	}
	return i
}

// isSpace is C's isspace in the locale C.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// hex holds the value of each hexadecimal digit, -1 for every other byte.
var hex = func() (t [256]int16) {
	for c := range t {
		t[c] = -1
	}
	for v, c := range "0123456789abcdef" {
		t[c] = int16(v)
	}
	for v, c := range "ABCDEF" {
		t[c] = int16(v) + 10
	}
	return t
}()
