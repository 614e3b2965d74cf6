package resp

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/tidwall/redcon"
)

// seeds are requests, good and bad, that every fuzz test of the parser starts
// from.
var seeds = []string{
	"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n0123456789\r\n*1\r\n$4\r\nPING\r\n",
	"PING\r\nSET a \"b c\"\r\n\r\n*0\r\n*-1\r\n \t\r\nGET 'a\\'b'\n",
	"*1\rX$4\rXPINGXX*1\r\n$0\r\n\r\n",
	"*2\r\n$4\r\nECHO\r\n*1\r\n", "*1\r\n\r\n", "*01\r\n", "*-0\r\n", "*\r\n",
	"*1\r\n$-1\r\n", "*1\r\n$01\r\n", "*1\r\n$536870913\r\n", "*2147483648\r\n",
	"*9223372036854775808\r\n", "*-9223372036854775808\r\nPING\r\n", "*1\r\n$1234567890\r\n",
	"a\x00b\r\nPING\r\n", "*1\x00\r\n", "*1\r\n$1\x00\r\n",
	`ECHO "\x41\xg1\n\q\"" ''` + "\n", "a\"b c\" \"d\"e\n", "'\\\n", "\"a\\\n", "\va\vb\f\"c\"\vd\n",
	"*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n",
	"*1\r\n$99\r\n" + strings.Repeat("x", 99) + "\r\n", "$3\r\nabc\r\n", "*1\r\r\n$1\r\nx\r\n",
	"*2\r\n$10\r\n0123456789\r\n$2\rXab\r\n",
}

// fuzzLimits picks narrow or wide limits.
func fuzzLimits(choice byte) *Limits {
	lim := Limits{Request: 1 << 20, Arguments: 1 << 20, Bulk: MaxBulk, Inline: MaxInline}
	if choice&1 != 0 {
		lim.Request = 8 + int(choice>>2)
	}
	if choice&2 != 0 {
		lim = Limits{Request: lim.Request, Arguments: 4, Bulk: 30, Inline: 20, Unauthenticated: choice&4 != 0}
	}
	return &lim
}

// pieces cuts data after as many bytes as the cuts say, in turn.
func pieces(data, cuts []byte, each func(end int)) {
	for end, i := 0, 0; end < len(data); i++ {
		step := len(data)
		if len(cuts) > 0 {
			step = 1 + int(cuts[i%len(cuts)])
		}
		end = min(len(data), end+step)
		each(end)
	}
}

// parse runs a parser over data that comes in pieces and notes what it finds.
func parse(data, cuts []byte, lim *Limits) (all []outcome) {
	var p Parser
	var r Request
	start, failed := 0, false
	pieces(data, cuts, func(end int) {
		for !failed {
			n, err := p.Next(data[start:end], lim, &r)
			if n == 0 && err == nil {
				return
			}
			o := outcome{n: n, raw: r.Raw != nil}
			for _, arg := range r.Args {
				o.args = append(o.args, string(arg))
			}
			if o.raw && !bytes.Equal(r.Raw, data[start:start+n]) {
				o.err = "raw is not what was sent"
			}
			if err != nil {
				o, failed = outcome{err: strings.TrimPrefix(err.Error(), "Protocol error: ")}, true
			}
			all = append(all, o)
			start += n
		}
	})
	return all
}

// parseTwin does the same with the twin.
func parseTwin(data []byte, lim *Limits) (all []outcome) {
	for {
		o := twin(data, lim)
		if o.n == 0 && o.err == "" {
			return all
		}
		all = append(all, o)
		if o.err != "" {
			return all
		}
		data = data[o.n:]
	}
}

func FuzzParserAnySplit(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), []byte{0}, byte(0))
		f.Add([]byte(s+s), []byte{3, 0, 7, 1}, byte(i))
	}
	f.Fuzz(func(t *testing.T, data, cuts []byte, choice byte) {
		lim := fuzzLimits(choice)
		whole, cut := parse(data, nil, lim), parse(data, cuts, lim)
		if !reflect.DeepEqual(whole, cut) {
			t.Fatalf("%q\nwhole   %+v\npieces  %+v", data, whole, cut)
		}
	})
}

func FuzzParserAgainstOracle(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), byte(0))
		f.Add([]byte(s), byte(3+8*i))
	}
	f.Fuzz(func(t *testing.T, data []byte, choice byte) {
		lim := fuzzLimits(choice)
		got, want := parse(data, nil, lim), parseTwin(data, lim)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q %+v\ngot   %+v\ntwin  %+v", data, lim, got, want)
		}
		for _, o := range got {
			if o.raw {
				againstRedcon(t, data[:o.n], o.args)
			}
			data = data[o.n:]
		}
	})
}

// againstRedcon holds redcon's reading of a well-formed array against ours.
func againstRedcon(t *testing.T, raw []byte, args []string) {
	complete, theirs, _, rest, err := redcon.ReadNextCommand(raw, nil)
	if !complete || err != nil || len(rest) > 0 || len(theirs) != len(args) {
		t.Fatalf("%q: redcon: %v %q %q %v", raw, complete, theirs, rest, err)
	}
	for i := range args {
		if args[i] != string(theirs[i]) {
			t.Fatalf("%q: redcon reads %q", raw, theirs)
		}
	}
}

// framed is a reply that a framer has found, or its error.
type framed struct {
	end  int
	kind byte
	err  string
}

// scanPieces runs a framer over data that comes in pieces.
func scanPieces(t *testing.T, data, cuts []byte) (all []framed) {
	var f Framer
	start, failed := 0, false
	pieces(data, cuts, func(end int) {
		for start < end && !failed {
			n, done, err := f.Scan(data[start:end])
			switch {
			case err != nil:
				all, failed = append(all, framed{err: err.Error()}), true
			case !done && n != end-start:
				t.Fatalf("%q: %d bytes left without an end", data, end-start-n)
			case done:
				all = append(all, framed{end: start + n, kind: f.Kind()})
			}
			start += n
		}
	})
	return all
}

func FuzzFramerAnySplit(f *testing.F) {
	for _, s := range []string{
		"+OK\r\n-ERR x\r\n:12\r\n$3\r\nabc\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n",
		"*2\r\n$1\r\na\r\n*2\r\n:1\r\n%1\r\n+a\r\n,1.5\r\n+next\r\n",
		"|1\r\n+a\r\n+b\r\n$1\r\nx\r\n|0\r\n_\r\n", "*2\r\n|1\r\n+a\r\n*1\r\n:1\r\n:2\r\n#t\r\n",
		"=7\r\ntxt:abc\r\n!5\r\nERR x\r\n(123\r\n~1\r\n_\r\n>2\r\n+a\r\n+b\r\n",
		"$?\r\n", "*?\r\n", "*1\r\n>1\r\n+a\r\n", "$5\r\nabc\r\n\r\n", "$2\r\nab\rx", "%-1\r\n", "$-2\r\n", "?",
		"+a\rb\nc\r\r\n+\r\n", "$00\r\n", "$1\n", "*4294967296\r\n", "$1234567890123\r\n", "*00000000000000000000000000\r\n",
		"|1\r\n+a\r\n+b\r\n>1\r\n+x\r\n", "%2147483648\r\n", "*2\r\n|0\r\n>0\r\n",
		"!?0000000000000000000000", "+a\r\n+\nb\r\n",
	} {
		f.Add([]byte(s), []byte{0})
		f.Add([]byte(s), []byte{2, 0, 5})
	}
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		whole, cut := scanPieces(t, data, nil), scanPieces(t, data, cuts)
		if !reflect.DeepEqual(whole, cut) {
			t.Fatalf("%q\nwhole   %+v\npieces  %+v", data, whole, cut)
		}
		start := 0
		for _, reply := range whole {
			switch n := frame(string(data[start:]), false); {
			case reply.err != "" && n != frameWrong && !strings.Contains(reply.err, "deep"):
				t.Fatalf("%q: refused (%s), the twin frames %d bytes", data[start:], reply.err, n)
			case reply.err == "" && n != reply.end-start:
				t.Fatalf("%q: %d bytes, the twin frames %d", data[start:], reply.end-start, n)
			}
			start = reply.end
		}
		if len(whole) == 0 || whole[len(whole)-1].err == "" {
			if n := frame(string(data[start:]), false); n != frameShort {
				t.Fatalf("%q: incomplete, the twin frames %d bytes", data[start:], n)
			}
		}
	})
}

func FuzzReplyReaders(f *testing.F) {
	for _, s := range []string{"|1\r\n+a\r\n+b\r\n$1\r\nx\r\n", "=3\r\nabc\r\n", "*1000\r\n+a\r\n", "$5\r\nab", "+", "|9\r\n", "!3\r\nERR\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		IsError(data)
		IsNull(data)
		ErrorText(data)
		Integer(data)
		Bulk(data)
		if elem, rest, err := Element(data); err == nil && len(elem)+len(rest) != len(data) {
			t.Fatalf("%q: %q and %q", data, elem, rest)
		}
		n, rest, ok := Array(data)
		for ; ok && n > 0; n-- {
			var err error
			if _, rest, err = Element(rest); err != nil {
				return
			}
		}
	})
}
