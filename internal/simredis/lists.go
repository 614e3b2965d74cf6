package simredis

import "bytes"

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

func runLPush(c *client, args [][]byte) {
	v, ok := c.lookupList(args[1])
	if !ok {
		return
	}
	if v == nil {
		v = &value{isList: true}
		c.put(args[1], v)
	}
	for _, element := range args[2:] {
		v.list = append([][]byte{bytes.Clone(element)}, v.list...)
	}
	c.integer(int64(len(v.list)))
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
