package integration

import (
	"crypto/sha1"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// lockText is a script as a library sends it.
func lockText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../lock/scripts/testdata/" + file + ".lua")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Scripts of libraries, by their digests, of which no server has the texts.
const (
	nodeAcquire = "96da70f7716f27d278a5218544df37fd8b0a5e4c" // node-redlock 5
	nodeRelease = "e4612211c9f8f51c257e26e056b0a654b3187242"
	bsmObtain   = "eb0c00d98f6f33b4262419a509002884540f30be" // bsm/redislock 0.10
	bsmRefresh  = "5a22d7e8431313862816d4416b5e46dd70fc340d"
	bsmRelease  = "9470c810040e272ee6c579d8d4331aaf6332a7b1"
	bsmTTL      = "66e1084c2d842a7e8c271925aae90219fac4e129"
)

func TestScriptsOfLockLibrariesAreCarriedOutOnAQuorum(t *testing.T) {
	t.Parallel()
	proxy := startFrom(t, `listeners: [{address: '127.0.0.1:0'}]
pools: {main: {embedded: 2}}
quorums: {safe: {embedded: 3, node_timeout: 400ms}}
locks: [{keys: 'lock:*', quorum: safe, node_timeout_factor: 0.25}]
`)
	w := dial(t, proxy.Addr())
	eventually(t, "the servers vote", func() bool { return w.do("SET", "lock:start", "t", "NX", "PX", "100") == "+OK\r\n" })
	say := func(want string, args ...string) {
		t.Helper()
		if got := w.do(args...); !strings.HasPrefix(got, want) {
			t.Errorf("%.80q: %q, not %q", args, got, want)
		}
	}
	const nothing = "$-1\r\n"

	// Several resources of node-redlock: all of them, or none.
	say(":2\r\n", "EVALSHA", nodeAcquire, "2", "lock:a", "lock:b", "alice", "20000")
	say(":0\r\n", "EVALSHA", nodeAcquire, "2", "lock:b", "lock:c", "bob", "20000")
	say(nothing, "GET", "lock:c")
	say(":0\r\n", "EVALSHA", nodeRelease, "2", "lock:a", "lock:b", "bob")
	say(":1\r\n", "EVALSHA", nodeRelease, "2", "lock:a", "lock:c", "alice")
	say("$5\r\nalice\r\n", "GET", "lock:b")
	say(":1\r\n", "EVAL", lockText(t, nodeRelease), "2", "lock:a", "lock:b", "alice")
	say(nothing, "GET", "lock:b")

	// Several of bsm/redislock, whose tokens have metadata behind them.
	say("+OK\r\n", "EVALSHA", bsmObtain, "2", "lock:a", "lock:b", "alice one", "5", "20000")
	say(nothing, "EVALSHA", bsmObtain, "2", "lock:b", "lock:c", "bob", "3", "20000")
	say("+OK\r\n", "EVALSHA", bsmObtain, "2", "lock:a", "lock:b", "alice two", "5", "20000")
	say("$9\r\nalice two\r\n", "GET", "lock:b")
	say(nothing, "EVALSHA", bsmRefresh, "2", "lock:a", "lock:b", "alice one", "20000")
	say("+OK\r\n", "EVALSHA", bsmRefresh, "2", "lock:a", "lock:b", "alice two", "10000")
	left, err := strconv.Atoi(strings.Trim(w.do("EVALSHA", bsmTTL, "2", "lock:a", "lock:b", "alice two"), ":\r\n"))
	if err != nil || left < 1000 || left > 10000 {
		t.Errorf("they live for another %d ms, %v", left, err)
	}
	say(nothing, "EVALSHA", bsmRelease, "2", "lock:a", "lock:c", "alice two")
	say("$9\r\nalice two\r\n", "GET", "lock:a")
	say("+OK\r\n", "EVALSHA", bsmRelease, "2", "lock:a", "lock:b", "alice two")

	// A text of nobody's that does what a known one does, by a digest that only its loading tells.
	ours := "return {redis.call('get', KEYS[1]), redis.call('pttl', KEYS[1])} -- who?"
	digest := fmt.Sprintf("%x", sha1.Sum([]byte(ours)))
	say("-NOSCRIPT ", "EVALSHA", digest, "1", "lock:a")
	say("$40\r\n"+digest, "SCRIPT", "LOAD", ours)
	say("*2\r\n$-1\r\n:-2\r\n", "EVALSHA", digest, "1", "lock:a")
	say("*2\r\n$-1\r\n:-2\r\n", "EVALSHA_RO", digest, "1", "lock:a")
	say("%", "HELLO", "3")
	say("*2\r\n_\r\n:-2\r\n", "EVAL", ours, "1", "lock:a")
	say("*", "HELLO", "2")

	// What would mean another thing, or nothing, to a quorum.
	const other = "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])"
	unknown := fmt.Sprintf("-ERR the script %x, which is none of the known scripts of lock clients, is not supported on lock keys (locks[0]", sha1.Sum([]byte(other)))
	say(unknown, "EVAL", other, "1", "lock:a", "mallory")
	say("$7\r\nmallory\r\n", "EVAL", other, "1", "plain", "mallory")
	say(unknown, "EVALSHA", fmt.Sprintf("%x", sha1.Sum([]byte(other))), "1", "lock:a", "mallory") // it is met now
	say("-ERR ", "EVALSHA", nodeAcquire, "2", "lock:a", "plain", "alice", "20000")
	say(nothing, "GET", "lock:a")
	say("$7\r\nmallory\r\n", "GET", "plain")
}
