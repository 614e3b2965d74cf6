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
