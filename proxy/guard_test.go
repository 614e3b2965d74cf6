package proxy

import (
	"strings"
	"testing"
)

// watchesLock has the client watch a lock, whose GET has a reply.
func (sc *contractScene) watchesLock(reply string) {
	sc.Helper()
	sc.sends("WATCH lock:x\r\n")
	sc.gets("+OK\r\n")
	sc.sends("GET lock:x\r\n")
	sc.locks.calls[0].done([]byte(reply))
	sc.locks.calls = nil
	sc.gets(reply)
}

func TestATransactionOnALockIsOneComparison(t *testing.T) {
	for _, test := range []struct{ command, call, reply, want string }{
		{"DEL lock:x", "delifeq: DELIFEQ lock:x v, keys at [1], RESP2", ":1\r\n", "*1\r\n:1\r\n"},
		{"UNLINK lock:x", "delifeq: DELIFEQ lock:x v, keys at [1], RESP2", ":0\r\n", "*-1\r\n"},
		{"PEXPIRE lock:x 70", "set: SET lock:x v IFEQ v PX 70, keys at [1], RESP2", "+OK\r\n", "*1\r\n:1\r\n"},
		{"EXPIRE lock:x 7", "set: SET lock:x v IFEQ v PX 7000, keys at [1], RESP2", "$-1\r\n", "*-1\r\n"},
		{"DEL lock:x", "delifeq: DELIFEQ lock:x v, keys at [1], RESP2", "-NOQUORUM 1/3\r\n", "-NOQUORUM 1/3\r\n"},
	} {
		sc := newContractScene(t, 1)
		sc.watchesLock("$1\r\nv\r\n")
		left := sc.sends("MULTI\r\n" + test.command + "\r\nEXEC\r\nPING\r\n")
		if left != "PING\r\n" {
			t.Fatalf("%q is left", left)
		}
		sc.gets("+OK\r\n+QUEUED\r\n")
		sc.locks.sent(t, test.call)[0].done([]byte(test.reply))
		sc.gets(test.want)
		if sc.sends(left); sc.s.tx != nil || sc.core.queuedBytes != 0 {
			t.Errorf("%s: something is kept", test.command)
		}
		sc.gets("+PONG\r\n")
	}
}

func TestATransactionOnALockThatWasFreeAsksWhetherItStillIs(t *testing.T) {
	for reply, want := range map[string]string{":0\r\n": "*1\r\n:0\r\n", ":1\r\n": "_\r\n", "-NOQUORUM\r\n": "-NOQUORUM\r\n"} {
		sc := newContractScene(t, 1)
		sc.s.client.Protocol = 3
		sc.watchesLock("_\r\n")
		sc.sends("MULTI\r\nPEXPIRE lock:x 100\r\nEXEC\r\n")
		sc.gets("+OK\r\n+QUEUED\r\n")
		sc.locks.sent(t, "exists: EXISTS lock:x, keys at [1], RESP3")[0].done([]byte(reply))
		sc.gets(want)
	}
}

func TestTheLatestGetCounts(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.watchesLock("$1\r\nv\r\n")
	sc.sends("GET lock:y\r\n")
	sc.locks.sent(t, "get: GET lock:y, keys at [1], RESP2")[0].done([]byte("$1\r\ny\r\n"))
	sc.sends("WATCH lock:x lock:x\r\nGET lock:x\r\n")
	sc.locks.sent(t, "get: GET lock:x, keys at [1], RESP2")[0].done([]byte("$1\r\nw\r\n"))
	sc.client.take()
	sc.sends("MULTI\r\nDEL lock:x\r\nEXEC\r\n")
	sc.locks.sent(t, "delifeq: DELIFEQ lock:x w, keys at [1], RESP2")
}

func TestOnlyOneChangeOfTheWatchedLockMayBeQueued(t *testing.T) {
	for _, input := range []string{
		"GET lock:x\r\n", "SET lock:x v NX PX 1\r\n", "DEL lock:y\r\n", "DEL lock:x lock:x\r\n", "DEL a\r\n", "SET a 1\r\n", "PING\r\n", "INCR count:a\r\n",
		"PEXPIRE lock:x 0\r\n", "PEXPIRE lock:x x\r\n", "EXPIRE lock:x 9223372036854775\r\n", "EXPIRE lock:x 9223372036854776\r\n", "PEXPIRE lock:x 1 NX\r\n", "PEXPIRE lock:y 1\r\n",
		"EVAL s 1 lock:x\r\n", "DBSIZE\r\n", "MGET lock:x a\r\n", "DEL lock:x\r\nDEL lock:x\r\n",
	} {
		sc := newContractScene(t, 1)
		sc.watchesLock("$1\r\nv\r\n")
		sc.sends("MULTI\r\n" + input)
		got := strings.TrimPrefix(strings.TrimPrefix(sc.client.take(), "+OK\r\n"), "+QUEUED\r\n")
		sc.sends("EXEC\r\n")
		if input == "EXPIRE lock:x 9223372036854775\r\n" { // the longest
			sc.locks.sent(t, "set: SET lock:x v IFEQ v PX 9223372036854775000, keys at [1], RESP2")
			continue
		}
		if !strings.HasPrefix(got, "-ERR ") {
			t.Errorf("%q gets %q", input, got)
		}
		sc.gets("-" + errExecAbort + "\r\n")
		sc.locks.sent(t)
		sc.sends("SET a 1\r\n")
		sc.server("+OK\r\n")
		sc.gets("+OK\r\n")
	}
}

func TestNothingIsQueuedForALockWhoseValueIsNotKnown(t *testing.T) {
	for _, reply := range []string{"", "-NOQUORUM x\r\n"} {
		sc := newContractScene(t, 1)
		if reply == "" {
			sc.sends("WATCH lock:x\r\n")
			sc.client.take()
		} else {
			sc.watchesLock(reply)
		}
		sc.sends("MULTI\r\n")
		sc.gets("+OK\r\n")
		sc.refuses("DEL lock:x\r\n", "no GET of it since WATCH")
		sc.sends("EXEC\r\n")
		sc.gets("-" + errExecAbort + "\r\n")
	}
}

func TestATransactionMayBeOneCommandOnKeysUnderAContract(t *testing.T) {
	for _, test := range []struct{ command, call, reply, want string }{
		{"INCR count:a", "incr: INCR count:a, keys at [1], RESP2", ":7\r\n", "*1\r\n:7\r\n"},
		{"MGET count:a count:b", "mget: MGET count:a count:b, keys at [1 2], RESP2", "*2\r\n$-1\r\n$-1\r\n", "*1\r\n*2\r\n$-1\r\n$-1\r\n"},
		{"INCR count:a", "incr: INCR count:a, keys at [1], RESP2", "-UNCERTAIN x\r\n", "*1\r\n-UNCERTAIN x\r\n"},
		{"SET lock:x v NX PX 100", "set: SET lock:x v NX PX 100, keys at [1], RESP2", "+OK\r\n", "*1\r\n+OK\r\n"},
		{"RINGMAIN.LOCK lock:x t PX 100", "ringmain.lock: RINGMAIN.LOCK lock:x t PX 100, keys at [1], RESP2", "*3\r\n:0\r\n:0\r\n:5\r\n", "*1\r\n*3\r\n:0\r\n:0\r\n:5\r\n"},
		{"EVAL s 1 lock:x v", "eval: EVAL s 1 lock:x v, keys at [3], RESP2", ":1\r\n", "*1\r\n:1\r\n"},
	} {
		sc := newContractScene(t, 1)
		keeper := sc.counters
		left := "PING\r\n"
		if strings.Contains(test.command, "lock:") {
			keeper = sc.locks
		}
		sc.sends("GET a\r\n")
		if got := sc.sends("MULTI\r\n" + test.command + "\r\n"); got != "" {
			t.Fatalf("%q is left", got)
		}
		if keeper == sc.locks { // which waits for what was sent ahead of it
			if got := sc.sends("EXEC\r\n"); got != "EXEC\r\n" {
				t.Fatalf("%q is left", got)
			}
			keeper.sent(t)
			sc.server("$1\r\n1\r\n")
			left = sc.sends("EXEC\r\n" + left)
			if left != "PING\r\n" {
				t.Fatalf("%q is left: what is sent behind a lock is to wait for it", left)
			}
		} else {
			left = sc.sends("EXEC\r\n" + left)
			sc.server("$1\r\n1\r\n")
		}
		keeper.sent(t, test.call)[0].done([]byte(test.reply))
		sc.sends(left)
		sc.gets("$1\r\n1\r\n+OK\r\n+QUEUED\r\n" + test.want + "+PONG\r\n")
		if sc.s.tx != nil || sc.core.queuedBytes != 0 || sc.s.commissions != nil {
			t.Errorf("%s: something is kept", test.command)
		}
	}
}

func TestATransactionHasNothingBesideOneCommandUnderAContract(t *testing.T) {
	for _, input := range []string{
		"INCR count:a\r\nINCR count:a\r\n", "INCR count:a\r\nSET lock:x v NX PX 1\r\n", "SET a 1\r\nINCR count:a\r\n", "INCR count:a\r\nSET a 1\r\n",
		"INCR count:a\r\nPING\r\n", "PING\r\nINCR count:a\r\n", "INCR count:a\r\nDBSIZE\r\n", "INCR count:a\r\nPUBLISH a b\r\n",
		"MGET lock:x a\r\n", "RINGMAIN.LOCK lock:x t PX 1 WAIT 1\r\n",
	} {
		sc := newContractScene(t, 1)
		sc.sends("MULTI\r\n" + input)
		got := strings.TrimPrefix(strings.TrimPrefix(sc.client.take(), "+OK\r\n"), "+QUEUED\r\n")
		if !strings.HasPrefix(got, "-ERR command ") {
			t.Errorf("%q gets %q", input, got)
		}
		sc.sends("WATCH lock:x\r\nEXEC\r\n")
		sc.gets("-ERR WATCH inside MULTI is not allowed\r\n-" + errExecAbort + "\r\n")
		sc.locks.sent(t)
		sc.counters.sent(t)
		if sc.s.tx != nil || sc.core.queuedBytes != 0 {
			t.Errorf("%q: something is kept", input)
		}
	}
	sc := newContractScene(t, 1)
	sc.watches("a")
	sc.sends("MULTI\r\n")
	sc.gets("+OK\r\n")
	sc.refuses("INCR count:a\r\n", "without WATCH")
	sc.sends("DISCARD\r\n")
	sc.gets("+OK\r\n")
	sc.sends("MULTI\r\nINCR count:a\r\nDISCARD\r\nMULTI\r\nEXEC\r\n")
	sc.gets("+OK\r\n+QUEUED\r\n+OK\r\n+OK\r\n*0\r\n")
	sc.counters.sent(t)
}

func TestWatchesOfLocksAndOfOtherKeysDoNotMix(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.refuses("WATCH count:a\r\n", "counter")
	sc.refuses("WATCH lock:x lock:y\r\n", "WATCH key")
	sc.watches("a")
	sc.refuses("WATCH lock:x\r\n", "together with other keys")
	sc.sends("UNWATCH\r\nWATCH lock:x\r\n")
	sc.gets("+OK\r\n+OK\r\n")
	sc.refuses("WATCH a\r\n", "together with other keys")
	sc.refuses("WATCH lock:y\r\n", "WATCH key")
	sc.sends("UNWATCH\r\nMULTI\r\n")
	sc.gets("+OK\r\n+OK\r\n")
	sc.sends("DEL lock:x\r\n") // a lone command, which the lock's executor may refuse
	sc.gets("+QUEUED\r\n")
}

func TestALockThatIsWatchedIsLeftByDiscardResetAndAnEmptyTransaction(t *testing.T) {
	for input, want := range map[string]string{"MULTI\r\nDISCARD\r\n": "+OK\r\n+OK\r\n", "RESET\r\n": "+RESET\r\n", "MULTI\r\nEXEC\r\n": "+OK\r\n*0\r\n", "MULTI\r\nDEL lock:x\r\nDISCARD\r\n": "+OK\r\n+QUEUED\r\n+OK\r\n"} {
		sc := newContractScene(t, 1)
		sc.watchesLock("$1\r\nv\r\n")
		sc.sends(input)
		sc.gets(want)
		if sc.s.tx != nil || sc.core.queuedBytes != 0 {
			t.Errorf("%q: something is kept", input)
		}
		sc.locks.sent(t)
	}
}

func TestAClientThatGoesDuringItsTransactionOnALockLeavesNothing(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.watchesLock("$1\r\nv\r\n")
	sc.sends("MULTI\r\nDEL lock:x\r\nEXEC\r\n")
	call := sc.locks.sent(t, "delifeq: DELIFEQ lock:x v, keys at [1], RESP2")[0]
	sc.s.Closed(nil)
	call.done([]byte(":1\r\n"))
	if sc.core.queuedBytes != 0 || call.cancelled != 1 {
		t.Errorf("%d bytes are kept, given up %d times", sc.core.queuedBytes, call.cancelled)
	}
}

func TestATransactionOnALockIsShownToMonitorsWhenItIsExecuted(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.watchesLock("$1\r\nv\r\n")
	other := sc.neighbour(2)
	other.sends("MONITOR\r\n")
	other.client.take()
	sc.sends("MULTI\r\nDEL lock:x\r\nEXEC\r\n")
	got := other.client.take()
	if multi, del := strings.Index(got, `"MULTI"`), strings.Index(got, `"DEL" "lock:x"`); multi < 0 || del < multi || strings.Contains(got, "DELIFEQ") {
		t.Errorf("a monitor sees %q", got)
	}
}
