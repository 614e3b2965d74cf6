package simredis

import (
	"bytes"
	"slices"
	"strings"
)

// lookupList is lookup of a list; of another type it answers with the error and
// reports false.
func (c *client) lookupList(key []byte) (v *value, ok bool) {
	v = c.lookup(key)
	if v != nil && !v.isList {
		c.fail(errWrongType)
		return nil, false
	}
	return v, true
}

// end is one end of a list.
type end bool

const (
	left  end = true
	right end = false
)

// endOf reads LEFT or RIGHT.
func endOf(word []byte) (e end, ok bool) {
	switch strings.ToLower(string(word)) {
	case "left":
		return left, true
	case "right":
		return right, true
	}
	return left, false
}

// add puts an element at an end of the list at a key, which is made if need be.
func (c *client) addElement(key []byte, at end, element []byte) *value {
	v := c.lookup(key)
	if v == nil {
		v = &value{isList: true}
		c.put(key, v)
	}
	if element = bytes.Clone(element); at == left {
		v.list = append([][]byte{element}, v.list...)
	} else {
		v.list = append(v.list, element)
	}
	return v
}

// takeElement takes one off an end of the list at a key; an empty list is none.
func (c *client) takeElement(key []byte, v *value, at end) []byte {
	i := len(v.list) - 1
	if at == left {
		i = 0
	}
	element := v.list[i]
	v.list = slices.Delete(slices.Clone(v.list), i, i+1)
	if len(v.list) == 0 {
		delete(c.s.dbs[c.db], string(key))
	}
	return element
}

// push is LPUSH and RPUSH.
func push(at end) func(*client, [][]byte) {
	return func(c *client, args [][]byte) {
		v, ok := c.lookupList(args[1])
		if !ok {
			return
		}
		for _, element := range args[2:] {
			v = c.addElement(args[1], at, element)
		}
		c.changed(args[1])
		c.integer(int64(len(v.list)))
	}
}

// pop is LPOP and RPOP.
func pop(at end) func(*client, [][]byte) {
	return func(c *client, args [][]byte) {
		var n int64
		if len(args) == 3 {
			var ok bool
			if n, ok = integer(args[2]); !ok || n < 0 {
				c.fail("ERR value is out of range, must be positive")
				return
			}
		}
		v, ok := c.lookupList(args[1])
		switch {
		case len(args) > 3:
			c.fail(wrongArity(strings.ToLower(string(args[0]))))
		case !ok:
		case v == nil && len(args) == 3:
			c.nullArray()
		case v == nil:
			c.null()
		case len(args) == 2:
			c.text(string(c.takeElement(args[1], v, at)))
			c.changed(args[1])
		default:
			n = min(n, int64(len(v.list)))
			c.array(int(n))
			for range n {
				c.text(string(c.takeElement(args[1], v, at)))
			}
			if n > 0 {
				c.changed(args[1])
			}
		}
	}
}

func runLMove(c *client, args [][]byte) {
	from, ok1 := endOf(args[3])
	to, ok2 := endOf(args[4])
	if !ok1 || !ok2 {
		c.fail(errSyntax)
		return
	}
	c.move(args[1], args[2], from, to)
}

func runRPopLPush(c *client, args [][]byte) { c.move(args[1], args[2], right, left) }

// move takes an element from one list to another, which may be the same.
func (c *client) move(source, target []byte, from, to end) {
	v, ok := c.lookupList(source)
	switch {
	case !ok:
		return
	case v == nil:
		c.null()
		return
	}
	if _, ok = c.lookupList(target); !ok {
		return
	}
	element := c.takeElement(source, v, from)
	c.addElement(target, to, element)
	c.changed(target)
	c.changed(source)
	c.text(string(element))
}

func runLLen(c *client, args [][]byte) {
	v, ok := c.lookupList(args[1])
	switch {
	case !ok:
	case v == nil:
		c.integer(0)
	default:
		c.integer(int64(len(v.list)))
	}
}

func runLRange(c *client, args [][]byte) {
	from, ok1 := integer(args[2])
	to, ok2 := integer(args[3])
	if !ok1 || !ok2 {
		c.fail(errInteger)
		return
	}
	v, ok := c.lookupList(args[1])
	if !ok {
		return
	}
	var list [][]byte
	if v != nil {
		list = v.list
	}
	list = slice(list, from, to)
	c.array(len(list))
	for _, element := range list {
		c.text(string(element))
	}
}

// slice is list[from..to], both included; negative ones count from the end.
func slice(list [][]byte, from, to int64) [][]byte {
	n := int64(len(list))
	if from < 0 {
		from = max(0, from+n)
	}
	if to < 0 {
		to += n
	}
	to = min(to, n-1)
	if from > to {
		return nil
	}
	return list[from : to+1]
}
