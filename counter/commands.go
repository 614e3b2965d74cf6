package counter

import (
	"math"
	"strings"

	"github.com/tidwall/redcon"

	"ringmain/quorum"
	"ringmain/resp"
)

// Do carries out a command as quorum.Engine says. It gives nothing up: what a client
// has sent is carried out. Arguments and positions are used during the call only.
func (e *Engine) Do(c quorum.Command, done func(reply []byte)) (cancel func()) {
	p := &e.patterns[c.Pattern]
	refuse := func(text string) { done(failure(text).append(nil, c.Protocol)) }
	w, all, text := parse(&c)
	switch {
	case text == unknown:
		refuse("ERR '" + c.Name + "' is not supported on counter keys (" + p.Name + "): they allow " + Allows)
		return nil
	case text != "":
		refuse(text)
		return nil
	}
	for _, k := range c.Keys {
		if len(c.Args[k]) > maxKeyLen {
			refuse("ERR the name of a counter is longer than 1024 bytes")
			return nil
		}
	}
	w.protocol, w.done = uint8(c.Protocol), done
	if !all {
		e.submit(e.register(c.Args[c.Keys[0]]), p, w)
		return nil
	}
	j := &join{results: make([]result, len(c.Keys)), waits: len(c.Keys), list: c.Name == "mget", writes: !w.op.reads(),
		protocol: c.Protocol, done: done}
	for i, k := range c.Keys {
		w.done, w.told = nil, func(r result) { j.tell(i, r) }
		e.submit(e.register(c.Args[k]), p, w)
	}
	return nil
}

// register is the name of a client's key on the servers, until the next use.
func (e *Engine) register(key []byte) []byte {
	e.name = append(append(e.name[:0], clientRegister...), key...)
	return e.name
}

const (
	// Allows is what clients are told that the keys allow.
	Allows  = "INCR, DECR, INCRBY, DECRBY, GET, MGET, SET without a lifetime, SETNX, GETSET, GETDEL, DEL, UNLINK, EXISTS, TYPE, STRLEN, TTL and PTTL"
	unknown = "unknown"
)

// parse reads a command. all: it is one operation on each of several keys, whose results are joined.
// text is an error for the client, or unknown.
func parse(c *quorum.Command) (w waiting, all bool, text string) {
	args := c.Args
	arity := 2
	switch c.Name {
	case "incr":
		w.arg = 1
	case "decr":
		w.arg = -1
	case "incrby", "decrby", "getset", "setnx":
		arity = 3
		if len(args) == arity {
			w.arg, text = integer(args[2])
		}
		switch {
		case c.Name == "getset":
			w.op, w.answers = opSet, asOld
		case c.Name == "setnx":
			w.op, w.answers, w.when = opSet, asCount, ifNew
		case c.Name == "decrby" && w.arg == math.MinInt64:
			text = "ERR decrement would overflow"
		case c.Name == "decrby":
			w.arg = -w.arg
		}
	case "set":
		arity = -3
		if len(args) >= 3 {
			text = parseSet(&w, args)
		}
	case "get":
		w.op = opGet
	case "mget":
		w.op, arity, all = opGet, -2, true
	case "getdel":
		w.op, w.answers = opDelete, asOld
	case "del", "unlink":
		w.op, w.answers, arity, all = opDelete, asCount, -2, true
	case "exists":
		w.op, arity, all = opExists, -2, true
	case "type":
		w.op = opType
	case "strlen":
		w.op = opLen
	case "ttl", "pttl":
		w.op = opLifetime
	default:
		return w, false, unknown
	}
	if n := len(args); arity > 0 && n != arity || n < -arity {
		return w, false, resp.TextWrongArity(c.Name)
	}
	return w, all && (len(c.Keys) > 1 || c.Name == "mget"), text
}

// integer reads an argument that is to be an integer.
func integer(arg []byte) (n int64, text string) {
	n, ok := resp.ParseInteger(arg)
	if !ok {
		return 0, resp.TextNotInteger
	}
	return n, ""
}

// parseSet reads SET. KEEPTTL changes nothing: counters have no lifetime.
func parseSet(w *waiting, args [][]byte) (text string) {
	w.op = opSet
	lifetime := false
	for i := 3; i < len(args); i++ {
		switch option := strings.ToUpper(string(args[i])); {
		case option == "NX" && w.when != ifThere:
			w.when = ifNew
		case option == "XX" && w.when != ifNew:
			w.when = ifThere
		case option == "GET":
			w.answers = asOld
		case option == "KEEPTTL" && !lifetime:
		case (option == "EX" || option == "PX" || option == "EXAT" || option == "PXAT") && i+1 < len(args) && !lifetime:
			lifetime = true
			i++
		default:
			return resp.TextSyntax
		}
	}
	if lifetime {
		return "ERR a lifetime is not supported on counter keys: they are kept for good. Limits by the minute belong to plain keys (mode: owner)"
	}
	w.arg, text = integer(args[2])
	return text
}

// join is a command on several keys, each of which is a register of its own: they are
// read or changed one by one, at different moments.
type join struct {
	results  []result
	waits    int
	list     bool // each key's result is told, not the sum
	writes   bool
	protocol int
	done     func(reply []byte)
}

// tell takes the result of one key.
func (j *join) tell(i int, r result) {
	j.results[i] = r
	if j.waits--; j.waits > 0 {
		return
	}
	j.done(j.reply())
}

// reply is the whole one: an error if a key's is one, UNCERTAIN if others may have been
// changed.
func (j *join) reply() []byte {
	sum, done := int64(0), 0
	var failed *result
	for i := range j.results {
		r := &j.results[i]
		if r.kind != isError {
			sum, done = sum+r.n, done+1
			continue
		}
		if failed == nil || strings.HasPrefix(r.text, uncertain) && !strings.HasPrefix(failed.text, uncertain) {
			failed = r
		}
	}
	switch {
	case failed != nil && j.writes && done > 0 && !strings.HasPrefix(failed.text, uncertain):
		return failure(uncertain+" some of the keys were changed, others not: "+failed.text).append(nil, j.protocol)
	case failed != nil:
		return failed.append(nil, j.protocol)
	case !j.list:
		return result{n: sum}.append(nil, j.protocol)
	}
	reply := redcon.AppendArray(nil, len(j.results))
	for _, r := range j.results {
		reply = r.append(reply, j.protocol)
	}
	return reply
}
