// Package countercheck checks what clients of counters were told: each counter behaves as
// one integer that commands change one at a time, between their sending and their answer.
//
// A test tells a Log of each command, and how it ended. A command whose outcome is unknown
// may have been carried out or not, and until a change of that counter is acknowledged that
// was sent after the answer: the agreement on this change has put an end to what had not
// been agreed on. Without that it would excuse what shows much later. A command that was
// refused was not carried out.
//
// Check takes long if many commands of one counter are unknown at once. So tests use a
// name for some hundred commands, and then the next.
package countercheck

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Log is all that clients did and were told. Any goroutine may use it.
type Log struct {
	mu     sync.Mutex
	byName map[string][]*Call
}

// New is an empty log.
func New() *Log { return &Log{byName: map[string][]*Call{}} }

type outcome uint8

const (
	unknown outcome = iota
	answered
	refused
)

// Call is one command. The client's goroutine alone uses it.
type Call struct {
	log         *Log
	client      int
	key, verb   string
	by          int64 // what incrby, decrby and set have
	sent, ended time.Duration
	outcome     outcome
	reply       any
}

// Send tells of a command before it is sent. verb is one of get, set, del, exists, incr,
// decr, incrby and decrby; by is the number that set, incrby and decrby have.
func (l *Log) Send(at time.Duration, client int, verb, key string, by int64) *Call {
	c := &Call{log: l, client: client, key: key, verb: verb, by: by, sent: at, ended: ever}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byName[key] = append(l.byName[key], c)
	return c
}

const ever = time.Duration(1<<63 - 1)

// Replied tells of the reply: an int64, a string, or nil.
func (c *Call) Replied(at time.Duration, reply any) { c.end(at, answered, reply) }

// Refused tells that the command was not carried out.
func (c *Call) Refused(at time.Duration) { c.end(at, refused, nil) }

// Unknown tells that it may have been carried out.
func (c *Call) Unknown(at time.Duration) { c.end(at, unknown, nil) }

func (c *Call) end(at time.Duration, o outcome, reply any) {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.ended, c.outcome, c.reply = at, o, reply
}

func (c *Call) String() string {
	how := [...]string{unknown: "unknown", answered: fmt.Sprint(c.reply), refused: "refused"}[c.outcome]
	return fmt.Sprintf("%v to %v, client %d: %s %s %d: %s", c.sent, c.ended, c.client, c.verb, c.key, c.by, how)
}

// Counts are how many commands were answered, refused, and left unknown.
func (l *Log) Counts() (n struct{ Answered, Refused, Unknown int }) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, calls := range l.byName {
		for _, c := range calls {
			switch c.outcome {
			case answered:
				n.Answered++
			case refused:
				n.Refused++
			case unknown:
				n.Unknown++
			}
		}
	}
	return n
}

// changes says that an acknowledged command was agreed on.
func (c *Call) changes() bool {
	switch c.verb {
	case "get", "exists", "del": // a counter that is not there need not be deleted
		return false
	}
	return c.outcome == answered
}

// Check returns what shows that some counter is not linearizable, or that it takes longer
// than within to tell.
func (l *Log) Check(within time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := time.Now().Add(within)
	var found []error
	for key, calls := range l.byName {
		left := time.Until(end)
		switch verdict := porcupine.CheckOperationsTimeout(model, operations(calls), max(left, 1)); verdict {
		case porcupine.Ok:
		case porcupine.Unknown:
			return errors.Join(append(found, fmt.Errorf("%s: not told within %v", key, within))...)
		default:
			found = append(found, fmt.Errorf("%s is not linearizable:\n%s", key, tell(calls)))
		}
	}
	return errors.Join(found...)
}

// tell lists the commands of a counter.
func tell(calls []*Call) (text string) {
	for _, c := range calls {
		text += "\t" + c.String() + "\n"
	}
	return text
}

// operations are the commands as porcupine wants them.
func operations(calls []*Call) (list []porcupine.Operation) {
	changes := slices.DeleteFunc(slices.Clone(calls), func(c *Call) bool { return !c.changes() })
	slices.SortFunc(changes, func(a, b *Call) int { return int(a.ended - b.ended) })
	for _, c := range calls {
		if c.outcome == refused {
			continue
		}
		end := c.ended
		if c.outcome == unknown {
			if end != ever {
				end = closed(end, changes)
			}
			if end == ever && c.verb == "get" {
				continue
			}
		}
		list = append(list, porcupine.Operation{ClientId: c.client, Input: c, Output: c, Call: int64(c.sent), Return: int64(end)})
	}
	return list
}

// closed is when what ended unknown can no more be carried out. changes are in the order
// of their ends.
func closed(ended time.Duration, changes []*Call) time.Duration {
	for _, c := range changes {
		if c.sent > ended {
			return c.ended
		}
	}
	return ever
}

// value is a counter's.
type value struct {
	exists bool
	n      int64
}

var model = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{value{}} },
	Step: func(state, _, output any) []any {
		c, before := output.(*Call), state.(value)
		after, reply := step(before, c)
		switch {
		case c.outcome == unknown && after != before:
			return []any{before, after}
		case c.outcome == unknown || reply == c.reply:
			return []any{after}
		}
		return nil
	},
}).ToModel()

// step is what a command does, and what it is answered.
func step(v value, c *Call) (after value, reply any) {
	add := func(by int64) (value, any) { return value{true, v.n + by}, v.n + by }
	switch c.verb {
	case "get":
		if v.exists {
			return v, strconv.FormatInt(v.n, 10)
		}
		return v, nil
	case "exists", "del":
		reply = int64(0)
		if v.exists {
			reply = int64(1)
		}
		if c.verb == "del" {
			v = value{}
		}
		return v, reply
	case "set":
		return value{true, c.by}, "OK"
	case "incr":
		return add(1)
	case "decr":
		return add(-1)
	case "incrby":
		return add(c.by)
	case "decrby":
		return add(-c.by)
	}
	panic("no command of counters: " + c.verb)
}
