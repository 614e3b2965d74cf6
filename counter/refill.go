package counter

import (
	"errors"
	"strconv"
	"time"

	"ringmain/quorum"
)

const (
	// pageSize is how many registers are copied at a time, about. Others' requests wait behind
	// them for a millisecond.
	pageSize = 500
	// refillTries is how often in a row a server may fail to answer before a refill is given up,
	// refillPause how long it is left alone meanwhile.
	refillTries = 20
	refillPause = 100 * time.Millisecond
	// refillDeadline bounds what the agreement on one register takes.
	refillDeadline = 2 * time.Second
)

// Refill copies all registers to a server that has lost what it kept, while the others go on.
//
// The server may have promised anything to anybody before, and have been one of the
// majority that has accepted a state. So first a new epoch is drawn, from which on
// all ballots are higher than any it can have promised, and its floor is set there: it takes
// part in nothing below. Then each register that enough of the others have is agreed on
// anew by a majority of the others, which puts an end to all that was under way with
// the server's help, and what was agreed on is written to it.
type Refill struct {
	e      *Engine
	server int
	mark   string
	floor  string
	done   func(error)
	over   bool

	sources []int // servers whose registers are yet to be copied
	cursor  string
	process string // of the source: its cursors are no other's
	found   int    // registers of the page that are to be copied
	keys    []string
	records []string
	copied  int
}

// Refill begins to fill a server again, under a repair whose mark it has got already. It may
// vote only once done was called, on the loop, without an error; the last script of the
// repair, which gives it its identity, must look at the mark too. If the error's reason is quorum.RepairLost
// the server was emptied again, or another proxy was quicker.
func (e *Engine) Refill(server int, mark string, done func(error)) *Refill {
	r := &Refill{e: e, server: server, mark: mark, done: done}
	// There are not so many epochs that each attempt could have one of its own.
	r.call(server, begunScript, nil, []string{mark}, func(v []quorum.Value) {
		if len(v) > 0 && len(v[0].Text) == ballotLen {
			r.floor = v[0].Text
			r.choose(1)
			return
		}
		r.drawEpoch(1)
	})
	return r
}

// Copied is how many registers have been copied so far.
func (r *Refill) Copied() int { return r.copied }

// Stop gives it up. done is not called any more.
func (r *Refill) Stop() { r.over = true }

func (r *Refill) end(err error) {
	if !r.over {
		r.over = true
		r.done(err)
	}
}

// again does something once more, after a while, unless it has failed too often: tries is
// how often.
func (r *Refill) again(tries int, reason string, f func()) {
	switch {
	case r.over:
	case reason == quorum.RepairLost || tries >= refillTries:
		r.end(errors.New(reason))
	default:
		r.e.clock.After(r.e.refillPause, func() {
			if !r.over {
				f()
			}
		})
	}
}

// call runs a script until it is done.
func (r *Refill) call(server int, s *quorum.Script, keys, args []string, then func([]quorum.Value)) {
	r.try(1, server, s, keys, args, then)
}

func (r *Refill) try(tries, server int, s *quorum.Script, keys, args []string, then func([]quorum.Value)) {
	r.e.servers.Call(quorum.Call{Server: server, Script: s, Keys: keys, Args: args}, func(a quorum.Answer) {
		switch {
		case r.over:
		case a.Outcome == quorum.Done:
			then(a.Values)
		default:
			r.again(tries, a.Reason, func() { r.try(tries+1, server, s, keys, args, then) })
		}
	})
}

// drawEpoch has the server take part in nothing of before.
func (r *Refill) drawEpoch(tries int) {
	r.e.submit([]byte(epochRegister), &r.e.refills, waiting{op: opAdd, arg: 1, told: func(n result) {
		switch {
		case r.over:
		case n.kind == isError:
			r.again(tries, n.text, func() { r.drawEpoch(tries + 1) })
		case n.n <= 0 || n.n >= 1<<(64-epochBits):
			r.end(errors.New("there are no more epochs"))
		default:
			r.floor = ballot{uint64(n.n) << epochBits, 0}.String()
			r.call(r.server, floorScript, nil, []string{r.floor, r.mark}, func([]quorum.Value) { r.choose(1) })
		}
	}})
}

// choose chooses the servers whose registers are copied: so many that each register that a
// majority has promised or accepted anything for is among theirs.
func (r *Refill) choose(tries int) {
	need := r.e.servers.Len() - r.e.majority + 1
	r.sources = r.sources[:0]
	for i := range r.e.servers.Len() {
		if i != r.server && len(r.sources) < need && r.e.servers.Barred(i, quorum.Register) == "" {
			r.sources = append(r.sources, i)
		}
	}
	if len(r.sources) < need {
		r.again(tries, "too few of the other servers can vote", func() { r.choose(tries + 1) })
		return
	}
	r.begin()
}

// begin begins with a source.
func (r *Refill) begin() {
	if len(r.sources) == 0 {
		r.call(r.server, filledScript, nil, []string{r.mark}, func([]quorum.Value) { r.end(nil) })
		return
	}
	r.cursor, r.process = "0", ""
	r.page()
}

// page takes the names of some registers from a source.
func (r *Refill) page() {
	r.call(r.sources[0], scanScript, nil, []string{r.cursor, strconv.Itoa(pageSize)}, func(v []quorum.Value) {
		if len(v) < 2 {
			r.end(errors.New("a server answered something else than it should"))
			return
		}
		process, cursor := v[0].Text, v[1].Text
		if r.process != "" && r.process != process { // it was restarted
			r.begin()
			return
		}
		r.process, r.cursor = process, cursor
		names := make([]string, 0, len(v)-2)
		for _, name := range v[2:] {
			names = append(names, name.Text)
		}
		r.missing(names)
	})
}

// missing leaves out what the server has already: names come from several sources, and some
// twice.
func (r *Refill) missing(names []string) {
	if len(names) == 0 {
		r.turn()
		return
	}
	r.call(r.server, missingScript, names, []string{r.floor, r.mark}, func(v []quorum.Value) {
		if len(v) == 0 {
			r.turn()
			return
		}
		missing := make([]string, 0, len(v))
		for _, name := range v {
			missing = append(missing, name.Text)
		}
		r.promise(missing)
	})
}

// promise has the others promise one new ballot for all registers of a page.
func (r *Refill) promise(names []string) {
	e := r.e
	r.keys, r.records, r.found = make([]string, 0, len(names)), make([]string, 0, len(names)), len(names)
	n, ok := above(e.high, 1)
	if !ok {
		r.end(errors.New("the ballots are used up"))
		return
	}
	e.high = n
	b := ballot{n, e.incarnation}.String()
	promises := make([]promises, len(names))
	r.ask(promiseScript, names, []string{b}, func(v []quorum.Value) {
		if len(v) == 2*len(names) {
			for i := range promises {
				promises[i].take(e, v[2*i], v[2*i+1])
			}
		}
	}, func() { r.promised(b, names, promises) })
}

// ask runs a script on all servers. take gets what each returns, before then is called.
func (r *Refill) ask(s *quorum.Script, keys, args []string, take func([]quorum.Value), then func()) {
	left := r.e.servers.Len()
	for i := range left {
		r.e.servers.Call(quorum.Call{Server: i, Script: s, Keys: keys, Args: args}, func(a quorum.Answer) {
			take(a.Values)
			if left--; left == 0 && !r.over {
				then()
			}
		})
	}
}

// promises are what servers have answered for one register.
type promises struct {
	tallies []tally
	n       int
}

func (p *promises) take(e *Engine, code, text quorum.Value) {
	switch code.Int {
	case obeyed:
		if b, state, ok := split(text.Text); ok {
			p.tallies = count(p.tallies, b, state)
			p.n++
		}
	case rejected:
		if b, ok := parseBallot(text.Text); ok {
			e.high = max(e.high, b.n)
		}
	}
}

// promised goes on when all have answered. Where the majority that has promised has accepted the
// same, that was chosen. Where not, since no more servers are asked than needed, what was accepted last
// is proposed with the ballot that was promised.
func (r *Refill) promised(b string, names []string, promises []promises) {
	var left, proposed []string
	args := []string{b}
	for i, name := range names {
		p := &promises[i]
		if p.n < r.e.majority {
			left = append(left, name)
			continue
		}
		last := highest(p.tallies)
		switch _, ok := parseState(last.text); {
		case last.n >= r.e.majority:
			r.keys, r.records = append(r.keys, name), append(r.records, last.ballot.String()+last.text)
		case ok:
			proposed, args = append(proposed, name), append(args, b+last.text)
		default:
			left = append(left, name)
		}
	}
	if len(proposed) == 0 {
		r.accepted(left)
		return
	}
	accepted := make([]int, len(proposed)) // by how many servers
	r.ask(proposeScript, proposed, args, func(v []quorum.Value) {
		if len(v) == len(proposed) {
			for i := range v {
				accepted[i] += int(oneIf(v[i].Int == obeyed))
			}
		}
	}, func() {
		for i, name := range proposed {
			if accepted[i] >= r.e.majority {
				r.keys, r.records = append(r.keys, name), append(r.records, args[1+i])
			} else {
				left = append(left, name)
			}
		}
		r.accepted(left)
	})
}

// accepted goes on with those registers of a page that are not agreed on yet: each has a round.
func (r *Refill) accepted(left []string) {
	for _, name := range left {
		r.agree(name, 1)
	}
	if len(left) == 0 {
		r.write()
	}
}

// agree has the others agree on a register anew.
func (r *Refill) agree(name string, tries int) {
	r.e.submit([]byte(name), &r.e.refills, waiting{op: opCopy, told: func(found result) {
		switch {
		case r.over:
			return
		case found.kind == isError:
			r.again(tries, name+": "+found.text, func() { r.agree(name, tries+1) })
			return
		}
		r.keys, r.records = append(r.keys, name), append(r.records, found.text)
		if len(r.keys) == r.found {
			r.write()
		}
	}})
}

// write writes a page to the server.
func (r *Refill) write() {
	args := append(append([]string{r.floor}, r.records...), r.mark)
	r.call(r.server, copyScript, r.keys, args, func([]quorum.Value) {
		r.copied += len(r.keys)
		r.keys, r.records = nil, nil // calls that are late may use them yet
		r.turn()
	})
}

// turn goes on with the next page, or the next source.
func (r *Refill) turn() {
	if r.cursor != "0" {
		r.page()
		return
	}
	r.sources = r.sources[1:]
	r.begin()
}
