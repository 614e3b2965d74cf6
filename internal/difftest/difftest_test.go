package difftest

import (
	"io"
	"slices"
	"strings"
	"testing"
)

// read reads one reply that has to be whole and good.
func read(t *testing.T, text string) *Reply {
	t.Helper()
	r, err := NewReader(strings.NewReader(text)).Read()
	if err != nil || r.Raw != text {
		t.Fatalf("%q: %q, %v", text, r.Raw, err)
	}
	return &r
}

func TestReaderReadsRepliesOfBothProtocols(t *testing.T) {
	for text, want := range map[string]string{
		"+OK\r\n": `+"OK"`, "-ERR x\r\n": `-"ERR x"`, ":-5\r\n": `:"-5"`, "$-1\r\n": "$null", "*-1\r\n": "*null", "_\r\n": "_null",
		"$4\r\n\r\n\x00a\r\n": `$"\r\n\x00a"`, "$0\r\n\r\n": `$""`, "#t\r\n": `#"t"`, ",1.5\r\n": `,"1.5"`, ",inf\r\n": `,"inf"`,
		"=8\r\ntxt:abcd\r\n": `="txt:abcd"`, "!3\r\nERR\r\n": `!"ERR"`, "(123456789012345678901\r\n": `("123456789012345678901"`,
		"*2\r\n:1\r\n*1\r\n+a\r\n": `*[:"1" *[+"a"]]`, "%1\r\n+a\r\n:1\r\n": `%[+"a" :"1"]`, "~0\r\n": "~[]",
	} {
		if got := read(t, text).Value.String(); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestReaderTakesRepliesOneByOneAndTheRest(t *testing.T) {
	r := NewReader(strings.NewReader("+a\r\n*1\r\n$1\r\nb\r\nrest"))
	for _, want := range []string{"+a\r\n", "*1\r\n$1\r\nb\r\n"} {
		if got, err := r.Read(); err != nil || got.Raw != want {
			t.Fatalf("%q, %v; want %q", got.Raw, err, want)
		}
	}
	if rest, err := r.Rest(); err != nil || rest != "rest" {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestReaderRefusesWhatIsNoReply(t *testing.T) {
	for _, text := range []string{"", "\r\n", "+a\n", "+a", "x\r\n", ":1x\r\n", ":+1\r\n", ":01\r\n", "$1\r\nab\r\n", "$-2\r\n", "$x\r\n", "$01\r\na\r\n",
		"$99999999999\r\n", "*2\r\n:1\r\n", "*99999999\r\n", "#x\r\n", ",x\r\n", "_x\r\n", "~-1\r\n", "%1\r\n+a\r\n", "|1\r\n+a\r\n+b\r\n+c\r\n",
		strings.Repeat("*1\r\n", maxDepth+2) + ":1\r\n", "+" + strings.Repeat("x", maxLine) + "\r\n"} {
		if r, err := NewReader(strings.NewReader(text)).Read(); err == nil {
			t.Errorf("%q is read as %s", text, r.Value.String())
		}
	}
}

func TestReaderReadsAReplyHoweverItIsCut(t *testing.T) {
	const text = "*3\r\n$5\r\nab\r\nc\r\n:12\r\n%1\r\n+k\r\n_\r\n"
	in, out := io.Pipe()
	go func() {
		for i := range len(text) {
			_, _ = io.WriteString(out, text[i:i+1])
		}
	}()
	if r, err := NewReader(in).Read(); err != nil || r.Raw != text {
		t.Errorf("%q, %v", r.Raw, err)
	}
}

func TestModesTellRepliesThatDifferFromThoseThatMay(t *testing.T) {
	const abc, cba = "*3\r\n+a\r\n+b\r\n+c\r\n", "*3\r\n+c\r\n+b\r\n+a\r\n"
	const error1, error2 = "-ERR one\r\n", "-ERR two\r\n"
	for name, c := range map[string]struct {
		mode      Mode
		got, want string
		same      bool
	}{
		"exact, the same":               {Exact, abc, abc, true},
		"exact, another order":          {Exact, abc, cba, false},
		"any order":                     {Unordered(1), abc, cba, true},
		"any order, one twice":          {Unordered(1), "*3\r\n+a\r\n+b\r\n+b\r\n", abc, false},
		"any order, one missing":        {Unordered(1), "*2\r\n+a\r\n+b\r\n", abc, false},
		"any order, another type":       {Unordered(1), "~3\r\n+a\r\n+b\r\n+c\r\n", abc, false},
		"any order, other types within": {Unordered(1), "*3\r\n+a\r\n+b\r\n$1\r\nc\r\n", abc, false},
		"any order, other errors":       {Unordered(1), error1, error2, false},
		"any order, error or not":       {Unordered(1), abc, error1, false},
		"any order, null or not":        {Unordered(1), "*-1\r\n", abc, false},
		"pairs":                         {Unordered(2), "*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n", "*4\r\n+b\r\n+2\r\n+a\r\n+1\r\n", true},
		"pairs that are mixed up":       {Unordered(2), "*4\r\n+a\r\n+2\r\n+b\r\n+1\r\n", "*4\r\n+b\r\n+2\r\n+a\r\n+1\r\n", false},
		"a map's pairs":                 {Unordered(1), "%2\r\n+a\r\n+1\r\n+b\r\n+2\r\n", "%2\r\n+b\r\n+2\r\n+a\r\n+1\r\n", true},
		"a map's pairs, mixed up":       {Unordered(1), "%2\r\n+a\r\n+2\r\n+b\r\n+1\r\n", "%2\r\n+b\r\n+2\r\n+a\r\n+1\r\n", false},
		"near":                          {Within(5, 10), ":100\r\n", ":105\r\n", true},
		"not near":                      {Within(5, 10), ":100\r\n", ":106\r\n", false},
		"near, but small":               {Within(5, 10), ":-2\r\n", ":-1\r\n", false},
		"near, within an array":         {Within(5, 10), "*2\r\n+a\r\n:20\r\n", "*2\r\n+a\r\n:22\r\n", true},
		"near, but a text differs":      {Within(5, 10), "*2\r\n+a\r\n:20\r\n", "*2\r\n+b\r\n:20\r\n", false},
		"a field":                       {Fields(5, "id"), "*4\r\n+id\r\n:1\r\n+x\r\n:1\r\n", "*4\r\n+id\r\n:3\r\n+x\r\n:1\r\n", true},
		"another field":                 {Fields(5, "id"), "*4\r\n+id\r\n:1\r\n+x\r\n:1\r\n", "*4\r\n+id\r\n:1\r\n+x\r\n:2\r\n", false},
		"shape":                         {Shape, "*2\r\n:1\r\n$1\r\na\r\n", "*2\r\n:7\r\n$3\r\nabc\r\n", true},
		"another shape":                 {Shape, "*2\r\n:1\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n:1\r\n", false},
		"shape, null or not":            {Shape, "*1\r\n$-1\r\n", "*1\r\n$1\r\na\r\n", false},
		"kind":                          {Kind, ":1\r\n", ":2\r\n", true},
		"kind, other errors":            {Kind, error1, error2, false},
		"another kind":                  {Kind, ":1\r\n", "$1\r\n1\r\n", false},
		"length":                        {Length, "$2\r\nab\r\n", "$2\r\ncd\r\n", true},
		"another length":                {Length, "$2\r\nab\r\n", "$3\r\nabc\r\n", false},
		"jumbled":                       {Jumbled(), "*2\r\n*2\r\n+a\r\n+b\r\n+c\r\n", "*2\r\n+c\r\n*2\r\n+b\r\n+a\r\n", true},
		"jumbled across levels":         {Jumbled(), "*2\r\n*2\r\n+a\r\n+c\r\n+b\r\n", "*2\r\n+c\r\n*2\r\n+b\r\n+a\r\n", false},
		"jumbled but for a name":        {Jumbled("x"), "*3\r\n+a\r\n+x\r\n+1\r\n", "*1\r\n+a\r\n", true},
		"more":                          {More(1), abc, "*2\r\n+c\r\n+a\r\n", true},
		"less":                          {More(1), "*2\r\n+c\r\n+a\r\n", abc, false},
	} {
		if why := c.mode(read(t, c.got), read(t, c.want)); (why == "") != c.same {
			t.Errorf("%s: %q", name, why)
		}
	}
}

func TestWordsAreSplitAtBlanksAndQuoted(t *testing.T) {
	got, err := Words(`  SET @k  "a b\r\n\x00" "" x `, strings.ToUpper)
	if want := []string{"SET", "@K", "a b\r\n\x00", "", "X"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, text := range []string{`"`, `SET "a`, `"\x0"`} {
		if got, err := Words(text, nil); err == nil {
			t.Errorf("%s is split into %q", text, got)
		}
	}
	if got := string(AppendRequest(nil, []string{"GET", ""})); got != "*2\r\n$3\r\nGET\r\n$0\r\n\r\n" {
		t.Errorf("%q", got)
	}
}
