package command

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

func keysOf(c *Command, args [][]byte) (keys []string, invalid bool) {
	it := c.KeyPositions(args)
	for {
		i, ok := it.Next()
		if !ok {
			return keys, it.Invalid()
		}
		keys = append(keys, string(args[i]))
	}
}

func TestKeysAreThoseARealServerFinds(t *testing.T) {
	server := startRedis70(t)
	// Redis gives the destination of ZUNIONSTORE last.
	sorted := func(keys []string) []string { return slices.Sorted(slices.Values(keys)) }
	for _, line := range []string{
		"eval x 2 a b c", "eval x 1 a", "eval x 2 a b", "eval x 0 a", "zunionstore d 2 a b", "zunionstore d 1 a weights 2",
		"zunionstore d 3 a b", "zunionstore d x a", "zunionstore d -1 a", "zunionstore d 99999999999999999999 a",
		"blpop a 0", "blpop a b c 0", "sinterstore d a b", "smove a b c",
		"get a", "set a b", "mget a", "mget a b c", "mset a 1 b 2", "mset a 1 b", "del a b", "linsert a before x y", "zadd a 1 m",
	} {
		args := request(strings.Fields(line)...)
		c := Lookup(args)
		got, invalid := keysOf(c, args)
		reply := server.do(append([]string{"COMMAND", "GETKEYS"}, strings.Fields(line)...)...)
		if refused := reply[0] == '-'; refused != invalid {
			t.Errorf("%s: invalid is %v, but Redis says %q", line, invalid, reply)
		} else if want := bulks(reply); !refused && !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%s: keys %q, want %q", line, got, want)
		}
	}
}

func TestFirstKeyIsTheFirstOfTheIterator(t *testing.T) {
	args := request("x", "1", "2", "3", "4", "5")
	for i := range table {
		c := &table[i]
		for n := range len(args) + 1 {
			var want string
			if keys, _ := keysOf(c, args[:n]); len(keys) > 0 {
				want = keys[0]
			}
			if got := string(c.FirstKey(args[:n])); got != want {
				t.Errorf("%s with %d arguments: first key %q, want %q", c.Name, n, got, want)
			}
		}
	}
}

func TestACountOfKeysBeyondTheArgumentsIsInvalid(t *testing.T) {
	for _, count := range []string{"", "-0", "+1", "3", "1.0", " 1", "1 ", "2147483648", "18446744073709551617", "a"} {
		if keys, invalid := keysOf(row("eval"), request("eval", "x", count, "a", "b")); !invalid || keys != nil {
			t.Errorf("count %q: keys %q, invalid %v", count, keys, invalid)
		}
	}
	if _, invalid := keysOf(row("eval"), request("eval", "x")); !invalid {
		t.Error("a missing count is taken for valid")
	}
}

// vocabulary is what random requests are made of: keys, numbers, and the words
// that decide where keys are.
var vocabulary = strings.Fields("a b c d k1 k2 0 1 1 2 2 3 -1 x 9223372036854775808 streams STREAMS store STORE storedist keys KEYS" +
	" count COUNT limit by get GET block group GROUP auth auth2 copy replace overflow set incrby u8 ex claim noack >")

func randomRequest(rng *rand.Rand, c *Command) []string {
	words := strings.Split(c.Name, "|")
	length := max(abs(c.Arity)+rng.IntN(9)-1, len(words))
	if c.Arity > 0 && rng.IntN(4) > 0 {
		length = c.Arity
	}
	for len(words) < length {
		word := vocabulary[rng.IntN(len(vocabulary))]
		if rng.IntN(20) == 0 {
			word = ""
		}
		words = append(words, word)
	}
	return words
}

func abs(n int) int { return max(n, -n) }

// redisMisreads are requests in which COMMAND GETKEYS takes the value of an option
// for a keyword, or counts one that a later one replaces; the command itself,
// once executed, does not. An XREADGROUP without GROUP has keys or not.
func redisMisreads(words []string) bool {
	n := 0
	for i, w := range words {
		if strings.EqualFold(w, "streams") && (words[0] == "xreadgroup" && i < 4 || takesValue(words[:i])) {
			return true
		}
		switch strings.ToLower(w) {
		case "streams", "store", "storedist", "keys":
			n++
		}
	}
	return n > 1
}

// takesValue reports whether the word after these is the value of an option.
func takesValue(words []string) bool {
	n := len(words)
	return slices.Contains([]string{"count", "block", "group", "claim"}, strings.ToLower(words[n-1])) ||
		n > 1 && strings.EqualFold(words[n-2], "group")
}

func TestKeysOfRandomRequestsAreThoseARealServerFinds(t *testing.T) {
	server := startRedis70(t)
	each := 25
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		each = 600
	}
	rng := rand.New(rand.NewPCG(1, 2))
	found, refused := 0, 0
	for i := range table {
		c := &table[i]
		if c.Untested || c.IsContainer() {
			continue
		}
		for range each {
			words := randomRequest(rng, c)
			if redisMisreads(words) || len(words) < 2 {
				continue
			}
			flags := rng.IntN(2) == 0
			want := server.do(append([]string{"COMMAND", map[bool]string{false: "GETKEYS", true: "GETKEYSANDFLAGS"}[flags]}, words...)...)
			if got := string(AppendKeys(nil, request(words...), flags, false)); got != want {
				t.Fatalf("%q, flags %v:\n got %q\nwant %q", words, flags, got, want)
			}
			if want[0] == '*' {
				found++
			} else {
				refused++
			}
		}
	}
	t.Logf("%d requests with keys, %d refused", found, refused)
	if found < 80*each || refused < 100*each {
		t.Errorf("%d requests with keys and %d refused say little", found, refused)
	}
}

func TestTheValueOfAnOptionIsNoKeyword(t *testing.T) {
	for line, want := range map[string]string{
		"xreadgroup GROUP streams streams STREAMS k >":                 "k",
		"xreadgroup COUNT streams group streams block STREAMS a b > >": "a b",
		"xread count streams streams k 0":                              "k",
		"xread block streams streams k 0":                              "k",
		"sort k by store get store limit store store store d":          "k d",
		"sort k store store":                                           "k store",
		"sort k limit 1 store store d":                                 "k d",
		"xreadgroup group g c claim streams streams k >":               "k",
		"georadius k 1 2 3 m store storedist storedist d":              "k storedist d",
		"georadius k 1 2 3 m store a store b":                          "k b",
	} {
		args := request(strings.Fields(line)...)
		if keys, invalid := keysOf(Lookup(args), args); invalid || strings.Join(keys, " ") != want {
			t.Errorf("%s: keys %q, invalid %v, want %s", line, keys, invalid, want)
		}
	}
}

func TestBlocksKnowsRequestsThatWait(t *testing.T) {
	for line, want := range map[string]bool{
		"blpop k 0": true, "bzmpop 0 1 k MIN": true, "wait 1 0": true, "waitaof 1 0 0": true, "brpoplpush a b 0": true,
		"xread streams k 0": false, "xread BLOCK 0 streams k 0": true, "xread count 1 block 5 streams k $": true,
		"xread count block streams k 0": false, "xread streams block 0": false, "xread streams k block": false,
		"xreadgroup group block block streams k >": false, "XREADGROUP group g c Block 1 streams k >": true,
		"get k": false, "lpop k": false, "client unblock 1": false, "subscribe c": false,
		"ringmain.lock k t px 1": false, "ringmain.lock k t px 1 WAIT 1": true, "ringmain.lock k wait px 1": false, "ringmain.lock k t wait 1 px 1": true,
		"ringmain.lock wait wait px wait": false, "ringmain.extend k t px 1": false,
	} {
		args := request(strings.Fields(line)...)
		if got := Lookup(args).Blocks(args); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestWhatHappensToKeysIsWhatARealServerSays(t *testing.T) {
	server := startRedis70(t)
	for _, line := range []string{
		"set k v", "set k v get", "set k v ex get", "set get get", "bitfield k", "bitfield k get u8 0", "bitfield k get u8", "bitfield k get",
		"bitfield k set u8 0 1", "bitfield k overflow wrap get u8 0", "bitfield k get u8 0 overflow", "bitfield k get u8 0 incrby u8 0 1",
		"migrate h p - 0 1 copy keys a b", "migrate h p a 0 1 copy", "sort k store d", "zunionstore d 1 a", "lmove a b left left", "eval x 1 k",
	} {
		words := strings.Fields(line)
		for i := range words {
			words[i] = strings.TrimPrefix(words[i], "-") // MIGRATE's empty key
		}
		want := server.do(append([]string{"COMMAND", "GETKEYSANDFLAGS"}, words...)...)
		if got := string(AppendKeys(nil, request(words...), true, false)); got != want {
			t.Errorf("%s:\n got %q\nwant %q", line, got, want)
		}
	}
}

func TestKeysRepliesUseTheTypesOfTheProtocol(t *testing.T) {
	args := request("SET", "k", "v", "GET")
	for resp3, want := range map[bool]string{
		false: "*1\r\n*2\r\n$1\r\nk\r\n*3\r\n+RW\r\n+access\r\n+update\r\n",
		true:  "*1\r\n*2\r\n$1\r\nk\r\n~3\r\n+RW\r\n+access\r\n+update\r\n",
	} {
		if got := string(AppendKeys(nil, args, true, resp3)); got != want {
			t.Errorf("RESP3 %v: got %q, want %q", resp3, got, want)
		}
	}
	if got := string(AppendKeys(nil, request("no such", "k"), false, false)); got != errInvalidCommand {
		t.Errorf("an unknown command: %q", got)
	}
}

func FuzzKeysStayWithinTheRequest(f *testing.F) {
	for _, line := range []string{"2 a b", "d 2 a b", "x 2 a b", "streams a 0", "k by x store y", "h p k 0 1 copy keys a", "group g c streams a 0",
		"k 1 2 3 m store a storedist b", "k get u8 1", "2 k v k v nx", "99999999999 a", "-1 a"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for i := range table {
			c := &table[i]
			words := append(strings.Split(c.Name, "|"), strings.Split(line, " ")...)
			args := request(words...)
			n := 0
			for it := c.KeyPositions(args); ; n++ {
				at, ok := it.Next()
				if !ok {
					break
				}
				if at < 1 || at >= len(args) || n > len(args) {
					t.Fatalf("%q: key %d is at %d", words, n, at)
				}
			}
			c.FirstKey(args)
			c.Blocks(args)
			AppendKeys(nil, args, true, true)
		}
	})
}
