package tenant

import (
	"bytes"
	"slices"
	"testing"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/resp"
)

// rows are all commands.
var rows = func() (list []*command.Command) {
	for c := range command.All() {
		list = append(list, c)
		list = slices.AppendSeq(list, c.Subcommands())
	}
	return list
}()

func positions(cmd *command.Command, args [][]byte) (list []int, invalid bool) {
	it := cmd.KeyPositions(args)
	for i, ok := it.Next(); ok; i, ok = it.Next() {
		list = append(list, i)
	}
	return list, it.Invalid()
}

// FuzzRequest: whatever is sent, every key that a server may find has the prefix, and
// nothing else has changed.
func FuzzRequest(f *testing.F) {
	f.Add(uint16(0), []byte("a b c"))
	for i, c := range rows {
		for _, text := range []string{"k", "2 k l", "k 2 l m", "0 1 k left", "streams k 0", "k store l", "k 1 2 3 m store l storedist n", "0 match *", "on bcast"} {
			if Serves(c) {
				f.Add(uint16(i), []byte(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, row uint16, text []byte) {
		cmd := rows[int(row)%len(rows)]
		args := bytes.Split([]byte(cmd.Name), []byte("|"))
		args = append(args, bytes.Split(text, []byte(" "))...)
		before := slices.Clone(args)
		if !cmd.ArityOK(len(args)) || cmd.IsContainer() {
			return
		}
		tenant := New(own)
		where, wrong := positions(cmd, args)
		out, kind, refusal := tenant.Request(&Buffer{}, cmd, args)
		if refusal != "" {
			return
		}
		if int(kind) >= Kinds {
			t.Fatalf("kind %d", kind)
		}
		after, stillWrong := positions(cmd, out)
		if !wrong && (!slices.Equal(where, after) || stillWrong) {
			t.Fatalf("keys of %q were at %v, those of %q are at %v", before, where, out, after)
		}
		for i, arg := range out {
			key := slices.Contains(after, i)
			if i >= len(before) {
				continue // MATCH or PREFIX and the prefix
			}
			if key && !bytes.HasPrefix(arg, tenant.prefix) {
				t.Fatalf("%q: key %d has no prefix: %q", before, i, out)
			}
			if bytes.Equal(arg, before[i]) {
				continue
			}
			stripped, ok := tenant.Key(arg)
			if !ok {
				stripped, ok = tenant.Pattern(arg)
			}
			if !ok || !bytes.Equal(stripped, before[i]) {
				t.Fatalf("%q: argument %d has become %q", before, i, arg)
			}
		}
	})
}

// FuzzReply: no reply makes it panic, and what it gives is a whole reply in which no
// key of others is left.
func FuzzReply(f *testing.F) {
	for _, text := range []string{"( Pa v )", "( 17 ( Pa other Pb ) )", "{ Pa ( ) b ( ) }", "( ( Pa ( ) ) )", "( other v )", "-x~key~'Pa'", "{ prefixes ( Pa ) }"} {
		for kind := range uint8(Kinds) {
			f.Add(kind, encode(text))
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, b []byte) {
		kind := Kind(int(n) % Kinds)
		reply, rest, err := resp.Element(b)
		if err != nil || len(rest) > 0 {
			_ = New(own).Reply(kind, b)
			return
		}
		got := New(own).Reply(kind, reply)
		whole, rest, err := resp.Element(got)
		if err != nil || len(rest) > 0 || len(whole) != len(got) {
			t.Fatalf("%d %q: %q is no reply: %v", kind, b, got, err)
		}
		if kind == Keys && len(got) > len(reply) && !bytes.Equal(got, errReply) {
			t.Fatalf("%q has grown to %q", reply, got)
		}
	})
}

// FuzzBack: what gains the prefix loses it again.
func FuzzBack(f *testing.F) {
	f.Add([]byte("a"), []byte("other:b"), []byte("v"))
	f.Fuzz(func(t *testing.T, key, other, value []byte) {
		tenant := New(own)
		theirs := bytes.HasPrefix(other, tenant.prefix)
		full := append([]byte(own), key...)
		list := func(keys ...[]byte) []byte {
			out := redcon.AppendArray(nil, len(keys))
			for _, k := range keys {
				out = redcon.AppendBulk(out, k)
			}
			return out
		}
		for _, c := range []struct {
			kind      Kind
			got, want []byte
		}{
			{First, list(full, value), list(key, value)},
			{Keys, list(other, full, other), list(key)},
			{Pairs, list(other, value, full, value), list(key, value)},
			{Page, append([]byte("*2\r\n$1\r\n0\r\n"), list(full, other)...), append([]byte("*2\r\n$1\r\n0\r\n"), list(key)...)},
			{Streams, append([]byte("*1\r\n"), list(full, value)...), append([]byte("*1\r\n"), list(key, value)...)},
		} {
			if got := tenant.Reply(c.kind, c.got); !theirs && !bytes.Equal(got, c.want) {
				t.Fatalf("%d %q: %q, want %q", c.kind, c.got, got, c.want)
			}
		}
	})
}

// TestAPatternMatchesTheTenantsKeysAlone: the escaped prefix matches the prefix, and
// nothing else, whatever follows it.
func TestAPatternMatchesTheTenantsKeysAlone(t *testing.T) {
	for _, prefix := range []string{own, "a", "*", "[a]", `\`, "a\\*", "?{x}", "[^a]:", "a-z", `\\[`} {
		tenant := New(prefix)
		for _, pattern := range []string{"*", "?", "a", "[ab]", `\*`, "", "^x", "-z]", "]"} {
			for _, key := range []string{"", "a", "b", "*", "abc", "^x", "-z]", "]"} {
				joined := append(bytes.Clone(tenant.glob), pattern...)
				want := command.MatchGlob([]byte(pattern), []byte(key), false)
				if got := command.MatchGlob(joined, []byte(prefix+key), false); got != want {
					t.Errorf("%q with %q: matches %q %v, alone %v", prefix, pattern, key, got, want)
				}
				for _, other := range []string{"", "x", "other:"} {
					if whole := other + key; !bytes.HasPrefix([]byte(whole), []byte(prefix)) && command.MatchGlob(joined, []byte(whole), false) {
						t.Errorf("%q matches %q", joined, whole)
					}
				}
			}
		}
	}
}
