package command

import (
	"fmt"
	"strings"
)

// Command.Args is the syntax of a command's arguments in one line:
//
//	name             an argument, a string
//	"ip:port"        a name with marks in it
//	name:int         of another type: int, double, pattern, time (Unix time)
//	name@1           a key, found by the command's second KeySpec
//	NX               a word that stands for itself; '*' if it is not in capitals
//	CH/change        the same, with a name that is not the word in lower case
//	EX=seconds       an argument after a word
//	name(a b c)      a block of arguments
//	name(a|b)        one of several
//	[…]              may be left out
//	…*  …**          may be repeated; with its word, if there are two stars
//	…^6.2.0  …!7.0.0 since, and deprecated since, that version
//
// Marks come in that order: key=name(…)@0:type*^since!deprecated.

// argument is one node of the tree that COMMAND DOCS gives.
type argument struct {
	name, kind, token string
	key               int // the index of the KeySpec; -1 if it is no key
	since, deprecated string
	optional          bool
	multiple          bool
	multipleToken     bool
	children          []argument
}

// kinds are Redis's names of the types.
var kinds = map[string]string{"int": "integer", "double": "double", "pattern": "pattern", "time": "unix-time"}

// parseArgs reads the syntax of a whole command.
func parseArgs(syntax string) ([]argument, error) {
	if syntax == "" {
		return nil, nil
	}
	p := syntaxParser{rest: syntax}
	args := p.list(' ')
	if p.rest != "" || p.failed {
		return nil, fmt.Errorf("syntax %q is wrong before %q", syntax, p.rest)
	}
	return args, nil
}

// syntaxParser goes through the text once. What it does not understand stays in
// rest.
type syntaxParser struct {
	rest   string
	failed bool
}

// accept takes one byte if it comes next.
func (p *syntaxParser) accept(b byte) bool {
	if p.rest == "" || p.rest[0] != b {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// until takes what comes before any of the bytes in ends, or everything.
func (p *syntaxParser) until(ends string) string {
	n := strings.IndexAny(p.rest, ends)
	if n < 0 {
		n = len(p.rest)
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *syntaxParser) list(separator byte) []argument {
	list := []argument{p.item()}
	for p.accept(separator) {
		list = append(list, p.item())
	}
	return list
}

func (p *syntaxParser) item() argument {
	optional := p.accept('[')
	a := argument{kind: "string", key: -1, optional: optional}
	if !p.word(&a) {
		p.body(&a)
	}
	if p.accept('*') {
		a.multiple, a.multipleToken = true, p.accept('*')
	}
	if p.accept('^') {
		a.since = p.until(" ])|!")
	}
	if p.accept('!') {
		a.deprecated = p.until(" ])|")
	}
	if a.name == "" || optional && !p.accept(']') {
		p.failed = true
	}
	return a
}

// ends are what may follow a name or a word.
const ends = " =/()[]|@:*^!"

// word reads a word that stands for itself, and reports whether that is all there
// is to the item.
func (p *syntaxParser) word(a *argument) bool {
	switch {
	case p.accept('\''):
		a.token = p.until("'")
		p.failed = !p.accept('\'') || p.failed
	case p.rest != "" && 'A' <= p.rest[0] && p.rest[0] <= 'Z':
		a.token = p.until(ends)
	default:
		return false
	}
	if p.accept('=') {
		return false
	}
	a.kind, a.name = "pure-token", strings.ToLower(a.token)
	if p.accept('/') {
		a.name = p.until(ends)
	}
	return true
}

// body reads a name and what it stands for.
func (p *syntaxParser) body(a *argument) {
	if p.accept('"') {
		a.name = p.until(`"`)
		p.failed = !p.accept('"') || p.failed
	} else {
		a.name = p.until(ends)
	}
	if p.accept('(') {
		p.inside(a)
	}
	if p.accept('@') {
		digit := p.until(ends)
		if len(digit) != 1 || digit[0] < '0' || digit[0] > '9' {
			p.failed = true
			return
		}
		a.kind, a.key = "key", int(digit[0]-'0')
	}
	if p.accept(':') {
		kind, known := kinds[p.until(ends)]
		p.failed = p.failed || !known
		a.kind = kind
	}
}

// inside reads a block or alternatives.
func (p *syntaxParser) inside(a *argument) {
	a.kind, a.children = "block", p.list(' ')
	if len(a.children) == 1 && p.accept('|') {
		a.kind, a.children = "oneof", append(a.children, p.list('|')...)
	}
	p.failed = !p.accept(')') || p.failed
}
