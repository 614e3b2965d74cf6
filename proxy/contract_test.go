package proxy

import (
	"strings"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/proxy/local"
)

func TestACommandOnALockIsExecutedElsewhereAndItsReplyComesInItsTurn(t *testing.T) {
	sc := newContractScene(t, 1)
	left := sc.sends("GET a\r\nSET lock:x v NX PX 100\r\nGET b\r\n")
	if left != "SET lock:x v NX PX 100\r\nGET b\r\n" {
		t.Fatalf("%q is left: a lock is to wait for what was sent ahead of it", left)
	}
	sc.server("$1\r\n1\r\n")
	if left = sc.sends(left); left != "GET b\r\n" {
		t.Fatalf("%q is left: what is sent behind a lock is to wait for it", left)
	}
	call := sc.locks.sent(t, "set: SET lock:x v NX PX 100, keys at [1], RESP2")[0]
	sc.gets("$1\r\n1\r\n")
	call.done([]byte("+OK\r\n"))
	sc.gets("+OK\r\n")
	if left = sc.sends(left); left != "" {
		t.Fatalf("%q is left", left)
	}
	sc.server("$1\r\n2\r\n")
	sc.gets("$1\r\n2\r\n")
}

func TestCountersAndPlainKeysAreUnderWayTogether(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.sends("INCR count:a\r\nGET b\r\nINCR count:c\r\nPING\r\n")
	calls := sc.counters.sent(t, "incr: INCR count:a, keys at [1], RESP2", "incr: INCR count:c, keys at [1], RESP2")
	calls[1].done([]byte(":7\r\n"))
	sc.server("$1\r\n2\r\n")
	sc.gets("")
	calls[0].done([]byte(":1\r\n"))
	sc.gets(":1\r\n$1\r\n2\r\n:7\r\n+PONG\r\n")
	if sc.s.commissions != nil {
		t.Error("something is kept of what is done")
	}
}

func TestAnExecutorMayAnswerAtOnce(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.locks.sync, sc.counters.sync = "+OK\r\n", ":1\r\n"
	if left := sc.sends("SET lock:a v NX PX 1\r\nINCR count:a\r\nGET lock:a\r\nPING\r\n"); left != "" {
		t.Fatalf("%q is left", left)
	}
	sc.gets("+OK\r\n:1\r\n+OK\r\n+PONG\r\n")
	if sc.s.commissions != nil || sc.s.suspended {
		t.Error("the client waits, for nothing")
	}
}

func TestAllKeysOfACommandAreTheExecutors(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.sends("MGET count:a count:b\r\nEVAL s 2 count:a count:b x\r\nOBJECT ENCODING count:a\r\n")
	sc.counters.sent(t, "mget: MGET count:a count:b, keys at [1 2], RESP2", "eval: EVAL s 2 count:a count:b x, keys at [3 4], RESP2",
		"object|encoding: OBJECT ENCODING count:a, keys at [2], RESP2")
}

func TestWhatAnExecutorKeepsIsItsOwn(t *testing.T) {
	sc := newContractScene(t, 1)
	input := []byte("*2\r\n$4\r\nINCR\r\n$7\r\ncount:a\r\n")
	sc.s.Data(input)
	clear(input)
	sc.counters.sent(t, "incr: INCR count:a, keys at [1], RESP2")
}

func TestPlainKeysBesideContractsCostNoAllocation(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.client.keep = false
	request, reply := []byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$4\r\nMGET\r\n$1\r\nb\r\n$1\r\nc\r\n"), []byte("$1\r\n1\r\n*2\r\n$1\r\n2\r\n$1\r\n3\r\n")
	if n := testing.AllocsPerRun(100, func() {
		sc.s.Data(request)
		sc.loop.dialled[0].Data(reply)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// prompt is an Executor that answers at once.
type prompt struct{ reply []byte }

// Execute implements Executor.
func (p prompt) Execute(_ ioloop.Loop, _ ContractCall, done func([]byte)) (cancel func()) {
	done(p.reply)
	return nil
}

func TestCountersCostNoAllocationBesideTheirExecutors(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.client.keep = false
	sc.core.Contracts[2].Executor = prompt{[]byte(":1\r\n")}
	request := []byte("*2\r\n$4\r\nINCR\r\n$7\r\ncount:a\r\n*2\r\n$3\r\nGET\r\n$7\r\ncount:a\r\n")
	if n := testing.AllocsPerRun(100, func() { sc.s.Data(request) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOrdinaryClientsHaveTheirLocksHeeded(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.forwards()
	sc.executes("GET lock:x\r\n", "get: GET lock:x, keys at [1], RESP2").done([]byte("$1\r\nv\r\n"))
	sc.gets("$1\r\nv\r\n")
	sc.forwards()
	sc.sends("INCR count:x\r\n")
	sc.counters.sent(t, "incr: INCR count:x, keys at [1], RESP2")
}

func TestTheFirstPatternWinsAndOneWithoutAnExecutorMeansPlainKeys(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.sends("SET owned-lock:a v NX\r\nMGET owned-lock:a x\r\n")
	sc.server("+OK\r\n*2\r\n$1\r\nv\r\n$-1\r\n")
	sc.gets("+OK\r\n*2\r\n$1\r\nv\r\n$-1\r\n")
	sc.executes("GET lock:count:a\r\n", "get: GET lock:count:a, keys at [1], RESP2")
}

func TestKeysOfAContractDoNotStandWithOthers(t *testing.T) {
	sc := newContractScene(t, 3)
	for _, input := range []string{
		"MGET a lock:x\r\n", "DEL lock:x a\r\n", "MSET a 1 lock:x 2\r\n", "RENAME a lock:x\r\n", "RENAME lock:x a\r\n", "EVAL s 2 lock:x a\r\n",
		"SORT a STORE lock:x\r\n", "COPY lock:x a\r\n", "BLPOP a lock:x 0\r\n", "SINTERSTORE lock:x a b\r\n", "WATCH a lock:x\r\n", "WATCH lock:x a\r\n",
		"GEORADIUS a 1 1 1 km STORE lock:x\r\n", "XREAD STREAMS a lock:x 0 0\r\n", "LMPOP 2 a lock:x LEFT\r\n",
	} {
		name, _, _ := strings.Cut(input, " ")
		sc.refuses(input, "'"+strings.ToLower(name)+"'", `the lock "lock:x" (locks[1] "lock:*") together with "a": `, "they allow SET NX")
	}
	sc.refuses("MGET count:a lock:x\r\n", `the counter "count:a" (counters[0] "*count:*") together with "lock:x": `)
	for i := range 3 {
		if n := sc.core.nodes[i].InFlight(); n > 0 {
			t.Errorf("server %d is asked %d times", i, n)
		}
	}
}

func TestTheProxysOwnKeysAreNobodysLocks(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.sends("GET __ringmain:lock:x\r\n")
	sc.gets("-" + errReserved + "\r\n")
	sc.refuses("MGET lock:a __ringmain:lock:x\r\n")
}

func TestARequestWhoseKeysNobodyFindsGetsAServersErrorNotAnExecutor(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.sends("EVAL s 5 lock:x\r\n")
	sc.server("-ERR Number of keys can't be greater than number of args\r\n")
	sc.gets("-ERR Number of keys can't be greater than number of args\r\n")
	sc.locks.sent(t)
}

func TestOnlyTheFirstDatabaseHasKeysOfContracts(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.s.client.Database = 1
	sc.refuses("GET lock:x\r\n", "database 0 only")
	sc.refuses("INCR count:x\r\n", "database 0 only")
	sc.refuses("WATCH lock:x\r\n", "database 0 only")
}

func TestALockThatIsNoneSaysSo(t *testing.T) {
	sc := newContractScene(t, 1)
	for _, input := range []string{"RINGMAIN.LOCK a t PX 1\r\n", "ringmain.extend a t PX 1\r\n", "RINGMAIN.UNLOCK a t\r\n", "RINGMAIN.FENCE a t\r\n", "RINGMAIN.LOCK owned-lock:a t PX 1\r\n"} {
		sc.refuses(input, "not supported on", `a": it matches no pattern of `+"`locks`")
	}
	sc.core.Contracts = nil
	sc.refuses("RINGMAIN.LOCK lock:x t PX 1\r\n", `"lock:x": it matches no pattern of `)
	sc.sends("MULTI\r\n")
	sc.client.take()
	sc.refuses("RINGMAIN.LOCK lock:x t PX 1\r\n", "'ringmain.lock'", "not within MULTI")
}

func TestTheKeysOfTenantsAreMatchedWithTheirPrefix(t *testing.T) {
	sc := newContractScene(t, 1)
	set := newTenantScene(t).core.Users
	sc.core.Users, sc.core.Local.Users = set, set
	sc.scene = sc.neighbour(2)
	sc.sends("AUTH a p\r\n")
	sc.gets("+OK\r\n")
	sc.executes("SET lock:x v NX PX 100\r\n", "set: SET a:lock:x v NX PX 100, keys at [1], RESP2").done([]byte("+OK\r\n"))
	sc.gets("+OK\r\n")
	sc.refuses("MGET y lock:x\r\n", `"lock:x" (locks[1] "lock:*") together with "y"`)
	sc.sends("RINGMAIN LOCKS\r\n")
	sc.gets("-NOPERM this user has no permissions to run the 'ringmain|locks' command\r\n")
}

func TestTenantsHaveScriptsCarriedOutOnLocksAndRunNowhere(t *testing.T) {
	sc := newContractScene(t, 1)
	set := newTenantScene(t).core.Users
	sc.core.Users, sc.core.Local.Users = set, set
	d := digestOf([]byte("mine"))
	sc.executes("EVAL mine 1 lock:x v\r\n", "eval: EVAL mine 1 lock:x v, keys at [3], RESP2").done([]byte(":1\r\n")) // who is no tenant
	sc.gets(":1\r\n")
	sc.scene = sc.neighbour(2)
	sc.sends("AUTH a p\r\n")
	sc.gets("+OK\r\n")
	for _, name := range []string{"EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO"} {
		call := sc.executes(name+" "+string(d[:])+" 2 lock:x lock:y lock:v\r\n",
			strings.ToLower(name)+": "+name+" "+string(d[:])+" 2 a:lock:x a:lock:y lock:v, keys at [3 4], RESP2")
		if call.Text != nil {
			t.Errorf("%s tells of a script that somebody else has sent", name)
		}
		call.done([]byte(":1\r\n"))
		sc.gets(":1\r\n")
		refused := "-NOPERM this user has no permissions to run the '" + strings.ToLower(name) + "' command\r\n"
		for _, rest := range []string{" 0", " 1 k", " 1 owned-lock:x", " 2 k owned-lock:x", " 2 lock:x", " -1 lock:x", " x lock:x", " 0 lock:x"} {
			sc.sends(name + " text" + rest + "\r\n")
			sc.gets(refused)
		}
		sc.refuses(name+" text 2 lock:x k\r\n", `"lock:x" (locks[1] "lock:*") together with "k"`)
		sc.refuses(name+" text 2 lock:x count:x\r\n", `together with "count:x"`)
		sc.sends("MULTI\r\n" + name + " text 1 k\r\nEXEC\r\n")
		sc.gets("+OK\r\n" + refused + "-EXECABORT Transaction discarded because of previous errors.\r\n")
	}
	if sc.core.scripts.find(digestOf([]byte(d[:]))) != nil {
		t.Error("what a tenant has sent is kept for others")
	}
	left := sc.sends("SET k 1\r\nEVAL text 1 lock:x v\r\nGET k\r\n") // it waits, and is not given the prefix twice
	if left != "EVAL text 1 lock:x v\r\nGET k\r\n" {
		t.Fatalf("%q is left", left)
	}
	sc.server("+OK\r\n")
	if left = sc.sends(left); left != "GET k\r\n" {
		t.Fatalf("%q is left", left)
	}
	sc.locks.sent(t, "eval: EVAL text 1 a:lock:x v, keys at [3], RESP2")[0].done([]byte(":1\r\n"))
	sc.gets("+OK\r\n:1\r\n")
	sc.sends("MULTI\r\nEVAL text 1 lock:x v\r\nEXEC\r\n")
	sc.locks.sent(t, "eval: EVAL text 1 a:lock:x v, keys at [3], RESP2")[0].done([]byte(":1\r\n"))
	sc.gets("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n")
}

func TestWhoMayOnlyReadTakesNoLock(t *testing.T) {
	sc := newContractScene(t, 1)
	set := newTenantScene(t).core.Users
	sc.core.Users, sc.core.Local.Users = set, set
	sc.scene = sc.neighbour(2)
	sc.sends("AUTH b p\r\n")
	sc.client.take()
	for _, input := range []string{"SET lock:x v NX PX 1\r\n", "RINGMAIN.LOCK lock:x t PX 1\r\n"} {
		sc.sends(input)
		if got := sc.client.take(); !strings.HasPrefix(got, "-NOPERM ") {
			t.Errorf("%q gets %q", input, got)
		}
	}
	sc.executes("GET lock:x\r\n", "get: GET b:lock:x, keys at [1], RESP2")
}

func TestAScriptOnLocksIsKnownByItsTextToTheExecutor(t *testing.T) {
	sc := newContractScene(t, 1)
	const text = "return 1"
	sc.executes("EVAL \""+text+"\" 1 lock:x v\r\n", "eval: EVAL "+text+" 1 lock:x v, keys at [3], RESP2").done([]byte(":1\r\n"))
	d := digestOf([]byte(text))
	call := sc.executes("EVALSHA "+strings.ToUpper(string(d[:]))+" 1 lock:x v\r\n", "evalsha: EVALSHA "+strings.ToUpper(string(d[:]))+" 1 lock:x v, keys at [3], RESP2")
	if string(call.Text) != text {
		t.Errorf("the text is %q", call.Text)
	}
	call.done([]byte(":1\r\n"))
	call = sc.executes("EVALSHA "+strings.Repeat("0", 40)+" 1 lock:x v\r\n", "evalsha: EVALSHA "+strings.Repeat("0", 40)+" 1 lock:x v, keys at [3], RESP2")
	if call.Text != nil {
		t.Errorf("a text that nobody has sent is %q", call.Text)
	}
}

func TestAClientThatHasGoneIsNotWaitedFor(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.sends("INCR count:a\r\nINCR count:b\r\nSET lock:x v NX PX 1\r\n")
	calls := sc.counters.sent(t, "incr: INCR count:a, keys at [1], RESP2", "incr: INCR count:b, keys at [1], RESP2")
	calls[0].done([]byte(":1\r\n"))
	sc.gets(":1\r\n")
	sc.s.Closed(nil)
	if calls[0].cancelled != 0 || calls[1].cancelled != 1 {
		t.Errorf("given up %d and %d times", calls[0].cancelled, calls[1].cancelled)
	}
	calls[1].done([]byte(":2\r\n"))
	sc.gets("")
}

func TestALockThatIsWaitedForSuspendsTheClient(t *testing.T) {
	sc := newContractScene(t, 1)
	left := sc.sends("RINGMAIN.LOCK lock:x t PX 100 WAIT 1000\r\nPING\r\n")
	if left != "PING\r\n" || !strings.Contains(sc.s.flags(), "b") {
		t.Fatalf("%q is left, the flags are %s", left, sc.s.flags())
	}
	call := sc.locks.sent(t, "ringmain.lock: RINGMAIN.LOCK lock:x t PX 100 WAIT 1000, keys at [1], RESP2")[0]
	call.done([]byte("*3\r\n:1\r\n:9\r\n:99\r\n"))
	sc.gets("*3\r\n:1\r\n:9\r\n:99\r\n")
	if !sc.client.resumed {
		t.Error("it does not go on")
	}
	sc.sends(left)
	sc.gets("+PONG\r\n")
	if sc.s.waiting {
		t.Error("it still waits")
	}
}

func TestAClientThatHangsUpWhileItWaitsForALockGivesItUp(t *testing.T) {
	sc := newContractScene(t, 1)
	call := sc.executes("RINGMAIN.LOCK lock:x t PX 100 WAIT 0\r\n", "ringmain.lock: RINGMAIN.LOCK lock:x t PX 100 WAIT 0, keys at [1], RESP2")
	sc.s.HalfClosed()
	if call.cancelled != 1 || !sc.client.closed {
		t.Errorf("given up %d times, closed: %v", call.cancelled, sc.client.closed)
	}
	sc.s.Closed(nil)
	if call.cancelled != 1 {
		t.Errorf("given up %d times", call.cancelled)
	}
}

// A lock that comes too late, after CLIENT UNBLOCK, is nobody's: the executor may have let go of it.
func TestWhoIsLetGoHasNoLock(t *testing.T) {
	for _, test := range []struct{ how, reply, want string }{
		{"", "*3\r\n:0\r\n:0\r\n:55\r\n", "*3\r\n:0\r\n:0\r\n:55\r\n"},
		{" TIMEOUT", "*3\r\n:1\r\n:9\r\n:99\r\n", "*3\r\n:0\r\n:0\r\n:0\r\n"},
		{" TIMEOUT", "-NOQUORUM 1/3\r\n", "-NOQUORUM 1/3\r\n"},
		{" TIMEOUT", "-ERR the client has gone\r\n", "*3\r\n:0\r\n:0\r\n:0\r\n"},
		{" TIMEOUT", "*0\r\n", "*3\r\n:0\r\n:0\r\n:0\r\n"},
		{" ERROR", "*3\r\n:1\r\n:9\r\n:99\r\n", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"},
	} {
		sc := newContractScene(t, 1)
		call := sc.executes("RINGMAIN.LOCK lock:x t PX 100 WAIT 9\r\n", "ringmain.lock: RINGMAIN.LOCK lock:x t PX 100 WAIT 9, keys at [1], RESP2")
		other := sc.neighbour(2)
		other.sends("CLIENT UNBLOCK 1" + test.how + "\r\nCLIENT UNBLOCK 1\r\n")
		other.gets(":1\r\n:0\r\n")
		if call.cancelled != 1 {
			t.Errorf("given up %d times", call.cancelled)
		}
		sc.gets("")
		call.done([]byte(test.reply))
		sc.gets(test.want)
	}
}

func TestADrainEndsTheWaitForALock(t *testing.T) {
	sc := newContractScene(t, 1)
	call := sc.executes("RINGMAIN.LOCK lock:x t PX 100 WAIT 9000\r\n", "ringmain.lock: RINGMAIN.LOCK lock:x t PX 100 WAIT 9000, keys at [1], RESP2")
	sc.core.Drain(func() {})
	if call.cancelled != 1 {
		t.Error("it is waited for")
	}
	call.done([]byte("*3\r\n:0\r\n:0\r\n:5\r\n"))
	sc.gets("*3\r\n:0\r\n:0\r\n:5\r\n")
	if !sc.client.closed {
		t.Error("the client stays")
	}
}

func TestRepliesOfContractsHeedClientReply(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.sends("CLIENT REPLY SKIP\r\n")
	sc.executes("GET lock:x\r\n", "get: GET lock:x, keys at [1], RESP2").done([]byte("$1\r\nv\r\n"))
	sc.gets("")
	sc.executes("GET lock:x\r\n", "get: GET lock:x, keys at [1], RESP2").done([]byte("$1\r\nv\r\n"))
	sc.gets("$1\r\nv\r\n")
	sc.sends("CLIENT REPLY OFF\r\nMGET lock:x a\r\nHELLO 3\r\n")
	sc.executes("GET lock:x\r\n", "get: GET lock:x, keys at [1], RESP3").done([]byte("$1\r\nv\r\n"))
	sc.gets("")
}

func TestCommandsOfContractsAreCountedAndLoggedIfSlow(t *testing.T) {
	sc := newContractScene(t, 1)
	call := sc.executes("GET lock:x\r\n", "get: GET lock:x, keys at [1], RESP2")
	sc.loop.now = sc.loop.now.Add(time.Second)
	call.done([]byte("-NOQUORUM x\r\n"))
	sc.gets("-NOQUORUM x\r\n")
	call = sc.executes("RINGMAIN.LOCK lock:x t PX 1 WAIT 99\r\n", "ringmain.lock: RINGMAIN.LOCK lock:x t PX 1 WAIT 99, keys at [1], RESP2")
	sc.loop.now = sc.loop.now.Add(time.Second)
	call.done([]byte("*3\r\n:0\r\n:0\r\n:5\r\n"))
	sc.client.take()
	sc.sends("SLOWLOG LEN\r\n") // one that waits has not been slow
	sc.gets(":1\r\n")
	counts := sc.core.infoCounts()
	if n := counts.Commands[getID]; n.Calls != 1 || n.Failed != 1 || n.Spent != time.Second {
		t.Errorf("GET is counted as %+v", n)
	}
}

func TestAPauseHoldsCommandsOfContractsBackAndMonitorsSeeThem(t *testing.T) {
	sc := newContractScene(t, 1)
	other := sc.neighbour(2)
	other.sends("MONITOR\r\n")
	other.client.take()
	sc.executes("GET lock:x\r\n", "get: GET lock:x, keys at [1], RESP2").done([]byte("$1\r\nv\r\n"))
	if got := other.client.take(); !strings.Contains(got, `"GET" "lock:x"`) {
		t.Errorf("a monitor sees %q", got)
	}
	other.sends("RESET\r\nCLIENT PAUSE 1000 WRITE\r\n")
	if left := sc.sends("SET lock:x v NX PX 1\r\n"); left == "" {
		t.Error("it is not held back")
	}
}

func TestWhatAClientMayKeepCopiesOfIsNotReadFromContracts(t *testing.T) {
	for _, test := range []struct {
		tracking local.Tracking
		keeps    bool
	}{
		{local.Tracking{}, true},
		{local.Tracking{OptIn: true}, false},
		{local.Tracking{OptIn: true, Caching: true}, true},
		{local.Tracking{OptOut: true}, true},
		{local.Tracking{OptOut: true, Caching: true}, false},
		{local.Tracking{Broadcast: true}, true},
		{local.Tracking{Broadcast: true, Prefixes: [][]byte{[]byte("user:"), []byte("lock:")}}, true},
		{local.Tracking{Broadcast: true, Prefixes: [][]byte{[]byte("user:")}}, false},
		{local.Tracking{Broadcast: true, Prefixes: [][]byte{[]byte("ock:")}, Within: []byte("l")}, true},
	} {
		sc := newContractScene(t, 1)
		sc.s.client.Tracking = &test.tracking
		if !test.keeps {
			sc.executes("GET lock:x\r\n", "get: GET lock:x, keys at [1], RESP2")
			continue
		}
		sc.refuses("GET lock:x\r\n", "CLIENT TRACKING")
		sc.executes("SET lock:x v NX PX 1\r\n", "set: SET lock:x v NX PX 1, keys at [1], RESP2")
	}
}

func TestOperatorsAreToldOfLocks(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.sends("RINGMAIN LOCKS\r\nringmain locks lock:*\r\nRINGMAIN LOCKS a b\r\n")
	calls := sc.locks.sent(t, "locks: , keys at [], RESP2", "locks: lock:*, keys at [], RESP2")
	if calls[0].Args[0] != nil {
		t.Error("there is a pattern")
	}
	calls[1].done([]byte("*0\r\n"))
	sc.gets("")
	calls[0].done([]byte("*1\r\n$1\r\nx\r\n"))
	sc.gets("*1\r\n$1\r\nx\r\n*0\r\n-ERR unknown subcommand or wrong number of arguments for 'LOCKS'. Try RINGMAIN HELP.\r\n")
	sc.sends("RINGMAIN LOCKS " + strings.Repeat("*", 1025) + "\r\n")
	sc.gets("-ERR the pattern is longer than 1024 bytes\r\n")
	sc.core.Locks = nil
	sc.sends("RINGMAIN LOCKS\r\n")
	sc.gets("-ERR there are no locks: the configuration has no pattern of keys for them (`locks`)\r\n")
	sc.sends("RINGMAIN HELP\r\n")
	if got := sc.client.take(); !strings.Contains(got, "+LOCKS\r\n") {
		t.Errorf("HELP is %q", got)
	}
	sc.sends("RINGMAIN X\r\n")
	sc.gets("-ERR unknown subcommand 'X'. Try RINGMAIN HELP.\r\n")
}
