package history_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/internal/history"
)

// tell makes a history of lines: "from to session command => reply", where ; is between
// the commands of a transaction; "over at line" closes the command of a line, "closeall at"
// all, "forget from to keys", "watched line key reply" tells of a key of a transaction.
func tell(t *testing.T, lines ...string) *history.History {
	t.Helper()
	h := history.New()
	calls := map[int]*history.Call{}
	at := func(s string) time.Duration { return time.Duration(number(t, s)) * time.Second }
	for i, line := range lines {
		command, answer, _ := strings.Cut(line, " => ")
		f := strings.Fields(command)
		switch f[0] {
		case "over":
			calls[number(t, f[2])].Over(at(f[1]))
		case "closeall":
			h.CloseAll(at(f[1]))
		case "forget":
			h.Forget(at(f[1]), at(f[2]), f[3:]...)
		case "watched":
			calls[number(t, f[1])].Watched(f[2], reply(t, strings.Join(f[3:], " ")))
		case "loose":
			h.LooseClocks()
		default:
			var c *history.Call
			if f[3] == "EXEC:" {
				var commands [][]string
				for _, one := range strings.Split(strings.Join(f[4:], " "), " ; ") {
					commands = append(commands, strings.Fields(one))
				}
				c = h.SendAll(at(f[0]), number(t, f[2]), commands)
			} else {
				c = h.Send(at(f[0]), number(t, f[2]), f[3:]...)
			}
			calls[i] = c
			switch answer {
			case "lost":
				c.Lost(at(f[1]))
			case "waits":
			default:
				c.Reply(at(f[1]), reply(t, answer))
			}
		}
	}
	return h
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reply is nil, :1, !error, [a b], or a string.
func reply(t *testing.T, s string) any {
	t.Helper()
	switch {
	case s == "nil":
		return nil
	case strings.HasPrefix(s, ":"):
		return int64(number(t, s[1:]))
	case strings.HasPrefix(s, "!"):
		return errors.New(s[1:])
	case strings.HasPrefix(s, "["):
		list := []any{}
		for _, word := range strings.Fields(strings.Trim(s, "[]")) {
			list = append(list, reply(t, word))
		}
		return list
	}
	return s
}

// cases are histories, and the key that is at fault; "": none is.
var cases = []struct {
	name, fault string
	lines       []string
}{
	{"the last acknowledged write", "", []string{"1 2 1 SET k a => OK", "3 4 2 SET k b => OK", "5 6 1 GET k => b"}},
	{"an older value", "k", []string{"1 2 1 SET k a => OK", "3 4 2 SET k b => OK", "5 6 1 GET k => a"}},
	{"one in flight, or the one before", "", []string{"1 2 1 SET k a => OK", "3 9 2 SET k b => OK", "4 5 1 GET k => b", "4 6 3 GET k => a"}},
	{"an older value than one that was read already", "k", []string{"1 2 1 SET k a => OK", "3 9 2 SET k b => OK", "4 5 1 GET k => b", "6 7 3 GET k => a"}},
	{"writes at the same time, in either order", "", []string{"1 4 1 SET k a => OK", "2 3 2 SET k b => OK", "5 6 1 GET k => a"}},
	{"a value of nobody", "k", []string{"1 2 1 SET k a => OK", "3 4 1 GET k => x"}},
	{"a value of another key", "l", []string{"1 2 1 MSET k a l b => OK", "3 4 1 MGET k l => [a a]"}},
	{"a value before it is written", "k", []string{"1 2 1 GET k => a", "3 4 1 SET k a => OK"}},
	{"nothing, for no reason", "k", []string{"1 2 1 SET k a => OK", "3 4 1 GET k => nil"}},
	{"nothing at first", "", []string{"1 2 1 GET k => nil", "1 2 1 EXISTS k => :0"}},
	{"nothing, forgotten meanwhile", "", []string{"1 2 1 SET k a => OK", "forget 3 4 k", "5 6 1 GET k => nil"}},
	{"nothing, forgotten with all", "", []string{"1 2 1 SET k a => OK", "forget 3 4", "5 6 1 GET k => nil"}},
	{"nothing, though written after all was forgotten", "k", []string{"forget 3 4", "5 6 1 SET k a => OK", "7 8 1 GET k => nil"}},
	{"nothing, though another was forgotten", "k", []string{"1 2 1 SET k a => OK", "forget 3 4 l", "5 6 1 GET k => nil"}},
	{"the last value comes back", "", []string{"1 2 1 SET k a => OK", "forget 3 4 k", "5 6 1 GET k => nil", "7 8 1 GET k => a"}},
	{"an older value behind a gap", "k", []string{"1 2 1 SET k a => OK", "forget 3 4 k", "5 6 1 SET k b => OK", "forget 7 8 k", "9 10 2 GET k => a"}},

	{"without an answer, executed late", "", []string{"1 2 1 SET k a => !UNCERTAIN late", "3 4 2 SET k b => OK", "5 6 2 GET k => a"}},
	{"without an answer, executed after the fence", "k", []string{"1 2 1 SET k a => !UNCERTAIN late", "over 2 0", "3 4 2 SET k b => OK", "5 6 2 GET k => a"}},
	{"without an answer, executed before the fence", "", []string{"1 2 1 SET k a => !UNCERTAIN late", "over 4 0", "3 4 2 SET k b => OK", "5 6 2 GET k => a"}},
	{"connection lost, executed after the end", "k", []string{"1 2 1 SET k a => lost", "closeall 3", "4 5 2 SET k b => OK", "5 6 2 GET k => a"}},
	{"no answer yet", "", []string{"1 2 1 SET k a => waits", "closeall 3", "4 5 2 SET k b => OK", "6 7 2 GET k => a"}},
	{"without an answer, executed twice", "k", []string{"1 2 1 SET k a => lost", "3 4 2 GET k => a", "5 6 3 SET k b => OK", "7 8 2 GET k => a"}},
	{"without an answer, known by a read", "k", []string{"1 2 2 SET k a => OK", "1 3 1 SET k b => lost", "4 5 2 GET k => b", "6 7 3 GET k => a"}},
	{"refused, and executed all the same", "k", []string{"1 2 1 SET k a => !CLUSTERDOWN no", "3 4 1 GET k => a"}},

	{"deleted", "", []string{"1 2 1 SET k a => OK", "3 4 1 DEL k => :1", "5 6 1 GET k => nil"}},
	{"deleted, and there again", "k", []string{"1 2 1 SET k a => OK", "3 4 1 UNLINK k => :1", "5 6 1 GET k => a"}},
	{"deleted when it was forgotten, and there again", "k", []string{"1 2 1 SET k a => OK", "forget 3 4 k", "5 6 1 DEL k => :0", "forget 7 8 k", "9 10 2 GET k => a"}},
	{"deleted nothing, though it was there", "k", []string{"1 2 1 SET k a => OK", "3 4 1 DEL k => :0"}},
	{"deleted something, though it was deleted", "k", []string{"1 2 1 SET k a => OK", "3 4 1 DEL k => :1", "5 6 2 DEL k => :1"}},
	{"deleted several, of which some", "", []string{"1 2 1 SET k a => OK", "3 4 1 DEL k l => :1"}},
	{"taken, and there again", "k", []string{"1 2 1 SET k a => OK", "3 4 1 GETDEL k => a", "5 6 1 GET k => a"}},
	{"swapped for an older one", "k", []string{"1 2 1 SET k a => OK", "3 4 1 GETSET k b => a", "5 6 1 GETSET k c => a"}},
	{"flushed, and there again", "k", []string{"1 2 1 SET k a => OK", "3 4 1 FLUSHALL => OK", "5 6 1 GET k => a"}},
	{"flushed in part", "", []string{"1 2 1 MSET k a l b => OK", "3 4 1 FLUSHALL => !CLUSTERDOWN b is out", "5 6 1 MGET k l => [a nil]"}},
	{"written after the flush, and gone", "k", []string{"1 2 1 FLUSHDB => OK", "3 4 1 SET k a => OK", "5 6 1 GET k => nil"}},

	{"added to what is there", "", []string{"1 2 1 INCR n => :1", "3 4 1 INCRBY n 5 => :6", "5 6 1 DECR n => :5", "7 8 1 DECRBY n 5 => :0", "9 10 1 GET n => 0", "11 12 1 INCR n => :1"}},
	{"added to an older number", "n", []string{"1 2 1 INCR n => :1", "3 4 1 INCR n => :2", "5 6 1 INCR n => :2"}},
	{"added to nothing, for no reason", "n", []string{"1 2 1 INCR n => :1", "3 4 1 INCR n => :2", "5 6 1 INCR n => :1"}},
	{"added to nothing, forgotten", "", []string{"1 2 1 INCR n => :1", "3 4 1 INCR n => :2", "forget 5 6 n", "7 8 1 INCR n => :1"}},
	{"added to a number from before it was forgotten", "n", []string{"1 2 1 INCR n => :1", "3 4 1 INCR n => :2", "forget 5 6 n", "7 8 1 INCR n => :1", "forget 9 10 n", "11 12 1 INCR n => :3"}},
	{"added without an answer", "", []string{"1 2 1 INCR n => :1", "3 4 1 INCR n => lost", "5 6 1 INCR n => :3", "7 8 1 GET n => 3"}},
	{"added without an answer, after the fence", "n", []string{"1 2 1 INCR n => :1", "3 4 1 INCR n => lost", "over 4 1", "5 6 2 SET n 7 => OK", "7 8 2 INCR n => :9"}},

	{"made, and made again", "k", []string{"1 2 1 SETNX k a => :1", "3 4 2 SETNX k b => :1"}},
	{"made, though it was deleted", "k", []string{"1 2 1 SETNX k a => :1", "3 4 1 DEL k => :1", "5 6 2 SETNX k b => :0"}},
	{"not made, as it was there", "k", []string{"1 2 1 SETNX k a => :1", "3 4 2 SETNX k b => :0", "5 6 2 GET k => b"}},
	{"set if it is not there", "", []string{"1 2 1 SET k a NX => OK", "3 4 1 SET k b NX => nil", "5 6 1 SET k c XX => OK", "7 8 1 GET k => c"}},
	{"set if it is not there, though it is", "k", []string{"1 2 1 SET k a => OK", "3 4 1 SET k b NX => OK"}},
	{"set if it is there, though it is not", "k", []string{"1 2 1 SET k b XX => OK"}},
	{"set for an older one", "k", []string{"1 2 1 SET k a => OK", "3 4 1 SET k b GET => a", "5 6 1 SET k c GET => a"}},

	{"expired", "", []string{"1 2 1 SET k a EX 2 => OK", "4 5 1 GET k => nil"}},
	{"expired, though it was read after it could be", "", []string{"1 2 1 SET k a EX 1 => OK", "3 4 1 GET k => a", "4 5 1 GET k => nil"}},
	{"expired too soon", "k", []string{"1 2 1 SET k a EX 9 => OK", "4 5 1 GET k => nil"}},
	{"expired too soon, but clocks are set", "", []string{"loose", "1 2 1 SETEX k 9 a => OK", "4 5 1 GET k => nil"}},
	{"expired, though it was written again", "k", []string{"1 2 1 SET k a PX 500 => OK", "3 4 1 SET k b => OK", "5 6 1 GET k => nil"}},
	{"expired, by EXPIRE", "", []string{"1 2 1 SET k a => OK", "3 4 1 EXPIRE k 1 => :1", "4 5 1 TTL k => :-2"}},
	{"expired, by EXPIRE of the value before", "k", []string{"1 2 1 SET k a => OK", "3 4 1 PEXPIRE k 100 => :1", "5 6 1 SET k b => OK", "7 8 1 TTL k => :-2"}},
	{"expired, as INCR keeps the lifetime", "", []string{"1 2 1 INCR n => :1", "3 4 1 EXPIRE n 3 => :1", "5 6 1 INCR n => :2", "7 8 1 PTTL n => :-2"}},
	{"lifetime of what was deleted", "k", []string{"1 2 1 SET k a => OK", "3 4 1 DEL k => :1", "5 6 1 EXPIRE k 9 => :1"}},

	{"a transaction sees the latest", "k", []string{"1 2 1 SET k a => OK", "3 4 1 SET k b => OK", "5 6 2 EXEC: GET k ; SET k c => [a OK]"}},
	{"a transaction's own writes", "", []string{"1 2 1 EXEC: GET k ; SET k a ; GET k ; DEL k ; EXISTS k => [nil OK a :1 :0]"}},
	{"a transaction that was not executed", "k", []string{"1 2 1 EXEC: SET k a => nil", "3 4 1 GET k => a"}},
	{"a transaction without an answer", "", []string{"1 2 1 EXEC: SET k a ; SET l a => lost", "3 4 1 MGET k l => [a a]"}},
	{"a watched key that was changed", "k", []string{"1 2 1 SET k a => OK", "3 4 2 SET k b => OK", "5 6 1 EXEC: SET k c => [OK]", "watched 2 k a"}},
	{"a watched key that was not there, and came to be", "k", []string{"3 4 2 SET k b => OK", "5 6 1 EXEC: SET k c => [OK]", "watched 1 k nil"}},
	{"a watched key that was not changed", "", []string{"1 2 1 SET k a => OK", "5 6 1 EXEC: SET k c => [OK]", "watched 1 k a"}},

	{"a key that is listed though it was deleted", "k", []string{"1 2 1 SET k a => OK", "3 4 1 DEL k => :1", "5 6 1 KEYS * => [k]"}},
	{"a key that is listed before it is made", "k", []string{"1 2 1 RANDOMKEY => k", "3 4 1 SET k a => OK"}},
	{"a key that is listed and not known", "", []string{"1 2 1 RANDOMKEY => k", "1 2 1 FLUSHALL => OK", "3 4 1 KEYS * => [k]"}},
	{"a key that nobody has made", "k", []string{"1 2 1 EXISTS k => :1"}},

	{"of one session, the later", "k", []string{"1 5 1 SET k a => OK", "2 6 1 SET k b => OK", "7 8 2 GET k => a"}},
	{"of one session, ahead of its own write", "k", []string{"1 5 1 SET k a => OK", "2 6 1 GET k => nil"}},
	{"of one session, ahead of its later write", "k", []string{"1 5 1 SET k a => OK", "2 6 1 SET k b => OK", "3 7 1 GET k => a"}},
	{"of another session, ahead of it", "", []string{"1 5 1 SET k a => OK", "2 6 2 GET k => nil"}},
}

func TestAHistoryIsAtFaultExactlyIfARuleIsViolated(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := tell(t, c.lines...).Check()
			var fault *history.Fault
			switch {
			case err == nil && c.fault != "":
				t.Errorf("no fault in %q", c.lines)
			case errors.As(err, &fault) && fault.Key != c.fault:
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAScanThatReturnsAPhantomIsAtFault(t *testing.T) {
	h := history.New()
	h.Send(1, 1, "SET", "k", "a").Reply(2, "OK")
	h.Send(3, 1, "DEL", "k").Reply(4, int64(1))
	h.Send(5, 1, "SCAN", "0").Reply(6, []any{"0", []any{"k"}})
	if err := h.Check(); err == nil {
		t.Error("no fault")
	}
}

func TestAFaultSaysWhatWasReadAndWhyItMustNotBe(t *testing.T) {
	h := tell(t, "1 2 1 SET k a => OK", "3 4 2 SET k b => OK", "5 6 3 GET k => a", "7 8 3 GET k => a")
	want := `k: "GET k" (session 3, 5s to 6s) reads "a": that was written by "SET k a" (session 1, 1s to 2s), no later than 2s, and "SET k b" (session 2, 3s to 4s) was executed by 4s`
	if err := h.Check(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestStatsCountWhatWasChecked(t *testing.T) {
	h := tell(t, "1 2 1 SET k a => OK", "1 2 1 SET k b => lost", "1 2 1 SET k c => !ERR no", "3 4 1 MGET k l => [a nil]", "5 6 1 INCR n => :1")
	if got, want := h.Stats(), (history.Stats{Reads: 3, Hits: 1, Writes: 2, Uncertain: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestRepliesAreParsedInBothProtocols(t *testing.T) {
	for raw, want := range map[string]string{
		"+OK\r\n": "OK", "$1\r\na\r\n": "a", "$-1\r\n": "<nil>", "_\r\n": "<nil>", ":7\r\n": "7",
		"-ERR no\r\n": "ERR no", "*2\r\n$1\r\na\r\n*0\r\n": "[a []]", "%1\r\n$1\r\na\r\n:1\r\n": "[a 1]", "*-1\r\n": "<nil>",
		"$5\r\na\r\n": `not a reply: "$5\r\na\r\n"`, "+OK\r\n+OK\r\n": `not a reply: "+OK\r\n+OK\r\n"`, "": `not a reply: ""`,
	} {
		if got := fmt.Sprint(history.Parse([]byte(raw))); got != want {
			t.Errorf("%q is %s, want %s", raw, got, want)
		}
	}
}

// register is one key that executes at once what it is told: its histories have no fault,
// and most have one if it now and then goes back to an older state.
func register(seed uint64, lies bool) *history.History {
	rng := rand.New(rand.NewPCG(seed, 3))
	h := history.New()
	var states []string // "": nothing
	now, value, serial := time.Duration(0), "", 0
	for session := range 60 {
		start := now
		now += time.Duration(rng.IntN(3))
		if lies && session%20 == 19 {
			value = states[rng.IntN(len(states))]
		}
		var args []string
		var reply any
		switch rng.IntN(5) {
		case 0:
			serial++
			value = fmt.Sprint("v", serial)
			args, reply = []string{"SET", "k", value}, "OK"
		case 1:
			args, reply = []string{"DEL", "k"}, int64(min(1, len(value)))
			value = ""
		default:
			args = []string{"GET", "k"}
			if value != "" {
				reply = value
			}
		}
		states = append(states, value)
		c := h.Send(start-time.Duration(rng.IntN(3)), session, args...)
		if rng.IntN(10) == 0 && args[0] != "GET" {
			c.Lost(now)
		} else {
			c.Reply(now+time.Duration(rng.IntN(3)), reply)
		}
	}
	h.CloseAll(now)
	return h
}

func TestWhatARegisterAnswersIsNeverAtFaultUnlessItGoesBack(t *testing.T) {
	const seeds = 2000
	found := 0
	for seed := range uint64(seeds) {
		if err := register(seed, false).Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if register(seed, true).Check() != nil {
			found++
		}
	}
	if found < seeds/2 {
		t.Errorf("%d of %d registers that lie are found out", found, seeds)
	}
}
