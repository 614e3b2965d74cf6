package counter

import (
	"slices"
	"strconv"
	"time"
)

// phase is what a proposer does.
type phase uint8

const (
	ready   phase = iota // nothing: it may begin a round
	asking               // a round is under way
	pausing              // it waits before the next round
	parked               // it waits for a majority that can vote
)

const (
	// leap is how far above the ballot that was ahead of it a proposer goes on, so that a few
	// of them that count up side by side do not meet again at once.
	leap = 4096
	// retryWithin bounds the wait after a promise was refused.
	retryWithin = 500 * time.Microsecond
	// yield is how long a proposer whose state was refused leaves the register to the one that
	// was ahead, plus as much at random. Were it to come back at once, they would stop each
	// other for as long as both have work.
	yield = 3 * time.Millisecond
	// retryFirst and retryLast bound the wait after servers did not answer.
	retryFirst = 2 * time.Millisecond
	retryLast  = 50 * time.Millisecond
	// tornReads is how many reads in a row may find no majority that agrees before a round is
	// made of the next one.
	tornReads = 2
)

// proposer changes one register. One round is under way at most; what comes meanwhile
// waits, and is carried out in one batch by the next one.
type proposer struct {
	e              *Engine
	register       []string // its name alone, as a call's keys
	first          int      // the server that is asked first
	pattern        *Pattern
	before, behind *proposer // in one of the Engine's lists
	active         bool      // in which of them
	passing        bool      // only a refill has asked for it

	phase     phase
	advancing bool
	due       bool // for Engine.endTurn
	inLine    bool // see window.go
	turn      turnOf
	crowd     crowd
	round     *round // the last one
	queue     []waiting

	// batch are the commands that the round is about. Once it may have changed the register
	// (doubt) they stay the same until it is known whether it has, or nobody waits any more.
	batch []waiting
	live  int  // of them, those that have no reply yet
	sent  bool // it may be acknowledged: a round that is under way has it, or it is in doubt
	doubt bool
	seq   uint64
	built uint64 // the lowest version that the batch was applied to

	// If holds, a majority has promised ballot, and state is what the next change is to be
	// applied to: so that takes one round trip.
	holds  bool
	ballot ballot
	state  state
	last   ballot // with which state was accepted
	used   uint64 // the highest number of a ballot so far
	met    ballot // the highest ballot that a server has put before ours
	exists bool   // some server has the register

	step   uint64 // how far above what was met the next ballot is
	torn   int    // reads in a row that found no majority that agrees
	failed int    // rounds in a row that too few servers have answered
	reason string // why the last round failed
}

// advance begins rounds while there is work and none is under way. Rounds that end at once,
// and callbacks with further commands, come back to the loop here.
func (p *proposer) advance() {
	if p.advancing || !p.active {
		return
	}
	p.advancing = true
	admitted := true
	for admitted && p.phase == ready && p.work() {
		if admitted = p.e.admits(p); admitted {
			p.begin()
		}
		if p.phase != asking {
			p.e.yields(p)
		}
	}
	p.advancing = false
	if admitted && p.phase == ready {
		p.e.yields(p)
		p.e.rest(p)
	}
}

// work reports whether anybody waits.
func (p *proposer) work() bool {
	if p.live == 0 {
		// What a batch that nobody waits for may have done stands or falls with the next round.
		p.forget()
	}
	return p.live > 0 || len(p.queue) > 0
}

// forget has the batch be over.
func (p *proposer) forget() {
	clear(p.batch)
	p.batch, p.live, p.sent, p.doubt = p.batch[:0], 0, false, false
}

// begin begins a round.
func (p *proposer) begin() {
	e := p.e
	p.crowd.begins()
	if e.lacks() {
		if e.lacksForLong(e.clock.Now()) {
			p.refuse()
		}
		if p.work() {
			p.phase = parked
		}
		return
	}
	if p.ballot.less(p.met) {
		p.holds = false // somebody is ahead, or a server was filled again
	}
	if p.doubt {
		p.prepare()
		return
	}
	switch changes := p.compose(); {
	case (changes == 0 || !p.holds && !p.creates()) && !p.pattern.IdentityReads && p.torn < tornReads:
		p.ask(reading, readScript, nil)
	case p.holds:
		p.accept()
	default:
		p.prepare()
	}
}

// compose fills the batch up with what waits. It returns how many of its commands may
// change the value.
func (p *proposer) compose() (changes int) {
	p.drop()
	kept := p.batch
	take := min(len(p.queue), max(p.pattern.MaxBatch, 1)-len(kept))
	if len(kept) == 0 && take == len(p.queue) {
		p.batch, p.queue = p.queue, kept
	} else {
		p.batch = append(kept, p.queue[:take]...)
		left := copy(p.queue, p.queue[take:])
		clear(p.queue[left:])
		p.queue = p.queue[:left]
	}
	p.live, p.sent = len(p.batch), false
	for i := range p.batch {
		if !p.batch[i].op.reads() {
			changes++
		}
	}
	return changes
}

// creates reports whether the batch makes something of a register that is not there. A read tells
// whether another one finds anything to change: else DEL of any name would leave a register.
func (p *proposer) creates() bool {
	for i := range p.batch {
		if after, _ := p.batch[i].apply(value{}); after.exists || p.batch[i].op == opCopy {
			return true
		}
	}
	return false
}

// drop leaves out of the batch what was answered already, as not carried out.
func (p *proposer) drop() {
	p.batch = slices.DeleteFunc(p.batch, func(w waiting) bool { return w.answered })
}

// prepare asks for promises, with a new ballot.
func (p *proposer) prepare() {
	n, ok := above(max(p.used, p.met.n, p.e.high), max(p.step, 1))
	if !ok {
		p.usedUp()
		return
	}
	p.used, p.step, p.e.high = n, 0, n
	p.holds, p.ballot = false, ballot{n, p.e.incarnation}
	room := "0"
	if p.pattern.MaxKeys > 0 && !p.exists {
		room = strconv.Itoa(p.pattern.MaxKeys)
	}
	p.ask(preparing, prepareScript, []string{p.ballot.String(), room})
}

func (p *proposer) usedUp() {
	p.holds, p.reason = false, "the ballots of the register are used up"
	p.pause(retryLast)
}

// promised goes on once a majority has promised. chosen tells whether that majority has
// accepted the state: then no other can have been chosen.
func (p *proposer) promised(last ballot, s state, chosen bool) {
	p.holds, p.last, p.state, p.phase = true, last, s, ready
	if p.doubt {
		p.resolve(chosen)
		return
	}
	p.drop()
	if after, _ := p.after(s.value); after == s.value && chosen {
		// This is for those alone who were there when the servers were asked: what they have
		// promised says nothing of what they accepted from others since.
		p.deliver(s.value)
		return
	}
	p.compose()
	p.accept()
}

// resolve finds out whether a batch in doubt is in the state that was found, and applies it
// if it is not: then it can never be, in the form in which it was sent.
func (p *proposer) resolve(chosen bool) {
	if p.live == 0 {
		p.forget()
		return
	}
	b, known := p.state.of(p.e.incarnation)
	switch found := known && b.seq == p.seq; {
	case found && chosen:
		p.deliver(b.base)
	case found:
		p.propose(p.state, b.base)
	case !known && p.state.forgotten(p.e.remember, p.built):
		p.abandon("what the servers remember does not go back that far")
		p.forget()
	default:
		p.accept()
	}
}

// after is the value after the batch. touched: some command changes it, even if another one
// changes it back.
func (p *proposer) after(base value) (after value, touched bool) {
	after = base
	for i := range p.batch {
		before := after
		after, _ = p.batch[i].apply(before)
		touched = touched || after != before
	}
	return after, touched
}

// accept applies the batch to the state, and asks servers to accept that.
func (p *proposer) accept() {
	after, touched := p.after(p.state.value)
	p.sent = p.sent || touched // each counts if the round succeeds, also where they cancel out
	if after == p.state.value {
		p.propose(p.state, p.state.value)
		return
	}
	if !p.doubt {
		p.e.seq++
		p.seq, p.built = p.e.seq, p.state.version
	}
	p.built = min(p.built, p.state.version)
	p.propose(p.state.with(p.e.remember, batch{by: p.e.incarnation, seq: p.seq}, after), p.state.value)
}

// propose asks servers to accept a state, and to promise the next ballot. base is what the
// batch is applied to in it.
func (p *proposer) propose(s state, base value) {
	n, ok := above(p.ballot.n, 1)
	if !ok {
		p.sent = p.doubt
		p.usedUp()
		return
	}
	p.used, p.e.high = n, max(p.e.high, n)
	next := ballot{n, p.e.incarnation}
	text := make([]byte, 0, 2*ballotLen+64+64*len(s.batches))
	record := string(s.append(p.ballot.append(next.append(text))))
	p.round = newRound(p, accepting)
	p.round.next, p.round.state, p.round.base = next, s, base
	p.send(acceptScript, []string{record[ballotLen : 2*ballotLen], record})
}

// accepted goes on once a majority has accepted.
func (p *proposer) accepted(next ballot, s state, base value) {
	p.last, p.ballot, p.state, p.exists = p.ballot, next, s, true
	p.deliver(base)
}

// pause waits before the next round.
func (p *proposer) pause(d time.Duration) {
	p.phase = pausing
	p.e.clock.After(d, func() {
		if p.phase == pausing {
			p.phase = ready
			p.advance()
		}
	})
}
