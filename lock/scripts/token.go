package scripts

import (
	"errors"
	"strings"
)

// What is longer, or has more tokens, is none of the scripts that are known: the longest
// of them has a thousand bytes and two hundred tokens.
const (
	maxText   = 8 << 10
	maxTokens = 1 << 10
)

// kind is what a token is.
type kind uint8

const (
	name   kind = iota // and Lua's keywords, which no variable can be called by
	number             // as written, in lower case
	text               // a string, with its escapes resolved
	symbol
)

// token is a lexical unit of Lua 5.1.
type token struct {
	kind kind
	text string
}

func (t token) is(symbolOrName string) bool { return t.kind != text && t.text == symbolOrName }

// errNotLua says that a text cannot be taken apart. Why does not matter: it is not one of
// those that are known.
var errNotLua = errors.New("not Lua, or none of the forms that known scripts have")

// lexer takes a Lua text apart. It looks at each byte a bounded number of times.
type lexer struct {
	src    string
	at     int
	tokens []token
}

// tokenise returns the tokens of a script, without comments and what stands between
// tokens. Strings in long brackets are not taken: no known script has any.
func tokenise(src string) ([]token, error) {
	if len(src) > maxText {
		return nil, errNotLua
	}
	l := lexer{src: strings.TrimPrefix(src, "\uFEFF"), tokens: make([]token, 0, 128)}
	for l.at < len(l.src) {
		if len(l.tokens) >= maxTokens || !l.step() {
			return nil, errNotLua
		}
	}
	return l.tokens, nil
}

// step takes one token, one comment or one blank. It reports whether there was one.
func (l *lexer) step() bool {
	rest := l.src[l.at:]
	switch c := rest[0]; {
	case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		l.at++
		return true
	case strings.HasPrefix(rest, "--"):
		return l.comment()
	case c == '"' || c == '\'':
		return l.quoted(c)
	case letter(c):
		l.take(name, span(rest, func(c byte) bool { return letter(c) || digit(c) }))
		return true
	case digit(c) || c == '.' && len(rest) > 1 && digit(rest[1]):
		l.number()
		return true
	}
	return l.symbol()
}

func (l *lexer) take(k kind, length int) {
	l.tokens = append(l.tokens, token{k, l.src[l.at : l.at+length]})
	l.at += length
}

// comment skips a comment, short or in long brackets.
func (l *lexer) comment() bool {
	l.at += 2
	rest := l.src[l.at:]
	if strings.HasPrefix(rest, "[") {
		level := span(rest[1:], func(c byte) bool { return c == '=' })
		if strings.HasPrefix(rest[1+level:], "[") {
			end := "]" + strings.Repeat("=", level) + "]"
			inside, _, closed := strings.Cut(rest[level+2:], end)
			l.at += level + 2 + len(inside) + len(end)
			return closed
		}
	}
	l.at += span(rest, func(c byte) bool { return c != '\n' && c != '\r' })
	return true
}

// number takes a number as Lua does: digits and points, an exponent with its sign, and
// what follows without a gap.
func (l *lexer) number() {
	rest := l.src[l.at:]
	n := span(rest, func(c byte) bool { return digit(c) || c == '.' })
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		n++
		if n < len(rest) && (rest[n] == '+' || rest[n] == '-') {
			n++
		}
	}
	n += span(rest[n:], func(c byte) bool { return letter(c) || digit(c) })
	l.take(number, n)
	last := &l.tokens[len(l.tokens)-1]
	last.text = strings.ToLower(last.text)
}

// escapes are the letters that mean another byte behind a backslash.
var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// quoted takes a string up to its closing quote.
func (l *lexer) quoted(quote byte) bool {
	value := make([]byte, 0, 16)
	for at := l.at + 1; at < len(l.src); at++ {
		switch c := l.src[at]; c {
		case quote:
			l.tokens = append(l.tokens, token{text, string(value)})
			l.at = at + 1
			return true
		case '\n', '\r':
			return false
		case '\\':
			at++
			if at == len(l.src) || l.src[at] == '\r' {
				return false
			}
			c = l.src[at]
			if digit(c) {
				code, length := 0, 0
				for length < 3 && at+length < len(l.src) && digit(l.src[at+length]) {
					code = 10*code + int(l.src[at+length]-'0')
					length++
				}
				if code > 255 {
					return false
				}
				value = append(value, byte(code))
				at += length - 1
				continue
			}
			if other, ok := escapes[c]; ok {
				c = other
			}
			value = append(value, c)
		default:
			value = append(value, c)
		}
	}
	return false
}

// symbols are those of more than one character, longest first.
var symbols = []string{"...", "..", "==", "~=", "<=", ">="}

func (l *lexer) symbol() bool {
	rest := l.src[l.at:]
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			l.take(symbol, len(s))
			return true
		}
	}
	if strings.IndexByte("+-*/%^#<>=(){}[];:,.", rest[0]) < 0 {
		return false
	}
	if rest[0] == '[' && len(rest) > 1 && (rest[1] == '[' || rest[1] == '=') {
		return false
	}
	l.take(symbol, 1)
	return true
}

// span is how many bytes at the beginning of s are what is asked for.
func span(s string, is func(byte) bool) int {
	for i := range len(s) {
		if !is(s[i]) {
			return i
		}
	}
	return len(s)
}

func letter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }
