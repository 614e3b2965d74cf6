package fanout

import (
	"strings"
	"testing"

	"github.com/tidwall/redcon"
)

func TestAPartHasItsKeysInTheirOrderWithTheirValues(t *testing.T) {
	args := [][]byte{[]byte("a"), []byte("1"), []byte("b"), []byte("2"), []byte("c"), []byte("3")}
	got := string(AppendRequest(nil, []byte("MsEt"), args, 2, []int32{0, 2}))
	want := "*5\r\n$4\r\nMsEt\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nc\r\n$1\r\n3\r\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// reply is a part whose reply comes in two pieces, the second from its first
// line on, as far as there is more.
func reply(node, bytes string) Part {
	p := Part{Node: node, Keys: strings.Count(bytes, "$") + strings.Count(bytes, "_")}
	line := strings.Index(bytes, "\n") + 1
	for _, piece := range []string{bytes[:line], bytes[line:]} {
		if piece != "" {
			p.Reply = append(p.Reply, []byte(piece))
		}
	}
	return p
}

// merged is the whole reply that Merge emits.
func merged(kind Kind, writes bool, order []int32, parts []Part) string {
	var out strings.Builder
	Merge(func(b []byte) { out.Write(b) }, &Whole{Kind: kind, Writes: writes, Order: order}, parts)
	return out.String()
}

func failed(node, text string, uncertain bool) Part {
	return Part{Node: node, Failure: text, Uncertain: uncertain}
}

func TestRepliesMergeIntoTheOneThatRedisWouldHaveGiven(t *testing.T) {
	const maybe = "-UNCERTAIN the command was or may have been executed in part, on "
	for _, test := range []struct {
		name   string
		kind   Kind
		writes bool
		order  []int32
		parts  []Part
		want   string
	}{
		{"integers are added up", Sum, true, nil,
			[]Part{reply("a", ":2\r\n"), reply("b", ":0\r\n"), reply("c", ":40\r\n")}, ":42\r\n"},
		{"values come in the order of the keys", Values, false, []int32{0, 1, 1, 0},
			[]Part{reply("a", "*2\r\n$1\r\nA\r\n$-1\r\n"), reply("b", "*2\r\n$1\r\nB\r\n$2\r\nBB\r\n")},
			"*4\r\n$1\r\nA\r\n$1\r\nB\r\n$2\r\nBB\r\n$-1\r\n"},
		{"nulls of RESP3 pass", Values, false, []int32{1, 0},
			[]Part{reply("a", "*1\r\n_\r\n"), reply("b", "*1\r\n$0\r\n\r\n")}, "*2\r\n$0\r\n\r\n_\r\n"},
		{"all OK is OK", OK, true, nil, []Part{reply("a", "+OK\r\n"), reply("b", "+OK\r\n")}, "+OK\r\n"},
		{"a failed read is one error, that of the first failing key", Values, false, []int32{0, 1, 2},
			[]Part{reply("a", "*1\r\n_\r\n"), failed("b", "CLUSTERDOWN b", false), failed("c", "CLUSTERDOWN c", false)},
			"-CLUSTERDOWN b\r\n"},
		{"a server's error is the whole reply", Sum, false, nil,
			[]Part{reply("a", ":1\r\n"), reply("b", "-LOADING wait\r\n")}, "-LOADING wait\r\n"},
		{"a write of which nothing was applied says so", OK, true, nil,
			[]Part{failed("a", "CLUSTERDOWN a", false), reply("b", "-OOM no\r\n")}, "-CLUSTERDOWN a\r\n"},
		{"a write that was applied in part names the servers", OK, true, nil,
			[]Part{failed("a", "CLUSTERDOWN a", false), reply("b", "+OK\r\n")}, maybe + "b: CLUSTERDOWN a\r\n"},
		{"a write that may have been applied names the servers", Sum, true, nil,
			[]Part{reply("a", ":1\r\n"), failed("b", "UNCERTAIN b", true), failed("c", "CLUSTERDOWN c", false)},
			maybe + "a, b: UNCERTAIN b\r\n"},
		{"a reply of the wrong type is an error", Sum, false, nil,
			[]Part{reply("a", "+OK\r\n")}, "-ERR node \"a\" sent a reply of the wrong type\r\n"},
		{"too few values are an error", Values, false, []int32{0, 0},
			[]Part{{Node: "a", Keys: 2, Reply: [][]byte{[]byte("*1\r\n_\r\n")}}}, "-ERR node \"a\" sent a reply of the wrong type\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := merged(test.kind, test.writes, test.order, test.parts)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestNoReplyOfAServerMakesMergeFail(t *testing.T) {
	for _, bytes := range []string{"", "*1\r\n$1\r\nA\r\n", "*-1\r\n", "*0\r\n", "_\r\n", "+OK\r\n", ":1\r\n", "-ERR x\r\n", "$2\r\nab\r\n", "%1\r\n+a\r\n+b\r\n"} {
		for kind := Sum; kind <= OK; kind++ {
			out := merged(kind, false, []int32{0, 0}, []Part{{Node: "a", Keys: 2, Reply: [][]byte{[]byte(bytes)}}})
			if n, _ := redcon.ReadNextRESP([]byte(out)); n != len(out) {
				t.Errorf("kind %d of %q gives %q, which is not one reply", kind, bytes, out)
			}
		}
	}
}
