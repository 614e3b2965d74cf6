package command

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestListIsWhatARealServerGives(t *testing.T) {
	server := startRedis70(t)
	for _, line := range []string{
		"", "filterby pattern *", "FILTERBY PATTERN client*", "filterby pattern X[a-d]?*", "filterby pattern nosuch", `filterby pattern [\G]et`, `filterby pattern [\g]ET`, "filterby pattern [I-F]ET", "filterby aclcat scripting",
		"filterby aclcat DANGEROUS", "filterby aclcat @scripting", "filterby aclcat nosuch", "filterby aclcat ", "filterby module nosuch", "filterby module ",
		"filterby aclcat slow", "filterby aclcat read", "filterby aclcat fast", "filterby aclcat blocking",
		"pattern *", "filterby", "filterby pattern", "filterby foo *", "filterby pattern a b",
	} {
		var options []string
		if line != "" {
			options = strings.Split(line, " ")
		}
		want := server.do(append([]string{"COMMAND", "LIST"}, options...)...)
		f, ok := ParseFilter(request(options...))
		if ok != (want[0] == '*') {
			t.Errorf("%q: ok is %v, Redis says %q", line, ok, want)
			continue
		}
		if !ok {
			continue
		}
		got := slices.DeleteFunc(bulks(string(AppendList(nil, f))), func(name string) bool { return ByName([]byte(name)).Untested })
		names := bulks(want)
		slices.Sort(names)
		if !slices.Equal(got, names) {
			t.Errorf("%q:\n got %q\nwant %q", line, got, names)
		}
	}
}

func TestListByModuleNamesItsCommands(t *testing.T) {
	f, _ := ParseFilter(request("filterby", "module", "RedisJSON"))
	names := bulks(string(AppendList(nil, f)))
	if len(names) == 0 || !slices.Contains(names, "json.get") || slices.Contains(names, "get") {
		t.Errorf("RedisJSON has %q", names)
	}
}

// globText is made of few bytes, so that texts and patterns meet.
func globText(rng *rand.Rand, alphabet string, longest int) string {
	b := make([]byte, 1+rng.IntN(longest))
	for i := range b {
		b[i] = alphabet[rng.IntN(len(alphabet))]
	}
	return string(b)
}

func TestGlobMatchesTheKeysThatARealServerDoes(t *testing.T) {
	server := startRedis70(t)
	rng := rand.New(rand.NewPCG(3, 4))
	var keys []string
	for range 60 {
		keys = append(keys, globText(rng, `aAbBc-]^\*?`, 5))
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for _, key := range keys {
		server.do("SET", key, "")
	}
	matches := 0
	for range 3000 {
		pattern := globText(rng, `aaAbBc**??[[]]^-\`, 9)
		want := bulks(server.do("KEYS", pattern))
		for _, key := range keys {
			if got := MatchGlob([]byte(pattern), []byte(key), false); got != slices.Contains(want, key) {
				t.Fatalf("pattern %q and key %q: %v", pattern, key, got)
			}
			if got := NewGlob(pattern).Matches([]byte(key)); got != slices.Contains(want, key) {
				t.Fatalf("pattern %q, taken apart, and key %q: %v", pattern, key, got)
			}
		}
		matches += len(want)
	}
	if matches < 500 {
		t.Errorf("only %d matches", matches)
	}
}

func TestGlobWithoutCaseMatchesWhatARealServerDoes(t *testing.T) {
	server := startRedis70(t)
	rng := rand.New(rand.NewPCG(5, 6))
	names := server.commands()
	for range 1500 {
		pattern := []byte(names[rng.IntN(len(names))])
		for range 1 + rng.IntN(3) {
			at := rng.IntN(len(pattern))
			pattern = slices.Insert(pattern, at, []byte(globText(rng, `*?[]^-\AeZg`, 3))...)
		}
		want := bulks(server.do("COMMAND", "LIST", "FILTERBY", "PATTERN", string(pattern)))
		for _, name := range names {
			if got := MatchGlob(pattern, []byte(name), true); got != slices.Contains(want, name) {
				t.Fatalf("pattern %q and %q: %v", pattern, name, got)
			}
		}
	}
}

func TestGlobTakesNoExponentialTime(t *testing.T) {
	pattern := []byte(strings.Repeat("a*", 200) + "b")
	start := time.Now()
	if MatchGlob(pattern, []byte(strings.Repeat("a", 2000)), false) {
		t.Error("it matches without a b")
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

// slowGlob tries every text for every *.
func slowGlob(pattern, s []byte) bool {
	switch {
	case len(pattern) == 0:
		return len(s) == 0
	case pattern[0] == '*':
		return slowGlob(pattern[1:], s) || len(s) > 0 && slowGlob(pattern, s[1:])
	case len(s) == 0:
		return false
	}
	n := matchOne(pattern, s[0], false)
	return n > 0 && slowGlob(pattern[n:], s[1:])
}

func FuzzGlobIsAsTryingEverything(f *testing.F) {
	f.Add("a*[^b-d]?\\", "abc")
	f.Add("*a*b*?[", "aabab")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		p, text := []byte(pattern), []byte(s)
		MatchGlob(p, text, true)
		if len(p) > 12 || len(text) > 12 {
			return
		}
		if got := MatchGlob(p, text, false); got != slowGlob(p, text) {
			t.Errorf("%q and %q: %v", pattern, s, got)
		}
		if got := NewGlob(pattern).Matches(text); got != slowGlob(p, text) {
			t.Errorf("%q, taken apart, and %q: %v", pattern, s, got)
		}
	})
}
