package counter

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringmain/quorum"
)

// acceptor is a server of the quorum: it does what the scripts do, see
// TestTheModelDoesWhatTheScriptsDoOnARealServer.
type acceptor struct {
	keys    map[string]string
	process string
	// noPromises is a mutant: what was promised does not matter to it.
	noPromises bool
}

func newAcceptor() *acceptor { return &acceptor{keys: map[string]string{}} }

// run executes a script's body.
func (a *acceptor) run(s *quorum.Script, keys, args []string) []quorum.Value {
	code := func(n int64, more ...string) []quorum.Value {
		v := make([]quorum.Value, 1, 2)
		v[0].Int = n
		for _, text := range more {
			v = append(v, quorum.Value{Text: text})
		}
		return v
	}
	switch s {
	case prepareScript:
		r, there := a.keys[keys[0]]
		if !there {
			if floor, ok := a.keys[floorKey]; ok && floor >= args[0] {
				return code(rejected, floor)
			}
			if limit, _ := strconv.Atoi(args[1]); limit > 0 && len(a.keys) >= limit {
				return code(full)
			}
			a.keys[keys[0]] = args[0] + noBallot
			return code(obeyed, "")
		}
		if r[:ballotLen] >= args[0] && !a.noPromises {
			return code(rejected, r[:ballotLen])
		}
		a.keys[keys[0]] = args[0] + r[ballotLen:]
		return code(obeyed, r[ballotLen:])
	case acceptScript:
		promise := a.keys[floorKey]
		if r, there := a.keys[keys[0]]; there {
			promise = r[:ballotLen]
		}
		if promise > args[0] && !a.noPromises {
			return code(rejected, promise)
		}
		a.keys[keys[0]] = args[1]
		return code(obeyed)
	case readScript:
		r := a.keys[keys[0]]
		return code(obeyed, r[min(ballotLen, len(r)):min(87, len(r))])
	}
	switch s {
	case promiseScript:
		var v []quorum.Value
		for _, name := range keys {
			v = append(v, a.run(prepareScript, []string{name}, []string{args[0], "0"})...)
		}
		return v
	case proposeScript:
		var v []quorum.Value
		for i, name := range keys {
			answer := a.run(acceptScript, []string{name}, []string{args[0], args[0] + args[i+1]})
			v = append(v, quorum.Value{Int: answer[0].Int})
		}
		return v
	case begunScript:
		return []quorum.Value{{Text: a.keys[refillKey]}}
	case floorScript:
		a.keys[floorKey], a.keys[refillKey] = args[0], args[0]
		return nil
	case filledScript:
		delete(a.keys, refillKey)
		return nil
	case scanScript:
		v := []quorum.Value{{Text: a.process}, {Text: "0"}}
		for _, name := range slices.Sorted(maps.Keys(a.keys)) {
			if strings.HasPrefix(name, clientRegister) || strings.HasPrefix(name, "__ringmain:r:") && name != floorKey {
				v = append(v, quorum.Value{Text: name})
			}
		}
		return page(v, args)
	case missingScript:
		var v []quorum.Value
		for _, name := range keys {
			if r := a.keys[name]; r[:min(ballotLen, len(r))] < args[0] {
				v = append(v, quorum.Value{Text: name})
			}
		}
		return v
	case copyScript:
		for i, name := range keys {
			r := a.keys[name]
			if r[min(ballotLen, len(r)):min(2*ballotLen, len(r))] <= args[i+1][:ballotLen] {
				a.keys[name] = args[0] + args[i+1]
			}
		}
		return nil
	}
	panic("the model does not know the script " + s.Name)
}

// page is a part of what a scan finds, with the cursor for the next one.
func page(all []quorum.Value, args []string) []quorum.Value {
	from, _ := strconv.Atoi(args[0])
	count, _ := strconv.Atoi(args[1])
	list := all[min(2+from, len(all)):]
	cursor := "0"
	if len(list) > count {
		list, cursor = list[:count], strconv.Itoa(from+count)
	}
	return append([]quorum.Value{all[0], {Text: cursor}}, list...)
}

// calm are servers that answer at once and never fail.
type calm struct {
	acceptors []*acceptor
	barred    []string
	calls     int
}

func newCalm(n int) *calm {
	c := &calm{barred: make([]string, n)}
	for range n {
		c.acceptors = append(c.acceptors, newAcceptor())
	}
	return c
}

func (c *calm) Len() int { return len(c.acceptors) }

func (c *calm) Call(call quorum.Call, done func(quorum.Answer)) {
	c.calls++
	if why := c.barred[call.Server]; why != "" {
		done(quorum.Answer{Outcome: quorum.NotDone, Reason: why})
		return
	}
	done(quorum.Answer{Values: c.acceptors[call.Server].run(call.Script, call.Keys, call.Args)})
}

func (c *calm) Barred(server int, _ quorum.Kind) string { return c.barred[server] }
func (c *calm) Missing(quorum.Kind) string              { return `1/3 servers of quorum "safe" can vote: a is down` }
func (c *calm) Persistent() bool                        { return true }

// clockwork is a clock that a test moves on.
type clockwork struct {
	now    time.Duration
	timers []*alarm
}

type alarm struct {
	at   time.Duration
	f    func()
	done bool
}

func (a *alarm) Stop() bool {
	was := !a.done
	a.done = true
	return was
}

func (c *clockwork) Now() quorum.Instant { return quorum.Instant{Monotonic: c.now, Wall: c.now} }

func (c *clockwork) After(d time.Duration, f func()) quorum.Timer {
	a := &alarm{at: c.now + d, f: f}
	c.timers = append(c.timers, a)
	return a
}

// pass lets time go by.
func (c *clockwork) pass(d time.Duration) {
	for end := c.now + d; ; {
		var next *alarm
		for _, a := range c.timers {
			if !a.done && a.at <= end && (next == nil || a.at < next.at) {
				next = a
			}
		}
		if next == nil {
			c.now = end
			break
		}
		c.now, next.done = max(c.now, next.at), true
		next.f()
	}
	kept := c.timers[:0]
	for _, a := range c.timers {
		if !a.done {
			kept = append(kept, a)
		}
	}
	c.timers = kept
}
