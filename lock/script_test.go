package lock

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/quorum"
)

// untouched are servers that no script may reach.
type untouched struct{ t testing.TB }

func (untouched) Len() int                       { return 3 }
func (untouched) Barred(int, quorum.Kind) string { return "" }
func (untouched) Missing(quorum.Kind) string     { return "" }
func (untouched) Refusal(quorum.Kind) string     { return "" }
func (untouched) Persistent() bool               { return true }
func (u untouched) Call(c quorum.Call, _ func(quorum.Answer)) {
	u.t.Errorf("%s is run on %v with %v", c.Script.Name, c.Keys, c.Args)
}

const (
	releaseText = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
	extendText  = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end"
	likeRelease = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
	refreshSHA  = "d5f94f1848f0c54fff99d99dbc4d54184a157c02" // Laravel's, which may take the TTL away
	obtainSHA   = "eb0c00d98f6f33b4262419a509002884540f30be" // bsm/redislock's, with a token's length
	addSHA      = "a4e8783852e6b949f9ef3a97212805108459a890" // redis-py's extend, which adds
	untilSHA    = "3875d208d9e377969d2022550302cc83ad17b584" // rueidislock's, with a moment of expiry
	redissonSHA = "149c5a8bf18676fd99e9e6e24923bd64d9b62f94"
)

func TestAScriptThatCannotBeCarriedOutIsRefusedByNameAndTouchesNothing(t *testing.T) {
	signal, err := os.ReadFile("scripts/testdata/composed/unsupported_python-redis-lock.lua")
	if err != nil {
		t.Fatal(err)
	}
	const allow = ` is not supported on lock keys (locks[0], "lock:*"): they allow SET key token NX PX ms,`
	past := strconv.FormatInt(time.Now().Add(-time.Minute).UnixMilli(), 10)
	for _, c := range []struct {
		args  []string
		begin string
	}{
		// What is not known.
		{[]string{"EVAL", likeRelease, "1", "lock:a", "t"}, "-ERR the script 74dc4c4e87e60b7c20291ba2d4d629239d07115d, which is none of the known scripts of lock clients," + allow},
		{[]string{"EVAL", "return 1", "1", "lock:a"}, "-ERR the script e0e1f9fabfc9d4800c877a703b823ac0578ff8db, which is none"},
		{[]string{"EVAL_RO", "return redis.call('get', KEYS[1])", "1", "lock:a"}, "-ERR the script 4e6d8fc8bb01276962cce5371fa795a7763657ae, which is none"},
		{[]string{"EVAL", strings.Repeat(" ", 1<<20) + releaseText, "1", "lock:a", "t"}, "-ERR the script "},
		{[]string{"EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "1", "lock:a"}, "-NOSCRIPT No matching script. Please use EVAL.\r\n"},
		{[]string{"EVALSHA", "release", "1", "lock:a"}, "-NOSCRIPT No matching script. Please use EVAL.\r\n"},
		// What is known, and not for a quorum.
		{[]string{"EVAL", string(signal), "2", "lock:a", "lock:signal", "t"}, "-ERR the script of python-redis-lock is not supported on lock keys (locks[0], \"lock:*\"): it wakes who waits through a list"},
		{[]string{"EVALSHA", redissonSHA, "1", "lock:a", "1000", "t"}, "-ERR the script of Redisson is not supported on lock keys"},
		// What its library would not send.
		{[]string{"EVAL", releaseText, "2", "lock:a", "lock:b", "t"}, "-ERR the script of the documentation of Redis is for 1 key, not 2\r\n"},
		{[]string{"EVAL", releaseText, "1", "lock:a"}, "-ERR the script of the documentation of Redis takes 1 argument behind its keys, not 0\r\n"},
		{[]string{"EVALSHA", addSHA, "1", "lock:a", "t", "1000"}, "-ERR the script of redis-py extend takes 3 arguments behind its keys, not 2\r\n"},
		{[]string{"EVAL", releaseText, "1", "lock:a", ""}, "-ERR a lock's token must not be empty\r\n"},
		{[]string{"EVAL", releaseText, "1", "lock:a", strings.Repeat("t", maxSize+1)}, "-ERR a lock's token is at most"},
		{[]string{"EVAL_RO", releaseText, "1", "lock:a", "t"}, "-ERR Write commands are not allowed from read-only scripts."},
		{[]string{"EVALSHA_RO", obtainSHA, "1", "lock:a", "t", "1", "1000"}, "-ERR Write commands are not allowed from read-only scripts."},
		// Times to live that no lock may have.
		{[]string{"EVAL", extendText, "1", "lock:a", "t", "1.5"}, "-ERR value is not an integer or out of range\r\n"},
		{[]string{"EVAL", extendText, "1", "lock:a", "t", "0"}, "-ERR invalid expire time in 'eval' command\r\n"},
		{[]string{"EVAL", extendText, "1", "lock:a", "t", "-5"}, "-ERR invalid expire time in 'eval' command\r\n"},
		{[]string{"EVAL", extendText, "1", "lock:a", "t", "9223372036854775807"}, "-ERR invalid expire time in 'eval' command\r\n"},
		{[]string{"EVAL", extendText, "1", "lock:a", "t", "99"}, "-ERR a TTL of 99ms is less than min_ttl"},
		{[]string{"EVAL", extendText, "1", "lock:a", "t", "60001"}, "-ERR a TTL of 1m0.001s is more than max_ttl"},
		{[]string{"EVALSHA", refreshSHA, "1", "lock:a", "t", "61"}, "-ERR a TTL of 1m1s is more than max_ttl"},
		{[]string{"EVALSHA", refreshSHA, "1", "lock:a", "t", "0"}, "-ERR lock keys (locks[0], \"lock:*\") need a TTL, which the script of Laravel would take away\r\n"},
		{[]string{"EVALSHA", untilSHA, "1", "lock:a", "t", past}, "-ERR a TTL of -1m"},
		{[]string{"EVALSHA", obtainSHA, "1", "lock:a", "t", "0", "1000"}, "-ERR the script of bsm/redislock is given no token\r\n"},
		{[]string{"EVALSHA", obtainSHA, "1", "lock:a", "t", "x", "1000"}, "-ERR the script of bsm/redislock is given no token\r\n"},
		{[]string{"EVALSHA", obtainSHA, "1", "lock:a", "t", "1", "70000"}, "-ERR a TTL of 1m10s is more than max_ttl"},
	} {
		settings := Settings{NodeTimeout: time.Second, Patterns: []Pattern{{
			Name: twinPattern, MinTTL: 100 * time.Millisecond, MaxTTL: time.Minute, DriftFactor: 0.01, NodeTimeoutFactor: 0.05, PadTTL: true,
		}}}
		e := New(settings, untouched{t}, realClock{time.Now()}, rand.New(rand.NewPCG(1, 2)), nil)
		request := quorum.Command{Name: strings.ToLower(c.args[0]), Protocol: 2}
		keys, _ := strconv.Atoi(c.args[2])
		for i, a := range c.args {
			request.Args = append(request.Args, []byte(a))
			if i > 2 && i < 3+keys {
				request.Keys = append(request.Keys, i)
			}
		}
		replies := 0
		e.Do(request, func(reply []byte) {
			replies++
			if !strings.HasPrefix(string(reply), c.begin) {
				t.Errorf("%.200q: %q, not %q", c.args, reply, c.begin)
			}
		})
		if replies != 1 || len(e.gate.queues) > 0 {
			t.Errorf("%.200q: %d replies, %d keys are waited for", c.args, replies, len(e.gate.queues))
		}
	}
}

func TestAScriptThatTheProxyHasMetIsRefusedByItsDigestToo(t *testing.T) {
	e := New(Settings{Patterns: []Pattern{{Name: twinPattern}}}, untouched{t}, realClock{time.Now()}, rand.New(rand.NewPCG(1, 2)), nil)
	request := quorum.Command{Name: "evalsha", Keys: []int{3}, Text: []byte("return 1"), Protocol: 2}
	for _, a := range []string{"e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "1", "lock:a"} {
		request.Args = append(request.Args, []byte(a))
	}
	request.Args = slices.Insert(request.Args, 0, []byte("EVALSHA"))
	e.Do(request, func(reply []byte) {
		if !strings.HasPrefix(string(reply), "-ERR the script e0e1f9fabfc9d4800c877a703b823ac0578ff8db, which is none of the known") {
			t.Errorf("%q", reply)
		}
	})
}
