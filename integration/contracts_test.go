package integration

import (
	"strings"
	"testing"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// contracted is a configuration with locks and counters on embedded servers.
const contracted = `
listeners: [{address: '127.0.0.1:0'}]
loops: 2
pools: {main: {embedded: 2}}
quorums: {safe: {embedded: 3}}
locks: [{keys: "lock:*", quorum: safe}]
counters: [{keys: "count:*", quorum: safe, deadline: 30s}]
`

const releaseScript = `if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end`

// contractScenes are commands of several clients, apart by semicolons, on keys that other
// scenes do not have: K is one of each scene's own. RELEASE is a script.
var contractScenes = []string{
	// Counters, among plain keys.
	"a:INCR count:K; a:INCRBY count:K 5; b:DECR count:K; a:GET count:K; b:MGET count:K count:K2; a:DEL count:K count:K2; a:EXISTS count:K; b:INCR count:K",
	"a:SET count:K 7; b:GETSET count:K 9; a:GETDEL count:K; a:SETNX count:K 3; a:SETNX count:K 4; a:STRLEN count:K; a:TYPE count:K; b:GET count:K",
	"a:INCRBY count:K x; a:SET count:K 9223372036854775807; a:INCR count:K; a:GET count:K",
	"a:INCR count:K; a:SET plain:K x; a:INCR count:K; a:GET plain:K; b:GET count:K; b:INCR plain:K; b:DEL plain:K",
	// Locks.
	"a:SET lock:K t NX PX 60000; b:SET lock:K u NX PX 60000; b:GET lock:K; a:EXISTS lock:K; b:RELEASE lock:K u; a:RELEASE lock:K t; b:SET lock:K u NX EX 60; a:GET lock:K",
	// Transactions of one command, as many clients make of any pipeline.
	"a:MULTI; a:INCR count:K; a:EXEC; b:MULTI; b:MGET count:K count:K2; b:EXEC; a:MULTI; a:INCRBY count:K x; a:EXEC; a:MULTI; a:SET count:K 9 GET; a:DISCARD; b:GET count:K",
	"a:MULTI; a:SET lock:K t NX PX 60000; a:EXEC; b:MULTI; b:SET lock:K u NX PX 60000; b:EXEC; b:MULTI; b:GET lock:K; b:EXEC; a:MULTI; a:RELEASE lock:K t; a:EXEC; b:GET lock:K",
	// The transaction with which some clients release and extend.
	"a:SET lock:K t NX PX 60000; a:WATCH lock:K; a:GET lock:K; a:MULTI; a:DEL lock:K; a:EXEC; b:GET lock:K; b:SET lock:K u NX PX 60000",
	"a:SET lock:K t NX PX 60000; a:WATCH lock:K; a:GET lock:K; a:MULTI; a:UNLINK lock:K; a:DISCARD; b:GET lock:K; a:EXEC",
	"a:SET lock:K t NX PX 60000; a:WATCH lock:K; a:GET lock:K; a:RELEASE lock:K t; b:SET lock:K u NX PX 60000; a:MULTI; a:DEL lock:K; a:EXEC; b:GET lock:K",
	"a:SET lock:K t NX PX 60000; a:WATCH lock:K; a:GET lock:K; b:RELEASE lock:K t; a:MULTI; a:PEXPIRE lock:K 50000; a:EXEC; b:GET lock:K",
	"a:SET lock:K t NX PX 5000; a:WATCH lock:K; a:GET lock:K; a:MULTI; a:PEXPIRE lock:K 60000; a:EXEC; b:GET lock:K; b:SET lock:K u NX PX 60000",
	"a:SET lock:K t NX PX 5000; a:WATCH lock:K; a:GET lock:K; a:UNWATCH; a:WATCH lock:K; a:GET lock:K; a:MULTI; a:EXPIRE lock:K 60; a:EXEC; b:GET lock:K",
	"a:WATCH lock:K; a:GET lock:K; a:MULTI; a:DEL lock:K; a:EXEC; a:WATCH lock:K; a:GET lock:K; b:SET lock:K u NX PX 60000; a:MULTI; a:DEL lock:K; a:EXEC; a:GET lock:K",
	"a:WATCH lock:K; a:GET lock:K; a:SET plain:K x; a:INCR count:K; a:MULTI; a:PEXPIRE lock:K 60000; a:EXEC; a:MULTI; a:SET plain:K y; a:GET plain:K; a:EXEC",
	"a:SET lock:K t NX PX 60000; a:WATCH lock:K; a:GET lock:K; a:MULTI; a:EXEC; a:WATCH lock:K; a:WATCH lock:K; a:GET lock:K; a:MULTI; a:DEL lock:K; a:EXEC",
}

func TestLocksCountersAndPlainKeysAreAnsweredAsByOneRedis(t *testing.T) {
	redis := redistest.Start(t)
	cfg := parse(t, contracted)
	cfg.Quorums["safe"].NodeTimeout = config.Duration(gross / 3) // a machine may do much else
	proxy := serve(t, cfg)
	eventually(t, "the quorum votes", func() bool { return dial(t, proxy.addr).do("INCR", "count:first") == ":1\r\n" })
	for _, hello := range []string{"2", "3"} {
		got, want := map[string]*wire{}, map[string]*wire{}
		for _, name := range []string{"a", "b"} {
			got[name], want[name] = dial(t, proxy.addr), dial(t, redis.Addr())
			got[name].do("HELLO", hello)
			want[name].do("HELLO", hello)
		}
		for i, scene := range contractScenes {
			key := "scene" + string(rune('a'+i)) + hello
			for line := range strings.SplitSeq(strings.ReplaceAll(scene, ":K", ":"+key), "; ") {
				client, text, _ := strings.Cut(line, ":")
				args := strings.Fields(text)
				if args[0] == "RELEASE" {
					args = []string{"EVAL", releaseScript, "1", args[1], args[2]}
				}
				if g, w := got[client].do(args...), want[client].do(args...); g != w {
					t.Fatalf("RESP%s: %s\n%s: got %q, want %q\n%s", hello, scene, line, g, w, proxy.log)
				}
			}
		}
	}
}

func TestOperatorsSeeTheLocksThatAreHeld(t *testing.T) {
	cfg := parse(t, contracted)
	cfg.Quorums["safe"].NodeTimeout = config.Duration(gross / 3)
	proxy := serve(t, cfg)
	w := dial(t, proxy.addr)
	eventually(t, "the quorum votes", func() bool { return w.do("SET", "lock:b", "t2", "NX", "PX", "60000") == "+OK\r\n" })
	expect(t, "none", w.do("RINGMAIN", "LOCKS", "lock:a*"), "*0\r\n")
	expectBegins := func(what, got, want string) {
		t.Helper()
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expectBegins("a lock with a number", w.do("RINGMAIN.LOCK", "lock:a", "t1", "PX", "60000"), "*3\r\n:1\r\n:1\r\n:")
	for range 4 { // of either loop's
		w = dial(t, proxy.addr)
		w.do("HELLO", "3")
		got := w.do("RINGMAIN", "LOCKS")
		expectBegins("all", got, "*2\r\n%7\r\n$3\r\nkey\r\n$6\r\nlock:a\r\n$5\r\ntoken\r\n$2\r\nt1\r\n$17\r\nmilliseconds-left\r\n:")
		if !strings.Contains(got, "$5\r\nfence\r\n:1\r\n$6\r\nquorum\r\n$4\r\nsafe\r\n$7\r\nservers\r\n:3\r\n$12\r\nwaiting-here\r\n:0\r\n%7\r\n$3\r\nkey\r\n$6\r\nlock:b\r\n") {
			t.Errorf("all: %q", got)
		}
		expectBegins("some", w.do("RINGMAIN", "LOCKS", "*:b"), "*1\r\n%7\r\n$3\r\nkey\r\n$6\r\nlock:b\r\n")
	}
}
