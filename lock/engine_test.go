package lock

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringmain/quorum"
)

func TestALockIsTakenExtendedAndReleased(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		sc := newScene(t, n, 2)
		sc.expect(0, "SET lock:a t1 NX PX 10000", "+OK\r\n")
		sc.expect(1, "SET lock:a t2 PX 10000 nx", "$-1\r\n")
		sc.expect(1, "GET lock:a", "$2\r\nt1\r\n")
		sc.expect(1, "EXISTS lock:a lock:b lock:a", ":2\r\n")
		sc.expect(1, "TTL lock:a", ":10\r\n")
		sc.expect(1, "TYPE lock:a", "+string\r\n")
		sc.expect(1, "DELIFEQ lock:a t2", ":0\r\n")
		sc.expect(0, "SET lock:a t1 IFEQ t1 PX 20000", "+OK\r\n")
		sc.expect(1, "TTL lock:a", ":20\r\n")
		sc.expect(1, "RINGMAIN.EXTEND lock:a t1 PX 30000", ":1\r\n")
		sc.expect(0, "PTTL lock:a", ":29999\r\n")
		sc.expect(0, "RINGMAIN.EXTEND lock:a t2 PX 30000", ":0\r\n")
		sc.expect(0, "DELEX lock:a IFEQ t1", ":1\r\n")
		sc.expect(0, "DELEX lock:a IFEQ t1", ":0\r\n")
		sc.expect(1, "GET lock:a", "$-1\r\n")
		sc.expect(1, "PTTL lock:a", ":-2\r\n")
		sc.expect(1, "TYPE lock:a", "+none\r\n")
		sc.expect(1, "SET lock:a t2 NX EX 10", "+OK\r\n")
		sc.expect(0, "RINGMAIN.UNLOCK lock:a t2", ":1\r\n")
		sc.pass(time.Second)
		for i, s := range sc.servers {
			if len(s.keys) != 2 {
				t.Errorf("server %d of %d has %d keys, want its identity and settings", i, n, len(s.keys))
			}
		}
	}
}

func TestALockWithItsReleaseTakesTwoRoundTrips(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t1 NX PX 10000", "+OK")
	sc.expect(0, "DELIFEQ lock:a t1", ":1")
	began := sc.now
	sc.expect(0, "SET lock:a t1 NX PX 10000", "+OK")
	sc.expect(0, "SET lock:a t1 IFEQ t1 PX 10000", "+OK")
	sc.expect(0, "DELIFEQ lock:a t1", ":1")
	if took := sc.now - began; took != 600*time.Microsecond {
		t.Errorf("taking, extending and releasing a lock took %v, want three times 200us", took)
	}
}

func TestTheSlowestServerIsNotAwaited(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.servers[2].pause()
	began := sc.now
	sc.expect(0, "SET lock:a t1 NX PX 10000", "+OK")
	sc.expect(0, "SET lock:a t1 IFEQ t1 PX 10000", "+OK")
	sc.expect(0, "GET lock:a", "$2\r\nt1")
	sc.expect(0, "DELIFEQ lock:a t1", ":1")
	if took := sc.now - began; took > 5*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	sc.servers[2].resume()
	sc.expectHeld("lock:a", "- - -")
}

func TestALockEndsWithItsTTLAndNoSooner(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t1 NX PX 1000", "+OK")
	sc.pass(999 * time.Millisecond)
	sc.expect(0, "SET lock:a t2 NX PX 1000", "$-1")
	sc.pass(150 * time.Millisecond)
	sc.expect(0, "SET lock:a t2 NX PX 1000", "+OK")
}

func TestWithoutAMajorityNothingIsGrantedAndNothingIsLeft(t *testing.T) {
	sc := newScene(t, 3, 2)
	sc.cutOff(0, 1, 2)
	sc.expect(0, "SET lock:a t1 NX PX 1000", `-NOQUORUM 1/3 servers of quorum "safe" can vote: s1, s2: each is unreachable`)
	sc.expect(0, "RINGMAIN.EXTEND lock:a t1 PX 1000", "-NOQUORUM 1/3")
	sc.expect(0, "GET lock:a", "-NOQUORUM 1/3")
	sc.expectHeld("lock:a", "- - -")
	sc.restore(0, 1, 2)
	// Servers that cannot be told from working ones until they do not answer.
	sc.servers[1].pause()
	sc.servers[2].pause()
	sc.expect(0, "SET lock:a t1 NX PX 1000", "-NOQUORUM 1/3")
	sc.servers[1].resume()
	sc.servers[2].resume()
	sc.pass(time.Second)
	sc.expectHeld("lock:a", "- - -")
	sc.expect(1, "SET lock:a t1 NX PX 1000", "+OK")
}

func TestVotesThatComeTooLateGrantNothing(t *testing.T) {
	sc := newScene(t, 3, 1)
	var reply string
	sc.proxies[0].command("SET lock:a t1 NX PX 1000", func(r string) { reply = r })
	sc.pass(150 * time.Microsecond) // the votes are cast
	sc.proxies[0].pause()
	sc.pass(101 * time.Millisecond)
	sc.proxies[0].resume()
	sc.pass(time.Second)
	if !strings.HasPrefix(reply, "-NOQUORUM") {
		t.Errorf("replied %q", reply)
	}
	sc.expectHeld("lock:a", "- - -")
	// The same, when the machine was suspended and its monotonic clock stood still.
	reply = ""
	sc.proxies[0].command("SET lock:a t1 NX PX 1000", func(r string) { reply = r })
	sc.pass(150 * time.Microsecond)
	sc.proxies[0].pause()
	sc.pass(101 * time.Millisecond)
	sc.proxies[0].stoodStill(101 * time.Millisecond)
	sc.proxies[0].resume()
	sc.pass(time.Second)
	if !strings.HasPrefix(reply, "-NOQUORUM") {
		t.Errorf("after a suspension, replied %q", reply)
	}
}

func TestAServerThatWasDownAtTheReleaseIsReleasedWhenItIsBack(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t1 NX PX 60000", "+OK")
	sc.pass(time.Millisecond)
	sc.cutOff(0, 0, 1)
	// One server is enough to know that the token had the lock, if no majority says otherwise.
	sc.expect(0, "DELIFEQ lock:a t1", ":1")
	sc.expectHeld("lock:a", "t1 t1 -")
	sc.restore(0, 0, 1)
	sc.expectHeld("lock:a", "- - -")
	if sc.proxies[0].engine.chores != 0 {
		t.Errorf("%d releases go on", sc.proxies[0].engine.chores)
	}
}

func TestALateReleaseDoesNotTouchALaterLockOfTheSameToken(t *testing.T) {
	sc := newScene(t, 3, 2)
	sc.expect(0, "SET lock:a t NX PX 60000", "+OK")
	sc.pass(time.Millisecond)
	sc.cutOff(0, 1)
	sc.expect(0, "DELIFEQ lock:a t", ":1")
	// Another proxy's client takes the lock with the same token, as Spring's do.
	sc.expect(1, "DELIFEQ lock:a t", ":0") // one server has it
	sc.expect(1, "SET lock:a t NX PX 60000", "+OK")
	sc.pass(time.Second)
	sc.restore(0, 1)
	sc.expectHeld("lock:a", "t t t")
}

func TestAnotherProxysLocksAreExtendedAndReleased(t *testing.T) {
	sc := newScene(t, 3, 3)
	sc.expect(0, "SET lock:a t NX PX 60000", "+OK")
	sc.expect(1, "RINGMAIN.EXTEND lock:a t PX 60000", ":1")
	sc.expect(0, "RINGMAIN.EXTEND lock:a t PX 60000", ":1")
	sc.expect(2, "RINGMAIN.EXTEND lock:a t PX 60000", ":1")
	sc.expect(1, "DELIFEQ lock:a t", ":1")
	sc.pass(time.Millisecond)
	sc.expectHeld("lock:a", "- - -")
}

func TestALockThatAServerKeepsFromItsPastCanBeTaken(t *testing.T) {
	sc := newScene(t, 3, 1)
	// A proxy died when it had one vote.
	sc.servers[0].set("lock:a", "old", time.Minute)
	sc.servers[0].set(companionPrefix+"lock:a", companion{grant: strings.Repeat("1", 16), op: strings.Repeat("2", 16)}.String(), time.Minute)
	sc.expect(0, "SET lock:a t NX PX 1000", "+OK")
	sc.pass(time.Millisecond)
	sc.expectHeld("lock:a", "old t t")
	sc.expect(0, "GET lock:a", "$1\r\nt")
	sc.expect(0, "DELIFEQ lock:a t", ":1")
	// With the servers that are free down there is no majority to be had; it is held.
	sc.cutOff(0, 1)
	sc.expect(0, "SET lock:a t NX PX 1000", "$-1")
	sc.pass(time.Second)
	sc.expectHeld("lock:a", "old - -")
}

func TestSplitVotesAreTriedAgainUntilSomebodyWins(t *testing.T) {
	sc := newScene(t, 3, 3)
	for i := range 50 {
		key := fmt.Sprintf("lock:%d", i)
		won, answered := 0, 0
		for p := range sc.proxies {
			sc.proxies[p].command(fmt.Sprintf("SET %s t%d NX PX 10000", key, p), func(r string) {
				answered++
				if r == "+OK\r\n" {
					won++
				}
			})
		}
		sc.delay = func() time.Duration { return time.Duration(sc.random.Int64N(int64(time.Millisecond))) }
		if !sc.until(func() bool { return answered == 3 }) || won > 1 {
			t.Fatalf("%d of 3 won, %d answered", won, answered)
		}
		if won == 0 {
			t.Errorf("nobody won %s", key)
		}
	}
}

func TestCommandsOnAKeyAreCarriedOutInTheirOrder(t *testing.T) {
	sc := newScene(t, 3, 1)
	var replies []string
	for _, line := range []string{
		"SET lock:a t NX PX 1000", "GET lock:a", "SET lock:a u NX PX 1000", "DELIFEQ lock:a t", "GET lock:a", "SET lock:a u NX PX 1000", "EXISTS lock:a lock:b",
	} {
		sc.proxies[0].command(line, func(r string) { replies = append(replies, r) })
	}
	sc.until(func() bool { return len(replies) == 7 })
	if got, want := strings.Join(replies, ""), "+OK\r\n$1\r\nt\r\n$-1\r\n:1\r\n$-1\r\n+OK\r\n:1\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if g := sc.proxies[0].engine.gate; len(g.queues) != 0 || g.queued != 0 || g.bytes != 0 {
		t.Errorf("the gate still has %d queues, %d commands, %d bytes", len(g.queues), g.queued, g.bytes)
	}
}

func TestWhoWaitsGetsTheLockInTheOrderOfTheirComing(t *testing.T) {
	sc := newScene(t, 3, 2)
	sc.expect(0, "RINGMAIN.LOCK lock:a t0 PX 10000", "*3\r\n:1\r\n:1\r\n:10000\r\n")
	sc.expect(0, "RINGMAIN.LOCK lock:a t1 PX 10000", "*3\r\n:0\r\n:0\r\n:999")
	var order []string
	var cancels []func()
	for i := 1; i <= 5; i++ {
		token := fmt.Sprintf("t%d", i)
		cancels = append(cancels, sc.proxies[0].command("RINGMAIN.LOCK lock:a "+token+" PX 10000 WAIT 5000", func(r string) {
			order = append(order, token+" "+r[:8])
		}))
		sc.pass(time.Millisecond)
	}
	cancels[2]() // t3's client goes away
	began := sc.now
	for i := range 3 {
		sc.expect(0, fmt.Sprintf("DELIFEQ lock:a t%d", i), ":1")
		sc.pass(5 * time.Millisecond)
	}
	if got, want := strings.Join(order, ", "), "t3 -ERR the, t1 *3\r\n:1\r\n, t2 *3\r\n:1\r\n, "; !strings.HasPrefix(got+", ", want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if took := sc.now - began; took > 20*time.Millisecond {
		t.Errorf("it took %v: a release does not wake who waits", took)
	}
	order = nil
	sc.pass(5 * time.Second) // t5 waits in vain
	if got, want := strings.Join(order, ", "), "t5 *3\r\n:0\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if e := sc.proxies[0].engine; len(e.waiters) != 0 || e.waiting != 0 {
		t.Errorf("%d still wait", e.waiting)
	}
	// What another proxy releases is noticed, too.
	order = nil
	sc.proxies[1].command("RINGMAIN.LOCK lock:a t6 PX 10000 WAIT 5000", func(r string) { order = append(order, r) })
	sc.pass(time.Millisecond)
	sc.expect(0, "DELIFEQ lock:a t4", ":1")
	if sc.pass(150 * time.Millisecond); len(order) != 1 {
		t.Errorf("got %q", order)
	}
}

func TestALockThatIsGivenToAClientThatHasGoneIsFreeAgain(t *testing.T) {
	sc := newScene(t, 3, 1)
	var got []string
	answered := func(r string) { got = append(got, r) }
	cancel := sc.proxies[0].command("RINGMAIN.LOCK lock:a t PX 10000 WAIT 5000", answered)
	sc.proxies[0].command("RINGMAIN.LOCK lock:a u PX 10000 WAIT 5000", answered)
	cancel() // while the servers are asked
	sc.until(func() bool { return len(got) == 2 })
	if len(got) != 2 || !strings.HasPrefix(got[0], "-ERR the client has gone") || !strings.HasPrefix(got[1], "*3\r\n:1\r\n") {
		t.Errorf("got %q", got)
	}
	sc.expect(0, "GET lock:a", "$1\r\nu\r\n")
	if e := sc.proxies[0].engine; len(e.waiters) != 0 || e.waiting != 0 {
		t.Errorf("%d still wait", e.waiting)
	}
}

func TestALockThatNobodyIsToldOfIsGivenBack(t *testing.T) {
	for _, line := range []string{"SET lock:a t NX PX 10000", "RINGMAIN.LOCK lock:a t PX 10000", "RINGMAIN.LOCK lock:a t PX 10000 WAIT 5000"} {
		for _, late := range []bool{false, true} {
			sc := newScene(t, 3, 1)
			var got []string
			cancel := sc.proxies[0].command(line, func(r string) { got = append(got, r) })
			if late {
				sc.until(func() bool { return len(got) > 0 })
			}
			cancel()
			cancel()
			sc.pass(time.Second)
			if len(got) != 1 || strings.Contains(got[0], "client has gone") == late {
				t.Errorf("%s, late: %v: %q", line, late, got)
			}
			sc.expectHeld("lock:a", "- - -")
		}
	}
	// What the token had before, it keeps.
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	e := sc.proxies[0].engine
	ended := false
	cancel := e.AcquireOrExtend(Request{Keys: []string{"lock:a", "lock:b"}, Token: "t", TTL: 5 * time.Second}, func(Result) { ended = true })
	cancel()
	sc.until(func() bool { return ended })
	cancel()
	sc.pass(time.Second)
	sc.expectHeld("lock:a", "t t t")
}

func TestARepliesPromiseIsBrokenWhenTheServersMayNotKeepIt(t *testing.T) {
	for _, test := range []struct {
		line string
		// least is for how long after the request at least the reply may be handed over.
		least, most time.Duration
		instead     string
	}{
		{"SET lock:a t NX PX 1000", 100 * time.Millisecond, 100 * time.Millisecond, "-NOQUORUM the proxy was too slow"},
		{"RINGMAIN.LOCK lock:a t PX 1000", 100 * time.Millisecond, 100 * time.Millisecond, "-NOQUORUM the proxy was too slow"},
		{"SET lock:b t IFEQ t PX 1000", 100 * time.Millisecond, 100 * time.Millisecond, "-UNCERTAIN the lock may end"},
		{"GET lock:b", 0, 0, ""},
		{"DELIFEQ lock:b t", 0, 0, ""},
		{"SET lock:b u NX PX 1000", 0, 0, ""},
	} {
		sc := newScene(t, 3, 1)
		sc.expect(0, "SET lock:b t NX PX 10000", "+OK")
		began, promise, got := sc.proxies[0].Now(), quorum.Promise{}, ""
		sc.proxies[0].promised = &promise
		sc.proxies[0].command(test.line, func(r string) { got = r })
		sc.until(func() bool { return got != "" })
		if test.most == 0 {
			if promise.Broken(began.Plus(time.Hour)) {
				t.Errorf("%s, answered %q, promises %+v", test.line, got, promise)
			}
			continue
		}
		if promise.Broken(began.Plus(test.least)) || !promise.Broken(began.Plus(test.most+1)) || !strings.HasPrefix(string(promise.Instead), test.instead) {
			t.Errorf("%s promises until %v, instead %q", test.line, promise.Latest.Since(began), promise.Instead)
		}
	}
}

func TestALockIsReleasedAlsoForAClientThatHasGone(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	replies := 0
	sc.proxies[0].command("GET lock:a", func(string) { replies++ })
	for _, line := range []string{"DELIFEQ lock:a t", "RINGMAIN.UNLOCK lock:a t"} {
		if cancel := sc.proxies[0].command(line, func(string) { replies++ }); cancel != nil {
			t.Errorf("%s can be given up", line)
			cancel()
		}
	}
	sc.until(func() bool { return replies == 3 })
	sc.expectHeld("lock:a", "- - -")
}

func TestAVoteThatIsExecutedAfterTheReleaseIsTakenBack(t *testing.T) {
	for name, test := range map[string]struct {
		line      string
		there     time.Duration
		wantReply string
	}{
		"answered in time":     {"SET lock:a t NX PX 10000", 40 * time.Millisecond, "+OK"},
		"answered too late":    {"SET lock:a t NX PX 10000", 300 * time.Millisecond, "+OK"},
		"of a lock that is no": {"SET lock:a t NX PX 10000", 300 * time.Millisecond, "-NOQUORUM"},
	} {
		sc := newScene(t, 3, 1)
		sc.unordered = true
		slow := 1
		if test.wantReply != "+OK" {
			slow = 2
		}
		sent := 0
		sc.delay = func() time.Duration {
			if sent++; sent <= slow {
				return test.there
			}
			return 100 * time.Microsecond
		}
		sc.expect(0, test.line, test.wantReply)
		sc.do(0, "DELIFEQ lock:a t")
		sc.pass(5 * time.Second)
		if got := sc.held("lock:a"); got != "- - -" {
			t.Errorf("%s: the servers have %s", name, got)
		}
	}
}

func TestWhoWaitsWhileServersAreDownIsToldSo(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	var got []string
	for range 2 {
		sc.proxies[0].command("RINGMAIN.LOCK lock:a u PX 10000 WAIT 5000", func(r string) { got = append(got, r) })
	}
	sc.pass(time.Millisecond)
	sc.cutOff(0, 0, 1)
	sc.pass(300*time.Millisecond + aMoment)
	if len(got) != 2 || !strings.HasPrefix(got[0], "-NOQUORUM") || !strings.HasPrefix(got[1], "-NOQUORUM") {
		t.Errorf("got %q", got)
	}
}

func TestAForcedReleaseNeedsTheSetting(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	sc.expect(0, "DEL lock:a", "-ERR DEL, which would")
	sc = newScene(t, 3, 2, func(s *Settings) { s.Patterns[0].AllowDel = true })
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	sc.expect(1, "DEL lock:a lock:b", ":1\r\n")
	sc.pass(time.Millisecond)
	sc.expectHeld("lock:a", "- - -")
}

func TestNumbersRiseWithTheHoldersAndStayTheHoldersOwn(t *testing.T) {
	sc := newScene(t, 3, 2)
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	sc.expect(1, "RINGMAIN.FENCE lock:a u", "$-1\r\n")
	sc.expect(1, "RINGMAIN.FENCE lock:a t", ":1\r\n")
	sc.expect(0, "RINGMAIN.FENCE lock:a t", ":1\r\n")
	sc.expect(0, "RINGMAIN.EXTEND lock:a t PX 10000", ":1\r\n")
	sc.expect(1, "RINGMAIN.FENCE lock:a t", ":1\r\n")
	sc.expect(0, "DELIFEQ lock:a t", ":1\r\n")
	sc.expect(1, "RINGMAIN.FENCE lock:a t", "$-1\r\n")
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	sc.expect(0, "RINGMAIN.FENCE lock:a t", ":2\r\n")
	sc.expect(0, "DELIFEQ lock:a t", ":1\r\n")
	sc.expect(0, "RINGMAIN.LOCK lock:a t PX 10000", "*3\r\n:1\r\n:3\r\n:10000\r\n")
	sc.expect(1, "RINGMAIN.FENCE lock:a t", ":3\r\n")
	// A server of the majority that has the number is down.
	sc.cutOff(1, 0)
	sc.expect(1, "RINGMAIN.FENCE lock:a t", ":3\r\n")
}

func TestANumberFromBeforeAnotherHolderIsNotUsedAgain(t *testing.T) {
	sc := newScene(t, 3, 2)
	sc.expect(0, "RINGMAIN.LOCK lock:a t PX 60000", "*3\r\n:1\r\n:1\r\n")
	sc.pass(time.Millisecond)
	sc.cutOff(0, 0)
	sc.expect(0, "DELIFEQ lock:a t", ":1") // server 0 still has the lock, with the number
	sc.expect(1, "RINGMAIN.LOCK lock:a u PX 60000", "*3\r\n:1\r\n:2\r\n")
	sc.expect(1, "DELIFEQ lock:a u", ":1")
	var got *Result
	r := Request{Keys: []string{"lock:a"}, Token: "t", TTL: time.Minute}
	sc.proxies[1].engine.AcquireOrExtend(r, func(result Result) { got = &result })
	if !sc.until(func() bool { return got != nil }) || got.Verdict != Yes {
		t.Fatalf("got %+v", got)
	}
	sc.pass(time.Millisecond)
	sc.expectHeld("lock:a", "t t t")
	sc.expect(1, "RINGMAIN.FENCE lock:a t", ":3\r\n")
	sc.expect(1, "RINGMAIN.FENCE lock:a t", ":3\r\n")
}

func TestALockThatIsExtendedElsewhereWhileItIsNumberedHasANumber(t *testing.T) {
	sc := newScene(t, 3, 2)
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	got := ""
	sc.proxies[0].command("RINGMAIN.FENCE lock:a t", func(r string) { got = r })
	sc.pass(500 * time.Microsecond) // the number is being drawn
	sc.proxies[1].command("RINGMAIN.EXTEND lock:a t PX 10000", func(string) {})
	sc.until(func() bool { return got != "" })
	if got != ":2\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestAVeryLongWaitIsOne(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t NX PX 1000", "+OK")
	sc.expect(0, "RINGMAIN.LOCK lock:a u PX 1000 WAIT 9223372036854", "*3\r\n:1\r\n")
}

func TestALockWhoseNumberIsNotToBeHadIsNotGranted(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.fences.(*counterFences).err = fmt.Errorf("NOQUORUM 1/3 servers")
	sc.expect(0, "RINGMAIN.LOCK lock:a t PX 10000", "-NOQUORUM 1/3 servers\r\n")
	sc.pass(time.Millisecond)
	sc.expectHeld("lock:a", "- - -")
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	sc.expect(0, "RINGMAIN.FENCE lock:a t", "-NOQUORUM 1/3 servers\r\n")
	// Where there are no numbers at all, the lock is had without.
	sc = newScene(t, 3, 1, func(s *Settings) { s.Patterns[0].Fencing = false })
	sc.expect(0, "RINGMAIN.LOCK lock:a t PX 10000", "*3\r\n:1\r\n:0\r\n:10000\r\n")
	sc.expect(0, "RINGMAIN.FENCE lock:a t", "-ERR there are no fencing numbers: fencing is off for locks[0]")
}

func TestAnExtensionCannotGoOnForLongerThanMaxHold(t *testing.T) {
	sc := newScene(t, 3, 2, func(s *Settings) { s.Patterns[0].MaxHold = time.Minute })
	sc.expect(0, "SET lock:a t NX PX 50000", "+OK")
	sc.pass(40 * time.Second)
	sc.expect(1, "RINGMAIN.EXTEND lock:a t PX 50000", ":1")
	sc.pass(40 * time.Second)
	sc.expect(0, "RINGMAIN.EXTEND lock:a t PX 50000", "-ERR the lock has been held for longer than max_hold, 1m0s")
	sc.expect(0, "DELIFEQ lock:a t", ":1")
	sc.expect(0, "SET lock:a t NX PX 50000", "+OK")
}

func TestALockThatWasExtendedByItsTokenIsNotTakenBackWhenThatFails(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	sc.servers[2].keys = map[string]entry{} // it loses all, and cannot vote
	sc.pass(time.Second)
	sc.servers[1].pause()
	var got *Result
	r := Request{Keys: []string{"lock:a"}, Token: "t", TTL: 10 * time.Second}
	sc.proxies[0].engine.AcquireOrExtend(r, func(result Result) { got = &result })
	sc.until(func() bool { return got != nil })
	if got.Verdict != Failed || !strings.HasPrefix(got.Text, "NOQUORUM") {
		t.Fatalf("got %+v", got)
	}
	sc.servers[1].resume()
	sc.pass(time.Second)
	sc.expectHeld("lock:a", "t t -")
	got = nil
	sc.proxies[0].engine.AcquireOrExtend(r, func(result Result) { got = &result })
	sc.until(func() bool { return got != nil })
	if got.Verdict != Yes {
		t.Fatalf("got %+v", got)
	}
	sc.expect(0, "DELIFEQ lock:a t", ":1")
	sc.pass(time.Second)
	sc.expectHeld("lock:a", "- - -")
}

func TestSeveralLocksAreTakenTogetherOrNotAtAll(t *testing.T) {
	sc := newScene(t, 3, 2)
	run := func(proxy int, token string, keys ...string) Verdict {
		t.Helper()
		var got *Result
		sc.proxies[proxy].engine.Acquire(Request{Keys: keys, Token: token, TTL: 10 * time.Second}, func(r Result) { got = &r })
		sc.until(func() bool { return got != nil })
		return got.Verdict
	}
	if v := run(0, "t", "lock:a", "lock:b", "lock:a"); v != Yes {
		t.Errorf("verdict %v", v)
	}
	if v := run(1, "u", "lock:c", "lock:b"); v != No {
		t.Errorf("verdict %v", v)
	}
	sc.pass(time.Millisecond)
	sc.expectHeld("lock:c", "- - -")
	if v := run(1, "u", "lock:c", "lock:d"); v != Yes {
		t.Errorf("verdict %v", v)
	}
	var got *Result
	sc.proxies[0].engine.Release(Request{Keys: []string{"lock:a", "lock:b", "lock:c"}, Token: "t"}, func(r Result) { got = &r })
	sc.until(func() bool { return got != nil })
	if got.Verdict != Yes || got.Count != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsAddedToATTLIsAddedToWhatIsLeft(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
	sc.pass(4 * time.Second)
	var got *Result
	sc.proxies[0].engine.Extend(Request{Keys: []string{"lock:a"}, Token: "t", TTL: 5 * time.Second, Add: true}, func(r Result) { got = &r })
	sc.until(func() bool { return got != nil })
	if got.Verdict != Yes || got.Validity < 11*time.Second-time.Millisecond || got.Validity > 11300*time.Millisecond {
		t.Errorf("got %+v", got)
	}
}

func TestTooManyCommandsOnAKeyAreRefused(t *testing.T) {
	sc := newScene(t, 3, 1)
	for _, s := range sc.servers {
		s.pause()
	}
	refused := 0
	for range maxQueued + 10 {
		sc.proxies[0].command("GET lock:a", func(r string) {
			if strings.HasPrefix(r, "-ERR too many commands wait") {
				refused++
			}
		})
	}
	if refused != 10 {
		t.Errorf("%d are refused, want 10", refused)
	}
}

func TestTooManyWhoWaitAreRefusedAndLeaveNothing(t *testing.T) {
	for name, fill := range map[string]func(e *Engine){
		"in number": func(e *Engine) { e.waiting = maxQueuedAll },
		"in bytes":  func(e *Engine) { e.waitingBytes = maxQueuedBytes },
	} {
		sc := newScene(t, 3, 1)
		e := sc.proxies[0].engine
		fill(e)
		sc.expect(0, "RINGMAIN.LOCK lock:a t PX 10000 WAIT 5000", "-ERR too many commands wait")
		e.waiting, e.waitingBytes = 0, 0
		if len(e.waiters) > 0 {
			t.Errorf("%s: %d keys are waited for", name, len(e.waiters))
		}
		sc.expect(0, "SET lock:a t NX PX 10000", "+OK")
		got := ""
		sc.proxies[0].command("RINGMAIN.LOCK lock:a u PX 10000 WAIT 5000", func(r string) { got = r })
		sc.expect(0, "DELIFEQ lock:a t", ":1") // tells those who wait
		sc.until(func() bool { return got != "" })
		if !strings.HasPrefix(got, "*3\r\n:1\r\n") || e.waiting != 0 || e.waitingBytes != 0 {
			t.Errorf("%s: %q, %d of %d bytes wait", name, got, e.waiting, e.waitingBytes)
		}
	}
}

func TestWhatIsToBeTakenBackIsBoundedInBytes(t *testing.T) {
	sc := newScene(t, 3, 1)
	e := sc.proxies[0].engine
	sc.cutOff(0, 2)
	long := strings.Repeat("k", maxSize)
	for i := range 600 {
		e.takeBack(2, []string{fmt.Sprint(long, i)}, "t", "", []string{"op"}, time.Second, false)
	}
	if e.choreBytes > maxChoreBytes || e.chores < 100 || e.chores > maxChoreBytes/maxSize {
		t.Errorf("%d are kept, of %d bytes", e.chores, e.choreBytes)
	}
	sc.restore(0, 2)
	sc.pass(30 * time.Second)
	if e.chores != 0 || e.choreBytes != 0 {
		t.Errorf("in the end %d are kept, of %d bytes", e.chores, e.choreBytes)
	}
}
