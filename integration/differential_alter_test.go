package integration

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ringmain/internal/difftest"
)

// naming is how a request's keys are called: @str becomes {tag}str and a suffix.
type naming struct {
	tag    string // empty: keys have no tag and go anywhere
	suffix string
}

func (n naming) key(word string) string {
	if word == "@" {
		return "" // the empty key
	}
	name := strings.TrimPrefix(word, "@") + n.suffix
	if n.tag == "" {
		return name
	}
	return "{" + n.tag + "}" + name
}

// line is a request of the tables, not yet named: its keys begin with @.
type line struct {
	args  []string
	isKey []bool
	alter bool
}

// parseLine reads a line of a table. dumps has what DUMP says of each fixture.
func parseLine(text string, dumps map[string]string) (line, error) {
	rest, only := strings.CutPrefix(text, "!")
	l := line{alter: !only}
	quoted := strings.Contains(rest, `"@`)
	args, err := difftest.Words(rest, func(word string) string {
		if dump, ok := dumps[strings.TrimPrefix(word, "$")]; ok && word[0] == '$' {
			return dump
		}
		return word
	})
	for _, a := range args {
		l.args = append(l.args, a)
		l.isKey = append(l.isKey, len(a) > 1 && a[0] == '@' && !quoted)
	}
	return l, err
}

// named gives the request under the names of n.
func (l line) named(n naming) []string { return l.namedBy(func(int) naming { return n }) }

// namedBy is named with names that depend on which of the keys it is, from 0.
func (l line) namedBy(names func(key int) naming) []string {
	out := slices.Clone(l.args)
	n := 0
	for i := range out {
		if l.isKey[i] {
			out[i] = names(n).key(out[i])
			n++
		}
	}
	return out
}

// keys are the keys' words, in order.
func (l line) keys() []string {
	var out []string
	for i, a := range l.args {
		if l.isKey[i] {
			out = append(out, a)
		}
	}
	return out
}

// fixturesOf are the words of the line's keys, each once.
func (l line) fixturesOf() []string {
	list := l.keys()
	slices.Sort(list)
	return slices.Compact(list)
}

// with is the line with one argument replaced.
func (l line) with(i int, arg string, isKey bool) line {
	l.args, l.isKey = slices.Clone(l.args), slices.Clone(l.isKey)
	l.args[i], l.isKey[i] = arg, isKey
	return l
}

func (l line) without(i int) line {
	l.args, l.isKey = slices.Delete(slices.Clone(l.args), i, i+1), slices.Delete(slices.Clone(l.isKey), i, i+1)
	return l
}

func (l line) inserted(i int, arg string, isKey bool) line {
	l.args, l.isKey = slices.Insert(slices.Clone(l.args), i, arg), slices.Insert(slices.Clone(l.isKey), i, isKey)
	return l
}

// numbers stand for any argument that is a number.
var numbers = []string{"0", "-1", "1", "2", "-2", "3.5", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
	"1e3", "inf", "nan", " 1", "1 ", "+1", "01", "-0", "0x10"}

// ofSpans are commands with a time to live, or a time that entries have been idle
// for. It is never a moment, which might pass between two servers' replies.
var ofSpans = []string{"expire", "getex", "pexpire", "psetex", "restore", "set", "setex", "xautoclaim", "xclaim", "xpending"}

// alterations are requests like l, most of them wrong in some way. types asks
// for keys of every type too. head is how many arguments name the command.
func (l line) alterations(head int, types bool) []line {
	var out []line
	for n := len(l.args) - 1; n >= head; n-- { // too few
		out = append(out, line{args: l.args[:n], isKey: l.isKey[:n]})
	}
	more := l.inserted(len(l.args), "@x", true) // too many
	out = append(out, more, more.inserted(len(more.args), "@y", true))
	out = append(out, l.otherCase())
	for i := head; i < len(l.args); i++ {
		out = append(out, l.without(i), l.inserted(i, l.args[i], l.isKey[i]))
		if l.isKey[i] {
			out = append(out, l.with(i, "@none", true))
			if len(l.keys()) == 1 {
				out = append(out, l.with(i, "@", true))
			}
			if types {
				out = append(out, l.keysOfEveryType(i)...)
			}
			continue
		}
		out = append(out, l.with(i, "", false), l.with(i, "\x00\r\n\xff", false), l.with(i, "nosuch", false))
		if strings.ContainsFunc(l.args[i], unicode.IsDigit) && len(l.args[i]) < 30 {
			for _, number := range numbers {
				if n, err := strconv.ParseFloat(number, 64); err == nil && n > 0 && n < 4 && slices.Contains(ofSpans, nameOf(l.args)) {
					continue
				}
				out = append(out, l.with(i, number, false))
			}
		}
	}
	return out
}

func (l line) keysOfEveryType(i int) []line {
	var out []line
	for _, name := range fixtureNames {
		if name == "@bigz" && strings.Contains(strings.ToLower(strings.Join(l.args, " ")), "lex") {
			continue // a range of words where scores differ depends on the skip list's chance
		}
		out = append(out, l.with(i, name, true))
	}
	return out
}

// otherCase has lower case for upper, and the other way round.
func (l line) otherCase() line {
	l.args = slices.Clone(l.args)
	for i, a := range l.args {
		if l.isKey[i] {
			continue
		}
		l.args[i] = strings.Map(func(r rune) rune {
			if unicode.IsUpper(r) {
				return unicode.ToLower(r)
			}
			return unicode.ToUpper(r)
		}, strings.ToValidUTF8(a, "?"))
	}
	return l
}

// fixtureNames are sorted.
var fixtureNames = func() []string {
	var names []string
	for name := range fixtures {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}()

// setup makes a fixture anew. A name that is none stands for a missing key.
func setup(name string, n naming) ([][]string, error) {
	out := [][]string{{"DEL", n.key(name)}}
	if fixtures[name] == "" {
		return out, nil
	}
	for text := range strings.SplitSeq(fixtures[name], "|") {
		args, err := difftest.Words(text, nil)
		if err != nil {
			return nil, err
		}
		var full []string
		for _, a := range args {
			switch {
			case a == name:
				full = append(full, n.key(a))
			default:
				full = append(full, many(a)...)
			}
		}
		out = append(out, full)
	}
	return out, nil
}

// many makes the arguments of a large fixture: #l:3 is l0 l1 l2, #p:3 pairs, #z:3
// scores and members; $3*ab is ababab.
func many(word string) []string {
	var n int
	var rest string
	if _, err := fmt.Sscanf(word, "$%d*%s", &n, &rest); err == nil {
		return []string{strings.Repeat(rest, n)}
	}
	if len(word) < 4 || word[0] != '#' {
		return []string{word}
	}
	if _, err := fmt.Sscanf(word[3:], "%d", &n); err != nil {
		return []string{word}
	}
	var out []string
	for i := range n {
		member := fmt.Sprintf("%c%d", word[1], i)
		switch word[1] {
		case 'p':
			out = append(out, "f"+member, "v"+member)
		case 'z':
			out = append(out, fmt.Sprint(i), member)
		default:
			out = append(out, member)
		}
	}
	return out
}
