package lock

import (
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/lock/scripts"
	"ringmain/resp"
)

// script is an EVAL, or one of its kin, of a script that is known: it is carried out as what
// it means, never run.
type script struct {
	*command
	entry *scripts.Entry
	argv  [][]byte
}

// eval carries out EVAL, EVALSHA and their forms for reading.
func (c *command) eval() (cancel func()) {
	entry, text := c.recognise()
	if text != "" {
		return c.fail(text)
	}
	first := 3 // EVAL text numkeys key …
	if c.Keys[0] != first || len(c.Args) < first+len(c.Keys) {
		return c.fail(resp.TextSyntax)
	}
	s := &script{command: c, entry: entry, argv: c.Args[first+len(c.Keys):]}
	if text := s.misfit(); text != "" {
		return c.fail(text)
	}
	if s.entry.Class == scripts.Query {
		return s.query()
	}
	r, text := s.operation()
	if text != "" {
		return c.fail(text)
	}
	switch s.entry.Class {
	case scripts.Release:
		return s.release(r)
	case scripts.Extend:
		return c.e.Extend(r, s.answer(s.yesOr(s.entry.Other)))
	case scripts.Acquire:
		return c.e.Acquire(r, s.answer(s.yesOr(s.entry.Other)))
	}
	if s.entry.New > 0 && string(s.argv[s.entry.New-1]) != "yes" {
		return c.e.Extend(r, s.answer(s.yesOr(s.entry.Gone)))
	}
	return c.e.AcquireOrExtend(r, s.answer(s.yesOr(s.entry.Other)))
}

// recognise finds the script that a command names. text is that of an error.
func (c *command) recognise() (entry *scripts.Entry, text string) {
	source := c.Args[1]
	if strings.HasPrefix(c.Name, "evalsha") {
		if entry, ok := scripts.BySHA(string(source)); ok {
			return entry, ""
		}
		if source = c.Text; source == nil {
			return nil, "NOSCRIPT No matching script. Please use EVAL."
		}
	}
	if entry, ok := scripts.Recognise(string(source)); ok {
		return entry, ""
	}
	return nil, c.refusal(fmt.Sprintf("the script %x, which is none of the known scripts of lock clients,", sha1.Sum(source)))
}

// misfit is the text of an error for a script that is not for locks on a quorum, or for
// arguments that are not its own; "": it may be carried out.
func (s *script) misfit() string {
	of := "the script of " + s.entry.Libraries[0]
	switch {
	case s.entry.Class == scripts.Unsupported:
		return fmt.Sprintf("ERR %s is not supported on lock keys (%s): %s", of, s.pattern.Name, s.entry.Why)
	case strings.HasSuffix(s.Name, "_ro") && s.entry.Class != scripts.Query:
		return "ERR Write commands are not allowed from read-only scripts."
	case s.entry.Keys > 0 && len(s.Keys) != s.entry.Keys:
		return fmt.Sprintf("ERR %s is for %d key, not %d", of, s.entry.Keys, len(s.Keys))
	case len(s.argv) < s.entry.Args:
		return fmt.Sprintf("ERR %s takes %s behind its keys, not %d", of, counted(s.entry.Args, "argument"), len(s.argv))
	}
	return ""
}

// operation is what a script wants done. text is that of an error.
func (s *script) operation() (r Request, text string) {
	token := s.argv[s.entry.Token-1]
	if text := TokenFault(token); text != "" {
		return r, text
	}
	r = s.request(token, 0)
	slices.Sort(r.Keys)
	r.Keys = slices.Compact(r.Keys) // a script does not mind that it is given one twice
	if s.entry.Prefix > 0 {
		n, ok := number(s.argv[s.entry.Prefix-1])
		if !ok || n <= 0 {
			return r, fmt.Sprintf("ERR the script of %s is given no token", s.entry.Libraries[0])
		}
		r.Prefix = int(min(n, int64(len(token))))
	}
	if s.entry.TTL == 0 {
		return r, ""
	}
	r.TTL, text = s.ttlArgument()
	r.Add = s.entry.Adds > 0 && string(s.argv[s.entry.Adds-1]) == "0"
	if text == "" && !r.Add { // a sum is looked at when it is known
		text = s.e.TTLFault(s.Pattern, r.TTL)
	}
	return r, text
}

// ttlArgument is the time to live that a script is given. text is that of an error.
func (s *script) ttlArgument() (ttl time.Duration, text string) {
	n, ok := number(s.argv[s.entry.TTL-1])
	if !ok {
		return 0, resp.TextNotInteger
	}
	if n <= 0 && s.entry.Persists {
		return 0, fmt.Sprintf("ERR lock keys (%s) need a TTL, which the script of %s would take away", s.pattern.Name, s.entry.Libraries[0])
	}
	unit := time.Millisecond
	if s.entry.Unit == scripts.Seconds {
		unit = time.Second
	}
	if ttl, ok = duration(n, unit); !ok {
		return 0, fmt.Sprintf("ERR invalid expire time in '%s' command", s.Name)
	}
	if s.entry.Unit == scripts.UnixMilliseconds {
		ttl = (ttl - s.e.clock.Now().Wall).Truncate(time.Millisecond)
	}
	return ttl, ""
}

// yesOr replies to what was done, or not.
func (s *script) yesOr(no scripts.Reply) func(Result) []byte {
	return func(r Result) []byte {
		switch {
		case r.Verdict == No:
			return s.encode(no, outcome{})
		case r.Extended && s.entry.Again.Shape != 0:
			return s.encode(s.entry.Again, outcome{count: len(s.Keys)})
		}
		return s.encode(s.entry.OK, outcome{count: len(s.Keys)})
	}
}

// release gives up all locks if all are the token's, or, where the script says so, each that
// is.
func (s *script) release(r Request) (cancel func()) {
	carryOut := func() (cancel func()) {
		return s.e.Release(r, func(result Result) {
			switch {
			case result.Verdict == Failed:
				s.done(errorReply(result.Text))
			case s.entry.Each || result.Count == len(r.Keys):
				s.done(s.encode(s.entry.OK, outcome{count: result.Count}))
			case s.entry.Gone == s.entry.Other:
				s.done(s.encode(s.entry.Other, outcome{}))
			default:
				s.query()
			}
		})
	}
	if s.entry.Each || len(r.Keys) == 1 {
		return carryOut()
	}
	// What is released is compared again, so that nothing is lost if it changes meanwhile. As a release
	// this goes ahead of others, and is not given up.
	s.e.queryBy(s.e.passAhead, r, func(states []State, text string) {
		switch o := outcomeOf(states, r.Token); {
		case text != "":
			s.done(errorReply(text))
		case o.mine:
			carryOut()
		default:
			s.done(s.encode(s.entry.Other, outcome{}))
		}
	})
	return nil
}

// query says who holds the locks: OK, if it is the token.
func (s *script) query() (cancel func()) {
	var token string
	if s.entry.Token > 0 {
		token = string(s.argv[s.entry.Token-1])
	}
	return s.read(func(states []State) []byte {
		o := outcomeOf(states, token)
		switch {
		case s.entry.Class == scripts.Query && (o.mine || s.entry.Token == 0 && o.held):
			return s.encode(s.entry.OK, o)
		case o.held:
			return s.encode(s.entry.Other, o)
		}
		return s.encode(s.entry.Gone, o)
	})
}

// outcome is what a reply may tell.
type outcome struct {
	count int // of the keys that it was carried out on
	// held: somebody holds one of the locks; mine: the token all of them. left is how long the
	// holders may count on them.
	held, mine bool
	holder     string
	left       time.Duration
}

func outcomeOf(states []State, token string) outcome {
	o := outcome{mine: true}
	for i, state := range states {
		o.held = o.held || state.Held
		o.mine = o.mine && state.Held && state.Token == token
		if i == 0 || state.Left < o.left {
			o.left = state.Left
		}
	}
	if i := slices.IndexFunc(states, func(s State) bool { return s.Held }); i >= 0 {
		o.holder = states[i].Token
	}
	return o
}

// encode writes a reply.
func (s *script) encode(reply scripts.Reply, o outcome) []byte {
	switch reply.Shape {
	case scripts.Integer:
		return intReply(reply.Int)
	case scripts.Status:
		return redcon.AppendString(nil, reply.Text)
	case scripts.Bulk:
		return redcon.AppendBulkString(nil, reply.Text)
	case scripts.Failure:
		return errorReply(reply.Text)
	case scripts.KeyCount:
		return intReply(int64(o.count))
	case scripts.TTL:
		return intReply(o.left.Milliseconds())
	case scripts.TTLSeconds:
		return intReply((o.left.Milliseconds() + 500) / 1000)
	case scripts.Holder:
		b := redcon.AppendArray(nil, 2)
		if !o.held {
			return redcon.AppendInt(resp.AppendNull(b, s.Protocol), -2)
		}
		return redcon.AppendInt(redcon.AppendBulkString(b, o.holder), o.left.Milliseconds())
	}
	return resp.AppendNull(nil, s.Protocol)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
