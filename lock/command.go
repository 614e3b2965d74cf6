package lock

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/quorum"
	"ringmain/resp"
)

// command is a client's command while it is carried out.
type command struct {
	quorum.Command
	e       *Engine
	pattern *Pattern
	done    func(reply []byte)
}

// commands are those that locks have, by name, with the least and the largest number of
// arguments, the name among them; 0: any.
var commands = map[string]struct {
	least, most int
	carryOut    func(c *command) (cancel func())
}{
	"set":             {3, 0, (*command).set},
	"setnx":           {3, 3, (*command).setnx},
	"get":             {2, 2, (*command).get},
	"exists":          {2, 0, (*command).exists},
	"ttl":             {2, 2, (*command).ttl},
	"pttl":            {2, 2, (*command).pttl},
	"type":            {2, 2, (*command).kind},
	"del":             {2, 0, (*command).del},
	"unlink":          {2, 0, (*command).del},
	"delex":           {2, 0, (*command).delex},
	"delifeq":         {3, 3, (*command).delifeq},
	"eval":            {4, 0, (*command).eval},
	"eval_ro":         {4, 0, (*command).eval},
	"evalsha":         {4, 0, (*command).eval},
	"evalsha_ro":      {4, 0, (*command).eval},
	"ringmain.lock":   {5, 7, (*command).lock},
	"ringmain.extend": {5, 5, (*command).extend},
	"ringmain.unlock": {3, 3, (*command).delifeq},
	"ringmain.fence":  {3, 3, (*command).fence},
}

const (
	// maxKeys and maxSize bound what one command names.
	maxKeys = 1024
	maxSize = 64 << 10
)

// Do carries out a client's command; see quorum.Engine.
func (e *Engine) Do(request quorum.Command, done func(reply []byte)) (cancel func()) {
	c := &command{Command: request, e: e, pattern: &e.settings.Patterns[request.Pattern], done: done}
	known, ok := commands[c.Name]
	switch {
	case !ok:
		return c.refuse(strings.ToUpper(strings.ReplaceAll(c.Name, "|", " ")))
	case len(c.Args) < known.least || known.most > 0 && len(c.Args) > known.most:
		return c.fail(resp.TextWrongArity(c.Name))
	case len(c.Keys) > maxKeys:
		return c.fail(fmt.Sprintf("ERR at most %d lock keys in one command", maxKeys))
	}
	for _, k := range c.Keys {
		if len(c.Args[k]) > maxSize {
			return c.fail(fmt.Sprintf("ERR lock keys are at most %d bytes long", maxSize))
		}
	}
	return known.carryOut(c)
}

func (c *command) fail(text string) (cancel func()) {
	c.done(errorReply(text))
	return nil
}

// refuse answers a command that locks do not have.
func (c *command) refuse(what string) (cancel func()) {
	return c.fail(c.refusal(what))
}

func (c *command) refusal(what string) string {
	return fmt.Sprintf("ERR %s is not supported on lock keys (%s): they allow %s", what, c.pattern.Name, c.pattern.Allows())
}

// Allows lists the commands that the pattern's keys take, for errors.
func (p *Pattern) Allows() string {
	list := "SET key token NX PX ms, SET key token IFEQ token PX ms, "
	if p.DefaultTTL > 0 {
		list += "SETNX, "
	}
	list += "GET, EXISTS, TTL, PTTL, TYPE, "
	if p.AllowDel {
		list += "DEL, UNLINK, "
	}
	return list + "DELEX key IFEQ token, DELIFEQ, EVAL and EVALSHA of the known lock scripts, RINGMAIN.LOCK, RINGMAIN.EXTEND, RINGMAIN.UNLOCK, RINGMAIN.FENCE"
}

// request is an operation on the command's keys.
func (c *command) request(token []byte, ttl time.Duration) Request {
	r := Request{Pattern: c.Pattern, Token: string(token), TTL: ttl}
	for _, k := range c.Keys {
		r.Keys = append(r.Keys, string(c.Args[k]))
	}
	return r
}

// TokenFault is the text of the error for a token that no lock can have; "": it is one.
func TokenFault(token []byte) string {
	switch {
	case len(token) == 0:
		return "ERR a lock's token must not be empty"
	case len(token) > maxSize:
		return fmt.Sprintf("ERR a lock's token is at most %d bytes long", maxSize)
	}
	return ""
}

// TTLFault is the text of the error for a TTL outside of a pattern's bounds; "": it is
// within them.
func (e *Engine) TTLFault(pattern int, ttl time.Duration) string {
	p := &e.settings.Patterns[pattern]
	switch {
	case ttl < p.MinTTL:
		return fmt.Sprintf("ERR a TTL of %v is less than min_ttl of lock keys (%s), %v", ttl, p.Name, p.MinTTL)
	case ttl > p.MaxTTL:
		return fmt.Sprintf("ERR a TTL of %v is more than max_ttl of lock keys (%s), %v", ttl, p.Name, p.MaxTTL)
	}
	return ""
}

// fault is the first fault of a token and a TTL.
func (c *command) fault(token []byte, ttl time.Duration) string {
	if text := TokenFault(token); text != "" {
		return text
	}
	return c.e.TTLFault(c.Pattern, ttl)
}

// answer replies with what reply makes of a result that is not Failed.
func (c *command) answer(reply func(Result) []byte) func(Result) {
	return func(r Result) {
		if r.Verdict == Failed {
			c.done(errorReply(r.Text))
			return
		}
		if c.Promise != nil && r.latest != (quorum.Instant{}) {
			*c.Promise = quorum.Promise{Latest: r.latest, Instead: errorReply(c.late(r))}
		}
		c.done(reply(r))
	}
}

// late is the text of the error for a grant that the client is told of too late.
func (c *command) late(r Result) string {
	if r.made != "" {
		return "NOQUORUM the proxy was too slow for a lock of that TTL: it is released"
	}
	return "UNCERTAIN the lock may end with its old TTL or with the new one: the proxy was too slow"
}

func (c *command) setnx() (cancel func()) {
	ttl := c.pattern.DefaultTTL
	if ttl == 0 {
		return c.fail(c.needTTL())
	}
	if text := c.fault(c.Args[2], ttl); text != "" {
		return c.fail(text)
	}
	return c.e.Acquire(c.request(c.Args[2], ttl), c.answer(func(r Result) []byte { return flag(r.Verdict == Yes) }))
}

func (c *command) needTTL() string {
	return fmt.Sprintf("ERR lock keys need a TTL (%s): SET key token NX PX ms, or set default_ttl", c.pattern.Name)
}

// read replies with what reply makes of the states of the command's keys.
func (c *command) read(reply func(all []State) []byte) (cancel func()) {
	return c.e.Query(c.request(nil, 0), func(states []State, text string) {
		if text != "" {
			c.done(errorReply(text))
			return
		}
		c.done(reply(states))
	})
}

func (c *command) get() (cancel func()) {
	return c.read(func(all []State) []byte {
		if !all[0].Held {
			return resp.AppendNull(nil, c.Protocol)
		}
		return redcon.AppendBulkString(nil, all[0].Token)
	})
}

func (c *command) exists() (cancel func()) {
	return c.read(func(all []State) []byte {
		n := int64(0)
		for _, s := range all {
			if s.Held {
				n++
			}
		}
		return intReply(n)
	})
}

func (c *command) kind() (cancel func()) {
	return c.read(func(all []State) []byte {
		if all[0].Held {
			return redcon.AppendString(nil, "string")
		}
		return redcon.AppendString(nil, "none")
	})
}

func (c *command) pttl() (cancel func()) {
	return c.read(func(all []State) []byte {
		if !all[0].Held {
			return intReply(-2)
		}
		return intReply(all[0].Left.Milliseconds())
	})
}

// ttl rounds as Redis does.
func (c *command) ttl() (cancel func()) {
	return c.read(func(all []State) []byte {
		if !all[0].Held {
			return intReply(-2)
		}
		return intReply((all[0].Left.Milliseconds() + 500) / 1000)
	})
}

func (c *command) del() (cancel func()) {
	if !c.pattern.AllowDel {
		return c.refuse(strings.ToUpper(c.Name) + ", which would release locks whosever they are, without allow_del,")
	}
	return c.e.Force(c.request(nil, 0), c.answer(func(r Result) []byte { return intReply(int64(r.Count)) }))
}

// delex is Redis' DELEX key IFEQ token.
func (c *command) delex() (cancel func()) {
	switch {
	case len(c.Args) == 4 && bytes.EqualFold(c.Args[2], []byte("ifeq")):
		return c.compareAndDelete(c.Args[3])
	case len(c.Args) == 2 || len(c.Args) == 4:
		return c.refuse("DELEX without IFEQ")
	}
	return c.fail(resp.TextWrongArity(c.Name))
}

// delifeq is Valkey's DELIFEQ key token, and RINGMAIN.UNLOCK.
func (c *command) delifeq() (cancel func()) { return c.compareAndDelete(c.Args[2]) }

func (c *command) compareAndDelete(token []byte) (cancel func()) {
	if text := TokenFault(token); text != "" {
		return c.fail(text)
	}
	return c.e.Release(c.request(token, 0), c.answer(func(r Result) []byte { return intReply(int64(r.Count)) }))
}

// milliseconds reads the argument after a PX, or another word, at a place.
func (c *command) milliseconds(at int, word string) (d time.Duration, text string) {
	if !bytes.EqualFold(c.Args[at], []byte(word)) {
		return 0, resp.TextSyntax
	}
	n, ok := number(c.Args[at+1])
	if !ok {
		return 0, resp.TextNotInteger
	}
	if d, ok = duration(n, time.Millisecond); !ok {
		return 0, fmt.Sprintf("ERR invalid expire time in '%s' command", c.Name)
	}
	return d, ""
}

// lock is RINGMAIN.LOCK key token PX ms [WAIT ms].
func (c *command) lock() (cancel func()) {
	ttl, text := c.milliseconds(3, "px")
	wait := time.Duration(0)
	switch {
	case text != "":
	case len(c.Args) == 6:
		text = resp.TextSyntax
	case len(c.Args) == 7 && string(c.Args[6]) != "0":
		wait, text = c.milliseconds(5, "wait")
	}
	if text == "" {
		text = c.fault(c.Args[2], ttl)
	}
	if text != "" {
		return c.fail(text)
	}
	return c.e.AcquireWaiting(c.request(c.Args[2], ttl), wait, c.answer(func(r Result) []byte {
		if r.Verdict == Yes {
			return intsReply(1, r.Fence, r.Validity.Milliseconds())
		}
		return intsReply(0, 0, r.Left.Milliseconds())
	}))
}

// extend is RINGMAIN.EXTEND key token PX ms.
func (c *command) extend() (cancel func()) {
	ttl, text := c.milliseconds(3, "px")
	if text == "" {
		text = c.fault(c.Args[2], ttl)
	}
	if text != "" {
		return c.fail(text)
	}
	return c.e.Extend(c.request(c.Args[2], ttl), c.answer(func(r Result) []byte { return flag(r.Verdict == Yes) }))
}

// fence is RINGMAIN.FENCE key token.
func (c *command) fence() (cancel func()) {
	if text := TokenFault(c.Args[2]); text != "" {
		return c.fail(text)
	}
	return c.e.Fence(c.request(c.Args[2], 0), c.answer(func(r Result) []byte {
		if r.Verdict == Yes {
			return intReply(r.Fence)
		}
		return resp.AppendNull(nil, c.Protocol)
	}))
}
