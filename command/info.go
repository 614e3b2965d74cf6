package command

import (
	"math/bits"
	"strconv"
)

// AppendInfo appends c to dst as one element of COMMAND's and COMMAND INFO's
// reply: ten elements, as of Redis 7. resp3 chooses the types of protocol 3
// (sets and maps) where Redis uses them.
func AppendInfo(dst []byte, c *Command, resp3 bool) []byte {
	e := encoder{dst: dst, resp3: resp3}
	e.command(c)
	return e.dst
}

// encoder appends RESP. Its aggregates are those of the protocol in use.
type encoder struct {
	dst   []byte
	resp3 bool
}

func (e *encoder) command(c *Command) {
	first, last, step := c.legacyRange()
	e.header('*', 10)
	e.bulk(c.Name)
	e.integer(c.Arity)
	e.names(uint32(c.Flags), flagNames[:])
	e.integer(first)
	e.integer(last)
	e.integer(step)
	e.names(uint32(c.AllCategories()), categoryNames[:])
	e.set(len(c.Tips))
	for _, tip := range c.Tips {
		e.bulk(tip)
	}
	e.set(len(c.Keys))
	for i := range c.Keys {
		e.keySpec(&c.Keys[i])
	}
	e.subcommands(c.children)
}

// subcommands encodes an array, but none at all as an empty set: so does Redis.
func (e *encoder) subcommands(children []*Command) {
	if len(children) == 0 {
		e.set(0)
		return
	}
	e.header('*', len(children))
	for _, sub := range children {
		e.command(sub)
	}
}

func (e *encoder) keySpec(s *KeySpec) {
	if s.Notes == "" {
		e.mapping(3)
	} else {
		e.mapping(4)
		e.bulk("notes")
		e.bulk(s.Notes)
	}
	e.bulk("flags")
	e.names(uint32(s.Flags), keyFlagNames[:])
	e.bulk("begin_search")
	e.beginSearch(s)
	e.bulk("find_keys")
	switch s.Find {
	case FindRange:
		e.variant("range", 3)
		e.field("lastkey", s.Last)
		e.field("keystep", s.Step)
		e.field("limit", s.Limit)
	case FindNumKeys:
		e.variant("keynum", 3)
		e.field("keynumidx", s.Count)
		e.field("firstkey", s.First)
		e.field("keystep", s.Step)
	case FindUnknown:
		e.variant("unknown", 0)
	}
}

func (e *encoder) beginSearch(s *KeySpec) {
	switch {
	case s.Keyword != "":
		e.variant("keyword", 2)
		e.bulk("keyword")
		e.bulk(s.Keyword)
		e.field("startfrom", s.Begin)
	case s.Begin == 0:
		e.variant("unknown", 0)
	default:
		e.variant("index", 1)
		e.field("index", s.Begin)
	}
}

// variant begins {type: name, spec: {…}} with n fields to follow.
func (e *encoder) variant(name string, n int) {
	e.mapping(2)
	e.bulk("type")
	e.bulk(name)
	e.bulk("spec")
	e.mapping(n)
}

func (e *encoder) field(name string, v int) {
	e.bulk(name)
	e.integer(v)
}

// names encodes a bit set as simple strings.
func (e *encoder) names(set uint32, names []string) {
	e.set(bits.OnesCount32(set))
	onesOf(set, names, e.simple)
}

func (e *encoder) simple(s string) {
	e.dst = append(e.dst, '+')
	e.dst = append(e.dst, s...)
	e.dst = append(e.dst, "\r\n"...)
}

func (e *encoder) set(n int) {
	if e.resp3 {
		e.header('~', n)
	} else {
		e.header('*', n)
	}
}

func (e *encoder) mapping(pairs int) {
	if e.resp3 {
		e.header('%', pairs)
	} else {
		e.header('*', 2*pairs)
	}
}

func (e *encoder) bulk(s string) {
	e.header('$', len(s))
	e.dst = append(e.dst, s...)
	e.dst = append(e.dst, "\r\n"...)
}

func (e *encoder) bulkBytes(b []byte) {
	e.header('$', len(b))
	e.dst = append(e.dst, b...)
	e.dst = append(e.dst, "\r\n"...)
}

func (e *encoder) integer(v int) { e.header(':', v) }

// header appends a type byte, a number and the end of the line.
func (e *encoder) header(kind byte, n int) {
	e.dst = append(e.dst, kind)
	e.dst = strconv.AppendInt(e.dst, int64(n), 10)
	e.dst = append(e.dst, "\r\n"...)
}
