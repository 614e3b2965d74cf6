package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"ringmain/internal/redistest"
)

// answerTimeout is how long an answer may take that is expected at once.
const answerTimeout = 30 * time.Second

// run acts until the load ends.
func (a *actor) run() {
	for !a.load.stopping() {
		conn := a.rng.IntN(len(a.conns))
		if a.rng.IntN(200) == 0 { // the next one comes to another loop
			a.hangUp(conn)
		}
		calls := a.choose(conn)
		if err := a.perform(conn, calls); err != nil {
			if !a.load.mayBreak() {
				a.load.strange(err.Error())
			}
			<-time.After(time.Millisecond)
		}
		if slices.ContainsFunc(calls, func(c call) bool { return c.became == Unexecuted }) {
			<-time.After(time.Millisecond) // leave the CPU to those that have a server
		}
	}
}

// hangUp closes a connection on which nothing is under way.
func (a *actor) hangUp(conn int) {
	if c := a.conns[conn]; c != nil {
		for _, at := range a.pinned {
			if at == conn {
				return
			}
		}
		_ = c.Close()
		a.conns[conn] = nil
	}
}

// noAnswer is why commands are uncertain whose connection is broken.
const noAnswer = "no answer"

// perform sends calls in one pipeline and takes their answers. An error is one of the
// connection.
func (a *actor) perform(conn int, calls []call) error {
	if a.conns[conn] == nil {
		c, err := redistest.Dial(a.load.options.Addr, 0)
		if err != nil {
			return err
		}
		a.conns[conn] = c
	}
	c := a.conns[conn]
	err := c.SetDeadline(time.Now().Add(answerTimeout))
	for i := range calls {
		calls[i].begin()
		for _, args := range calls[i].commands {
			err = errors.Join(err, c.Send(args...))
		}
	}
	err = errors.Join(err, c.Flush())
	for i := range calls {
		err = a.finish(conn, &calls[i], err)
	}
	if err != nil {
		_ = c.Close()
		a.conns[conn] = nil
		for e, at := range a.pinned {
			if at == conn {
				delete(a.pinned, e)
			}
		}
	}
	return err
}

func (c *call) begin() {
	for i := range c.parts {
		if p := &c.parts[i]; p.reading != nil {
			p.reading = p.entry.look()
		} else {
			p.entry.begin(p.deed)
		}
	}
}

// finish takes the answers to a call, unless the connection has an error already.
func (a *actor) finish(conn int, c *call, broken error) error {
	answers := make([]any, len(c.commands))
	verdict, why := executed, ""
	for i := range c.commands {
		if broken != nil {
			break
		}
		v, err := a.conns[conn].Receive()
		var reply redistest.Error
		switch {
		case err == nil:
			answers[i] = v
		case !errors.As(err, &reply):
			broken = err
		case i == len(c.commands)-1: // EXEC tells what became of a transaction
			why = string(reply)
			verdict = a.load.options.Judge(why)
		}
	}
	if broken != nil {
		verdict, why = Uncertain, noAnswer
	}
	var results []any
	if verdict == executed {
		var ok bool
		if results, ok = c.split(answers); !ok {
			verdict, why = Unexecuted, "aborted"
		} else if len(results) != len(c.parts) {
			verdict, why = Odd, fmt.Sprint("answered ", answers)
		}
	}
	c.became = verdict
	a.tell(conn, c, why, results)
	return broken
}

// tell tells the ledger what became of a call.
func (a *actor) tell(conn int, c *call, why string, results []any) {
	l, verdict := a.load, c.became
	if verdict == Odd {
		l.strange(fmt.Sprintf("%v: %s", c.commands, why))
		verdict = Uncertain
	}
	if verdict == Unexecuted {
		l.Refused.Add(1)
	}
	for i, p := range c.parts {
		if p.reading != nil {
			var got any
			if verdict == executed {
				got = results[i]
			}
			p.entry.seen(p.reading, p.deed, got, verdict == executed)
			continue
		}
		switch verdict {
		case executed:
			l.Answered.Add(1)
			delete(a.pinned, p.entry)
			p.entry.acknowledged(p.deed, results[i])
		case Unexecuted:
			p.entry.refused(p.deed, why)
		default:
			l.Uncertain.Add(1)
			if verdict == Late {
				a.pinned[p.entry] = conn
			}
			p.entry.uncertain(p.deed, why, l.options.MayClose && why == noAnswer)
		}
	}
}
