package fanout

import (
	"strings"
	"testing"
)

// gathered is the reply to a command of a kind, given the servers' replies. One that
// begins with '!' is a failure, with '?' one that may have been executed.
func gathered(w Whole, replies ...string) string {
	var parts []Part
	for i, reply := range replies {
		p := Part{Node: string(rune('a' + i)), Keys: len(w.Kept)}
		switch reply[0] {
		case '!':
			p.Failure = reply[1:]
		case '?':
			p.Failure, p.Uncertain = reply[1:], true
		default:
			p.Reply = [][]byte{[]byte(reply)}
			if cut := strings.Index(reply, "\n") + 2; cut < len(reply) {
				p.Reply = [][]byte{[]byte(reply[:cut]), []byte(reply[cut:])}
			}
		}
		parts = append(parts, p)
	}
	var out strings.Builder
	Merge(func(b []byte) { out.Write(b) }, &w, parts)
	return out.String()
}

func TestAScriptIsKilledIfOneServerHasKilledOneAndNoneCannot(t *testing.T) {
	const ok, notBusy, unkillable, down = "+OK\r\n", "-NOTBUSY none\r\n", "-UNKILLABLE it has written\r\n", "!CLUSTERDOWN b"
	for _, c := range []struct {
		replies []string
		want    string
	}{
		{[]string{notBusy, notBusy, notBusy}, notBusy},
		{[]string{notBusy, ok, notBusy}, ok},
		{[]string{ok, down, notBusy}, ok},
		{[]string{notBusy, down, notBusy}, "-CLUSTERDOWN b\r\n"},
		{[]string{ok, notBusy, unkillable}, unkillable},
		{[]string{unkillable, ok, down}, unkillable},
		{[]string{notBusy, "-BUSY other\r\n"}, "-BUSY other\r\n"},
		{[]string{"-UNKILLABLER x\r\n", ok}, ok},
	} {
		if got := gathered(Whole{Kind: Killed, Writes: true}, c.replies...); got != c.want {
			t.Errorf("%q: %q, want %q", c.replies, got, c.want)
		}
	}
}

func TestWhatAllServersSayIsSaidOnceAndAPartIsUncertain(t *testing.T) {
	const name, fails = "$3\r\nlib\r\n", "-ERR Library 'lib' already exists\r\n"
	for _, c := range []struct {
		replies []string
		want    string
	}{
		{[]string{name, name, name}, name},
		{[]string{fails, fails}, fails},
		{[]string{name, fails, "?late"}, "-UNCERTAIN the command was or may have been executed in part, on a, c: ERR Library 'lib' already exists\r\n"},
		{[]string{"!CLUSTERDOWN a", fails}, "-CLUSTERDOWN a\r\n"},
	} {
		if got := gathered(Whole{Kind: Same, Writes: true}, c.replies...); got != c.want {
			t.Errorf("%q: %q, want %q", c.replies, got, c.want)
		}
	}
}

func TestAKeptScriptIsLoadedAlthoughSomeServersCannotTakeIt(t *testing.T) {
	const sha, wrong, busy, down = "$1\r\nd\r\n", "-ERR wrong\r\n", "-BUSY x\r\n", "!CLUSTERDOWN x"
	for _, c := range []struct {
		kept    bool
		replies []string
		want    string
	}{
		{true, []string{busy, down, sha, "-LOADING x\r\n"}, sha},
		{false, []string{sha, busy}, busy},
		{false, []string{sha, down}, "-CLUSTERDOWN x\r\n"},
		{true, []string{sha, down, wrong}, wrong},
		{true, []string{down, busy}, "-CLUSTERDOWN x\r\n"},
	} {
		if got := gathered(Whole{Kind: Loaded, Kept: []bool{c.kept}}, c.replies...); got != c.want {
			t.Errorf("%v %q: %q, want %q", c.kept, c.replies, got, c.want)
		}
	}
}

func TestAScriptExistsWhereAllHaveItOrWouldBeGivenIt(t *testing.T) {
	w := Whole{Kind: Exist, Kept: []bool{true, true, false, false, true}}
	got := gathered(w, "*5\r\n:1\r\n:0\r\n:1\r\n:1\r\n:0\r\n", "*5\r\n:0\r\n:0\r\n:1\r\n:0\r\n:1\r\n")
	if want := "*5\r\n:1\r\n:0\r\n:1\r\n:0\r\n:1\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, short := range []string{"*2\r\n:1\r\n:1\r\n", "*0\r\n", "+OK\r\n"} {
		want := "-ERR node \"a\" sent a reply of the wrong type\r\n"
		if got := gathered(w, short, "*5\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"); got != want {
			t.Errorf("a server that says %q: %q", short, got)
		}
	}
}
