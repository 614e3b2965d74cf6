package simredis

import (
	"math"
	"strings"
	"time"
)

func runDel(c *client, args [][]byte) {
	n := int64(0)
	for _, key := range args[1:] {
		if c.lookup(key) != nil {
			c.remove(key)
			n++
		}
	}
	c.integer(n)
}

func runExists(c *client, args [][]byte) {
	n := int64(0)
	for _, key := range args[1:] {
		if c.lookup(key) != nil {
			n++
		}
	}
	c.integer(n)
}

func runType(c *client, args [][]byte) {
	if v := c.lookup(args[1]); v != nil {
		c.simple(v.kind())
	} else {
		c.simple("none")
	}
}

// expire is EXPIRE and PEXPIRE.
func expire(name string) func(*client, [][]byte) {
	unit := time.Second
	if name == "pexpire" {
		unit = time.Millisecond
	}
	return func(c *client, args [][]byte) {
		n, ok := integer(args[2])
		v := c.lookup(args[1])
		switch {
		case !ok:
			c.fail(errInteger)
		case n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit):
			c.fail("ERR invalid expire time in '" + name + "' command")
		case v == nil:
			c.integer(0)
		default:
			v.expires = c.s.now().Add(time.Duration(n) * unit)
			if n > 0 {
				c.changed(args[1])
			} else {
				c.remove(args[1])
			}
			c.integer(1)
		}
	}
}

// ttl is TTL and PTTL.
func ttl(name string) func(*client, [][]byte) {
	return func(c *client, args [][]byte) {
		v := c.lookup(args[1])
		switch {
		case v == nil:
			c.integer(-2)
		case v.expires.IsZero():
			c.integer(-1)
		default:
			ms := v.expires.Sub(c.s.now()).Milliseconds()
			if name == "ttl" {
				ms = (ms + 500) / 1000
			}
			c.integer(ms)
		}
	}
}

func runPersist(c *client, args [][]byte) {
	v := c.lookup(args[1])
	if v == nil || v.expires.IsZero() {
		c.integer(0)
		return
	}
	v.expires = time.Time{}
	c.changed(args[1])
	c.integer(1)
}

func runDBSize(c *client, _ [][]byte) { c.integer(int64(c.s.Len(c.db))) }

// flushWords reports whether what follows FLUSHDB and FLUSHALL is allowed;
// ASYNC and SYNC are the same here.
func flushWords(args [][]byte) bool {
	if len(args) == 1 {
		return true
	}
	word := strings.ToLower(string(args[1]))
	return len(args) == 2 && (word == "async" || word == "sync")
}

func runFlushDB(c *client, args [][]byte) {
	if !flushWords(args) {
		c.fail(errSyntax)
		return
	}
	c.s.flush(c.db)
	c.s.invalidateAll(c)
	c.ok()
}

func runFlushAll(c *client, args [][]byte) {
	if !flushWords(args) {
		c.fail(errSyntax)
		return
	}
	for db := range c.s.dbs {
		c.s.flush(db)
	}
	c.s.invalidateAll(c)
	c.ok()
}
