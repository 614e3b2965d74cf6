package ledger

// call is what is sent together, and what it does key by key.
type call struct {
	commands [][]any
	parts    []part
	// split gives each part's answer, of those to the commands. false: it was not
	// executed, whatever the answers.
	split func(answers []any) ([]any, bool)
	// became is set when the answers are there.
	became Outcome
}

type part struct {
	entry *entry
	deed  deed
	// reading is set where another actor reads the key.
	reading *reading
}

func single(e *entry, d deed, args ...any) call {
	return call{commands: [][]any{args}, parts: []part{{entry: e, deed: d}},
		split: func(answers []any) ([]any, bool) { return answers, true }}
}

func get(e *entry) call { return single(e, deedGet(), "GET", e.key) }

func (a *actor) number() int64 { return 1 + a.rng.Int64N(1<<44) }

// lifetime is one of many, as the entry's next.
func (a *actor) lifetime() int64 { return 1 + a.rng.Int64N(100_000) }

func seconds(lifetime int64) int64 { return firstLifetime + lifetime*lifetimeStep }

func (a *actor) set(e *entry) call {
	n := a.number()
	return single(e, deedSet(n, 0), "SET", e.key, n)
}

// choose makes up to eight calls for different keys.
func (a *actor) choose(conn int) (calls []call) {
	used := map[int]bool{}
	for range 1 + a.rng.IntN(8) {
		i := a.rng.IntN(a.hot)
		if a.rng.IntN(4) == 0 {
			i = a.rng.IntN(len(a.pairs))
		}
		pair := a.pairs[i]
		if used[i] || a.elsewhere(pair[0], conn) || a.elsewhere(pair[1], conn) {
			continue
		}
		used[i] = true
		calls = append(calls, a.choice(pair))
	}
	if a.rng.IntN(4) == 0 {
		calls = append(calls, a.glance())
	}
	return calls
}

func (a *actor) elsewhere(e *entry, conn int) bool {
	at, ok := a.pinned[e]
	return ok && at != conn
}

// choice is something done to one of a pair of keys, or to both.
func (a *actor) choice(pair [2]*entry) call {
	e := pair[a.rng.IntN(2)]
	n, lifetime := a.number(), a.lifetime()
	x := a.rng.IntN(100)
	if a.load.options.Plain && x >= 90 {
		x = 0
	}
	switch {
	case x < 35:
		return get(e)
	case x < 50:
		return a.set(e)
	case x < 55:
		return single(e, deedSet(n, lifetime), "SET", e.key, n, "EX", seconds(lifetime))
	case x < 60:
		return single(e, deedDel(true), "DEL", e.key)
	case x < 67:
		return single(e, deedIncr(n), "INCRBY", e.key, n)
	case x < 74:
		return single(e, deedSetNX(n), "SETNX", e.key, n)
	case x < 78:
		return single(e, deedTTL(), "TTL", e.key)
	case x < 80:
		return single(e, deedExpire(lifetime), "EXPIRE", e.key, seconds(lifetime))
	case x < 86:
		return mget(part{entry: pair[0], deed: deedGet()}, part{entry: pair[1], deed: deedGet()})
	case x < 90:
		return call{commands: [][]any{{"DEL", pair[0].key, pair[1].key}},
			parts: []part{{entry: pair[0], deed: deedDel(false)}, {entry: pair[1], deed: deedDel(false)}},
			split: func(answers []any) ([]any, bool) { return []any{answers[0], answers[0]}, true }}
	default:
		return a.exec(pair)
	}
}

// exec reads one key of a pair and writes the other.
func (a *actor) exec(pair [2]*entry) call {
	i, n := a.rng.IntN(2), a.number()
	read, written := pair[i], pair[1-i]
	c := call{commands: [][]any{{"MULTI"}, {"GET", read.key}, {"SET", written.key, n}, {"EXEC"}},
		parts: []part{{entry: read, deed: deedGet()}, {entry: written, deed: deedSet(n, 0)}}}
	if a.rng.IntN(2) == 0 {
		c.commands[2] = []any{"INCRBY", written.key, n}
		c.parts[1].deed = deedIncr(n)
	}
	c.split = func(answers []any) ([]any, bool) {
		list, ok := answers[len(answers)-1].([]any)
		return list, ok // nil: it was aborted
	}
	return c
}

// mget reads several keys at once.
func mget(parts ...part) call {
	args := []any{"MGET"}
	for _, p := range parts {
		args = append(args, p.entry.key)
	}
	return call{commands: [][]any{args}, parts: parts, split: func(answers []any) ([]any, bool) {
		list, ok := answers[0].([]any)
		return list, ok
	}}
}

// glance reads keys of others.
func (a *actor) glance() call {
	var parts []part
	for range 1 + a.rng.IntN(4) {
		other := a.load.actors[a.rng.IntN(len(a.load.actors))]
		e := other.pairs[a.rng.IntN(other.hot)][a.rng.IntN(2)]
		if other != a {
			parts = append(parts, part{entry: e, deed: deedGet(), reading: &reading{}})
		}
	}
	if len(parts) < 2 {
		other := a.load.actors[a.rng.IntN(len(a.load.actors))]
		e := other.pairs[a.rng.IntN(len(other.pairs))][0]
		return call{commands: [][]any{{"TTL", e.key}}, parts: []part{{entry: e, deed: deedTTL(), reading: &reading{}}},
			split: func(answers []any) ([]any, bool) { return answers, true }}
	}
	return mget(parts...)
}
