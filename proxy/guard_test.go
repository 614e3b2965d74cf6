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

func TestATransactionThatWatchesNoLockHasNoLocks(t *testing.T) {
	sc := newContractScene(t, 1)
	sc.sends("MULTI\r\n")
	sc.gets("+OK\r\n")
	for _, input := range []string{"GET lock:x\r\n", "DEL lock:x\r\n", "INCR count:a\r\n", "MGET lock:x a\r\n", "EVAL s 1 lock:x\r\n", "RINGMAIN.LOCK lock:x t PX 1\r\n"} {
		sc.refuses(input)
	}
	sc.refuses("INCR count:a\r\n", "do not stand in a transaction")
	sc.sends("WATCH lock:x\r\n")
	sc.gets("-ERR WATCH inside MULTI is not allowed\r\n")
	sc.sends("EXEC\r\n")
	sc.gets("-" + errExecAbort + "\r\n")
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
	sc.refuses("DEL lock:x\r\n", "WATCH key")
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
