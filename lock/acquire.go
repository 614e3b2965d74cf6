package lock

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"ringmain/quorum"
)

const (
	// splitLeast and splitMost bound the pause before votes that were split are asked for
	// again.
	splitLeast = 5 * time.Millisecond
	splitMost  = 25 * time.Millisecond
)

// acquisition takes locks for a token: all of a request's, or none.
type acquisition struct {
	e     *Engine
	r     Request
	terms terms
	// extend also takes locks that the token has already.
	extend bool
	// told says that the client is told the validity, and so may get less than the TTL.
	told bool
	// done is told the attempt that won, or lost last.
	done    func(Result, *attempt)
	retries int
}

// vote is what one server did in an attempt.
type vote struct {
	state voteState
	// holders are what is there of each key, of state taken.
	holders []reading
	// extended says of state given that the locks were the token's.
	extended bool
}

type voteState uint8

const (
	pending voteState = iota
	given
	taken
	// absent: it said nothing. maybe: and may have voted all the same.
	absent
	maybe
	// stale: what it was to extend has another op, and so it was not.
	stale
)

// attempt is one round of votes. What it creates has its grant and its op.
type attempt struct {
	*acquisition
	grant, op string
	began     quorum.Instant
	// before are the ops that may have been at the servers before it, those that what it extends
	// must have.
	before  [][]string
	votes   []vote
	rounds  []int
	decided bool
	won     bool
}

// Acquire takes locks that nobody has. The result is Yes, No with what is left, or Failed,
// and then nothing was acquired.
func (e *Engine) Acquire(r Request, done func(Result)) (cancel func()) {
	return e.passTo(r, done, func(done func(Result)) { e.acquire(r, false, false, func(result Result, _ *attempt) { done(result) }) })
}

// AcquireOrExtend is as Acquire, but takes locks that the token has already, too, and never
// makes them end earlier.
func (e *Engine) AcquireOrExtend(r Request, done func(Result)) (cancel func()) {
	return e.passTo(r, done, func(done func(Result)) { e.acquire(r, true, false, func(result Result, _ *attempt) { done(result) }) })
}

// acquire is carried out within the gate.
func (e *Engine) acquire(r Request, extend, told bool, done func(Result, *attempt)) {
	counted := func(result Result, t *attempt) {
		e.stats.acquired(result.Verdict)
		done(result, t)
	}
	a := &acquisition{e: e, r: r, terms: e.terms(r), extend: extend, told: told, done: counted, retries: e.pattern(r).SplitRetries}
	a.try()
}

func (a *acquisition) try() {
	e := a.e
	if text := e.barred(quorum.Vote); text != "" {
		a.done(failed(text), nil)
		return
	}
	t := &attempt{acquisition: a, grant: e.newGrant(), op: e.newOp(), votes: make([]vote, e.servers.Len()), rounds: make([]int, e.servers.Len()),
		before: e.known(a.r.Keys, a.r.Token)}
	t.began = e.clock.Now()
	e.ask(t.script(), a.r.Keys, a.terms.timeout, t.args, t.answered)
}

func (t *attempt) script() *quorum.Script {
	if t.extend {
		return acquireOrExtendScript
	}
	return acquireScript
}

// args are a server's arguments.
func (t *attempt) args(server int) []string {
	args := []string{t.r.Token, millis(t.terms.lease), companion{grant: t.grant, op: t.op, pad: t.terms.pad}.String()}
	if !t.extend {
		return args
	}
	prefix := len(t.r.Token) + 1
	if t.r.Prefix > 0 {
		prefix = t.r.Prefix
	}
	return append(append(args, strconv.Itoa(prefix)), t.before[server]...)
}

func (t *attempt) answered(server int, a quorum.Answer) {
	v := readVote(a, len(t.r.Keys))
	if v.state == stale && !t.decided {
		t.before[server] = nil
		for _, op := range a.Values[1:] {
			t.before[server] = with(t.before[server], op.Text)
		}
		if t.rounds[server]++; t.rounds[server] < maxRounds && len(t.before[server]) > 0 {
			call := quorum.Call{Server: server, Script: t.script(), Keys: scriptKeys(t.r.Keys), Args: t.args(server), Within: t.terms.timeout}
			t.e.servers.Call(call, func(a quorum.Answer) { t.answered(server, a) })
			return
		}
	}
	if v.state == stale {
		v.state = absent // others change the lock all the time
	}
	t.votes[server] = v
	if t.decided {
		t.late(server)
		return
	}
	t.decide()
}

func readVote(a quorum.Answer, keys int) vote {
	switch {
	case a.Outcome == quorum.Unknown:
		return vote{state: maybe}
	case a.Outcome == quorum.NotDone:
		return vote{state: absent}
	case len(a.Values) > 0 && a.Values[0].Int == 1:
		return vote{state: given, extended: len(a.Values) > 1 && a.Values[1].Int == 1}
	case len(a.Values) > 1 && a.Values[0].Int == 2:
		return vote{state: stale}
	case len(a.Values) == 1+3*keys:
		return vote{state: taken, holders: readings(a.Values[1:], keys)}
	}
	return vote{state: maybe}
}

// decide ends the attempt as soon as its outcome is certain.
func (t *attempt) decide() {
	count := [stale + 1]int{}
	for _, v := range t.votes {
		count[v.state]++
	}
	majority := t.e.quorum
	if count[given] >= majority {
		t.win()
		return
	}
	most, left := t.holder()
	if most >= majority {
		t.lose()
		t.done(Result{Verdict: No, Left: left}, t)
		return
	}
	if count[given]+count[pending] >= majority || most > 0 && most+count[pending] >= majority {
		return
	}
	if count[given]+count[taken] < majority {
		if count[pending] > 0 {
			return
		}
		t.lose()
		t.done(failed(t.e.servers.Refusal(quorum.Vote)), t)
		return
	}
	// A majority has answered, and no token can have one: the votes are split.
	t.lose()
	t.e.stats.Splits++
	if t.retries == 0 {
		t.done(Result{Verdict: No, Left: left}, t)
		return
	}
	t.retries--
	pause := splitLeast + time.Duration(t.e.random.Int64N(int64(splitMost-splitLeast)))
	t.e.clock.After(pause, t.try)
}

// holder finds the token that has one of the keys at the most servers, at how many of
// them, and for how much longer it has them at a majority or, if it has none, anywhere.
func (t *attempt) holder() (most int, left time.Duration) {
	for key := range t.r.Keys {
		byToken := map[string][]time.Duration{}
		for _, v := range t.votes {
			if v.state == taken && v.holders[key].held {
				token := v.holders[key].token
				byToken[token] = append(byToken[token], v.holders[key].left())
			}
		}
		for _, lefts := range byToken {
			if len(lefts) < most {
				continue
			}
			if len(lefts) > most {
				most, left = len(lefts), 0
			}
			slices.Sort(lefts)
			at := len(lefts) - 1
			if most >= t.e.quorum {
				at = len(lefts) - t.e.quorum
			}
			left = max(left, lefts[at])
		}
	}
	return most, left
}

// win has a majority of the votes; what is left to see is whether in time.
func (t *attempt) win() {
	elapsed := t.e.clock.Now().Since(t.began)
	result, inTime := t.terms.grant(t.began, elapsed, t.told)
	if !inTime {
		t.lose()
		t.done(failed(fmt.Sprintf("NOQUORUM the votes took %v, which is too long for a lock of %v",
			elapsed.Round(time.Millisecond), t.terms.ttl)), t)
		return
	}
	t.decided, t.won = true, true
	t.remember()
	result.Extended = t.extends()
	if !t.extend { // what is extended in part must stay
		result.made = t.op
	}
	t.done(result, t)
}

// extends reports whether a majority had the locks as the token's before.
func (t *attempt) extends() bool {
	n := 0
	for _, v := range t.votes {
		if v.extended {
			n++
		}
	}
	return n >= t.e.quorum
}

// remember notes what is at the servers now.
func (t *attempt) remember() {
	ops := make([][]string, len(t.votes))
	for i, v := range t.votes {
		switch v.state {
		case given:
			ops[i] = []string{t.op}
		case pending, maybe:
			ops[i] = with(t.before[i], t.op)
		case taken, absent:
			ops[i] = t.before[i]
		}
	}
	t.e.remember(t.r.Keys, t.r.Token, ops, t.terms.lease)
}

// lose takes back what the attempt has created. What it has extended has another grant,
// and stays.
func (t *attempt) lose() {
	t.decided = true
	if t.extend {
		for _, ops := range t.before {
			if len(ops) > 0 {
				t.remember()
				break
			}
		}
	}
	for i := range t.votes {
		t.late(i)
	}
}

// late sees what a server did when the attempt is decided. A vote may be executed after the
// release of what was won, as it may have taken another connection.
func (t *attempt) late(server int) {
	state := t.votes[server].state
	switch {
	case t.won && t.e.has(t.r.Keys, t.r.Token, server, t.op):
		t.e.settle(t.r.Keys, t.r.Token, server, t.op, state == given, state == taken || state == absent)
	case state == given || state == maybe:
		t.e.takeBack(server, t.r.Keys, t.r.Token, t.grant, []string{t.op}, t.terms.lease, state == maybe)
	}
}
