package lock

import (
	"strings"
	"testing"
	"time"
)

func TestFaultyCommandsAreAnsweredAsRedisDoesOrWithTheReason(t *testing.T) {
	sc := newScene(t, 3, 1)
	allow := `is not supported on lock keys (locks[0], "lock:*"): they allow SET key token NX PX ms, SET key token IFEQ token PX ms, GET, EXISTS, TTL, PTTL, TYPE, DELEX key IFEQ token, DELIFEQ, EVAL`
	for line, want := range map[string]string{
		"SET lock:a":                             "-ERR wrong number of arguments for 'set' command\r\n",
		"SET lock:a t":                           "-ERR SET without NX or IFEQ " + allow,
		"SET lock:a t PX 1000":                   "-ERR SET without NX or IFEQ " + allow,
		"SET lock:a t XX PX 1000":                "-ERR SET XX " + allow,
		"SET lock:a t NX XX PX 1000":             "-ERR syntax error\r\n",
		"SET lock:a t NX PX":                     "-ERR syntax error\r\n",
		"SET lock:a t NX PX 1000 EX 1":           "-ERR syntax error\r\n",
		"SET lock:a t NX PX 1000 KEEPTTL":        "-ERR syntax error\r\n",
		"SET lock:a t NX PX 1000 what":           "-ERR syntax error\r\n",
		"SET lock:a t NX IFEQ t PX 1000":         "-ERR syntax error\r\n",
		"SET lock:a t IFEQ":                      "-ERR syntax error\r\n",
		"SET lock:a t NX PX 1e3":                 "-ERR value is not an integer or out of range\r\n",
		"SET lock:a t NX PX 01000":               "-ERR value is not an integer or out of range\r\n",
		"SET lock:a t NX PX 0":                   "-ERR invalid expire time in 'set' command\r\n",
		"SET lock:a t NX PX -5":                  "-ERR invalid expire time in 'set' command\r\n",
		"SET lock:a t NX EX 9223372036854":       "-ERR invalid expire time in 'set' command\r\n",
		"SET lock:a t NX KEEPTTL":                "-ERR SET KEEPTTL " + allow,
		"SET lock:a t NX GET PX 1000":            "-ERR SET GET " + allow,
		"SET lock:a t IFNE u PX 1000":            "-ERR SET IFNE " + allow,
		"SET lock:a t IFEQ u PX 1000":            "-ERR SET IFEQ with another value, which would give the lock away, " + allow,
		"SET lock:a t NX":                        `-ERR lock keys need a TTL (locks[0], "lock:*"): SET key token NX PX ms, or set default_ttl` + "\r\n",
		"SETNX lock:a t":                         "-ERR lock keys need a TTL",
		"SET lock:a t NX PX 99":                  `-ERR a TTL of 99ms is less than min_ttl of lock keys (locks[0], "lock:*"), 100ms` + "\r\n",
		"SET lock:a t NX PX 60001":               "-ERR a TTL of 1m0.001s is more than max_ttl",
		"SET lock:a t NX EXAT 1":                 "-ERR a TTL of -",
		"SET lock:a ~ NX PX 1000":                "-ERR a lock's token must not be empty\r\n",
		"EXPIRE lock:a 10":                       "-ERR EXPIRE " + allow,
		"INCR lock:a":                            "-ERR INCR " + allow,
		"DEL lock:a":                             "-ERR DEL, which would release locks whosever they are, without allow_del, " + allow,
		"DELEX lock:a":                           "-ERR DELEX without IFEQ " + allow,
		"DELEX lock:a IFNE t":                    "-ERR DELEX without IFEQ " + allow,
		"DELEX lock:a IFEQ":                      "-ERR wrong number of arguments for 'delex' command\r\n",
		"DELIFEQ lock:a":                         "-ERR wrong number of arguments for 'delifeq' command\r\n",
		"RINGMAIN.LOCK lock:a t PX":              "-ERR wrong number of arguments for 'ringmain.lock' command\r\n",
		"RINGMAIN.LOCK lock:a t EX 10":           "-ERR syntax error\r\n",
		"RINGMAIN.LOCK lock:a t PX 1000 WAIT":    "-ERR syntax error\r\n",
		"RINGMAIN.LOCK lock:a t PX 1000 WAIT x":  "-ERR value is not an integer or out of range\r\n",
		"RINGMAIN.LOCK lock:a t PX 1000 WAIT -1": "-ERR invalid expire time in 'ringmain.lock' command\r\n",
		"RINGMAIN.EXTEND lock:a t PX 1":          "-ERR a TTL of 1ms is less",
	} {
		if got := sc.do(0, line); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	long := "SET lock:a " + strings.Repeat("t", maxSize+1) + " NX PX 1000"
	if got := sc.do(0, long); got != "-ERR a lock's token is at most 65536 bytes long\r\n" {
		t.Errorf("got %q", got)
	}
	sc.expectHeld("lock:a", "- - -")
}

func TestTTLsAreReadInAllTheirForms(t *testing.T) {
	sc := newScene(t, 3, 1, func(s *Settings) { s.Patterns[0].DefaultTTL = 7 * time.Second })
	wall := sc.proxies[0].Now().Wall
	for line, want := range map[string]string{
		"SET lock:a t NX PX 5000": "5000", "SET lock:a t nx ex 5": "5000", "SET lock:a t EX 5 NX": "5000",
		"SET lock:a t NX": "7000", "SETNX lock:a t": "7000", "RINGMAIN.LOCK lock:a t px 5000 wait 0": "5000",
		"SET lock:a t NX PXAT " + millis(wall+9*time.Second): "", "SET lock:a t NX EXAT " + millis((wall+9*time.Second)/1000): "",
	} {
		if got := sc.do(0, line); got[0] == '-' {
			t.Errorf("%s: %q", line, got)
		}
		sc.pass(time.Millisecond)
		left := sc.do(0, "PTTL lock:a")
		if want == "" {
			ends := sc.servers[0].keys["lock:a"].expires
			if off := ends - (wall + 9*time.Second); off < 0 || off > 1200*time.Millisecond {
				t.Errorf("%s: the servers' key ends %v after that", line, off)
			}
		} else if got := parseInt(left); got > parseInt(":"+want) || got < parseInt(":"+want)-5 {
			t.Errorf("%s: %s left, want %s", line, left, want)
		}
		sc.expect(0, "DELIFEQ lock:a t", ":1")
	}
}

func parseInt(reply string) int64 {
	n, _ := number([]byte(strings.TrimSpace(reply[1:])))
	return n
}
