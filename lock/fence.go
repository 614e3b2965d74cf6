package lock

import (
	"hash/crc32"
	"strconv"
	"time"

	"ringmain/quorum"
)

// register is the one that a key's numbers come from. All proxies must agree on it.
func register(key string) int {
	return int(crc32.ChecksumIEEE([]byte(key)) % FenceRegisters)
}

// unfenced says why locks of a pattern have no numbers; "": they have.
func (e *Engine) unfenced(p *Pattern) string {
	switch {
	case !p.Fencing:
		return "fencing is off for " + p.Name
	case e.fences == nil || !e.servers.Persistent():
		return "the servers of the quorum need not keep what they acknowledge (persistence), so that numbers could be given twice"
	}
	return ""
}

// AcquireFenced acquires one lock, and has its number if there are any. Yes may come with
// a Validity that is shorter than the TTL.
func (e *Engine) AcquireFenced(r Request, done func(Result)) (cancel func()) {
	return e.passTo(r, done, func(done func(Result)) { e.acquireFenced(r, done) })
}

func (e *Engine) acquireFenced(r Request, done func(Result)) {
	e.acquire(r, false, true, func(result Result, t *attempt) {
		if result.Verdict != Yes || e.unfenced(e.pattern(r)) != "" {
			done(result)
			return
		}
		e.number(r, "", []string{t.op}, func(numbered Result) {
			granted, inTime := t.terms.grant(t.began, e.clock.Now().Since(t.began), true)
			if numbered.Verdict == Yes && inTime {
				granted.Fence, granted.made = numbered.Fence, t.op
				done(granted)
				return
			}
			// A lock without the number that was asked for is none.
			text := numbered.Text
			if text == "" {
				text = "NOQUORUM it took too long to number the lock"
			}
			e.giveBack(r, t.op, func(Result) { done(failed(text)) })
		})
	})
}

// Fence has the number of a lock that a token holds: the same one for the same acquisition.
// The result is Yes, No if the token does not hold the lock, or Failed.
func (e *Engine) Fence(r Request, done func(Result)) (cancel func()) {
	if why := e.unfenced(e.pattern(r)); why != "" {
		done(failed("ERR there are no fencing numbers: " + why))
		return nil
	}
	return e.passAhead(r, done, func(done func(Result)) { e.fence(r, maxRounds, done) })
}

// fence is carried out within the gate.
func (e *Engine) fence(r Request, rounds int, done func(Result)) {
	e.read(r.Keys, func(v *view) bool {
		s, certain := v.state(0)
		switch {
		case !certain && v.more:
			return false
		case !certain:
			done(failed(v.doubt()))
			return true
		case !s.Held || s.Token != r.Token:
			done(Result{Verdict: No})
			return true
		}
		there := v.numbers(r.Token)
		if there.number == 0 && there.any && v.more {
			return false
		}
		if there.number > 0 {
			done(Result{Verdict: Yes, Fence: there.number})
			return true
		}
		if there.grant == "" {
			there.grant = e.newGrant()
		}
		e.number(r, there.grant, there.ops, func(result Result) {
			// It may have been extended through another proxy meanwhile.
			if (result.overtaken || result.Verdict == No) && rounds > 1 {
				e.fence(r, rounds-1, done)
				return
			}
			done(result)
		})
		return true
	}, func(text string) { done(failed(text)) })
}

// numbered is what the companions of a token's lock say.
type numbered struct {
	ops []string
	// grant is the one at a majority, since when nobody else can have had one; "": there is
	// none.
	grant string
	// number is the one at a majority with one grant; any tells that some server has one.
	number int64
	any    bool
}

func (v *view) numbers(token string) (n numbered) {
	grants, numbers := map[string]int{}, map[companion]int{}
	for _, readings := range v.all {
		if readings == nil || readings[0].token != token {
			continue
		}
		c := readings[0].companion
		n.ops = with(n.ops, c.op)
		if grants[c.grant]++; grants[c.grant] >= v.e.quorum {
			n.grant = c.grant
		}
		if c.fence == 0 {
			continue
		}
		n.any = true
		id := companion{grant: c.grant, fence: c.fence}
		if numbers[id]++; numbers[id] >= v.e.quorum {
			n.number = c.fence
		}
	}
	return n
}

// number allocates a number for a lock and stores it where the lock is at one of ops still.
// It is the lock's once a majority has stored it: as the token has had that majority all
// the time since before the number was allocated, whoever has had the lock before has a
// smaller number, and whoever has it later a larger one.
func (e *Engine) number(r Request, grant string, ops []string, done func(Result)) {
	e.fences.Next(register(r.Keys[0]), func(n int64, err error) {
		if err != nil {
			done(failed(err.Error()))
			return
		}
		e.store(r, grant, ops, n, done)
	})
}

func (e *Engine) store(r Request, grant string, ops []string, n int64, done func(Result)) {
	if text := e.barred(quorum.Vote); text != "" {
		done(failed(text))
		return
	}
	began := e.clock.Now()
	var stored []reading
	refused, larger, awaited, over := 0, 0, e.servers.Len(), false
	args := append([]string{r.Token, strconv.FormatInt(n, 10), grant}, ops...)
	e.ask(fenceScript, r.Keys, e.settings.NodeTimeout, func(int) []string { return args }, func(server int, a quorum.Answer) {
		awaited--
		switch {
		case a.Outcome != quorum.Done || len(a.Values) == 0:
		case a.Values[0].Int == 1 && len(a.Values) == 3:
			lease := time.Duration(a.Values[1].Int)*time.Millisecond - e.clock.Now().Since(began)
			stored = append(stored, reading{lease: lease, companion: parseCompanion(a.Values[2].Text)})
		case a.Values[0].Int == 2:
			larger++
		default:
			refused++
		}
		if over {
			return
		}
		over = true
		switch {
		case len(stored) >= e.quorum && nth(stored, e.quorum, reading.left) > 0:
			done(Result{Verdict: Yes, Fence: n})
		case len(stored) >= e.quorum || refused > e.spare():
			done(Result{Verdict: No})
		case larger > e.spare():
			done(Result{Verdict: Failed, Text: "UNCERTAIN the lock is being numbered by others", overtaken: true})
		case awaited > 0:
			over = false
		default:
			done(failed("NOQUORUM the number of the lock was not kept: " + e.servers.Missing(quorum.Vote)))
		}
	})
}
