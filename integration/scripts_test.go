package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// digestOf loads a script through Ringmain.
func digestOf(t *testing.T, addr, body string) string {
	t.Helper()
	sha := must[string](t)(goRedis(t, addr).ScriptLoad(t.Context(), body).Result())
	if len(sha) != 40 {
		t.Fatalf("SCRIPT LOAD: %q", sha)
	}
	return sha
}

func TestAServerThatLostItsScriptsGetsThemInTheMiddleOfAPipeline(t *testing.T) {
	list := startRedis(t, 2)
	r := start(t, servers(list...), loops(2))
	sha := digestOf(t, r.Addr(), "return redis.call('append', KEYS[1], ARGV[1])")
	keys := keysOf(t, r.Addr(), 20, list)
	for round := range 3 {
		lost := round % 2
		list[lost].Kill()
		if err := list[lost].Restart(); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{keys[lost][0], keys[1-lost][0]} {
			w := dial(t, r.Addr())
			eventually(t, "the server is used", func() bool { return w.do("SET", key, "x") == "+OK\r\n" })
			const n = 50
			var text strings.Builder
			for i := range n {
				text.WriteString(array("SET", key, fmt.Sprint(i)) + array("EVALSHA", sha, "1", key, ":a") +
					array("APPEND", key, ":b") + array("EVALSHA", sha, "1", key, ":c") + array("GET", key))
			}
			w.send(text.String())
			for i := range n {
				value, size := fmt.Sprintf("%d:a:b:c", i), len(fmt.Sprint(i))
				expect(t, fmt.Sprintf("pipeline %d of round %d", i, round), strings.Join(w.replies(5), ""),
					fmt.Sprintf("+OK\r\n:%d\r\n:%d\r\n:%d\r\n$%d\r\n%s\r\n", size+2, size+4, size+6, len(value), value))
			}
		}
	}
}

func TestNoCallOfAKnownScriptMissesItWhileServersComeAndGo(t *testing.T) {
	list := startRedis(t, 2)
	r := start(t, servers(list...), loops(2))
	sha := digestOf(t, r.Addr(), "return redis.call('incr', KEYS[1])")
	keys := keysOf(t, r.Addr(), 20, list)
	stop := make(chan struct{})
	type tally struct {
		counted, failed int
		wrong           string
	}
	clients := make(chan tally)
	call := func(key string) (c tally) {
		w := dial(t, r.Addr())
		for {
			select {
			case <-stop:
				return c
			default:
			}
			for range 10 {
				w.send(array("EVALSHA", sha, "1", "{"+key+"}n"))
			}
			for _, reply := range w.replies(10) {
				switch {
				case reply[0] == ':':
					c.counted++
				case strings.HasPrefix(reply, "-CLUSTERDOWN ") || strings.HasPrefix(reply, "-UNCERTAIN "):
					c.failed++
				default:
					c.wrong = reply
				}
			}
		}
	}
	const each = 3
	for range each {
		for _, owned := range keys {
			go func() { clients <- call(owned[0]) }()
		}
	}
	for i := range 6 {
		list[i%2].Kill()
		if err := list[i%2].Restart(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server is used", answers(t, r.Addr(), "+OK\r\n", "SET", keys[i%2][0], "x"))
	}
	close(stop)
	for range each * len(keys) {
		if c := <-clients; c.wrong != "" || c.counted == 0 {
			t.Errorf("%d calls were counted, %d failed; one got %q", c.counted, c.failed, c.wrong)
		}
	}
}

func TestAScriptThatRunsForEverIsKilledThroughRingmain(t *testing.T) {
	list := startRedis(t, 2, "busy-reply-threshold", "50", "requirepass", password)
	r := start(t, servers(list...), auth("", password))
	for _, key := range []string{"a", "b", "c", "d"} {
		w, killer := dial(t, r.Addr()), dial(t, r.Addr())
		w.send(array("EVAL", "while true do end", "1", key))
		eventually(t, "the script is killed", func() bool {
			got := killer.do("SCRIPT", "KILL")
			if got != "+OK\r\n" && !strings.HasPrefix(got, "-NOTBUSY ") {
				t.Fatalf("SCRIPT KILL: %q", got)
			}
			return got == "+OK\r\n"
		})
		if got := w.next(); !strings.HasPrefix(got, "-ERR Error running script") && !strings.Contains(got, "Script killed by user") {
			t.Errorf("the script's client gets %q", got)
		}
		expect(t, "PING", w.do("EVAL", "return 1", "1", key), ":1\r\n")
	}
}

func TestAScriptThatHasWrittenCannotBeKilled(t *testing.T) {
	list := startRedis(t, 2, "busy-reply-threshold", "50")
	r := start(t, servers(list...))
	w, killer := dial(t, r.Addr()), dial(t, r.Addr())
	// It ends by itself: the server cannot be stopped in order otherwise.
	w.send(array("EVAL", "redis.call('set', KEYS[1], 1) local t0 = redis.call('time')[1] while redis.call('time')[1] - t0 < 2 do end", "1", "k"))
	eventually(t, "the script is seen to run", func() bool {
		got := killer.do("SCRIPT", "KILL")
		return strings.HasPrefix(got, "-UNKILLABLE ")
	})
}

func TestScriptsThatWereFlushedPastRingmainAreMissedOnce(t *testing.T) {
	list := startRedis(t, 1)
	r := start(t, servers(list...))
	sha := digestOf(t, r.Addr(), "return 'here'")
	w := dial(t, r.Addr())
	const here, missing = "$4\r\nhere\r\n", "-NOSCRIPT No matching script. Please use EVAL.\r\n"
	expect(t, "EVALSHA", w.do("EVALSHA", sha, "0"), here)
	if _, err := list[0].Do("SCRIPT", "FLUSH"); err != nil {
		t.Fatal(err)
	}
	expect(t, "EVALSHA after a flush past Ringmain", w.do("EVALSHA", sha, "0"), missing)
	expect(t, "the next EVALSHA", w.do("EVALSHA", sha, "0"), here)
	expect(t, "SCRIPT FLUSH", w.do("SCRIPT", "FLUSH"), "+OK\r\n")
	expect(t, "EVALSHA after a flush", w.do("EVALSHA", sha, "0"), missing)
	expect(t, "EVALSHA after a flush, again", w.do("EVALSHA", sha, "0"), missing)
}

func TestAFlushThroughOneLoopHoldsForAll(t *testing.T) {
	list := startRedis(t, 2)
	r := start(t, servers(list...), loops(3))
	var clients []*wire
	for range 6 { // each loop has some of them
		clients = append(clients, dial(t, r.Addr()))
	}
	for round, w := range clients {
		sha := digestOf(t, r.Addr(), fmt.Sprintf("return %d", round))
		for i, c := range clients {
			expect(t, "EVALSHA", c.do("EVALSHA", sha, "1", fmt.Sprint(i)), fmt.Sprintf(":%d\r\n", round))
		}
		expect(t, "SCRIPT FLUSH", w.do("SCRIPT", "FLUSH", "ASYNC"), "+OK\r\n")
		for i, c := range clients {
			if got := c.do("EVALSHA", sha, "1", fmt.Sprint(i)); !strings.HasPrefix(got, "-NOSCRIPT ") {
				t.Fatalf("after the flush: %q", got)
			}
		}
	}
}

const library = "#!lua name=lib\nredis.register_function('where', function(keys, args) return redis.call('set', keys[1], args[1]) end)"

func TestFunctionsAreOnEveryServerAndComeBackFromADump(t *testing.T) {
	list := startRedis(t, 3)
	r := start(t, servers(list...))
	keys := keysOf(t, r.Addr(), 30, list)
	w := dial(t, r.Addr())
	everywhere := func(want string) {
		t.Helper()
		for i := range list {
			expect(t, "FCALL", w.do("FCALL", "where", "1", keys[i][0], "v"), want)
		}
	}
	expect(t, "FUNCTION LOAD", w.do("FUNCTION", "LOAD", library), "$3\r\nlib\r\n")
	expect(t, "FUNCTION LOAD again", w.do("FUNCTION", "LOAD", library), "-ERR Library 'lib' already exists\r\n")
	everywhere("+OK\r\n")
	dump := must[string](t)(goRedis(t, r.Addr()).FunctionDump(t.Context()).Result())
	expect(t, "FUNCTION FLUSH", w.do("FUNCTION", "FLUSH"), "+OK\r\n")
	everywhere("-ERR Function not found\r\n")
	expect(t, "FUNCTION RESTORE", w.do("FUNCTION", "RESTORE", dump), "+OK\r\n")
	everywhere("+OK\r\n")
	if _, err := list[1].Do("FUNCTION", "FLUSH"); err != nil {
		t.Fatal(err)
	}
	expect(t, "FUNCTION DELETE where one server has lost its functions", w.do("FUNCTION", "DELETE", "lib"),
		"-UNCERTAIN the command was or may have been executed in part, on a, c: ERR Library not found\r\n")
}

// unlock is what clients release a lock with.
const unlock = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"

func TestScriptsOfGoRedisWork(t *testing.T) {
	list := startRedis(t, 3)
	r := start(t, servers(list...), loops(2))
	ctx, c := t.Context(), goRedis(t, r.Addr())
	release := redis.NewScript(unlock)
	for i := range 30 {
		key := fmt.Sprint("lock:", i)
		if !must[bool](t)(c.SetNX(ctx, key, "me", time.Minute).Result()) {
			t.Fatal("the lock is taken")
		}
		if n := must[int64](t)(release.Run(ctx, c, []string{key}, "other").Int64()); n != 0 {
			t.Errorf("somebody else has released %s", key)
		}
		if n := must[int64](t)(release.Run(ctx, c, []string{key}, "me").Int64()); n != 1 {
			t.Errorf("%s was not released", key)
		}
	}
	pipe := c.Pipeline()
	var calls []*redis.Cmd
	for i := range 100 {
		calls = append(calls, pipe.EvalSha(ctx, release.Hash(), []string{fmt.Sprint("lock:", i)}, "me"))
	}
	must[[]redis.Cmder](t)(pipe.Exec(ctx))
	for _, call := range calls {
		if n, err := call.Int64(); err != nil || n != 0 {
			t.Errorf("%v: %d, %v", call, n, err)
		}
	}
	if !must[[]bool](t)(release.Exists(ctx, c).Result())[0] {
		t.Error("SCRIPT EXISTS does not know the script")
	}
}

func TestRedisCliRunsAScriptFromAFile(t *testing.T) {
	r := start(t, servers(startRedis(t, 3)...))
	path := filepath.Join(t.TempDir(), "unlock.lua")
	if err := os.WriteFile(path, []byte(unlock), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		key := fmt.Sprint("lock:", i)
		expect(t, "SET", cli(t, r.Addr(), "SET", key, "me"), "OK\n")
		expect(t, "--eval", cli(t, r.Addr(), "--eval", path, key, ",", "me"), "1\n")
		expect(t, "--eval again", cli(t, r.Addr(), "--eval", path, key, ",", "me"), "0\n")
	}
}
