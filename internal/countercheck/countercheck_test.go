package countercheck

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// play makes a log of lines "SENT-ENDED VERB NUMBER REPLY", of one client each. REPLY is
// nil, ? for unknown, ! for refused, a number, 'TEXT or OK.
func play(lines string) *Log {
	l := New()
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		words := strings.Fields(line)
		sent, ended, _ := strings.Cut(words[0], "-")
		c := l.Send(time.Duration(number(sent)), i, words[1], "k", number(words[2]))
		at, reply := time.Duration(number(ended)), words[3]
		switch {
		case reply == "?":
			c.Unknown(at)
		case reply == "!":
			c.Refused(at)
		case reply == "nil":
			c.Replied(at, nil)
		case reply == "OK":
			c.Replied(at, reply)
		case reply[0] == '\'':
			c.Replied(at, reply[1:])
		default:
			c.Replied(at, number(reply))
		}
	}
	return l
}

func TestWhatOneIntegerCannotHaveShownIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		ok    bool
	}{
		"one after the other": {`
			0-1 get 0 nil
			2-3 incr 0 1
			4-5 incrby 5 6
			6-7 decr 0 5
			8-9 decrby 7 -2
			10-11 get 0 '-2
			12-13 set 9 OK
			14-15 exists 0 1
			16-17 del 0 1
			18-19 del 0 0
			20-21 exists 0 0
			22-23 incr 0 1`, true},
		"at once, in either order": {`
			0-9 incr 0 2
			1-8 incr 0 1`, true},
		"a number twice": {`
			0-9 incr 0 1
			1-8 incr 0 1`, false},
		"an acknowledged one that is lost": {`
			0-1 incr 0 1
			2-3 incr 0 2
			4-5 get 0 '1`, false},
		"it goes back for one that comes later": {`
			0-1 incr 0 1
			2-9 incr 0 2
			3-4 get 0 '2
			5-6 get 0 '1`, false},
		"an unknown one that was carried out": {`
			0-1 incr 0 ?
			2-3 incr 0 2`, true},
		"an unknown one that was not": {`
			0-1 incr 0 ?
			2-3 incr 0 1`, true},
		"an unknown one that was carried out twice": {`
			0-1 incr 0 ?
			2-3 incr 0 3`, false},
		"an unknown one after a read": {`
			0-1 incr 0 ?
			2-3 get 0 nil
			4-5 get 0 '1`, true},
		"an unknown one that shows and is gone": {`
			0-1 incr 0 ?
			2-3 get 0 '1
			4-5 get 0 nil`, false},
		"an unknown one after a change that was agreed on": {`
			0-1 incr 0 ?
			2-3 incr 0 1
			4-5 get 0 '1
			6-7 incr 0 3`, false},
		"an unknown one after a change that was sent before its answer": {`
			0-3 incr 0 ?
			2-4 incr 0 1
			5-6 get 0 '1
			7-8 incr 0 3`, true},
		"one that was refused and carried out": {`
			0-1 incr 0 !
			2-3 get 0 '1`, false},
		"one that was refused": {`
			0-1 incr 0 !
			2-3 get 0 nil`, true},
		"a counter that was deleted and counts on": {`
			0-1 incr 0 1
			2-3 del 0 1
			4-5 incr 0 2`, false},
		"a text for a number": {`
			0-1 incr 0 '1`, false},
	} {
		if err := play(c.lines).Check(time.Minute); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAVerdictThatIsNotReachedInTimeIsAFailure(t *testing.T) {
	var lines strings.Builder
	for range 40 {
		lines.WriteString("0-1000 incrby 1 ?\n0-1000 incrby 3 ?\n")
	}
	lines.WriteString("1001-1002 get 0 '1000\n")
	if err := play(lines.String()).Check(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "not told within") {
		t.Errorf("it is %v", err)
	}
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}
