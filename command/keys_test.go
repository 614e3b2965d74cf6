package command

import (
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
	server := startRealServer(t)
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

func FuzzKeysStayWithinTheRequest(f *testing.F) {
	f.Add("d 2 a b")
	f.Fuzz(func(t *testing.T, line string) {
		args := request(append([]string{"x"}, strings.Split(line, " ")...)...)
		for i := range table {
			c := &table[i]
			if keys, _ := keysOf(c, args); len(keys) > len(args) {
				t.Fatalf("%s: %d keys in %d arguments", c.Name, len(keys), len(args))
			}
			c.FirstKey(args)
		}
	})
}
