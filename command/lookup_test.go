package command

import (
	"slices"
	"strings"
	"testing"
)

func request(words ...string) [][]byte {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return args
}

// row finds a row without the index.
func row(name string) *Command {
	i := slices.IndexFunc(table, func(c Command) bool { return c.Name == name })
	return &table[i]
}

func TestLookupFindsEveryRowInAnyCase(t *testing.T) {
	for i := range table {
		c := &table[i]
		for _, name := range []string{c.Name, strings.ToUpper(c.Name), strings.ToUpper(c.Name[:1]) + c.Name[1:]} {
			if got := Lookup(request(strings.Split(name, "|")...)); got != c {
				t.Errorf("%s: found %v", name, got)
			}
			if got := ByName([]byte(name)); got != c {
				t.Errorf("ByName(%s): found %v", name, got)
			}
		}
	}
}

func TestLookupIgnoresArgumentsThatAreNoSubcommand(t *testing.T) {
	if got := Lookup(request("get", "id")); got != row("get") {
		t.Errorf("found %v", got)
	}
	if got := Lookup(request("client", "id", "x")); got != row("client|id") {
		t.Errorf("found %v", got)
	}
}

func TestLookupKnowsNothingElse(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, words := range [][]string{
		{}, {""}, {"ge"}, {"gett"}, {"get\x00"}, {"get "}, {"g\x85t"}, {long}, {"\x47\xc5\x54"}, {"g@t"},
		{"client|id"}, {"client|"}, {"|"}, {"CLIENT", ""}, {"client", "nosuch"}, {"client", long}, {"client", "id|"},
		{"client|id", "x"}, {"config", "get|"}, {"config|", "get"}, {"id"}, {"client", "get"}, {"zremrangebyscor"}, {"client", "client"},
	} {
		if c := Lookup(request(words...)); c != nil {
			t.Errorf("%.40q: found %s", words, c.Name)
		}
	}
}

func TestNoSubcommandIsFoundUnderAnotherContainer(t *testing.T) {
	for i := range table {
		word := []byte(table[i].word)
		for j := range table {
			if c := index.find(&table[j], word); c != nil && c.parent != &table[j] {
				t.Errorf("%s %s: found %s", table[j].Name, word, c.Name)
			}
		}
	}
}

func TestContainerTellsUnknownSubcommandsFromUnknownCommands(t *testing.T) {
	if Container([]byte("CLIENT")) != row("client") {
		t.Error("CLIENT is not known as a container")
	}
	for _, name := range []string{"get", "nosuch", "", "client|id", strings.Repeat("c", 99)} {
		if c := Container([]byte(name)); c != nil {
			t.Errorf("%.20s is taken for the container %s", name, c.Name)
		}
	}
}

func TestOnlyLettersHaveACase(t *testing.T) {
	for _, name := range []string{"a", "a-b", "sort_ro", "x|y", "restore-asking", "georadiusbymember_ro", "count-failure-reports"} {
		folded := foldWord(name)
		matches := func(word []byte) bool { return folded.matches(endsOf(word)) && equalFold(word, name) }
		if !matches([]byte(name)) || !matches([]byte(strings.ToUpper(name))) {
			t.Errorf("%s is not itself", name)
		}
		for i := range name {
			for b := range 256 {
				word := []byte(name)
				word[i] = byte(b)
				upper := byte(b) != name[i] && 'A' <= b && b <= 'Z' && byte(b)+('a'-'A') == name[i]
				if matches(word) != (byte(b) == name[i] || upper) {
					t.Errorf("%s and %q: %v", name, word, matches(word))
				}
			}
		}
	}
}

func TestLookupAndKeysDoNotAllocate(t *testing.T) {
	get, id, mset := request("GET", "k"), request("CLIENT", "ID"), request("MSET", "a", "1", "b", "2")
	keys := 0
	n := testing.AllocsPerRun(100, func() {
		Lookup(id)
		Lookup(get).FirstKey(get)
		for it := Lookup(mset).KeyPositions(mset); ; {
			_, ok := it.Next()
			if !ok {
				break
			}
			keys++
		}
	})
	if n != 0 || keys == 0 {
		t.Errorf("%v allocations, %d keys", n, keys)
	}
}

var sink *Command

func BenchmarkLookup(b *testing.B) {
	for _, words := range [][]string{{"get", "k"}, {"SET", "k", "v"}, {"EXPIRE", "k"}, {"ZREMRANGEBYSCORE", "k"}, {"CLIENT", "ID"}, {"nosuch"}} {
		args := request(words...)
		b.Run(strings.Join(words[:1], " "), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = Lookup(args)
			}
		})
	}
}

func BenchmarkLookupOfMixedCommands(b *testing.B) {
	var requests [][][]byte
	for i := range 64 {
		requests = append(requests, request(strings.Split(table[i*37%len(table)].Name, "|")...))
	}
	i := 0
	for b.Loop() {
		sink = Lookup(requests[i&63])
		i++
	}
}
