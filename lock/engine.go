package lock

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"ringmain/quorum"
)

// Fences give the numbers that a resource can tell a later holder from an earlier one by.
type Fences interface {
	// Next allocates the next number of a register, 0 to FenceRegisters-1: larger than all
	// that were allocated before. done is called exactly once, on the loop. err says, as the
	// text of an error reply, why there is none.
	Next(register int, done func(n int64, err error))
}

// FenceRegisters is how many registers the keys share.
const FenceRegisters = 16

// Servers are what an Engine needs of its quorum: *quorum.Set is one.
type Servers interface {
	quorum.Servers
	// Refusal is the text of the error for a command that finds no majority: NOQUORUM and
	// Missing's, or LOCKSET where proxies do not agree on what the set is.
	Refusal(kind quorum.Kind) string
}

// Engine carries out operations on the locks of one quorum. It is used on one loop.
type Engine struct {
	settings Settings
	servers  Servers
	clock    quorum.Clock
	random   *rand.Rand
	fences   Fences // nil: there are none
	quorum   int    // how many servers it takes: a majority of those that are configured

	gate     gate
	holds    map[string]*hold
	sweeping bool
	waiters  map[string]*line
	waiting  int
	chores   int
	// waitingBytes and choreBytes are what those hold.
	waitingBytes, choreBytes int
	stats                    Stats
	listing                  bool // a List is under way
}

// New makes an Engine. random must differ between the proxies of the same servers: ops and
// grants are drawn from it. fences may be nil.
func New(s Settings, servers Servers, clock quorum.Clock, random *rand.Rand, fences Fences) *Engine {
	e := &Engine{
		settings: s, servers: servers, clock: clock, random: random, fences: fences, quorum: servers.Len()/2 + 1,
		holds: map[string]*hold{}, waiters: map[string]*line{},
	}
	e.gate = gate{queues: map[string][]*task{}, turns: newTurns(clock, func() bool { return e.able(quorum.Vote) })}
	return e
}

// Request is an operation on one or several locks.
type Request struct {
	// Pattern is the index of the keys' pattern in the Settings.
	Pattern int
	Keys    []string
	Token   string
	// TTL is in whole milliseconds; terms says what it means.
	TTL time.Duration
	// Add, of Extend: the TTL is added to what is left.
	Add bool
	// Prefix, of AcquireOrExtend: locks whose tokens begin with so many bytes of Token are the
	// token's, and get it. Zero: they have the whole of it.
	Prefix int
}

// Verdict is how an operation ended.
type Verdict uint8

const (
	// Yes: it was carried out.
	Yes Verdict = iota
	// No: it was not, because of what a majority says: the lock is held, or is not the
	// token's.
	No
	// Failed: see Result.Text.
	Failed
)

// Result is the outcome of an operation.
type Result struct {
	Verdict Verdict
	// Text is, of Failed, that of the error reply: NOQUORUM, UNCERTAIN or ERR and the reason.
	Text string
	// Validity is, of Yes, how much longer the client may count on the lock.
	Validity time.Duration
	// Left is, of No, how much longer the lock is held by others, as far as is known.
	Left time.Duration
	// Count is, of Release and Force, how many of the keys were released.
	Count int
	// Extended says, of Yes, that an AcquireOrExtend found the locks to be the token's.
	Extended bool
	// Fence is, of AcquireFenced and Fence, the number.
	Fence int64
	// made is, of Yes, the op with which all of the locks were made, which were nobody's before; "":
	// they were not.
	made string
	// latest is, of Yes, when at the latest the client may be told of the Validity.
	latest quorum.Instant
	// overtaken tells that the lock has got a larger number than the one allocated for it.
	overtaken bool
}

func failed(text string) Result { return Result{Verdict: Failed, Text: text} }

// spare is how many servers a majority can do without.
func (e *Engine) spare() int { return e.servers.Len() - e.quorum }

// pass runs an operation when it is its keys' turn, and the servers have time for it. done is called
// with its result. What is returned takes it back as long as it waits.
func (e *Engine) pass(r Request, done func(Result), operate func(done func(Result))) (cancel func()) {
	return e.enter(e.task(r, done, operate), r, done)
}

// passAhead is as pass, for what locks that are held depend on, and what gives some up.
func (e *Engine) passAhead(r Request, done func(Result), operate func(done func(Result))) (cancel func()) {
	t := e.task(r, done, operate)
	t.ahead = true
	return e.enter(t, r, done)
}

func (e *Engine) enter(t *task, r Request, done func(Result)) (cancel func()) {
	if !e.gate.enter(t) {
		done(failed(fmt.Sprintf("ERR too many commands wait for locks of %s", e.pattern(r).Name)))
		return nil
	}
	return e.giveUp(t, done)
}

// passTo is as pass, for what gets locks: if nobody is told of them, they are released.
func (e *Engine) passTo(r Request, done func(Result), operate func(done func(Result))) (cancel func()) {
	d := &delivery{e: e, r: r, done: done}
	pass := e.pass
	if e.knows(r.Keys, r.Token) {
		pass = e.passAhead
	}
	giveUp := pass(r, d.end, operate)
	return func() {
		d.fail()
		if giveUp != nil {
			giveUp()
		}
	}
}

// delivery is the result of an operation that gets locks, on its way to the client.
type delivery struct {
	e    *Engine
	r    Request
	done func(Result)
	// got is the op of locks that are to be given back; "": there are none. failed: the client is not
	// told of them.
	got    string
	failed bool
}

func (d *delivery) end(result Result) {
	d.got = result.made
	if d.failed {
		d.giveBack()
		result = failed(textGone)
	}
	d.done(result)
}

// fail tells that the result does not reach the client, before it is there or after it.
func (d *delivery) fail() {
	d.failed = true
	d.giveBack()
}

func (d *delivery) giveBack() {
	if op := d.got; op != "" {
		d.got = ""
		d.e.passAhead(d.r, func(Result) {}, func(done func(Result)) { d.e.giveBack(d.r, op, done) })
	}
}

func (e *Engine) task(r Request, done func(Result), operate func(done func(Result))) *task {
	keys := slices.Clone(r.Keys)
	slices.Sort(keys)
	t := &task{keys: slices.Compact(keys), size: len(r.Token) + 256}
	for _, k := range t.keys {
		t.size += len(k) + 64
	}
	t.run = func() {
		operate(func(result Result) {
			done(result)
			e.gate.leave(t)
		})
	}
	t.refuse = func() {
		text := e.barred(quorum.Vote)
		if text == "" {
			text = "NOQUORUM the servers have too much to do"
		}
		t.refused = true
		e.gate.leave(t)
		done(failed(text))
	}
	return t
}

// giveUp takes a task back, if it does not run yet.
func (e *Engine) giveUp(t *task, done func(Result)) (cancel func()) {
	if t.gone {
		return nil
	}
	return func() {
		if t.running || t.gone {
			return
		}
		e.gate.leave(t)
		done(failed(textGone))
	}
}

// textGone is for clients that do not read it any more.
const textGone = "ERR the client has gone"

func (e *Engine) pattern(r Request) *Pattern { return &e.settings.Patterns[r.Pattern] }

func (e *Engine) terms(r Request) terms { return e.settings.terms(e.pattern(r), r.TTL) }

// longest is the longest lease that locks of a request's pattern have.
func (e *Engine) longest(r Request) time.Duration {
	p := e.pattern(r)
	return e.settings.terms(p, p.MaxTTL).lease
}

// newOp draws an op.
func (e *Engine) newOp() string { return fmt.Sprintf("%016x", e.random.Uint64()) }

// newGrant draws a grant. It begins with the second in which it is made.
func (e *Engine) newGrant() string {
	return fmt.Sprintf("%08x%08x", uint32(e.clock.Now().Wall/time.Second), e.random.Uint32())
}

// oldestGrant is the beginning of the oldest grant that may still be extended; "": there is
// none.
func (e *Engine) oldestGrant(p *Pattern) string {
	if p.MaxHold <= 0 {
		return ""
	}
	return fmt.Sprintf("%08x", uint32(max(e.clock.Now().Wall-p.MaxHold, 0)/time.Second))
}

// ask has a script executed at all servers that may take part, and tells the answers of
// all of them; none before every server was asked.
func (e *Engine) ask(script *quorum.Script, keys []string, within time.Duration, args func(server int) []string, each func(server int, a quorum.Answer)) {
	type early struct {
		server int
		answer quorum.Answer
	}
	var first []early
	asking := true
	tell := func(server int, a quorum.Answer) {
		if asking {
			first = append(first, early{server, a})
			return
		}
		each(server, a)
	}
	keys = scriptKeys(keys)
	tell = e.timed(within, tell)
	for i := range e.servers.Len() {
		if why := e.servers.Barred(i, script.Kind); why != "" {
			tell(i, quorum.Answer{Outcome: quorum.NotDone, Reason: why})
			continue
		}
		call := quorum.Call{Server: i, Script: script, Keys: keys, Args: args(i), Within: within}
		e.servers.Call(call, func(a quorum.Answer) { tell(i, a) })
	}
	asking = false
	for _, f := range first {
		each(f.server, f.answer)
	}
}

// timed has the gate learn how long a majority takes to answer.
func (e *Engine) timed(within time.Duration, tell func(server int, a quorum.Answer)) func(server int, a quorum.Answer) {
	began, answers, done, silent := e.clock.Now(), 0, 0, false
	return func(server int, a quorum.Answer) {
		answers++
		silent = silent || a.Outcome == quorum.Unknown
		if a.Outcome == quorum.Done {
			done++
		}
		switch {
		case a.Outcome == quorum.Done && done == e.quorum:
			e.gate.turns.took(e.clock.Now().Since(began), within)
		case answers == e.servers.Len() && done < e.quorum && silent:
			e.gate.turns.took(within, within)
		}
		tell(server, a)
	}
}

// barred reports, as the text of an error, that too few servers may take part in calls of a
// kind to ask any; "": enough may.
func (e *Engine) barred(kind quorum.Kind) string {
	if e.able(kind) {
		return ""
	}
	return e.servers.Refusal(kind)
}

// able reports whether enough servers may take part in calls of a kind.
func (e *Engine) able(kind quorum.Kind) bool {
	able := 0
	for i := range e.servers.Len() {
		if e.servers.Barred(i, kind) == "" {
			able++
		}
	}
	return able >= e.quorum
}
