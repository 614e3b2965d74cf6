package simredis

import "bytes"

// transaction is what was queued since MULTI.
type transaction struct {
	queue []queued
	void  bool // a command was refused: EXEC will be, too
}

type queued struct {
	cmd  command
	args [][]byte
}

func (t *transaction) add(cmd command, args [][]byte) {
	own := make([][]byte, len(args))
	for i, a := range args {
		own[i] = bytes.Clone(a)
	}
	t.queue = append(t.queue, queued{cmd, own})
}

func runMulti(c *client, _ [][]byte) {
	if c.multi != nil {
		c.fail("ERR MULTI calls can not be nested")
		return
	}
	c.multi = &transaction{}
	c.ok()
}

func runDiscard(c *client, _ [][]byte) {
	if c.multi == nil {
		c.fail("ERR DISCARD without MULTI")
		return
	}
	c.multi = nil
	c.unwatch()
	c.ok()
}

func runExec(c *client, _ [][]byte) {
	t := c.multi
	if t == nil {
		c.fail("ERR EXEC without MULTI")
		return
	}
	for p := range c.watched {
		c.s.lookup(p) // what has expired was changed
	}
	dirty := c.dirty
	c.unwatch()
	switch {
	case t.void:
		c.fail("EXECABORT Transaction discarded because of previous errors.")
	case dirty:
		c.nullArray()
	default:
		c.array(len(t.queue))
		c.unit = true
		for _, q := range t.queue {
			if !c.call(q.cmd, q.args) {
				break
			}
		}
		c.unit = false
	}
	c.multi = nil
}

func runWatch(c *client, args [][]byte) {
	if c.multi != nil {
		c.fail("ERR WATCH inside MULTI is not allowed")
		return
	}
	for _, key := range args[1:] {
		c.lookup(key) // one that has expired is watched for being made
		if c.watched == nil {
			c.watched = map[place]bool{}
		}
		c.watched[place{c.db, string(key)}] = true
	}
	c.ok()
}

func runUnwatch(c *client, _ [][]byte) {
	c.unwatch()
	c.ok()
}

func (c *client) unwatch() { c.watched, c.dirty = nil, false }
