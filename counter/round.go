package counter

import (
	"time"

	"ringmain/quorum"
)

// question is what a round asks of servers.
type question uint8

const (
	preparing question = iota
	accepting
	reading
)

// tally is a ballot that servers have accepted last, and how many of them.
type tally struct {
	ballot ballot
	text   string // what stands behind it
	n      int
}

// round is one question to servers, and what came of it so far.
type round struct {
	p        *proposer
	question question
	over     bool // decided: what comes now is late
	sending  bool
	script   *quorum.Script
	args     []string

	asked, answered int // servers
	yes, no, maybe  int // maybe: it may have been executed, or may yet be
	began           quorum.Instant
	full            int // servers without room for a new register
	tallies         []tally

	// What is proposed, if accepting.
	next  ballot
	state state
	base  value
}

func newRound(p *proposer, q question) *round { return &round{p: p, question: q, began: p.e.turn()} }

// ask begins a round.
func (p *proposer) ask(q question, s *quorum.Script, args []string) {
	p.round = newRound(p, q)
	p.send(s, args)
}

// send asks a majority, or all servers.
func (p *proposer) send(s *quorum.Script, args []string) {
	r := p.round
	p.phase = asking
	p.e.stats.Rounds++
	r.script, r.args = s, args
	r.ask(p.e.fewest(r.question))
	if r.asked < p.e.servers.Len() {
		p.e.watch(r)
	}
	r.decide()
}

// ask asks further servers, until so many were asked.
func (r *round) ask(servers int) {
	all := r.p.e.servers
	done := r.answer
	r.sending = true
	for ; r.asked < servers; r.asked++ {
		all.Call(quorum.Call{Server: (r.p.first + r.asked) % all.Len(), Script: r.script, Keys: r.p.register, Args: r.args}, done)
	}
	r.sending = false
}

// answer takes a server's answer.
func (r *round) answer(a quorum.Answer) {
	if r.answered++; r.answered == 1 && a.Outcome == quorum.Done {
		towards(&r.p.e.thrift.first[r.question], r.p.e.turn().Since(r.began))
	}
	switch {
	case a.Outcome == quorum.NotDone:
		r.note(a.Reason)
	case a.Outcome == quorum.Unknown:
		r.maybe++
		r.note(a.Reason)
	case !r.take(a.Values):
		r.maybe++
		r.note("a server answered something else than it should")
	}
	if !r.over && !r.sending {
		r.decide()
		r.goesOn()
	}
}

// goesOn has the proposer go on if the round is over.
func (r *round) goesOn() {
	p := r.p
	if r.over {
		if p.phase != asking {
			p.e.yields(p)
		}
		if p.phase == ready {
			p.e.soon(p)
		}
	}
}

func (r *round) note(reason string) {
	if !r.over {
		r.p.reason = reason
	}
}

// take takes what a script returned.
func (r *round) take(v []quorum.Value) (ok bool) {
	if len(v) == 0 {
		return false
	}
	switch {
	case v[0].Int == obeyed && r.question == accepting:
		r.yes++
		return true
	case v[0].Int == obeyed && len(v) > 1:
		return r.tally(v[1].Text)
	case v[0].Int == rejected && len(v) > 1:
		b, ok := parseBallot(v[1].Text)
		if ok {
			r.no++
			r.p.ahead(b)
		}
		return ok
	case v[0].Int == full:
		r.full++
		return true
	}
	return false
}

// ahead notes that a server has promised a ballot to somebody.
func (p *proposer) ahead(b ballot) {
	if p.met.less(b) {
		p.met = b
	}
	p.e.high = max(p.e.high, b.n)
}

// tally counts what a server has accepted.
func (r *round) tally(text string) (ok bool) {
	b, state, ok := split(text)
	if !ok {
		return false
	}
	r.p.exists = r.p.exists || b != ballot{}
	r.yes++
	r.tallies = count(r.tallies, b, state)
	return true
}

// split takes what was accepted last apart: ballot and state, or nothing at all.
func split(text string) (b ballot, state string, ok bool) {
	if text == "" {
		return b, "", true
	}
	if len(text) < ballotLen {
		return b, "", false
	}
	b, ok = parseBallot(text[:ballotLen])
	return b, text[ballotLen:], ok
}

// count counts one more server that has accepted a state last.
func count(tallies []tally, b ballot, state string) []tally {
	for i := range tallies {
		if tallies[i].ballot == b {
			tallies[i].n++
			return tallies
		}
	}
	return append(tallies, tally{b, state, 1})
}

// highest is what was accepted last of all.
func highest(tallies []tally) tally {
	last := tallies[0]
	for _, t := range tallies[1:] {
		if last.ballot.less(t.ballot) {
			last = t
		}
	}
	return last
}

// decide ends the round if its outcome is known.
func (r *round) decide() {
	p := r.p
	if r.over {
		return
	}
	if all := p.e.servers.Len(); r.asked < all && r.lost() {
		if len(r.tallies) > 1 {
			p.e.thrift.wide[reading].widen(p.e.turn().Monotonic)
		}
		r.ask(all)
	}
	left, majority := r.asked-r.answered, p.e.majority
	switch {
	case r.question == reading:
		r.decideRead(left, majority)
	case r.yes >= majority:
		r.over = true
		r.took()
		if r.question == accepting {
			p.accepted(r.next, r.state, r.base)
			return
		}
		r.promised()
	case r.yes+left < majority:
		r.over = true
		r.fail()
	}
}

// lost reports whether those that were asked are not the majority that is needed.
func (r *round) lost() bool {
	agree := r.yes
	if r.question == reading {
		agree = 0
		for _, t := range r.tallies {
			agree = max(agree, t.n)
		}
	}
	return agree+r.asked-r.answered < r.p.e.majority
}

// took notes how long a majority took to answer.
func (r *round) took() {
	e := r.p.e
	d := e.turn().Since(r.began)
	e.took(d)
	towards(&e.thrift.average, d)
}

// decideRead ends a read once a majority has accepted the same, or cannot any more.
func (r *round) decideRead(left, majority int) {
	p := r.p
	for _, t := range r.tallies {
		if t.n < majority {
			continue
		}
		r.over = true
		r.took()
		v, ok := valueOf(t.text)
		if _, touched := p.after(v); ok && touched {
			p.torn, p.phase = tornReads, ready // it takes a round
			return
		}
		if ok {
			p.deliver(v)
			return
		}
		r.p.reason = "a register cannot be read"
		r.fail()
		return
	}
	if left > 0 {
		return
	}
	r.over = true
	if r.yes >= majority {
		p.torn++
		p.phase = ready
		return
	}
	r.fail()
}

// promised goes on with the state that was accepted last.
func (r *round) promised() {
	last := highest(r.tallies)
	s, ok := parseState(last.text)
	if !ok {
		r.p.reason = "a register cannot be read"
		r.fail()
		return
	}
	r.p.promised(last.ballot, s, last.n >= r.p.e.majority)
}

// fail goes on after a round without a majority.
func (r *round) fail() {
	p := r.p
	if r.maybe > 0 {
		p.e.took(p.e.timeout)
	}
	accepted := r.question == accepting && r.state.version != p.state.version
	if accepted && r.yes+r.maybe+r.asked-r.answered > 0 {
		p.doubt = true
	}
	p.sent = p.doubt
	p.settleDoubt()
	if r.question != reading {
		p.holds = false // the ballot may be in use: another state must never be proposed with it
	}
	rng := p.e.rng
	switch {
	case r.no > 0:
		p.e.stats.Conflicts++
		p.reason = "others were changing it"
		if r.question == accepting {
			p.pause(yield + time.Duration(rng.Int64N(int64(yield))))
			return
		}
		p.step = leap
		p.pause(time.Duration(rng.Int64N(int64(retryWithin))))
	case r.full > 0 && r.yes+r.full >= p.e.majority && !p.exists:
		p.refuseNew()
	default:
		d := min(retryFirst<<min(p.failed, 10), retryLast)
		p.failed++
		p.pause(d/2 + time.Duration(rng.Int64N(int64(d))))
	}
}
