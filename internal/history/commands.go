package history

import (
	"strconv"
	"strings"
	"time"
)

// outcome is what is known of a command's execution.
type outcome int

const (
	done    outcome = iota
	unknown         // it may have been executed, or may be later
	refused         // it was not, and will not be
)

func outcomeOf(reply any) outcome {
	err, failed := reply.(error)
	switch {
	case !failed:
		return done
	case strings.HasPrefix(err.Error(), "UNCERTAIN"):
		return unknown
	}
	return refused
}

// note adds what a call comes to.
func (e *events) note(c *Call) {
	o := outcomeOf(c.reply)
	if !c.exec {
		e.command(c, o, c.commands[0], c.reply)
		return
	}
	replies, executed := c.reply.([]any)
	if o == done && !executed {
		o = refused // a key that was watched has changed
	}
	for _, w := range c.watched {
		if o == done {
			e.value(c, w.key, w.reply)
		}
	}
	for i, args := range c.commands {
		if o == done && i < len(replies) {
			e.command(c, outcomeOf(replies[i]), args, replies[i])
		} else {
			e.command(c, o, args, c.reply)
		}
	}
}

// value adds a read of a string.
func (e *events) value(c *Call, name string, reply any) {
	switch v := reply.(type) {
	case nil:
		e.read(c, name, nothing, "")
	case string:
		e.read(c, name, text, v)
	}
}

// command adds what one command comes to.
func (e *events) command(c *Call, o outcome, args []string, reply any) {
	name := strings.ToUpper(args[0])
	if f := commands[name]; f != nil {
		f(e, c, o, args, reply)
	}
}

// commands are those that a History knows. Keys must not be changed by others.
var commands = map[string]func(e *events, c *Call, o outcome, args []string, reply any){
	"DECR": func(e *events, c *Call, o outcome, args []string, reply any) { e.add(c, o, args[1], -1, reply) },
	"DECRBY": func(e *events, c *Call, o outcome, args []string, reply any) {
		e.add(c, o, args[1], -atoi(args[2]), reply)
	},
	"DEL":      del,
	"EXISTS":   exists,
	"EXPIRE":   expire(time.Second),
	"FLUSHALL": flush,
	"FLUSHDB":  flush,
	"GET":      get,
	"GETDEL":   getDel,
	"GETSET":   getSet,
	"INCR":     func(e *events, c *Call, o outcome, args []string, reply any) { e.add(c, o, args[1], 1, reply) },
	"INCRBY": func(e *events, c *Call, o outcome, args []string, reply any) {
		e.add(c, o, args[1], atoi(args[2]), reply)
	},
	"KEYS":      list,
	"MGET":      mget,
	"MSET":      mset,
	"PERSIST":   func(e *events, c *Call, o outcome, args []string, _ any) { e.key(args[1]).keeps = true },
	"PEXPIRE":   expire(time.Millisecond),
	"PSETEX":    setFor(time.Millisecond),
	"PTTL":      ttl,
	"RANDOMKEY": func(e *events, c *Call, _ outcome, _ []string, reply any) { list(e, c, done, nil, []any{reply}) },
	"SCAN":      scan,
	"SET":       set,
	"SETEX":     setFor(time.Second),
	"SETNX":     setNX,
	"TOUCH":     exists,
	"TTL":       ttl,
	"TYPE":      typeOf,
	"UNLINK":    del,
}

func atoi(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func get(e *events, c *Call, o outcome, args []string, reply any) {
	if o == done {
		e.value(c, args[1], reply)
	}
}

func mget(e *events, c *Call, o outcome, args []string, reply any) {
	if values, ok := reply.([]any); ok && len(values) == len(args)-1 {
		for i, v := range values {
			e.value(c, args[i+1], v)
		}
	}
}

func getDel(e *events, c *Call, o outcome, args []string, reply any) {
	get(e, c, o, args, reply)
	e.write(c, o, args[1], nothing, "")
}

func getSet(e *events, c *Call, o outcome, args []string, reply any) {
	get(e, c, o, args, reply)
	e.write(c, o, args[1], text, args[2])
}

// set knows NX, XX, GET, KEEPTTL, EX and PX.
func set(e *events, c *Call, o outcome, args []string, reply any) {
	var nx, xx, old bool
	var life time.Duration
	for i := 3; i < len(args); i++ {
		switch strings.ToUpper(args[i]) {
		case "NX":
			nx = true
		case "XX":
			xx = true
		case "GET":
			old = true
		case "KEEPTTL":
			e.key(args[1]).keeps = true
		case "EX":
			i++
			life = time.Duration(atoi(args[i])) * time.Second
		case "PX":
			i++
			life = time.Duration(atoi(args[i])) * time.Millisecond
		}
	}
	written := true
	if o == done {
		switch {
		case old:
			e.value(c, args[1], reply)
			written = (reply == nil || !nx) && (reply != nil || !xx)
		case nx || xx:
			written = reply != nil
			e.found(c, args[1], written == xx)
		}
	}
	if !written {
		return
	}
	w := e.write(c, o, args[1], text, args[2])
	if life > 0 {
		e.lifetime(c, o, args[1], w, life)
	}
}

func setNX(e *events, c *Call, o outcome, args []string, reply any) {
	if o == done {
		e.found(c, args[1], reply == int64(0))
	}
	if o != done || reply == int64(1) {
		e.write(c, o, args[1], text, args[2])
	}
}

func setFor(unit time.Duration) func(*events, *Call, outcome, []string, any) {
	return func(e *events, c *Call, o outcome, args []string, _ any) {
		w := e.write(c, o, args[1], text, args[3])
		e.lifetime(c, o, args[1], w, time.Duration(atoi(args[2]))*unit)
	}
}

func mset(e *events, c *Call, o outcome, args []string, _ any) {
	for i := 1; i+1 < len(args); i += 2 {
		e.write(c, o, args[i], text, args[i+1])
	}
}

func expire(unit time.Duration) func(*events, *Call, outcome, []string, any) {
	return func(e *events, c *Call, o outcome, args []string, reply any) {
		if o == done {
			e.found(c, args[1], reply == int64(1))
		}
		if o != done || reply == int64(1) {
			e.lifetime(c, o, args[1], nil, max(0, time.Duration(atoi(args[2]))*unit))
		}
	}
}

func ttl(e *events, c *Call, o outcome, args []string, reply any) {
	if o == done {
		e.found(c, args[1], reply != int64(-2))
	}
}

func typeOf(e *events, c *Call, o outcome, args []string, reply any) {
	if o == done {
		e.found(c, args[1], reply != "none")
	}
}

// count reads a reply that says how many of some keys are there. Of which, it says only
// if all are, or none.
func (e *events) count(c *Call, keys []string, reply any) {
	n, ok := reply.(int64)
	if !ok || n != 0 && n != int64(len(keys)) {
		return
	}
	for _, k := range keys {
		e.found(c, k, n > 0)
	}
}

func exists(e *events, c *Call, o outcome, args []string, reply any) {
	if o == done {
		e.count(c, args[1:], reply)
	}
}

func del(e *events, c *Call, o outcome, args []string, reply any) {
	if o == done {
		e.count(c, args[1:], reply)
	}
	for _, k := range args[1:] {
		e.write(c, o, k, nothing, "")
	}
}

// add is INCR and its like, which read what they add to.
func (e *events) add(c *Call, o outcome, name string, by int64, reply any) {
	e.key(name).keeps = true
	n, ok := reply.(int64)
	if o != done || !ok {
		e.write(c, o, name, number, "")
		return
	}
	if n == by {
		e.read(c, name, zero, "0")
	} else {
		e.read(c, name, text, strconv.FormatInt(n-by, 10))
	}
	e.write(c, o, name, text, strconv.FormatInt(n, 10))
}

// flush is FLUSHALL and FLUSHDB. One that failed may have emptied some servers.
func flush(e *events, c *Call, o outcome, _ []string, _ any) {
	if o == refused {
		e.every.gaps = append(e.every.gaps, gap{start: c.start, over: c.end})
		return
	}
	e.write(c, o, everyKey, nothing, "")
}

// list are keys that are said to be there. Those that no known command makes are not looked
// at.
func list(e *events, c *Call, _ outcome, _ []string, reply any) {
	names, _ := reply.([]any)
	for _, n := range names {
		if name, ok := n.(string); ok {
			e.read(c, name, listed, "")
		}
	}
}

func scan(e *events, c *Call, o outcome, args []string, reply any) {
	if page, ok := reply.([]any); ok && len(page) == 2 {
		list(e, c, o, args, page[1])
	}
}
