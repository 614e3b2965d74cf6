package lock

import (
	"slices"

	"ringmain/quorum"
)

// release gives locks up.
type release struct {
	e *Engine
	r Request
	// only is the op of the locks that are meant; "": whichever they have.
	only string
	// seen are the ops that servers have said are there, while the command ran.
	seen    []string
	ops     [][]string
	states  [][]releaseState // by key, server
	rounds  []int
	decided bool
	done    func(Result)
}

type releaseState uint8

const (
	unheard  releaseState = iota // no answer yet
	deleted                      // it had the lock, and has no more
	missing                      // it had no lock of the token's
	noAnswer                     // it will not say
)

// Release gives up those of a request's locks that are the token's. The result is Yes with
// the Count of them, No if there is none, or Failed: UNCERTAIN, and then the release goes on.
// A client that does not wait for the reply wants its locks to be free all the same, so this
// cannot be given up.
func (e *Engine) Release(r Request, done func(Result)) (cancel func()) {
	e.passAhead(r, done, func(done func(Result)) { e.release(r, done) })
	return nil
}

// Force gives locks up whosever they are.
func (e *Engine) Force(r Request, done func(Result)) (cancel func()) {
	r.Token = ""
	return e.Release(r, done)
}

// release is carried out within the gate.
func (e *Engine) release(r Request, done func(Result)) {
	e.start(&release{e: e, r: r, ops: e.known(r.Keys, r.Token), done: countYes(&e.stats.Released, done)})
}

// giveBack releases locks that were made with an op, and of which nobody was told, or will be. Their client
// may have had the token's locks released and got others since, through another proxy: those stay. It is
// carried out within the gate.
func (e *Engine) giveBack(r Request, op string, done func(Result)) {
	x := &release{e: e, r: r, only: op, done: done}
	for range e.servers.Len() {
		x.ops = append(x.ops, []string{op})
	}
	e.start(x)
}

func (e *Engine) start(x *release) {
	r, n := x.r, e.servers.Len()
	x.rounds = make([]int, n)
	for range r.Keys {
		x.states = append(x.states, make([]releaseState, n))
	}
	e.ask(releaseScript, r.Keys, e.settings.NodeTimeout, func(server int) []string {
		return x.args(x.ops[server])
	}, x.answered)
}

func (x *release) args(ops []string) []string {
	return append([]string{x.r.Token, ""}, ops...)
}

func (x *release) answered(server int, a quorum.Answer) {
	var stale []string
	if a.Outcome == quorum.Done && len(a.Values) == 2*len(x.r.Keys) {
		stale = x.read(server, a.Values)
	} else {
		x.silent(server)
	}
	if len(stale) > 0 {
		if !x.decided {
			x.seen = with(x.seen, stale...)
		}
		// After the reply only what was there before may be deleted.
		again := slices.DeleteFunc(stale, func(op string) bool { return !slices.Contains(x.seen, op) })
		if x.rounds[server] < maxRounds && len(again) > 0 {
			x.rounds[server]++
			call := quorum.Call{Server: server, Script: releaseScript, Keys: scriptKeys(x.r.Keys), Args: x.args(again), Within: x.e.settings.NodeTimeout}
			x.ops[server] = with(x.ops[server], again...)
			x.e.servers.Call(call, func(a quorum.Answer) { x.answered(server, a) })
			return
		}
		x.silent(server)
	}
	if x.decided {
		x.later(server)
		return
	}
	x.decide()
}

// read takes an answer; what it returns are the ops at the server that were not known.
func (x *release) read(server int, values []quorum.Value) (stale []string) {
	for key := range x.r.Keys {
		state := &x.states[key][server]
		if *state != unheard {
			continue
		}
		switch v := values[2*key:]; v[0].Int {
		case 1:
			*state = deleted
		case 0:
			*state = missing
		default:
			if x.only != "" {
				*state = missing
				continue
			}
			stale = append(stale, v[1].Text)
		}
	}
	return stale
}

// silent notes that a server will say nothing of the keys that it has said nothing of.
func (x *release) silent(server int) {
	for key := range x.states {
		if x.states[key][server] == unheard {
			x.states[key][server] = noAnswer
		}
	}
}

// verdict is what became of a lock, whose states at the servers are given.
type verdict uint8

const (
	open verdict = iota // it depends on servers that may yet answer
	released
	notHeld
	unknown
)

// judge decides on a release: the lock is released if it was somewhere, and the servers
// without it are so few that the token may have had a majority to the end.
func judge(states []releaseState, spare int) verdict {
	count := [noAnswer + 1]int{}
	for _, s := range states {
		count[s]++
	}
	switch {
	case count[missing] > spare:
		return notHeld
	case count[deleted] > 0 && count[missing]+count[unheard] <= spare:
		return released
	case count[unheard] > 0:
		return open
	}
	return unknown
}

func (x *release) decide() {
	result := Result{Verdict: No}
	uncertain := false
	for _, states := range x.states {
		switch judge(states, x.e.spare()) {
		case open:
			return
		case released:
			result.Count++
		case unknown:
			uncertain = true
		}
	}
	x.decided = true
	x.e.forget(x.r.Keys, x.r.Token, x.only)
	for server := range x.ops {
		x.later(server)
	}
	switch {
	case uncertain:
		result = failed("UNCERTAIN the lock may be held until its TTL ends: " + x.e.servers.Missing(quorum.Owned))
	case result.Count > 0:
		result.Verdict = Yes
	}
	for _, k := range x.r.Keys {
		x.e.wake(k)
	}
	x.done(result)
}

// later has the release go on at a server that has not said that it is done.
func (x *release) later(server int) {
	var keys []string
	for key, states := range x.states {
		if states[server] == noAnswer {
			keys = append(keys, x.r.Keys[key])
		}
	}
	if len(keys) == 0 {
		return
	}
	// What another server had, this one may have, too.
	ops := with(x.ops[server], x.seen...)
	x.e.takeBack(server, keys, x.r.Token, "", ops, x.e.longest(x.r), false)
}
