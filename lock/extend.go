package lock

import (
	"fmt"
	"time"

	"ringmain/quorum"
)

// maxRounds is how often one server is asked within a command, when what is there turns out
// to be another op than was thought.
const maxRounds = 3

// extension gives locks of a token a new lease.
type extension struct {
	e     *Engine
	r     Request
	terms terms
	op    string
	began quorum.Instant
	// ops are what may be at the servers.
	ops     [][]string
	states  []extendState
	rounds  []int
	left    time.Duration // that others have, as far as was seen
	decided bool
	done    func(Result)
}

type extendState uint8

const (
	asked extendState = iota
	extended
	lost // not the token's
	old  // held for too long
	silent
	unclear
)

// Extend gives locks of a token a new TTL, which counts from now: all of a request's, or
// none at any one server. The result is Yes, No if they are not the token's any more, or Failed:
// UNCERTAIN, and then they may end with the old TTL or with the new one.
func (e *Engine) Extend(r Request, done func(Result)) (cancel func()) {
	return e.passAhead(r, done, func(done func(Result)) {
		if !r.Add {
			e.extend(r, done)
			return
		}
		e.query(r.Keys, func(states []State, text string) {
			if text != "" {
				done(failed(text))
				return
			}
			var left time.Duration
			for _, s := range states {
				if !s.Held || s.Token != r.Token {
					done(Result{Verdict: No, Left: s.Left})
					return
				}
				left = max(left, s.Left)
			}
			r.TTL += left.Truncate(time.Millisecond)
			if most := e.pattern(r).MaxTTL; r.TTL > most {
				done(failed(fmt.Sprintf("ERR the lock would have a TTL of %v, more than max_ttl, %v", r.TTL, most)))
				return
			}
			e.extend(r, done)
		})
	})
}

// extend is carried out within the gate.
func (e *Engine) extend(r Request, done func(Result)) {
	done = countYes(&e.stats.Extended, done)
	if text := e.barred(quorum.Vote); text != "" {
		done(failed(text))
		return
	}
	n := e.servers.Len()
	x := &extension{
		e: e, r: r, terms: e.terms(r), op: e.newOp(), began: e.clock.Now(), ops: e.known(r.Keys, r.Token),
		states: make([]extendState, n), rounds: make([]int, n), done: done,
	}
	e.ask(extendScript, r.Keys, x.terms.timeout, func(server int) []string { return x.ask(server, x.ops[server]) }, x.answered)
}

// ask makes the arguments for a server, where one of ops may be. The new one may be there from
// now on.
func (x *extension) ask(server int, ops []string) []string {
	x.rounds[server]++
	x.ops[server] = with(ops, x.op)
	head := []string{x.r.Token, millis(x.terms.lease), x.op, fmt.Sprintf("%08x", x.terms.pad.Milliseconds()), x.e.oldestGrant(x.e.pattern(x.r))}
	return append(head, ops...)
}

func (x *extension) answered(server int, a quorum.Answer) {
	state := x.read(server, a)
	if state == asked && !x.decided {
		seen := make([]string, 0, len(a.Values))
		for _, v := range a.Values[1:] {
			seen = with(seen, v.Text)
		}
		if x.rounds[server] < maxRounds && len(seen) > 0 {
			call := quorum.Call{Server: server, Script: extendScript, Keys: scriptKeys(x.r.Keys), Args: x.ask(server, seen), Within: x.terms.timeout}
			x.e.servers.Call(call, func(a quorum.Answer) { x.answered(server, a) })
			return
		}
	}
	if state == asked {
		state = silent // others change the lock all the time
	}
	x.states[server] = state
	if x.decided {
		x.e.settle(x.r.Keys, x.r.Token, server, x.op, state == extended, state == silent || state == old)
		return
	}
	x.decide()
}

// read is what an answer says; asked: there is another op.
func (x *extension) read(server int, a quorum.Answer) extendState {
	if a.Outcome != quorum.Done || len(a.Values) == 0 {
		if a.Outcome == quorum.NotDone {
			x.ops[server] = without(x.ops[server], x.op)
			return silent
		}
		return unclear
	}
	switch a.Values[0].Int {
	case 1:
		x.ops[server] = []string{x.op}
		return extended
	case 0:
		x.ops[server] = nil
		for _, r := range readings(a.Values[1:], len(x.r.Keys)) {
			if r.held && r.token != x.r.Token {
				x.left = max(x.left, r.left())
			}
		}
		return lost
	case 3:
		x.ops[server] = without(x.ops[server], x.op)
		return old
	}
	x.ops[server] = without(x.ops[server], x.op)
	return asked
}

func (x *extension) decide() {
	count := [unclear + 1]int{}
	for _, s := range x.states {
		count[s]++
	}
	switch {
	case count[extended] >= x.e.quorum:
		elapsed := x.e.clock.Now().Since(x.began)
		result, inTime := x.terms.grant(x.began, elapsed, false)
		if !inTime {
			x.end(failed(fmt.Sprintf("UNCERTAIN extending took %v, which is too long for a TTL of %v",
				elapsed.Round(time.Millisecond), x.terms.ttl)))
			return
		}
		x.end(result)
	case count[lost]+count[old] > x.e.spare() && count[old] > 0:
		x.end(failed(fmt.Sprintf("ERR the lock has been held for longer than max_hold, %v", x.e.pattern(x.r).MaxHold)))
	case count[lost] > x.e.spare():
		x.end(Result{Verdict: No, Left: x.left})
	case count[asked] > 0:
	case count[extended]+count[unclear] == 0:
		x.end(failed(x.e.servers.Refusal(quorum.Vote)))
	default:
		x.end(failed("UNCERTAIN the lock may end with its old TTL or with the new one: " + x.e.servers.Missing(quorum.Vote)))
	}
}

func (x *extension) end(result Result) {
	x.decided = true
	if result.Verdict == No {
		x.e.forget(x.r.Keys, x.r.Token, "")
	} else {
		x.e.remember(x.r.Keys, x.r.Token, x.ops, x.terms.lease)
	}
	x.done(result)
}
