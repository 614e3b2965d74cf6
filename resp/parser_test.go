package resp

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// first parses the first request of in.
func first(in string, lim *Limits) (outcome, error) {
	var p Parser
	var r Request
	n, err := p.Next([]byte(in), lim, &r)
	o := outcome{n: n, raw: r.Raw != nil}
	for _, arg := range r.Args {
		o.args = append(o.args, string(arg))
	}
	return o, err
}

func TestMalformedRequestsAreRefusedInTheWordsOfRedis(t *testing.T) {
	for in, want := range map[string]string{
		"*01\r\n":                                  "invalid multibulk length",
		"*+1\r\n":                                  "invalid multibulk length",
		"* 1\r\n":                                  "invalid multibulk length",
		"*\r\n":                                    "invalid multibulk length",
		"*-0\r\n":                                  "invalid multibulk length",
		"*1\n$4\nPING\r\n":                         "invalid multibulk length",
		"*2147483648\r\n":                          "invalid multibulk length",
		"*18446744073709551617\r\n":                "invalid multibulk length",
		"*-9223372036854775809\r\n":                "invalid multibulk length",
		"*1\r\nxING\r\n":                           "expected '$', got 'x'",
		"*1\r\n\r\n":                               "expected '$', got ' '",
		"*1\r\n\nx\r\n":                            "expected '$', got ' '",
		"*1\r\r\n$4\r\nPING\r\n":                   "expected '$', got ' '",
		"*1\r\n\xffa\r\n":                          "expected '$', got '\xff'",
		"*2\r\n$1\r\na\r\n*1\r\n":                  "expected '$', got '*'",
		"*1\r\n$-1\r\n":                            "invalid bulk length",
		"*1\r\n$\r\n":                              "invalid bulk length",
		"*1\r\n$04\r\nPING\r\n":                    "invalid bulk length",
		"*1\r\n$536870913\r\n":                     "invalid bulk length",
		"*1\r\n$9223372036854775808\r\n":           "invalid bulk length",
		"*" + strings.Repeat("1", 64<<10+1):        "too big mbulk count string",
		"*1\r\n$" + strings.Repeat("1", 64<<10):    "too big bulk count string",
		"*1\r\n" + strings.Repeat("x", 64<<10+1):   "too big bulk count string",
		"*1\x00\r\n" + strings.Repeat("x", 64<<10): "too big mbulk count string",
		strings.Repeat("x", 64<<10+1):              "too big inline request",
		strings.Repeat("x", 64<<10+1) + "\r\n":     "too big inline request",
		"a\x00\r\n" + strings.Repeat("x", 64<<10):  "too big inline request",
		"PING \"a\r\n":                             "unbalanced quotes in request",
	} {
		if _, err := first(in, &roomy); err == nil || err.Error() != "Protocol error: "+want {
			t.Errorf("%.40q: %v, want %s", in, err, want)
		}
	}
}

func TestLimitsOfOursAreRefused(t *testing.T) {
	lim := Limits{Request: 60, Arguments: 3, Bulk: 40, Inline: 20}
	unauth := lim
	unauth.Unauthenticated = true
	for _, c := range []struct {
		in, want string
		lim      *Limits
	}{
		{"*4\r\n", "invalid multibulk length", &lim},
		{"*4\r\n", "unauthenticated multibulk length", &unauth},
		{"*2147483648\r\n", "invalid multibulk length", &unauth},
		{"a b c d\r\n", "invalid multibulk length", &lim},
		{"*1\r\n$41\r\n", "invalid bulk length", &lim},
		{"*1\r\n$41\r\n", "unauthenticated bulk length", &unauth},
		{"*1\r\n$536870913\r\n", "invalid bulk length", &unauth},
		{"*2\r\n$40\r\n" + strings.Repeat("x", 40) + "\r\n$4\r\n", "request exceeds 60 bytes", &lim},
		{"*2\r\n$40\r\n" + strings.Repeat("x", 40) + "\r\n$4\r\nabcd\r\n", "request exceeds 60 bytes", &lim},
		{"*2\r\n$40\r\n" + strings.Repeat("x", 40) + "\r\n$00000000", "request exceeds 60 bytes", &lim},
		{"*3\r\n$40\r\n" + strings.Repeat("x", 40) + "\r\n$0\r\n\r\n$41\r\n", "request exceeds 60 bytes", &lim},
		{"*1\r\n$41\r\n" + strings.Repeat("x", 41) + "\r\n", "invalid bulk length", &lim},
		{strings.Repeat("x", 21), "too big inline request", &lim},
	} {
		if _, err := first(c.in, c.lim); err == nil || err.Error() != "Protocol error: "+c.want {
			t.Errorf("%q: %v, want %s", c.in, err, c.want)
		}
	}
	for _, in := range []string{
		"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", "*1\r\n$40\r\n" + strings.Repeat("x", 40) + "\r\n",
		"*2\r\n$40\r\n" + strings.Repeat("x", 40) + "\r\n$3\r\nabc\r\n", strings.Repeat("x", 20) + "\n",
	} {
		if o, err := first(in, &lim); err != nil || o.n != len(in) {
			t.Errorf("%q is within the limits: %+v, %v", in, o, err)
		}
	}
}

func TestAnOddEndOfLineIsAcceptedButNotRelayed(t *testing.T) {
	for in, want := range map[string]outcome{
		"*1\r\n$4\r\nPING\r\n":   {n: 14, args: []string{"PING"}, raw: true},
		"*1\rX$4\r\nPING\r\n":    {n: 14, args: []string{"PING"}},
		"*1\r\n$4\rXPING\r\n":    {n: 14, args: []string{"PING"}},
		"*1\r\n$4\r\nPINGABC":    {n: 14, args: []string{"PING"}},
		"*1\r\n$0\r\n\r\nPING":   {n: 10, args: []string{""}, raw: true},
		"PING\r\nPING":           {n: 6, args: []string{"PING"}},
		"*0\r\nPING":             {n: 4},
		"*-5\r\n":                {n: 5},
		"\r\n":                   {n: 2},
		"\n":                     {n: 1},
		" \t\v\f\r\r\n":          {n: 7},
		"PING\x00\r\n":           {},
		"*1\x00\r\n$4\r\nPING":   {},
		"*1\r\n$4\r\nPING\r":     {},
		"*1\r":                   {},
		"*9223372036854775807\r": {},
	} {
		if got, err := first(in, &roomy); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", in, got, err, want)
		}
	}
}

func TestInlineWordsAreSplitAsRedisSplitsThem(t *testing.T) {
	for in, want := range map[string][]string{
		`SET a "b c"`:                   {"SET", "a", "b c"},
		`ECHO "\x41\xg1\n\q\"\r\t\b\a"`: {"ECHO", "Axg1\nq\"\r\t\b\a"},
		`ECHO 'a\'b\n'`:                 {"ECHO", `a'b\n`},
		`ECHO a"b c"`:                   {"ECHO", "ab c"},
		`"" ''`:                         {"", ""},
		"a\vb \vc\td\re":                {"a\vb", "c", "d", "e"},
		"\"a\"\v\"b\"":                  {"a", "b"},
		"\xa0\xff":                      {"\xa0\xff"},
		`ECHO "\x4`:                     nil,
		`ECHO "a"b`:                     nil,
		`ECHO "a\"`:                     nil,
		`ECHO "a\`:                      nil,
		`ECHO 'a\'`:                     nil,
		"ECHO \"a\"\xa0b":               nil,
	} {
		got, err := first(in+"\r\n", &roomy)
		if (err != nil) != (want == nil) || !reflect.DeepEqual(got.args, want) {
			t.Errorf("%q: %q, %v", in, got.args, err)
		}
	}
}

func TestArgumentsAreSeparateSlicesOfTheInput(t *testing.T) {
	in := []byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*")
	var p Parser
	var r Request
	if _, err := p.Next(in, &roomy, &r); err != nil {
		t.Fatal(err)
	}
	if cap(r.Args[0]) != 3 || cap(r.Raw) != len(in)-1 || &r.Args[1][0] != &in[len(in)-4] {
		t.Fatalf("an append to %q would overwrite what follows, or it is a copy", r.Args)
	}
}

// feed gives in to a parser in pieces and returns how long the request was.
func feed(t *testing.T, p *Parser, r *Request, in []byte, piece int) int {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for end := piece; ; end += piece {
		n, err := p.Next(in[:min(end, len(in))], &roomy, r)
		if err != nil || n > 0 || end >= len(in) {
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if end%(1<<20) < piece && time.Now().After(deadline) {
			t.Fatalf("only %d bytes looked at: the start is scanned again and again", end)
		}
	}
}

func TestARequestInManyPiecesIsNotScannedAgain(t *testing.T) {
	million := append([]byte("*1048576\r\n"), bytes.Repeat([]byte("$1\r\nx\r\n"), 1<<20)...)
	var p Parser
	var r Request
	if n := feed(t, &p, &r, million, 512); n != len(million) || len(r.Args) != 1<<20 || len(r.Raw) != n {
		t.Fatalf("%d bytes, %d arguments", n, len(r.Args))
	}
	big := AppendCommand(nil, "SET", "k", strings.Repeat("v", 32<<20))
	if n := feed(t, &p, &r, big, 512); n != len(big) {
		t.Fatalf("%d bytes", n)
	}
	line := []byte(strings.Repeat("x", 60<<10) + "\r\n")
	if n := feed(t, &p, &r, line, 1); n != len(line) {
		t.Fatalf("%d bytes", n)
	}
}

func TestLimitsThatShrinkMeanwhileDoNotLoseARequest(t *testing.T) {
	in := []byte("*3\r\n$1\r\na\r\n$9\r\n123456789\r\n$1\r\nb\r\n")
	var p Parser
	var r Request
	if n, err := p.Next(in[:27], &roomy, &r); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	n, err := p.Next(in, &Limits{Request: 100, Arguments: 1, Bulk: 3, Inline: 10}, &r)
	if n != len(in) || err != nil || len(r.Args) != 3 || string(r.Raw) != string(in) {
		t.Fatalf("%d %v %q", n, err, r.Args)
	}
}

func TestDeclaredLengthsAllocateNothing(t *testing.T) {
	for _, in := range []string{"*1048576\r\n$1\r\n", "*1048576\r\n$1\r\na\r\n$60000000\r\nxx", "*1000000\r"} {
		if allocs := testing.AllocsPerRun(20, func() {
			var p Parser
			r := Request{Args: make([][]byte, 0, 8)}
			if n, err := p.Next([]byte(in), &roomy, &r); n != 0 || err != nil || cap(r.Args) > 8 {
				t.Fatal(n, err, cap(r.Args))
			}
		}); allocs > 3 {
			t.Errorf("%q: %v allocations", in, allocs)
		}
	}
}

func TestMemoryOfALargeRequestIsLetGo(t *testing.T) {
	var p Parser
	var r Request
	feed(t, &p, &r, append([]byte("*10000\r\n"), bytes.Repeat([]byte("$1\r\nx\r\n"), 10000)...), 1<<20)
	feed(t, &p, &r, []byte("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"), 1<<20)
	if cap(r.Args) > keptArgs {
		t.Fatalf("memory for %d arguments is kept", cap(r.Args))
	}
	for _, in := range []string{"*1\r\n$1\r\na\r\n", "*1\r\n$1\r\nabc", "a b\n"} {
		feed(t, &p, &r, []byte("*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"), 1<<20)
		feed(t, &p, &r, []byte(in), 1<<20)
		for i, arg := range r.Args[:cap(r.Args)] {
			if i >= len(r.Args) && arg != nil {
				t.Fatalf("%q: argument %d of an earlier request is kept", in, i)
			}
		}
	}
	r.Reset()
	if r.Raw != nil || r.Args[:1][0] != nil {
		t.Fatal("the last request is kept")
	}
}

func TestTheHotPathAllocatesNothing(t *testing.T) {
	in := []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nvvvvvvvvvvvv\r\n")
	inline := []byte("SET k 'v'\r\n")
	reply := []byte("*3\r\n$2\r\nab\r\n$-1\r\n%1\r\n+a\r\n:1\r\n+OK\r\n")
	var p Parser
	var r Request
	var f Framer
	if allocs := testing.AllocsPerRun(100, func() {
		for _, b := range [][]byte{in, inline} {
			if n, err := p.Next(b, &roomy, &r); n != len(b) || err != nil || len(r.Args) != 3 {
				t.Fatal(n, err)
			}
		}
		for range 2 {
			if n, done, err := f.Scan(reply); n != len(reply)-5 || !done || err != nil {
				t.Fatal(n, done, err)
			}
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if size := unsafe.Sizeof(p); size > 32 {
		t.Errorf("a parser takes %d bytes", size)
	}
}
