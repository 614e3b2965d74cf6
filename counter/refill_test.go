package counter

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ringmain/quorum"
)

// marked are calm servers of which one has lost everything, and is under a repair.
type marked struct {
	*calm
	mark   string
	failed map[string]int // how often a script is not answered
}

func (m *marked) Call(c quorum.Call, done func(quorum.Answer)) {
	if m.failed[c.Script.Name] > 0 {
		m.failed[c.Script.Name]--
		done(quorum.Answer{Outcome: quorum.Unknown, Reason: "did not answer"})
		return
	}
	if c.Script.Kind == quorum.Refill {
		if last := len(c.Args) - 1; c.Args[last] != m.mark {
			done(quorum.Answer{Outcome: quorum.NotDone, Reason: quorum.RepairLost})
			return
		}
		done(quorum.Answer{Values: m.acceptors[c.Server].run(c.Script, c.Keys, c.Args[:len(c.Args)-1])})
		return
	}
	m.calm.Call(c, done)
}

// emptied is a desk with so many counters and fences, of whose servers the third has been emptied.
func emptied(counters int) (*desk, *marked) {
	d := newDesk(3)
	m := &marked{calm: d.calm, mark: "mark", failed: map[string]int{}}
	d.engine.servers = m
	for i := range counters {
		d.barred[i%2] = "down" // so that none of the others has all of them
		d.do(fmt.Sprintf("set k%d %d", i, i))
		d.barred[i%2] = ""
	}
	d.engine.Next(3, func(int64, error) {})
	d.acceptors[2] = newAcceptor()
	d.barred[2] = "has no identity"
	return d, m
}

func TestAServerIsFilledWithEveryRegisterWhileChangesGoOn(t *testing.T) {
	const counters = 1000
	d, m := emptied(counters)
	m.failed["counter scan"], m.failed["counter copy"], m.failed["counter floor"] = 2, 2, 2
	over := false
	r := d.engine.Refill(2, "mark", func(err error) {
		if err != nil {
			t.Fatal(err)
		}
		over = true
	})
	for i := 0; !over; i++ {
		if got := d.do(fmt.Sprintf("incr k%d", i%counters)); got != "" && got[0] != ':' {
			t.Fatal(got)
		}
		d.clock.pass(retryLast)
	}
	if r.Copied() != counters+2 { // the fence's, and the epoch's
		t.Errorf("%d registers were copied", r.Copied())
	}
	// It may vote, and another one is lost right away.
	d.barred[2], d.barred[0] = "", "down"
	other := New(Settings{Patterns: d.engine.patterns}, m, d.clock, rand.New(rand.NewPCG(3, 4)), 8)
	for i := range counters {
		key := fmt.Sprintf("k%d", i)
		want := d.do("get " + key)
		d.clock.pass(retryLast)
		var got string
		other.Do(command("get "+key), func(reply []byte) { got = strings.ReplaceAll(string(reply), "\r\n", " ") })
		d.clock.pass(retryLast)
		if got != want && want != "" || !strings.HasPrefix(got, "$") {
			t.Errorf("%s is %q, %q by another proxy", key, want, got)
		}
	}
}

func TestRegistersThatNoMajorityOfTheOthersHasAlikeAreCopiedTogether(t *testing.T) {
	const counters = 300
	d, m := emptied(counters) // each is on one of the others
	rounds, calls, over := d.engine.Stats().Rounds, d.calls, false
	d.engine.Refill(2, "mark", func(err error) { over = err == nil })
	if d.clock.pass(refillPause); !over {
		t.Fatal("no end")
	}
	if n := d.engine.Stats().Rounds - rounds; n > 5 || d.calls-calls > 20 {
		t.Errorf("%d rounds, %d calls", n, d.calls-calls)
	}
	d.barred[2], d.barred[0] = "", "down"
	other := New(Settings{Patterns: d.engine.patterns}, m, d.clock, rand.New(rand.NewPCG(3, 4)), 8)
	for i := range counters {
		other.Do(command(fmt.Sprintf("incr k%d", i)), func(reply []byte) {
			if string(reply) != fmt.Sprintf(":%d\r\n", i+1) {
				t.Errorf("k%d: %q", i, reply)
			}
		})
		d.clock.pass(retryLast)
	}
}

func TestAServerThatWasFilledAgainTakesPartInNothingFromBefore(t *testing.T) {
	d, _ := emptied(1)
	d.engine.Refill(2, "mark", func(error) {})
	d.clock.pass(retryLast)
	before := ballot{1<<epochBits - 1, 1}
	for _, name := range []string{clientRegister + "k0", clientRegister + "new"} {
		v := d.acceptors[2].run(prepareScript, []string{name}, []string{before.String(), "0"})
		if v[0].Int != rejected {
			t.Errorf("%s: a promise for a ballot of the epoch before: %v", name, v)
		}
		v = d.acceptors[2].run(acceptScript, []string{name}, []string{before.String(), before.String() + before.String() + "1 1"})
		if v[0].Int != rejected {
			t.Errorf("%s: a ballot of the epoch before was accepted: %v", name, v)
		}
	}
	// The proxy's own ballots are of the new epoch as soon as it has met the floor, which it does when
	// it asks the server.
	d.barred[2], d.barred[0] = "", "down"
	d.do("incr k0")
	d.do("incr k0")
	d.clock.pass(retryLast)
	if b, _ := parseBallot(d.acceptors[2].keys[clientRegister+"k0"][ballotLen : 2*ballotLen]); b.n>>epochBits != 1 {
		t.Errorf("the server has accepted %v", b)
	}
}

func TestARefillEndsWhenItsMarkIsGone(t *testing.T) {
	d, m := emptied(1000)
	m.mark = "another's"
	var got error
	d.engine.Refill(2, "mark", func(err error) { got = err })
	d.clock.pass(retryLast)
	if got == nil || got.Error() != quorum.RepairLost {
		t.Errorf("got %v", got)
	}
	if n := len(d.acceptors[2].keys); n != 0 {
		t.Errorf("%d keys were written", n)
	}
}

func TestAttemptsToFillAServerShareAnEpochUntilItIsWholeOrEmptiedAgain(t *testing.T) {
	d, m := emptied(300)
	fill := func(wrong string) {
		t.Helper()
		m.failed["counter copy"] = map[bool]int{true: refillTries}[wrong != ""]
		over := false
		d.engine.Refill(2, "mark", func(err error) {
			if over = true; (err == nil) != (wrong == "") || err != nil && err.Error() != wrong {
				t.Fatalf("got %v", err)
			}
		})
		d.clock.pass((refillTries + 10) * refillPause)
		if !over {
			t.Fatal("no end")
		}
	}
	epoch := func(want int64) {
		t.Helper()
		s, _ := parseState(d.acceptors[0].keys[epochRegister][2*ballotLen:])
		floor := ballot{uint64(want) << epochBits, 0}.String()
		if s.value.n != want || d.acceptors[2].keys[floorKey] != floor {
			t.Errorf("the epoch is %d, the floor %s", s.value.n, d.acceptors[2].keys[floorKey])
		}
	}
	for range 5 {
		fill("did not answer")
		epoch(1)
	}
	d.acceptors[2] = newAcceptor()
	fill("did not answer")
	epoch(2)
	fill("")
	epoch(2)
	if n := len(d.acceptors[2].keys); n != 303 { // with a fence, the epoch and the floor
		t.Errorf("%d keys are there", n)
	}
	fill("") // which has lost no more than its identity, and may have promised anything since
	epoch(3)
}

func TestARefillThatIsStoppedTellsNothingMore(t *testing.T) {
	d, m := emptied(1000)
	m.failed["counter scan"] = 1
	r := d.engine.Refill(2, "mark", func(err error) { t.Errorf("told: %v", err) })
	r.Stop()
	calls := d.calls
	d.clock.pass(10 * refillPause)
	if d.calls != calls {
		t.Errorf("%d more calls", d.calls-calls)
	}
}

func TestARefillIsGivenUpIfTheOthersAreNotEnough(t *testing.T) {
	d, _ := emptied(10)
	d.barred[0] = "down"
	var got error
	d.engine.Refill(2, "mark", func(err error) { got = err })
	d.clock.pass(refillTries * (grace + refillPause))
	if got == nil || !strings.HasPrefix(got.Error(), "NOQUORUM") {
		t.Errorf("got %v", got)
	}
}

func TestARefillLeavesNothingBehindInTheProxy(t *testing.T) {
	d, _ := emptied(3000)
	before := d.engine.Stats().Proposers
	other := New(Settings{Patterns: d.engine.patterns}, d.engine.servers, d.clock, rand.New(rand.NewPCG(3, 4)), 8)
	other.Refill(2, "mark", func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	d.clock.pass(refillPause)
	if n := other.Stats().Proposers; n > 1 || before < 3000 {
		t.Errorf("something is kept of %d registers, %d before", n, before)
	}
}
