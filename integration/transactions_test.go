package integration

import (
	"strings"
	"testing"
)

// transactionScenes are played on Ringmain and on one Redis.
var transactionScenes = map[string]string{
	"plain": `
		a MULTI
		a SET k~ 1
		a INCR k~
		a GET k~
		a EXEC
		a GET k~
		a EXEC
		a DISCARD`,
	"in one pipeline": `
		a> MULTI
		a> SET k~ 1
		a> LPUSH l~ x y
		a> LRANGE l~ 0 -1
		a> EXEC
		a> GET k~
		a< 6`,
	"empty": `
		a MULTI
		a EXEC
		A MULTI
		A EXEC`,
	"discarded": `
		a SET k~ 1
		a MULTI
		a SET k~ 2
		a DISCARD
		a GET k~
		a DISCARD`,
	"nested": `
		a MULTI
		a MULTI
		a WATCH k~
		a SET k~ 1
		a EXEC`,
	"errors when queued": `
		a MULTI
		a NOSUCHCOMMAND x
		a SET k~ 1
		a EXEC
		a EXISTS k~
		a MULTI
		a SET k~
		a EXEC
		a MULTI
		a CLIENT nosuch
		a EXEC
		a MULTI
		a GET k~
		a NOSUCH
		a DISCARD
		a GET k~`,
	"errors when executed": `
		a SET k~ x
		a MULTI
		a LPUSH k~ 1
		a INCR k~
		a MSET m~ 1 n~
		a SET k~ y
		a EXEC
		a GET k~`,
	"what the proxy answers": `
		a MULTI
		a PING
		a ECHO hello
		a SET k~ 1
		a CLIENT SETNAME name
		a CLIENT GETNAME
		a UNWATCH
		a COMMAND COUNT x
		a GET k~
		a EXEC
		a MULTI
		a PING
		a CLIENT GETNAME
		a EXEC
		a MULTI
		a COMMAND GETKEYS GET k
		a EXEC`,
	"protocol 3": `
		A HSET h~ f v g w
		A MULTI
		A HGETALL h~
		A GET nosuch~
		A PING
		A SMEMBERS nosuch~
		A EXEC`,
	"keys of many commands": `
		a MULTI
		a MSET k~ 1 l~ 2
		a MGET k~ l~ m~
		a DEL k~ l~ m~
		a EXISTS k~ l~
		a COPY k~ l~
		a EXEC`,
	"scripts": `
		a MULTI
		a EVAL "return redis.call('incr',KEYS[1])" 1 k~
		a EVAL "return {1,2,ARGV[1]}" 0 x
		a EXEC
		b SCRIPT LOAD "return redis.call('get',KEYS[1])"
		b MULTI
		b EVALSHA d3c21d0c2b9ca22f82737626a27bcaf5d288f99f 1 k~
		b EVALSHA 0000000000000000000000000000000000000000 1 k~
		b EXEC`,
	"blocking commands do not block": `
		a MULTI
		a BLPOP l~ 0
		a RPUSH l~ x
		a BLPOP l~ 0
		a BLMOVE l~ m~ LEFT RIGHT 0
		a XREAD BLOCK 0 STREAMS s~ $
		a WAIT 0 0
		a EXEC`,
	"watched and not changed": `
		a WATCH k~ l~
		a GET k~
		a MULTI
		a SET k~ 1
		a EXEC
		a GET k~`,
	"watched and changed": `
		a SET k~ 0
		a WATCH k~
		b SET k~ other
		a MULTI
		a SET k~ 1
		a PING
		a EXEC
		a GET k~
		a MULTI
		a SET k~ 2
		a EXEC
		A WATCH k~
		b INCR n~
		b DEL k~
		A MULTI
		A GET k~
		A EXEC`,
	"unwatched": `
		a WATCH k~
		b SET k~ other
		a UNWATCH
		a MULTI
		a SET k~ 1
		a EXEC
		a UNWATCH`,
	"watched before a discarded transaction": `
		a WATCH k~
		b SET k~ other
		a MULTI
		a DISCARD
		a MULTI
		a SET k~ 1
		a EXEC`,
	"watched in turn": `
		a WATCH k~
		a WATCH l~
		b SET l~ 1
		a MULTI
		a GET l~
		a EXEC
		a WATCH k~
		a MULTI
		a EXEC
		a WATCH l~
		b SET l~ 2
		a MULTI
		a EXEC`,
	"changed by oneself": `
		a WATCH k~
		a SET k~ 1
		a MULTI
		a SET k~ 2
		a EXEC
		a GET k~`,
	"watched in one pipeline": `
		a> SET k~ 1
		a> WATCH k~
		a> GET k~
		a> MULTI
		a> INCR k~
		a> EXEC
		a> GET k~
		a> WATCH k~
		a> INCR k~
		a> MULTI
		a> INCR k~
		a> EXEC
		a> GET k~
		a< 13`,
	"watched by a client that leaves": `
		a WATCH k~
		hangs a
		b SET k~ 1
		a MULTI
		a SET k~ 2
		a EXEC`,
	"RESET": `
		a WATCH k~
		a MULTI
		a SET k~ 1
		a RESET
		a EXEC
		a GET k~
		b SET k~ 5
		a MULTI
		a GET k~
		a EXEC`,
	"databases": `
		a SELECT 3
		a WATCH k~
		b SELECT 3
		b SET k~ 1
		a MULTI
		a GET k~
		a EXEC
		a MULTI
		a GET k~
		a EXEC
		a SELECT 0
		a GET k~`,
}

func TestTransactionsReplyAsThoseOfRedis(t *testing.T) {
	st := newStage(t, 3, loops(2))
	for name, scene := range transactionScenes {
		st.play(t, name, scene)
	}
}

func TestATransactionIsOnOneServer(t *testing.T) {
	st := newStage(t, 3)
	w := dial(t, st.proxy.addr)
	crossSlot := "-CROSSSLOT Keys in request don't hash to the same slot\r\n"
	expect(t, "MULTI", w.do("MULTI"), "+OK\r\n")
	// Of twenty keys some live elsewhere than the first one.
	crossed := 0
	for _, key := range strings.Split("abcdefghijklmnopqrst", "") {
		switch got := w.do("SET", key, "1"); got {
		case "+QUEUED\r\n":
		case crossSlot:
			crossed++
		default:
			t.Fatalf("SET within MULTI: %q", got)
		}
	}
	if crossed == 0 || crossed == 20 {
		t.Fatalf("%d of 20 keys live on another server than the first", crossed)
	}
	expect(t, "EXEC", w.do("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n")
	expect(t, "DBSIZE", w.do("DBSIZE"), ":0\r\n")

	for _, args := range [][]string{{"DBSIZE"}, {"KEYS", "*"}, {"SELECT", "1"}, {"HELLO", "3"}, {"CLIENT", "LIST"}, {"FLUSHALL"}, {"SCAN", "0"}} {
		w.do("MULTI")
		if got := w.do(args...); !strings.HasPrefix(got, "-ERR command '") || !strings.Contains(got, "within MULTI") {
			t.Errorf("%q within MULTI: %q", args, got)
		}
		if got := w.do("EXEC"); !strings.HasPrefix(got, "-EXECABORT ") {
			t.Errorf("EXEC after %q: %q", args, got)
		}
	}
	if got := w.do("WATCH", "a", "b", "c", "d", "e", "f"); got != crossSlot {
		t.Errorf("WATCH over several servers: %q", got)
	}
}
