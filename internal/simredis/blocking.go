package simredis

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringmain/ioloop"
)

// wait is what a blocked client waits for: the first of its keys that becomes a
// list.
type wait struct {
	keys  [][]byte
	timer ioloop.Timer // nil: for ever
	serve func(key []byte)
}

// blockingPop is BLPOP and BRPOP.
func blockingPop(at end) func(*client, [][]byte) {
	return func(c *client, args [][]byte) {
		timeout, fault := waitTime(args[len(args)-1])
		if fault != "" {
			c.fail(fault)
			return
		}
		serve := func(key []byte) {
			element := c.takeElement(key, c.lookup(key), at)
			c.array(2)
			c.text(string(key))
			c.text(string(element))
			c.changed(key)
		}
		keys := args[1 : len(args)-1]
		for _, key := range keys {
			switch v, ok := c.lookupList(key); {
			case !ok:
				return
			case v != nil:
				serve(key)
				return
			}
		}
		if c.unit {
			c.nullArray()
			return
		}
		c.wait(timeout, keys, serve)
	}
}

func runBLMove(c *client, args [][]byte) {
	from, ok1 := endOf(args[3])
	to, ok2 := endOf(args[4])
	if !ok1 || !ok2 {
		c.fail(errSyntax)
		return
	}
	c.blockingMove(args[1], args[2], from, to, args[5])
}

func runBRPopLPush(c *client, args [][]byte) {
	c.blockingMove(args[1], args[2], right, left, args[3])
}

func (c *client) blockingMove(source, target []byte, from, to end, seconds []byte) {
	timeout, fault := waitTime(seconds)
	if fault != "" {
		c.fail(fault)
		return
	}
	if c.lookup(source) != nil || c.unit {
		c.move(source, target, from, to)
		return
	}
	target = bytes.Clone(target)
	c.wait(timeout, [][]byte{source}, func(source []byte) { c.move(source, target, from, to) })
}

// waitTime reads how many seconds a blocking command may take; 0: for ever.
func waitTime(word []byte) (time.Duration, string) {
	seconds, err := strconv.ParseFloat(string(word), 64)
	switch {
	case err != nil || math.IsNaN(seconds):
		return 0, "ERR timeout is not a float or out of range"
	case seconds < 0 || seconds*1000 > math.MaxInt64: // Redis's number overflows
		return 0, "ERR timeout is negative"
	}
	return time.Duration(seconds * float64(time.Second)), ""
}

// wait blocks the client. It executes nothing until serve was called, with a
// list at the key, or the time is over.
func (c *client) wait(timeout time.Duration, keys [][]byte, serve func([]byte)) {
	c.waits = &wait{serve: serve}
	for _, key := range keys {
		c.waits.keys = append(c.waits.keys, bytes.Clone(key))
	}
	if timeout > 0 {
		c.waits.timer = c.s.loop.After(timeout, func() { c.unblock(c.nullArray) })
	}
	c.s.waiting = append(c.s.waiting, c)
}

// stopWaiting takes the client off those that wait.
func (c *client) stopWaiting() {
	if c.waits == nil {
		return
	}
	if c.waits.timer != nil {
		c.waits.timer.Stop()
	}
	c.waits = nil
	c.s.waiting = slices.DeleteFunc(c.s.waiting, func(d *client) bool { return d == c })
}

// unblock ends the wait with a reply; the client goes on with what it has sent
// meanwhile.
func (c *client) unblock(reply func()) {
	c.stopWaiting()
	reply()
	c.nextReply()
	c.conn.Resume()
}

// serveBlocked gives lists that came to be to those who wait for them, in the
// order in which they came.
func (s *Server) serveBlocked() {
	for len(s.ready) > 0 {
		p := s.ready[0]
		s.ready = s.ready[1:]
		for _, c := range slices.Clone(s.waiting) {
			v := s.lookup(p)
			if v == nil || !v.isList {
				break
			}
			i := slices.IndexFunc(c.waits.keys, func(key []byte) bool { return string(key) == p.key })
			if c.db == p.db && i >= 0 {
				key, serve := c.waits.keys[i], c.waits.serve
				c.unblock(func() { serve(key) })
				c.pushOwed()
			}
		}
	}
}

// runClientUnblock is CLIENT UNBLOCK id [TIMEOUT|ERROR].
func runClientUnblock(c *client, args [][]byte) {
	byError := false
	if len(args) > 4 {
		c.failForm(args)
		return
	}
	if len(args) == 4 {
		switch strings.ToLower(string(args[3])) {
		case "timeout":
		case "error":
			byError = true
		default:
			c.fail("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
			return
		}
	}
	id, ok := integer(args[2])
	if !ok {
		c.fail(errInteger)
		return
	}
	for _, d := range c.s.waiting {
		if d.id != id {
			continue
		}
		if byError {
			d.unblock(func() { d.fail("UNBLOCKED client unblocked via CLIENT UNBLOCK") })
		} else {
			d.unblock(d.nullArray)
		}
		c.integer(1)
		return
	}
	c.integer(0)
}
