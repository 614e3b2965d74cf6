package counter

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"ringmain/quorum"
)

// Settings are how an Engine treats what a quorum keeps.
type Settings struct {
	// Patterns are told apart by quorum.Command's Pattern.
	Patterns []Pattern
	// FenceDeadline bounds what Next takes.
	FenceDeadline time.Duration
	// NodeTimeout is how long a server may take to answer.
	NodeTimeout time.Duration
	// AtEnd calls a function once at the end of the loop's iteration. Rounds begin then, so
	// that what has come in one iteration goes into one round. nil: they begin at once.
	AtEnd func(func())
}

// Pattern is one pattern of counters.
type Pattern struct {
	// Name says to people which it is: `counters[0], "counter:*"`.
	Name string
	// Deadline bounds what a command takes. Then it is answered NOQUORUM if it was not carried
	// out, UNCERTAIN if it may have been.
	Deadline time.Duration
	// MaxBatch is how many commands on one key are carried out in one round, at least one.
	MaxBatch int
	// MaxKeys is how many keys a server may have, of whatever kind, for a counter to be created
	// there; zero: any number.
	MaxKeys int
	// IdentityReads has a read be a round like a change also when a majority of the servers
	// agrees.
	IdentityReads bool
}

const (
	// maxWaiting bounds the commands that wait for their reply, of all keys.
	maxWaiting = 1 << 17
	// maxIdle bounds the keys for which nothing is under way whose last state is kept, so that
	// their next change takes one round trip instead of two.
	maxIdle = 1 << 14
	// maxKeyLen bounds a key, since the servers keep it for good.
	maxKeyLen = 1024

	// maxRooms bounds how much room for commands is kept for its next use, and maxRoom how many
	// commands there is room for in each.
	maxRooms, maxRoom = 64, 8192

	// sweepEvery is how often deadlines are looked at.
	sweepEvery = 20 * time.Millisecond
	// grace is how long commands wait while no majority can vote: so long may a reconnection
	// take. After that they are refused at once.
	grace = 500 * time.Millisecond
)

// Engine carries out commands on counters. It is used on one loop, and is the only one
// of its incarnation.
type Engine struct {
	patterns    []Pattern
	fences      Pattern
	refills     Pattern
	servers     quorum.Servers
	clock       quorum.Clock
	rng         *rand.Rand
	incarnation uint64
	majority    int

	proposers  map[string]*proposer // by register
	active     list                 // of them, those with something under way
	idle       list                 // the others, the least recently used first
	window     window
	timeout    time.Duration // of one server's answer
	thrift     thrift
	waiting    int    // commands that have no reply yet
	seq        uint64 // of the last batch
	leastCrowd int    // see crowd.go
	// refillPause is how long a server that a refill gets no answer from is left alone.
	refillPause time.Duration
	remember    int    // how many batches a register remembers
	high        uint64 // the highest number of a ballot that was used here or met, for any register

	sweeping bool        // the timer runs: something is active
	swept    []*proposer // sweep's own
	lacking  bool        // when it was last looked at, no majority could vote
	lackedAt quorum.Instant

	atEnd     func(func())
	turning   bool           // endTurn is yet to be called
	now       quorum.Instant // of the beginning of the turn
	due, dued []*proposer    // that may begin a round; endTurn's own
	name      []byte         // of a register, see there
	rooms     [][]waiting    // for proposers that get work

	stats Stats
}

// Stats count what an Engine has done.
type Stats struct {
	Commands  uint64 // on one key each
	Rounds    uint64 // of questions to servers
	Conflicts uint64 // rounds in which others were ahead
	NoQuorum  uint64 // commands that were not carried out
	Uncertain uint64 // commands that may have been
	Waiting   int    // commands without a reply yet
	Proposers int    // registers of which something is kept here
}

// New makes an Engine. rng is the Engine's own from now on. incarnation is a random number,
// not zero, that no other Engine has: two with the same could undo each other's changes.
func New(s Settings, servers quorum.Servers, clock quorum.Clock, rng *rand.Rand, incarnation uint64) *Engine {
	e := &Engine{patterns: s.Patterns, servers: servers, clock: clock, rng: rng, incarnation: incarnation,
		atEnd: s.AtEnd, timeout: s.NodeTimeout, majority: servers.Len()/2 + 1, proposers: map[string]*proposer{}, remember: maxBatches, leastCrowd: leastCrowd, refillPause: refillPause,
		fences:  Pattern{Name: "fences", Deadline: s.FenceDeadline, MaxBatch: 4096},
		refills: Pattern{Name: "refill", Deadline: refillDeadline, MaxBatch: 4096}}
	e.window.Window = quorum.NewWindow(quorum.FirstWindow)
	e.active.init()
	e.idle.init()
	return e
}

// Stats are the counts so far.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Waiting, s.Proposers = e.waiting, len(e.proposers)
	return s
}

// Next draws the next number of a fence's register, 0 to 15: it is larger than all that
// were drawn before this call. done is called exactly once, on the loop, perhaps before
// Next returns. An error's text is one for clients, and begins with NOQUORUM, UNCERTAIN, …;
// a number whose outcome is unknown is never drawn again.
func (e *Engine) Next(register int, done func(n int64, err error)) {
	e.submit([]byte(fenceRegister+strconv.Itoa(register)), &e.fences, waiting{op: opAdd, arg: 1, told: func(r result) {
		if r.kind == isError {
			done(0, errors.New(r.text))
			return
		}
		done(r.n, nil)
	}})
}

// submit has a command wait for its turn at a register. The name is used during the call only.
func (e *Engine) submit(register []byte, p *Pattern, w waiting) {
	switch {
	case !e.servers.Persistent():
		w.reply(nil, failure("NOQUORUM counters need a quorum with persistence: fsync_always"))
		return
	case e.waiting >= maxWaiting:
		w.reply(nil, failure("TRYAGAIN too many commands wait for counters"))
		return
	}
	e.waiting++
	e.stats.Commands++
	w.since = e.turn()
	owner := e.proposers[string(register)]
	if owner == nil {
		owner = &proposer{e: e, register: []string{string(register)}, first: e.first(register), pattern: p, passing: true}
		e.proposers[owner.register[0]] = owner
	} else if !owner.active {
		e.idle.remove(owner)
	}
	if !owner.active {
		owner.active = true
		e.active.push(owner)
	}
	if w.op != opCopy {
		owner.pattern, owner.passing = p, false
	}
	if owner.queue == nil {
		owner.queue = e.room()
	}
	owner.queue = append(owner.queue, w)
	owner.crowd.comes(w.since)
	e.sweepLater()
	if owner.phase == ready {
		e.soon(owner)
	}
}

// turn is the time at which the loop's iteration was first seen here.
func (e *Engine) turn() quorum.Instant {
	if e.atEnd == nil {
		return e.clock.Now()
	}
	if !e.turning {
		e.turning, e.now = true, e.clock.Now()
		e.atEnd(e.endTurn)
	}
	return e.now
}

// soon has a proposer go on when the loop has seen all that has come.
func (e *Engine) soon(p *proposer) {
	switch {
	case e.atEnd == nil:
		p.advance()
	case !p.due:
		p.due = true
		e.due = append(e.due, p)
		e.turn()
	}
}

// endTurn begins the rounds that are due.
func (e *Engine) endTurn() {
	e.turning = false
	e.due, e.dued = e.dued[:0], e.due // callbacks may have more come due
	for _, p := range e.dued {
		if p.due = false; p.turn == given || !p.gathers() {
			p.advance()
		}
	}
	clear(e.dued)
}

// rest has a proposer without work wait for some, or does without it: what it knows is
// worth nothing, nobody but a refill has asked for it, or there are too many.
func (e *Engine) rest(p *proposer) {
	e.active.remove(p)
	p.active = false
	e.spare(p.queue)
	e.spare(p.batch)
	p.queue, p.batch, p.round = nil, nil, nil
	if !p.holds || p.passing {
		delete(e.proposers, p.register[0])
		return
	}
	e.idle.push(p)
	if e.idle.n > maxIdle {
		oldest := e.idle.first()
		e.idle.remove(oldest)
		delete(e.proposers, oldest.register[0])
	}
}

// room is for commands that wait, empty; spare takes it back when it is empty again, with
// nothing in it behind its end.
func (e *Engine) room() []waiting {
	n := len(e.rooms)
	if n == 0 {
		return nil
	}
	q := e.rooms[n-1]
	e.rooms = e.rooms[:n-1]
	return q
}

func (e *Engine) spare(q []waiting) {
	if cap(q) > 0 && cap(q) <= maxRoom && len(e.rooms) < maxRooms {
		e.rooms = append(e.rooms, q[:0])
	}
}

// lacks reports whether no majority can vote.
func (e *Engine) lacks() bool {
	able := 0
	for i := range e.servers.Len() {
		if e.servers.Barred(i, quorum.Register) == "" {
			able++
		}
	}
	lacking := able < e.majority
	if lacking && !e.lacking {
		e.lackedAt = e.clock.Now()
	}
	e.lacking = lacking
	return lacking
}

// lacksForLong reports whether, as lacks has found, no majority can vote for longer than
// commands wait for one.
func (e *Engine) lacksForLong(now quorum.Instant) bool {
	return e.lacking && now.Since(e.lackedAt) >= grace
}

func (e *Engine) sweepLater() {
	if !e.sweeping {
		e.sweeping = true
		e.clock.After(sweepEvery, e.sweep)
	}
}

// sweep answers the commands whose deadline has passed, and goes on with what has waited
// for a majority. One timer for all is cheaper than one for each command.
func (e *Engine) sweep() {
	e.sweeping = false
	now := e.clock.Now()
	lacks := e.lacks()
	e.swept = e.swept[:0]
	for p := e.active.first(); p != nil; p = e.active.after(p) {
		e.swept = append(e.swept, p)
	}
	for _, p := range e.swept { // whose callbacks may change the list
		if !p.active {
			continue
		}
		p.expire(now)
		if p.phase == parked && (!lacks || e.lacksForLong(now)) {
			p.phase = ready
		}
		p.advance()
	}
	clear(e.swept)
	if e.active.n > 0 {
		e.sweepLater()
	}
}
