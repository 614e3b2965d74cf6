package local

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringmain/command"
)

// asker asks one set of answers.
func asker(t *testing.T, a *Answers) func(words string) string {
	client := &Client{ID: 9, Protocol: 2}
	return func(words string) string {
		t.Helper()
		var args [][]byte
		for _, w := range strings.Fields(words) {
			args = append(args, []byte(w))
		}
		call := Call{Command: command.Lookup(args), Args: args, Client: client, Session: described("id=9")}
		a.Answer(&call)
		return string(call.Out)
	}
}

func took(d time.Duration, at int64, words string) *Execution {
	var args [][]byte
	for _, w := range strings.Fields(words) {
		args = append(args, []byte(w))
	}
	return &Execution{Command: command.Lookup(args), Args: args, Took: d, Ended: time.Unix(at, 0), Client: "c:1", Name: "me"}
}

func TestTheSlowLogKeepsTheLastEntriesAndGivesTheNewestFirst(t *testing.T) {
	a := answers()
	a.Records = NewRecords(0, 10*time.Millisecond, 2)
	ask := asker(t, a)
	for i, ms := range []int{10, 9, 20, 30} {
		if e := took(time.Duration(ms)*time.Millisecond, int64(i), fmt.Sprintf("GET k%d", i)); a.Records.Noticed(e.Took) {
			a.Records.Note(e)
		}
	}
	want := "*2\r\n*6\r\n:2\r\n:3\r\n:30000\r\n*2\r\n$3\r\nGET\r\n$2\r\nk3\r\n$3\r\nc:1\r\n$2\r\nme\r\n" +
		"*6\r\n:1\r\n:2\r\n:20000\r\n*2\r\n$3\r\nGET\r\n$2\r\nk2\r\n$3\r\nc:1\r\n$2\r\nme\r\n"
	for words, reply := range map[string]string{
		"SLOWLOG GET": want, "SLOWLOG GET -1": want, "SLOWLOG LEN": ":2\r\n", "SLOWLOG GET 0": "*0\r\n",
		"SLOWLOG GET -2": "-ERR count should be greater than or equal to -1\r\n",
	} {
		if got := ask(words); got != reply {
			t.Errorf("%s: %q", words, got)
		}
	}
	if got := ask("CONFIG SET slowlog-max-len 1") + ask("SLOWLOG LEN") + ask("SLOWLOG RESET") + ask("SLOWLOG LEN"); got != "+OK\r\n:1\r\n+OK\r\n:0\r\n" {
		t.Errorf("%q", got)
	}
	a.Records.Note(took(time.Second, 9, "GET k"))
	if got := ask("SLOWLOG GET"); !strings.HasPrefix(got, "*1\r\n*6\r\n:3\r\n") {
		t.Errorf("the numbers begin anew: %q", got)
	}
}

func TestNothingIsNoticedUnlessALogTakesIt(t *testing.T) {
	a := answers()
	a.Records = NewRecords(0, 0, 0)
	ask := asker(t, a)
	if a.Records.Notices() {
		t.Error("without entries commands are noticed")
	}
	for _, step := range []struct {
		set  string
		took time.Duration
		want bool
	}{
		{"slowlog-max-len 5", 0, true}, {"slowlog-log-slower-than 100", 99 * time.Microsecond, false}, {"slowlog-log-slower-than 99", 99 * time.Microsecond, true},
		{"slowlog-log-slower-than -1", time.Hour, false}, {"latency-monitor-threshold 2", time.Millisecond, false},
		{"latency-monitor-threshold 1", time.Millisecond, true}, {"latency-monitor-threshold 9223372036854775807", time.Hour, false},
		{"slowlog-log-slower-than 9223372036854775807", time.Hour, false},
	} {
		if got := ask("CONFIG SET " + step.set); got != "+OK\r\n" {
			t.Errorf("%s: %q", step.set, got)
		}
		if got := a.Records.Noticed(step.took); got != step.want {
			t.Errorf("%s: a command of %v is noticed: %v", step.set, step.took, got)
		}
	}
}

func TestConfigSetChangesAllOrNothing(t *testing.T) {
	a := answers()
	ask := asker(t, a)
	failed := func(name, why string) string {
		return "-ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + why + "\r\n"
	}
	for _, step := range []struct{ set, want string }{
		{"timeout 7 SLOWLOG-max-len 3", "+OK\r\n"},
		{"timeout 8 slowlog-max-len -1", failed("slowlog-max-len", "argument must be between 0 and 10000 inclusive")},
		{"timeout 8 timeout 9", failed("timeout", "duplicate parameter")},
		{"timeout 8 save x", failed("save", "can't set immutable config")},
		{"timeout 8 save x nosuch 1", failed("save", "can't set immutable config")},
		{"timeout x", failed("timeout", "argument couldn't be parsed into an integer")},
		{"timeout 8 nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n"},
		{"timeout 8 save", "-ERR syntax error\r\n"},
		{"appendonly no", "+OK\r\n"}, // which it is
	} {
		if got := ask("CONFIG SET " + step.set); got != step.want {
			t.Errorf("%s: %q", step.set, got)
		}
		if got := ask("CONFIG GET timeout slowlog-max-len"); got != "*4\r\n$15\r\nslowlog-max-len\r\n$1\r\n3\r\n$7\r\ntimeout\r\n$1\r\n7\r\n" {
			t.Fatalf("after %s: %q", step.set, got)
		}
	}
	if a.Records.ClientIdle() != 7*time.Second {
		t.Errorf("idle clients stay for %v", a.Records.ClientIdle())
	}
}

func TestLatenciesAreKeptByEventAndSecond(t *testing.T) {
	a := answers()
	ask := asker(t, a)
	ask("CONFIG SET latency-monitor-threshold 10 slowlog-log-slower-than -1")
	if got := ask("LATENCY DOCTOR"); !strings.Contains(got, "no latency spike") {
		t.Errorf("%q", got)
	}
	for i, ms := range []int{20, 40, 30, 9} {
		a.Records.Note(took(time.Duration(ms)*time.Millisecond, int64(100+i/2), "GET k"))
	}
	a.Records.Note(took(50*time.Millisecond, 101, "KEYS *"))
	for _, step := range []struct{ words, want string }{
		{"SLOWLOG LEN", ":0\r\n"},
		{"LATENCY LATEST", "*2\r\n*4\r\n$7\r\ncommand\r\n:101\r\n:50\r\n:50\r\n*4\r\n$12\r\nfast-command\r\n:101\r\n:30\r\n:40\r\n"},
		{"LATENCY HISTORY fast-command", "*2\r\n*2\r\n:100\r\n:40\r\n*2\r\n:101\r\n:30\r\n"},
		{"LATENCY HISTORY nosuch", "*0\r\n"},
		{"LATENCY GRAPH nosuch", "-ERR No samples available for event 'nosuch'\r\n"},
		{"LATENCY RESET nosuch fast-command", ":1\r\n"}, {"LATENCY RESET", ":1\r\n"}, {"LATENCY RESET", ":0\r\n"}, {"LATENCY LATEST", "*0\r\n"},
	} {
		if got := ask(step.words); got != step.want {
			t.Errorf("%s: %q", step.words, got)
		}
	}
	for i := range int64(300) {
		a.Records.Note(took(time.Duration(10+i)*time.Millisecond, i, "KEYS *"))
	}
	if got := ask("LATENCY HISTORY command"); !strings.HasPrefix(got, "*160\r\n*2\r\n:140\r\n") {
		t.Errorf("%.40q", got)
	}
	graph := payload(t, ask("LATENCY GRAPH command"))
	if !strings.HasPrefix(graph, "command - high 309 ms, low 150 ms (all time high 309 ms)\n---") || !strings.Contains(graph, "#\n") {
		t.Errorf("%s", graph)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for words, want := range map[string]string{
		"AUTH x": "AUTH (redacted)", "AUTH u x": "AUTH (redacted) (redacted)", "HELLO 3 AUTH u x SETNAME n": "HELLO 3 AUTH (redacted) (redacted) SETNAME n",
		"HELLO 3 SETNAME n AUTH u x": "HELLO 3 SETNAME n AUTH (redacted) (redacted)", "HELLO 3 AUTH u": "HELLO 3 AUTH (redacted)", "GET AUTH": "GET AUTH",
		"ACL SETUSER u >x": "ACL SETUSER (redacted) (redacted)", "CONFIG SET requirepass x": "CONFIG SET (redacted) (redacted)",
	} {
		e := took(0, 0, words)
		var got []string
		for _, arg := range Redacted(e.Command, e.Args) {
			got = append(got, string(arg))
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %s", words, text)
		}
	}
}
