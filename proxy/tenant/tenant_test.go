package tenant

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/resp"
)

// own has every character that means something in a pattern.
const own = `t*?[a-z]\^:`

func words(text string) [][]byte {
	var args [][]byte
	for _, word := range strings.Fields(text) {
		args = append(args, []byte(strings.ReplaceAll(word, "_0", "\x00")))
	}
	return args
}

// asked rewrites a request; P stands for the prefix, and G for it in a pattern.
func asked(request string) (string, Kind, string) {
	args := words(request)
	out, kind, text := New(own).Request(&Buffer{}, command.Lookup(args), args)
	joined := strings.ReplaceAll(string(bytes.Join(out, []byte(" "))), "\x00", "_0")
	return strings.ReplaceAll(strings.ReplaceAll(joined, `t\*\?\[a-z\]\\^:`, "G"), own, "P"), kind, text
}

func TestKeysChannelsAndPatternsGainThePrefix(t *testing.T) {
	for request, want := range map[string]string{
		"GET a":                         "GET Pa",
		"MSET a 1 b 2":                  "MSET Pa 1 Pb 2",
		"RENAME a b":                    "RENAME Pa Pb",
		"COPY a b DB 1 REPLACE":         "COPY Pa Pb DB 1 REPLACE",
		"ZUNIONSTORE a 2 b c":           "ZUNIONSTORE Pa 2 Pb Pc",
		"BLMPOP 0 2 a b LEFT":           "BLMPOP 0 2 Pa Pb LEFT",
		"OBJECT ENCODING a":             "OBJECT ENCODING Pa",
		"MEMORY USAGE a SAMPLES 1":      "MEMORY USAGE Pa SAMPLES 1",
		"XREAD COUNT 1 STREAMS a b 0 0": "XREAD COUNT 1 STREAMS Pa Pb 0 0",
		"XREADGROUP GROUP streams streams STREAMS streams >": "XREADGROUP GROUP streams streams STREAMS Pstreams >",
		"GEORADIUS a 1 2 3 m STORE b":                        "GEORADIUS Pa 1 2 3 m STORE Pb",
		"GEORADIUS a 1 2 3 m STORE b STOREDIST c":            "GEORADIUS Pa 1 2 3 m STORE Pb STOREDIST Pc",
		"GEORADIUS a 1 2 3 m store_0x b":                     "GEORADIUS Pa 1 2 3 m store_0x Pb",
		"SORT a LIMIT 0 1 STORE b":                           "SORT Pa LIMIT 0 1 STORE Pb",
		"SORT a STORE b STORE c":                             "SORT Pa STORE Pb STORE Pc",
		"SORT a BY nosort GET # STORE b":                     "SORT Pa BY nosort GET # STORE Pb",
		"WATCH a b":                                          "WATCH Pa Pb",
		"SCAN 0":                                             "SCAN 0 MATCH G*",
		"SCAN 0 COUNT 5 TYPE match":                          "SCAN 0 COUNT 5 TYPE match MATCH G*",
		"SCAN 0 match_0 a? MATCH *":                          "SCAN 0 match_0 Ga? MATCH G*",
		"KEYS *":                                             "KEYS G*",
		"PUBLISH a b":                                        "PUBLISH Pa b",
		"SPUBLISH a b":                                       "SPUBLISH Pa b",
		"SUBSCRIBE a b":                                      "SUBSCRIBE Pa Pb",
		"SSUBSCRIBE a b":                                     "SSUBSCRIBE Pa Pb",
		"UNSUBSCRIBE":                                        "UNSUBSCRIBE",
		"PSUBSCRIBE a* b":                                    "PSUBSCRIBE Ga* Gb",
		"PUBSUB CHANNELS":                                    "PUBSUB CHANNELS G*",
		"PUBSUB CHANNELS a?":                                 "PUBSUB CHANNELS Ga?",
		"PUBSUB NUMSUB a b":                                  "PUBSUB NUMSUB Pa Pb",
		"COMMAND GETKEYS GET a":                              "COMMAND GETKEYS GET a",
		"PING a":                                             "PING a",
		// Whose keys cannot be found: no server executes them, but should one do so…
		"ZUNION x a b":       "ZUNION Px Pa Pb",
		"ZUNION 5 a b":       "ZUNION 5 Pa Pb",
		"ZUNIONSTORE a -1 b": "ZUNIONSTORE Pa -1 Pb",
		"BLMPOP 0 01 a LEFT": "BLMPOP 0 01 Pa PLEFT",
		"XREAD STREAMS a":    "XREAD STREAMS Pa",
		"XREAD a b 0 0":      "XREAD Pa Pb P0 P0",
	} {
		if got, _, text := asked(request); got != want || text != "" {
			t.Errorf("%s: %s %s, want %s", request, got, text, want)
		}
	}
}

func TestWhatMayReachOthersKeysIsRefused(t *testing.T) {
	for _, request := range []string{
		"EVAL x 0", "EVAL x 1 a", "EVAL_RO x 0", "EVALSHA x 1 a", "FCALL f 1 a", "FCALL_RO f 0", "SCRIPT LOAD x", "SCRIPT FLUSH", "FUNCTION LOAD x",
		"FUNCTION DUMP", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "MONITOR", "MOVE a 1", "DEBUG OBJECT a",
		"MIGRATE h 1 a 0 1", "CONFIG SET a b", "CONFIG RESETSTAT", "LATENCY LATEST", "CLUSTER GETKEYSINSLOT 1 1",
		"CLUSTER COUNTKEYSINSLOT 1", "PUBSUB NUMPAT", "CLIENT PAUSE 1", "MEMORY STATS", "MEMORY DOCTOR", "JSON.GET a", "BF.ADD a b", "FT.SEARCH a b",
		"PFDEBUG ENCODING a", "AROP a b c", "XNACK a g x y z", "RESTORE-ASKING a 0 b", "SHUTDOWN", "REPLICAOF a 1", "MODULE LIST", "ACL LIST", "SLOWLOG RESET",
	} {
		cmd := command.Lookup(words(request))
		if _, _, text := asked(request); text != "NOPERM this user has no permissions to run the '"+cmd.Name+"' command" || Serves(cmd) {
			t.Errorf("%s: %q", request, text)
		}
	}
	for request, want := range map[string]string{
		"SORT a BY w_*":           errSortBy,
		"SORT a LIMIT 0 1 BY *":   errSortBy,
		"SORT a by_0 *":           errSortBy,
		"SORT a GET # GET w_*->f": errSortGet,
		"SORT_RO a GET *":         errSortGet,
		"SCAN 0 OTHER x":          resp.TextSyntax,
		"SCAN 0 MATCH":            resp.TextSyntax,
	} {
		if _, _, text := asked(request); text != want {
			t.Errorf("%s: %q, want %q", request, text, want)
		}
	}
}

func TestEveryNameInTheRulesIsACommand(t *testing.T) {
	names := slices.Concat(keyless, refused)
	for name := range special {
		names = append(names, name)
	}
	for _, name := range names {
		if command.ByName([]byte(name)) == nil {
			t.Errorf("there is no %s", name)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("one has two rules: %v", names)
	}
}

// encode writes a reply: lists in brackets, { } for maps, words for strings, P for the
// prefix.
func encode(text string) []byte {
	var out []byte
	fields := strings.Fields(text)
	for i, f := range fields {
		f = strings.ReplaceAll(f, "P", own)
		switch f[0] {
		case '(', '{', ')', '}':
			if f[0] == ')' || f[0] == '}' {
				continue
			}
			n, depth := 0, 0
			for _, g := range fields[i+1:] {
				if depth == 0 && (g == ")" || g == "}") {
					break
				}
				if depth == 0 {
					n++
				}
				switch g {
				case "(", "{":
					depth++
				case ")", "}":
					depth--
				}
			}
			kind := byte('*')
			if f[0] == '{' {
				kind = '%'
			}
			out = appendAggregate(out, kind, n)
		case ':', '-', '+', '_':
			out = append(append(out, strings.ReplaceAll(f, "~", " ")...), '\r', '\n')
		default:
			out = redcon.AppendBulkString(out, f)
		}
	}
	return out
}

func TestKeysInRepliesLoseThePrefix(t *testing.T) {
	for _, c := range []struct {
		kind      Kind
		got, want string
	}{
		{First, "( Pa v )", "( a v )"},
		{First, "( P v )", "( v )"},
		{First, "( Pa ( ( m :1 ) ) )", "( a ( ( m :1 ) ) )"},
		{First, "( Pa Pv )", "( a Pv )"},
		{First, "_", "_"},
		{Keys, "( Pa Pb )", "( a b )"},
		{Keys, "( a Pb other:c )", "( b )"},
		{Keys, "( )", "( )"},
		{Page, "( 17 ( Pa other Pb ) )", "( 17 ( a b ) )"},
		{Page, "( 0 ( ) )", "( 0 ( ) )"},
		{Pairs, "( Pa :1 b :2 Pc :3 )", "( a :1 c :3 )"},
		{Streams, "( ( Pa ( ( 1-1 ( f v ) ) ) ) ( Pb ( ) ) )", "( ( a ( ( 1-1 ( f v ) ) ) ) ( b ( ) ) )"},
		{Streams, "{ Pa ( ( 1-1 ( f v ) ) ) Pb ( ) }", "{ a ( ( 1-1 ( f v ) ) ) b ( ) }"},
		{Errors, "-NOGROUP~No~such~key~'Pa'~or~consumer~group~'P'", "-NOGROUP~No~such~key~'a'~or~consumer~group~'P'"},
		{Errors, "-NOGROUP~No~such~consumer~group~'g'~for~key~name~'Pa'", "-NOGROUP~No~such~consumer~group~'g'~for~key~name~'a'"},
		{Errors, "-ERR~the~prefix~'Pa'~overlaps", "-ERR~the~prefix~'a'~overlaps"},
		{Streams, "-WRONGTYPE~Operation", "-WRONGTYPE~Operation"},
		{AsIs, "( Pa )", "( Pa )"},
	} {
		want := string(encode(c.want))
		if c.want == "( v )" {
			want = "*2\r\n$0\r\n\r\n$1\r\nv\r\n"
		}
		if got := string(New(own).Reply(c.kind, encode(c.got))); got != want {
			t.Errorf("%d %s: %q, want %q", c.kind, c.got, got, want)
		}
	}
}

func TestARepliesThatIsNotUnderstoodIsNotShown(t *testing.T) {
	for kind, reply := range map[Kind]string{
		First: "( other:a v )", Streams: "( ( other:a ( ) ) )", Keys: "other:a", Page: "( 0 other:a )", Pairs: "( other:a )",
	} {
		if got := New(own).Reply(kind, encode(reply)); !bytes.Equal(got, errReply) {
			t.Errorf("%d %s: %q", kind, reply, got)
		}
	}
}

func TestInvalidationsTellOfTheTenantsKeysAlone(t *testing.T) {
	tenant := New(own)
	push := func(text string) string {
		return strings.Replace(string(encode(text)), "*2", ">2", 1)
	}
	for got, want := range map[string]string{
		push("( invalidate ( Pa other Pb ) )"): push("( invalidate ( a b ) )"),
		push("( invalidate _ )"):               push("( invalidate _ )"),
		push("( pong x )"):                     push("( pong x )"),
		push("( invalidate x )"):               push("( invalidate _ )"),
	} {
		if got := string(tenant.Invalidation([]byte(got))); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAKeyThatIsTooLongWithThePrefixIsRefused(t *testing.T) {
	defer func(was int) { maxArgument = was }(maxArgument)
	maxArgument = len(own) + 3
	for request, want := range map[string]string{"GET abc": "", "GET abcd": errTooLong, "MGET a abcd b": errTooLong, "SUBSCRIBE abcd": errTooLong, "GET a": ""} {
		if _, _, text := asked(request); text != want {
			t.Errorf("%s: %q, want %q", request, text, want)
		}
	}
}
