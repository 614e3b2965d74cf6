package resp

import (
	"reflect"
	"strings"
	"testing"
)

func TestRepliesOfEveryTypeAreFramed(t *testing.T) {
	for _, reply := range []string{
		"+OK\r\n", "-ERR x\r\n", ":-12\r\n", "+\r\n", "+a\rb\nc\r\r\n",
		"$3\r\nabc\r\n", "$0\r\n\r\n", "$-1\r\n", "$4\r\n\r\n\r\n\r\n", "*-1\r\n", "*0\r\n",
		"*2\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n", "*1\r\n*1\r\n*1\r\n*-1\r\n", "*2\r\n+a\r\n+\nb\r\n",
		"_\r\n", "#t\r\n", ",-inf\r\n", "(3492890328409238509324850943850943825024385\r\n",
		"=7\r\ntxt:abc\r\n", "!5\r\nERR x\r\n",
		"%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n_\r\n#f\r\n", "%0\r\n", "~1\r\n,1.5\r\n", ">2\r\n+message\r\n$1\r\nx\r\n",
	} {
		for _, cuts := range [][]byte{nil, {0}, {1}, {2, 0}} {
			got := scanPieces(t, []byte(reply+"+next\r\n"), cuts)
			want := []framed{{end: len(reply), kind: reply[0]}, {end: len(reply) + 7, kind: '+'}}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q in pieces of %v: %+v", reply, cuts, got)
			}
		}
	}
}

func TestAttributesBelongToTheReplyBehindThem(t *testing.T) {
	for reply, kind := range map[string]byte{
		"|1\r\n+a\r\n*1\r\n:1\r\n$1\r\nx\r\n": '$',
		"|0\r\n:1\r\n":                        ':',
		"|1\r\n+a\r\n+b\r\n|1\r\n|1\r\n_\r\n_\r\n+c\r\n_\r\n#t\r\n": '#',
		"*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n":                      '*',
		"|1\r\n+a\r\n+b\r\n>1\r\n+x\r\n":                            '>',
	} {
		for _, cuts := range [][]byte{nil, {0}, {3, 1}} {
			if got := scanPieces(t, []byte(reply), cuts); len(got) != 1 || got[0] != (framed{end: len(reply), kind: kind}) {
				t.Errorf("%q: %+v", reply, got)
			}
		}
	}
}

func TestKindIsUnknownUntilTheReplyItselfBegins(t *testing.T) {
	var f Framer
	for _, step := range []struct {
		in   string
		kind byte
	}{{"", 0}, {"|1\r\n+a\r\n", 0}, {"+b\r\n", 0}, {"*", '*'}, {"1\r\n:", '*'}, {"1\r\n", '*'}, {"", '*'}, {"|", 0}} {
		if _, _, err := f.Scan([]byte(step.in)); err != nil || f.Kind() != step.kind {
			t.Fatalf("after %q: %q, %v", step.in, f.Kind(), err)
		}
	}
}

func TestRepliesThatBreakTheProtocolAreRefused(t *testing.T) {
	for reply, want := range map[string]error{
		"$?\r\n": errStreamed, "*?\r\n": errStreamed, "%?\r\n": errStreamed,
		"$-2\r\n": errHeader, "*-2\r\n": errHeader, "%-1\r\n": errHeader, "!-1\r\n": errHeader,
		"$01\r\n": errHeader, "$\r\n": errHeader, "$1\n": errHeader, "*+1\r\n": errHeader, "$1\rx\n": errHeader,
		"$" + strings.Repeat("1", 30): errHeader,
		"$2\r\nabcd":                  errEnd, "$2\r\nab\rx": errEnd, "*1\r\n$0\r\n\n": errEnd,
		"$1099511627777\r\n": errString,
		"*4294967296\r\n":    errElements, "%2147483648\r\n": errElements, "|2147483648\r\n": errElements,
		"%9223372036854775807\r\n":     errElements,
		"$?" + strings.Repeat("0", 30): errStreamed,
		"*1\r\n>1\r\n":                 errPush,
	} {
		for _, cuts := range [][]byte{nil, {0}} {
			if got := scanPieces(t, []byte(reply), cuts); len(got) != 1 || got[0].err != want.Error() {
				t.Errorf("%q: %+v, want %v", reply, got, want)
			}
		}
	}
	for _, reply := range []string{"?\r\n", "x", "\r\n", "HTTP/1.1", ";1\r\n", ".\r\n", "*1\r\nx"} {
		if got := scanPieces(t, []byte(reply), nil); len(got) != 1 || got[0].err == "" {
			t.Errorf("%q: %+v", reply, got)
		}
	}
}

func TestNestingIsBoundedAndItsMemoryLetGo(t *testing.T) {
	var f Framer
	deep := strings.Repeat("*1\r\n", MaxNesting)
	n, done, err := f.Scan([]byte(deep + ":1\r\n"))
	if n != len(deep)+4 || !done || err != nil {
		t.Fatal(n, done, err)
	}
	if cap(f.open) > keptNesting {
		t.Fatalf("memory for %d levels is kept", cap(f.open))
	}
	if _, _, err := f.Scan([]byte(deep + "|1\r\n")); err != errNesting {
		t.Fatal(err)
	}
}

func TestAHugeStringIsCountedNotKept(t *testing.T) {
	var f Framer
	piece := make([]byte, 1<<20)
	if _, done, err := f.Scan([]byte("$3221225472\r\n")); done || err != nil {
		t.Fatal(done, err)
	}
	for range 3 << 10 {
		if n, done, err := f.Scan(piece); n != len(piece) || done || err != nil {
			t.Fatal(n, done, err)
		}
	}
	if n, done, err := f.Scan([]byte("\r\n+OK\r\n")); n != 2 || !done || err != nil || f.Kind() != '$' {
		t.Fatal(n, done, err)
	}
}
