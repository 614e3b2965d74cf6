package command

import "bytes"

// MatchGlob reports whether s matches a pattern as KEYS, SCAN's MATCH, CONFIG GET
// and COMMAND LIST take it: * is any text, ? any byte, [a-z] and [^a-z] one byte
// of a class, \ takes the meaning of the byte after it away. nocase makes upper
// and lower case of ASCII letters the same. The work is bounded by the product of
// the lengths.
//
// As in Redis, a class that is not closed ends with the pattern, an empty one
// matches nothing, ranges may be reversed, and a byte after \ within a class has
// its case.
func MatchGlob(pattern, s []byte, nocase bool) bool {
	// Where to go on if the present try fails: the pattern after the last *, and
	// the byte of s that this * takes next. An earlier * need never be tried
	// again: what comes before the last one has matched as early as it can.
	var afterStar, restS []byte
	star := false
	for {
		switch n := 0; {
		case len(pattern) > 0 && pattern[0] == '*':
			pattern = pattern[1:]
			if len(pattern) == 0 {
				return true
			}
			afterStar, restS, star = pattern, s, true
			continue
		case len(s) == 0:
			// A longer * leaves even less.
			return len(pattern) == 0
		case len(pattern) > 0:
			if n = matchOne(pattern, s[0], nocase); n > 0 {
				pattern, s = pattern[n:], s[1:]
				continue
			}
		}
		if !star || len(restS) == 0 {
			return false
		}
		restS = restS[1:]
		pattern, s = afterStar, restS
	}
}

// Glob is a pattern that many keys are compared with, as MatchGlob does it; what it begins
// with, up to the first *, ? or [, is compared first. It is never changed, so that any
// goroutine may use it.
type Glob struct{ prefix, rest []byte }

// NewGlob takes a pattern apart.
func NewGlob(pattern string) Glob {
	var g Glob
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '*', '?', '[':
			g.rest = []byte(pattern[i:])
			return g
		case '\\':
			if i+1 < len(pattern) {
				i++
			}
		}
		g.prefix = append(g.prefix, pattern[i])
	}
	return g
}

// Matches reports whether s matches the pattern, with the case that letters have.
func (g Glob) Matches(s []byte) bool {
	return bytes.HasPrefix(s, g.prefix) && MatchGlob(g.rest, s[len(g.prefix):], false)
}

// matchOne matches one byte with the first part of a pattern, which is not empty
// nor *, and gives that part's length; 0 if they do not match.
func matchOne(pattern []byte, b byte, nocase bool) int {
	switch {
	case pattern[0] == '?':
		return 1
	case pattern[0] == '[':
		n, in := matchClass(pattern, b, nocase)
		if !in {
			return 0
		}
		return n
	case pattern[0] == '\\' && len(pattern) > 1:
		if !sameByte(pattern[1], b, nocase) {
			return 0
		}
		return 2
	case sameByte(pattern[0], b, nocase):
		return 1
	}
	return 0
}

// matchClass matches one byte with a class, n bytes long.
func matchClass(pattern []byte, b byte, nocase bool) (n int, in bool) {
	n = 1
	not := len(pattern) > 1 && pattern[1] == '^'
	if not {
		n = 2
	}
	for ; n < len(pattern) && pattern[n] != ']'; n++ {
		left := len(pattern) - n
		switch {
		case pattern[n] == '\\' && left > 1:
			n++
			in = in || pattern[n] == b
		case left > 2 && pattern[n+1] == '-':
			in = in || inRange(b, pattern[n], pattern[n+2], nocase)
			n += 2
		default:
			in = in || sameByte(pattern[n], b, nocase)
		}
	}
	return min(n+1, len(pattern)), in != not
}

func inRange(b, from, to byte, nocase bool) bool {
	if from > to {
		from, to = to, from
	}
	if nocase {
		b, from, to = lower(b), lower(from), lower(to)
	}
	return from <= b && b <= to
}

func sameByte(a, b byte, nocase bool) bool { return a == b || nocase && lower(a) == lower(b) }

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b |= caseBit
	}
	return b
}
