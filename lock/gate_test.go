package lock

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringmain/quorum"
)

// newBusyScene is a proxy whose servers need service for each request.
func newBusyScene(t *testing.T, service time.Duration) *scene {
	sc := newScene(t, 3, 1)
	sc.service = service
	return sc
}

// replies counts what commands are answered.
type replies map[string]int

func (r replies) all() (n int) {
	for _, m := range r {
		n += m
	}
	return n
}

// rush has so many locks be asked for at once. The replies are those so far.
func (sc *scene) rush(locks int) replies {
	all := replies{}
	for i := range locks {
		sc.proxies[0].command(fmt.Sprintf("SET lock:%d t%d NX PX 60000", i, i), func(reply string) {
			word, _, _ := strings.Cut(reply, " ")
			all[strings.TrimSpace(word)]++
		})
	}
	return all
}

func (sc *scene) expectGateEmpty() {
	sc.t.Helper()
	g := &sc.proxies[0].engine.gate
	if len(g.queues) != 0 || g.queued != 0 || g.bytes != 0 || len(g.turns.line) != 0 || g.turns.window.Taken() != 0 {
		sc.t.Errorf("the gate still has %d queues, %d commands, %d bytes, %d in line, %d turns", len(g.queues), g.queued, g.bytes, len(g.turns.line), g.turns.window.Taken())
	}
}

func TestMoreLocksThanServersCanGrantInTimeAreGrantedBitByBit(t *testing.T) {
	sc := newBusyScene(t, 50*time.Microsecond)
	const locks = 10_000 // half a second; the servers' timeout is 50 ms
	all := sc.rush(locks)
	if !sc.until(func() bool { return all.all() == locks }) || all["+OK"] != locks {
		t.Errorf("of %d: %v", locks, all)
	}
	sc.expectGateEmpty()
}

func TestLocksThatTheServersHaveNoTimeForAreRefused(t *testing.T) {
	sc := newBusyScene(t, 50*time.Microsecond)
	const locks = 60_000 // three seconds
	began := sc.now
	all := sc.rush(locks)
	if !sc.until(func() bool { return all.all() == locks }) {
		t.Fatalf("of %d: %v", locks, all)
	}
	if took := sc.now - began; took > longestTurn+2*clearEvery {
		t.Errorf("the last one is answered after %v", took)
	}
	if all["+OK"] < 10_000 || all["+OK"]+all["-NOQUORUM"] != locks {
		t.Errorf("of %d: %v", locks, all)
	}
	sc.expectGateEmpty()
	sc.service = 0
	sc.pass(3 * time.Second)
	for _, s := range sc.servers {
		held := 0
		for k := range s.keys {
			if strings.HasPrefix(k, "lock:") {
				held++
			}
		}
		if held != all["+OK"] {
			t.Errorf("a server has %d locks, %d were granted", held, all["+OK"])
		}
	}
}

func TestServersThatAreSlowAreAskedForLessAtATime(t *testing.T) {
	sc := newBusyScene(t, 500*time.Microsecond) // a hundred in the timeout
	const locks = 4000
	all := sc.rush(locks)
	if !sc.until(func() bool { return all.all() == locks }) || all["+OK"] < 1000 {
		t.Errorf("of %d: %v", locks, all)
	}
	sc.service = 50 * time.Microsecond // they have recovered
	sc.pass(3 * time.Second)
	const more = 8000
	before := sc.proxies[0].engine.Stats().Granted
	for i := range more {
		sc.proxies[0].command(fmt.Sprintf("SET lock:more:%d t NX PX 60000", i), func(string) {})
	}
	sc.pass(longestTurn)
	if n := sc.proxies[0].engine.Stats().Granted - before; n != more {
		t.Errorf("%d of %d are granted once the servers have recovered", n, more)
	}
	sc.expectGateEmpty()
}

func TestHoldersDoNotStandInLine(t *testing.T) {
	sc := newBusyScene(t, 50*time.Microsecond)
	sc.expect(0, "SET lock:a t NX PX 60000", "+OK")
	sc.expect(0, "SET lock:b t NX PX 60000", "+OK")
	sc.rush(10_000)
	others := replies{}
	for range 3 { // who want the same lock, and came before
		sc.proxies[0].command("SET lock:a other NX PX 60000", func(reply string) { others[reply]++ })
	}
	began := sc.now
	sc.expect(0, "SET lock:a t IFEQ t PX 60000", "+OK")
	if others["$-1\r\n"] != 3 {
		t.Errorf("those before a holder have %v", others)
	}
	sc.expect(0, "RINGMAIN.FENCE lock:a t", ":")
	sc.expect(0, "DELIFEQ lock:b t", ":1")
	sc.expect(0, "DELIFEQ lock:a t", ":1")
	if took := sc.now - began; took > 250*time.Millisecond {
		t.Errorf("holders have waited for %v", took)
	}
}

func TestWhoWaitsForALockIsNotRefusedForStandingInLine(t *testing.T) {
	sc := newBusyScene(t, 50*time.Microsecond)
	all := sc.rush(60_000)
	reply := ""
	sc.proxies[0].command("RINGMAIN.LOCK lock:w t PX 60000 WAIT 10000", func(r string) { reply = r })
	left := false
	gone := sc.proxies[0].command("RINGMAIN.LOCK lock:gone t PX 60000 WAIT 10000", func(string) { left = true })
	sc.pass(time.Millisecond)
	gone()
	if !left {
		t.Error("who has gone waits all the same")
	}
	if !sc.until(func() bool { return reply != "" }) || reply[0] != '*' {
		t.Errorf("%q", reply)
	}
	if !sc.until(func() bool { return all.all() == 60_000 }) {
		t.Error("no end")
	}
	sc.pass(time.Second)
	sc.expectGateEmpty()
}

func TestAMajorityThatIsBackInAMomentIsWaitedFor(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.cutOff(0, 0, 1)
	all := sc.rush(100)
	sc.pass(aMoment / 2)
	if len(all) > 0 {
		t.Errorf("without a majority: %v", all)
	}
	sc.restore(0, 0, 1)
	if all["+OK"] != 100 {
		t.Errorf("with a majority again: %v", all)
	}
	sc.expectGateEmpty()
}

func TestAMajorityIsWaitedForAMomentOnly(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.cutOff(0, 0, 1)
	refused := func(least, most time.Duration) {
		t.Helper()
		began := sc.now
		sc.expect(0, "SET lock:a t NX PX 10000", "-NOQUORUM 1/3 servers")
		if took := sc.now - began; took < least || took > most {
			t.Errorf("refused after %v, want %v to %v", took, least, most)
		}
	}
	refused(aMoment, aMoment+2*clearEvery)
	for range 5 {
		refused(0, 0)
		sc.pass(forgotten - time.Second)
	}
	sc.pass(2 * time.Second)
	refused(aMoment, aMoment+2*clearEvery) // nobody knows for how long it has been so
	sc.expectGateEmpty()
}

func TestReleasesOfSeveralLocksDoNotStandInLineAndAreNotGivenUp(t *testing.T) {
	sc := newBusyScene(t, 50*time.Microsecond)
	sc.expect(0, "SET lock:a t NX PX 60000", "+OK")
	sc.expect(0, "SET lock:b t NX PX 60000", "+OK")
	sc.rush(10_000)
	c := quorum.Command{Name: "evalsha", Protocol: 2, Keys: []int{3, 4}}
	for _, arg := range []string{"EVALSHA", "9470c810040e272ee6c579d8d4331aaf6332a7b1", "2", "lock:a", "lock:b", "t"} { // bsm/redislock's
		c.Args = append(c.Args, []byte(arg))
	}
	reply := ""
	if cancel := sc.proxies[0].engine.Do(c, func(r []byte) { reply = string(r) }); cancel != nil {
		cancel()
	}
	sc.pass(250 * time.Millisecond)
	sc.expectHeld("lock:a", "- - -")
	sc.expectHeld("lock:b", "- - -")
	if reply != "+OK\r\n" {
		t.Errorf("%q", reply)
	}
}

// newGate is a gate whose servers have time for one operation.
func newGate() (*gate, *world) {
	w := &world{now: time.Hour}
	g := &gate{queues: map[string][]*task{}, turns: newTurns(newMachine(w, 1, w.now), func() bool { return true })}
	g.turns.window = quorum.NewWindow(1)
	return g, w
}

// taskOf is one that runs until it leaves.
func taskOf(keys ...string) *task { return &task{keys: keys, run: func() {}} }

func TestWhoIsPutFirstWaitsForWhomStandsInLine(t *testing.T) {
	g, _ := newGate()
	g.turns.window = quorum.NewWindow(2)
	one, two, plain, first := taskOf("x"), taskOf("y"), taskOf("k"), taskOf("k")
	g.enter(one)
	g.enter(two)
	g.enter(plain)
	g.enterFirst(first)
	g.leave(one)
	if g.leave(two); !plain.running || first.running {
		t.Error("not one at a time is run on a key, in their order")
	}
	if g.leave(plain); !first.running {
		t.Error("nobody is run")
	}
	g.leave(first)
}

func TestHoldersDoNotWaitForWhoIsPutBeforeThem(t *testing.T) {
	g, _ := newGate()
	plain, holder, first := taskOf("k"), taskOf("k"), taskOf("k")
	holder.ahead, first.patient = true, true
	g.enter(plain)
	g.enter(holder)
	g.enterFirst(first)
	g.enter(taskOf("x")) // in line
	g.turns.window.Take()
	if g.leave(plain); !first.running {
		t.Error("who is before a holder stands in line")
	}
	if g.leave(first); !holder.running {
		t.Error("a holder stands in line")
	}
}

func TestHoldersDoNotWaitForThoseInLineAtOtherKeys(t *testing.T) {
	g, _ := newGate()
	inLine, both, third, holder := taskOf("b"), taskOf("a", "b"), taskOf("a"), taskOf("a")
	holder.ahead = true
	g.enter(taskOf("x"))
	for _, o := range []*task{inLine, both, third} {
		g.enter(o)
	}
	g.enter(holder)
	for _, o := range []*task{inLine, both, third, holder} {
		if !o.running {
			t.Fatal("a holder waits for one that stands in line")
		}
		g.leave(o)
	}
}

func TestWhoHasWaitedBehindOneInLineIsRefusedWithIt(t *testing.T) {
	g, w := newGate()
	g.enter(taskOf("x"))
	refused := 0
	for range maxQueued {
		o := taskOf("k")
		o.refuse = func() {
			refused++
			o.refused = true
			g.leave(o)
		}
		g.enter(o)
	}
	w.pass(longestTurn / 2)
	late := taskOf("y", "k")
	late.refuse = func() { t.Error("refused at once") }
	g.leave(g.queues["k"][maxQueued-1])
	g.enter(late)
	if w.pass(longestTurn/2 + 2*clearEvery); refused != maxQueued-1 || !late.inLine {
		t.Errorf("%d of %d are refused", refused, maxQueued-1)
	}
}
