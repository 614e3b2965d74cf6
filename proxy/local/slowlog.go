package local

import (
	"strconv"

	"ringmain/resp"
)

// slowLog holds the last commands that took long, the newest last.
type slowLog struct {
	next    int64 // number of the next entry
	entries []slowEntry
}

type slowEntry struct {
	id, at, micros int64
	args           []string
	client, name   string
}

func (l *slowLog) add(e *Execution, most int) {
	entry := slowEntry{id: l.next, at: e.Ended.Unix(), micros: e.Took.Microseconds(), client: e.Client, name: e.Name}
	for _, arg := range e.Args {
		entry.args = append(entry.args, string(arg))
	}
	l.next++
	l.entries = append(l.entries, entry)
	l.keep(most)
}

// keep forgets the oldest entries.
func (l *slowLog) keep(most int) {
	if more := len(l.entries) - most; more > 0 {
		clear(l.entries[:more])
		l.entries = l.entries[more:]
	}
}

// slowDefault is how many entries SLOWLOG GET gives that does not say.
const slowDefault = 10

// slowlogGet is SLOWLOG GET [count].
func slowlogGet(a *Answers, c *Call) {
	count := int64(slowDefault)
	switch len(c.Args) {
	case 2:
	case 3:
		var ok bool
		if count, ok = resp.ParseInteger(c.Args[2]); !ok || count < -1 {
			c.fail("ERR count should be greater than or equal to -1")
			return
		}
	default:
		c.badOptions()
		return
	}
	r := a.Records
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.slow.entries)
	if count >= 0 {
		n = int(min(int64(n), count))
	}
	c.array(n)
	for i := range n {
		e := &r.slow.entries[len(r.slow.entries)-1-i]
		c.array(6)
		c.integer(e.id)
		c.integer(e.at)
		c.integer(e.micros)
		c.array(len(e.args))
		for _, arg := range e.args {
			c.bulk(arg)
		}
		c.bulk(e.client)
		c.bulk(e.name)
	}
}

func slowlogLen(a *Answers, c *Call) {
	a.Records.mu.Lock()
	defer a.Records.mu.Unlock()
	c.integer(int64(len(a.Records.slow.entries)))
}

func slowlogReset(a *Answers, c *Call) {
	a.Records.mu.Lock()
	defer a.Records.mu.Unlock()
	a.Records.slow.entries = nil
	c.ok()
}

// Bounds of what an entry tells of a request, as in Redis.
const (
	shownArgs  = 32
	shownBytes = 128
)

// Shortened are the first arguments of a request and the beginnings of these, as the log
// of slow commands shows them. count is how many arguments the request has, of which
// args may be the first only; length(i) is the whole length of args[i].
func Shortened(args [][]byte, count int, length func(i int) int) [][]byte {
	shown := make([][]byte, 0, shownArgs)
	for i, arg := range args {
		if len(shown) == shownArgs-1 && count > shownArgs {
			break
		}
		text := append([]byte(nil), arg[:min(len(arg), shownBytes)]...)
		if more := length(i) - len(text); more > 0 {
			text = append(strconv.AppendInt(append(text, "... ("...), int64(more), 10), " more bytes)"...)
		}
		shown = append(shown, text)
	}
	if more := count - len(shown); more > 0 {
		shown = append(shown, append(strconv.AppendInt([]byte("... ("), int64(more), 10), " more arguments)"...))
	}
	return shown
}
