package lock

import (
	"slices"
	"time"

	"ringmain/quorum"
)

// State is what a majority says of a lock.
type State struct {
	Held  bool
	Token string
	// Left is how much longer the holder may count on it.
	Left time.Duration
}

// Query reads locks. text is that of an error reply, if it is not "".
func (e *Engine) Query(r Request, done func(states []State, text string)) (cancel func()) {
	return e.queryBy(e.pass, r, done)
}

// queryBy is Query, by pass or passAhead.
func (e *Engine) queryBy(pass func(Request, func(Result), func(func(Result))) func(), r Request, done func(states []State, text string)) (cancel func()) {
	var states []State
	return pass(r, func(result Result) { done(states, result.Text) }, func(done func(Result)) {
		e.query(r.Keys, func(all []State, text string) {
			states = all
			if text != "" {
				done(failed(text))
				return
			}
			done(Result{})
		})
	})
}

// query is carried out within the gate.
func (e *Engine) query(keys []string, done func(states []State, text string)) {
	e.read(keys, func(v *view) bool {
		states := make([]State, len(keys))
		for k := range keys {
			certain := false
			if states[k], certain = v.state(k); !certain {
				if v.more {
					return false
				}
				done(nil, v.doubt())
				return true
			}
		}
		done(states, "")
		return true
	}, func(text string) { done(nil, text) })
}

// view is what the servers say of some locks, as far as they have answered.
type view struct {
	e     *Engine
	began quorum.Instant
	// all is by server, key; a server's is nil if it has not answered.
	all  [][]reading
	more bool // there may be further answers
}

// read asks all servers for locks. seen is called after each answer, until it returns true.
// text of unable is that of an error.
func (e *Engine) read(keys []string, seen func(v *view) bool, unable func(text string)) {
	if text := e.barred(quorum.Vote); text != "" {
		unable(text)
		return
	}
	n := e.servers.Len()
	v := &view{e: e, began: e.clock.Now(), all: make([][]reading, n)}
	awaited, over := n, false
	e.ask(queryScript, keys, e.settings.NodeTimeout, func(int) []string { return nil }, func(server int, a quorum.Answer) {
		awaited--
		v.more = awaited > 0
		if a.Outcome == quorum.Done && len(a.Values) == 3*len(keys) {
			v.all[server] = readings(a.Values, len(keys))
		}
		if !over {
			over = seen(v)
		}
	})
}

// doubt is the error for a state that the answers do not make certain.
func (v *view) doubt() string {
	return "NOQUORUM whether the lock is held cannot be told: " + v.e.servers.Missing(quorum.Vote)
}

// state is what the answers say of the key at a place. certain: further ones cannot change
// it.
func (v *view) state(key int) (s State, certain bool) {
	byToken := map[string][]reading{}
	most, unheard := "", 0
	for _, readings := range v.all {
		if readings == nil {
			unheard++
			continue
		}
		if r := readings[key]; r.held {
			byToken[r.token] = append(byToken[r.token], r)
			if len(byToken[r.token]) > len(byToken[most]) {
				most = r.token
			}
		}
	}
	held, majority := byToken[most], v.e.quorum
	if len(held) >= majority {
		// The servers have counted down since they were asked.
		elapsed := v.e.clock.Now().Since(v.began)
		return State{
			Held: true, Token: most,
			Left: max(nth(held, majority, reading.left)-elapsed, 0),
		}, true
	}
	return State{}, len(held)+unheard < majority
}

// nth is the n-th largest of the values of readings, of which there are as many at least.
func nth(all []reading, n int, value func(reading) time.Duration) time.Duration {
	values := make([]time.Duration, len(all))
	for i, r := range all {
		values[i] = value(r)
	}
	slices.Sort(values)
	return values[len(values)-n]
}
