package simredis

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
)

func runGet(c *client, args [][]byte) {
	if v, ok := c.lookupString(args[1]); ok {
		c.content(v)
	}
}

func runGetDel(c *client, args [][]byte) {
	if v, ok := c.lookupString(args[1]); ok {
		c.content(v)
		if v != nil {
			c.remove(args[1])
		}
	}
}

func runGetSet(c *client, args [][]byte) {
	if v, ok := c.lookupString(args[1]); ok {
		c.content(v)
		c.setText(args[1], args[2])
	}
}

func (c *client) setText(key, text []byte) {
	c.put(key, &value{text: bytes.Clone(text)})
	c.changed(key)
}

// setOptions are the words behind SET key value.
type setOptions struct {
	nx, xx, get, keepTTL bool
	expires              time.Time
}

func runSet(c *client, args [][]byte) {
	o, fault := parseSet(args[3:], c.s.now())
	if fault != "" {
		c.fail(fault)
		return
	}
	old := c.lookup(args[1])
	if o.get && old != nil && old.isList {
		c.fail(errWrongType)
		return
	}
	done := !(o.nx && old != nil || o.xx && old == nil)
	if done {
		v := &value{text: bytes.Clone(args[2]), expires: o.expires}
		if o.keepTTL && old != nil {
			v.expires = old.expires
		}
		c.put(args[1], v)
		c.changed(args[1])
	}
	switch {
	case o.get:
		c.content(old)
	case done:
		c.ok()
	default:
		c.null()
	}
}

func parseSet(words [][]byte, now time.Time) (o setOptions, fault string) {
	for i := 0; i < len(words); i++ {
		switch word := strings.ToLower(string(words[i])); word {
		case "nx":
			o.nx = true
		case "xx":
			o.xx = true
		case "get":
			o.get = true
		case "keepttl":
			o.keepTTL = true
		case "ex", "px":
			if i++; i == len(words) || !o.expires.IsZero() {
				return o, errSyntax
			}
			unit := map[string]time.Duration{"ex": time.Second, "px": time.Millisecond}[word]
			if o.expires, fault = deadline(words[i], unit, now, "set"); fault != "" {
				return o, fault
			}
		default:
			return o, errSyntax
		}
	}
	if o.nx && o.xx || o.keepTTL && !o.expires.IsZero() {
		return o, errSyntax
	}
	return o, ""
}

// deadline reads the lifetime that a command gives to a key.
func deadline(arg []byte, unit time.Duration, now time.Time, command string) (time.Time, string) {
	n, ok := integer(arg)
	switch {
	case !ok:
		return time.Time{}, errInteger
	case n <= 0 || n > math.MaxInt64/int64(unit):
		return time.Time{}, "ERR invalid expire time in '" + command + "' command"
	}
	return now.Add(time.Duration(n) * unit), ""
}

// setFor is SETEX and PSETEX.
func setFor(name string) func(*client, [][]byte) {
	unit := time.Second
	if name == "psetex" {
		unit = time.Millisecond
	}
	return func(c *client, args [][]byte) {
		expires, fault := deadline(args[2], unit, c.s.now(), name)
		if fault != "" {
			c.fail(fault)
			return
		}
		c.put(args[1], &value{text: bytes.Clone(args[3]), expires: expires})
		c.changed(args[1])
		c.ok()
	}
}

func runSetNX(c *client, args [][]byte) {
	if c.lookup(args[1]) != nil {
		c.integer(0)
		return
	}
	c.setText(args[1], args[2])
	c.integer(1)
}

func runMGet(c *client, args [][]byte) {
	c.array(len(args) - 1)
	for _, key := range args[1:] {
		if v := c.lookup(key); v != nil && !v.isList {
			c.content(v)
		} else {
			c.null()
		}
	}
}

func runMSet(c *client, args [][]byte) {
	if len(args)%2 == 0 {
		c.fail(wrongArity("mset"))
		return
	}
	for i := 1; i < len(args); i += 2 {
		c.setText(args[i], args[i+1])
	}
	c.ok()
}

func runAppend(c *client, args [][]byte) {
	v, ok := c.lookupString(args[1])
	if !ok {
		return
	}
	if v == nil {
		v = &value{}
		c.put(args[1], v)
	}
	v.text = append(v.text, args[2]...)
	c.changed(args[1])
	c.integer(int64(len(v.text)))
}

func runStrLen(c *client, args [][]byte) {
	v, ok := c.lookupString(args[1])
	switch {
	case !ok:
	case v == nil:
		c.integer(0)
	default:
		c.integer(int64(len(v.text)))
	}
}

// add is INCR and DECR.
func add(n int64) func(*client, [][]byte) {
	return func(c *client, args [][]byte) { c.add(args[1], n) }
}

// addArgument is INCRBY and DECRBY.
func addArgument(sign int64) func(*client, [][]byte) {
	return func(c *client, args [][]byte) {
		n, ok := integer(args[2])
		switch {
		case !ok:
			c.fail(errInteger)
		case sign < 0 && n == math.MinInt64:
			c.fail("ERR decrement would overflow")
		default:
			c.add(args[1], sign*n)
		}
	}
}

func (c *client) add(key []byte, n int64) {
	v, ok := c.lookupString(key)
	if !ok {
		return
	}
	var now int64
	if v != nil {
		if now, ok = integer(v.text); !ok {
			c.fail(errInteger)
			return
		}
	}
	if n > 0 && now > math.MaxInt64-n || n < 0 && now < math.MinInt64-n {
		c.fail(errOverflow)
		return
	}
	if v == nil {
		v = &value{}
		c.put(key, v)
	}
	v.text = strconv.AppendInt(nil, now+n, 10)
	c.changed(key)
	c.integer(now + n)
}

// integer reads a number in its one canonical form, as Redis does.
func integer(b []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == string(b)
}
