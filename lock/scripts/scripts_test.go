package scripts

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryTextHasTheNormalFormOfItsEntry(t *testing.T) {
	for _, s := range specimens(t) {
		form, err := fingerprint(s.text)
		if err != nil {
			t.Errorf("%s: %v\n%s", s.id, err, s.text)
			continue
		}
		if e := byForm[form]; e == nil || e.id != s.id {
			t.Errorf("%s: its normal form %s is that of %+v\n%s", s.id, form, e, s.text)
		}
		if e, ok := Recognise(s.text); !ok || e.id != s.id {
			t.Errorf("%s: recognised as %+v", s.id, e)
		}
	}
}

func TestEveryNormalFormInTheListIsSomeText(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range specimens(t) {
		form, _ := fingerprint(s.text)
		seen[form] = true
	}
	for form, e := range byForm {
		if !seen[form] {
			t.Errorf("known.txt: no text has the form %s of %s", form, e.id)
		}
	}
}

// TestTheListIsWhole counts, so that a line that is lost is missed.
func TestTheListIsWhole(t *testing.T) {
	lines := 0
	for line := range strings.Lines(known) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		lines++
		if len(fields) < 2 || len(fields[0]) != 40 && len(fields[0]) != 32 || strings.Trim(fields[0], "0123456789abcdef") != "" {
			t.Errorf("known.txt: %q has not the form of a line", line)
		}
		if len(fields[0]) == 40 && len(fields) < 3 {
			t.Errorf("known.txt: %q does not say who sends it", line)
		}
	}
	if lines != len(byDigest)+len(byForm) {
		t.Errorf("known.txt has %d lines for %d digests and %d forms: one is there twice", lines, len(byDigest), len(byForm))
	}
	if len(byDigest) != 74 || len(byForm) != 49 || len(table) != 42 {
		t.Errorf("%d digests, %d forms, %d entries", len(byDigest), len(byForm), len(table))
	}
	used := map[*Entry]bool{}
	for digest, e := range byDigest {
		if e == nil {
			t.Errorf("known.txt: %s names an entry that is not in the table", digest)
		}
		used[e] = true
	}
	for form, e := range byForm {
		if e == nil {
			t.Errorf("known.txt: %s names an entry that is not in the table", form)
		}
		used[e] = true
	}
	for i := range table {
		if !used[&table[i]] {
			t.Errorf("table: nothing is %s", table[i].id)
		}
	}
}

// TestTextsThatMeanTheSameAreTheSameEntry is the partition of the digests: each line is one
// meaning.
func TestTextsThatMeanTheSameAreTheSameEntry(t *testing.T) {
	groups := 0
	group := map[*Entry]int{}
	for line := range strings.Lines(read(t, "testdata/partition.txt")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		groups++
		digests := strings.Fields(line)
		first, ok := BySHA(digests[0])
		if !ok {
			t.Errorf("%s is not known", digests[0])
			continue
		}
		for _, d := range digests[1:] {
			if e, _ := BySHA(d); e != first {
				t.Errorf("%s is not %s, as %s is", d, first.id, digests[0])
			}
		}
		if other := group[first]; other != 0 && first.Class != Unsupported {
			t.Errorf("lines %d and %d are both %s", other, groups, first.id)
		}
		group[first] = groups
	}
	if groups != 43 {
		t.Errorf("%d groups", groups)
	}
}

func TestEveryEntrySaysWhatItsClassNeeds(t *testing.T) {
	for _, e := range table {
		var none Reply
		if len(e.Libraries) == 0 {
			t.Errorf("%s: whose is it?", e.id)
		}
		if e.Class == Unsupported {
			if !strings.Contains(e.Why, "mode: owner") {
				t.Errorf("%s: what is a client to do? %q", e.id, e.Why)
			}
			continue
		}
		takes := e.Class == Acquire || e.Class == AcquireOrExtend || e.Class == ExtendOrAcquire
		check := func(ok bool, what string) {
			t.Helper()
			if !ok {
				t.Errorf("%s: %s", e.id, what)
			}
		}
		check(e.Why == "", "it is supported, and says why it is not")
		check(e.OK != none && e.Other != none, "OK and Other have no reply")
		check((e.Again != none) == (e.Class == AcquireOrExtend || e.Class == ExtendOrAcquire), "Again")
		check((e.Gone != none) == (e.Class == Release || e.Class == Extend || e.Class == Query || e.New != 0), "Gone")
		check((e.TTL != 0) == (takes || e.Class == Extend) && (e.TTL != 0) == (e.Unit != 0), "a time to live")
		check(e.Token != 0 || e.OK.Shape == Holder, "a token")
		check(e.Args == max(e.Token, e.TTL, e.Prefix, e.Adds, e.New), "the number of arguments")
		check(e.Keys <= 1 && e.Keys >= 0, "the number of keys")
		check(!e.Each || e.Class == Release && e.Keys == 0, "Each")
		check(e.Prefix == 0 || takes, "Prefix")
		check(e.Adds == 0 || e.Class == Extend, "Adds")
	}
}

func TestADigestIsKnownInEitherCaseAndWhole(t *testing.T) {
	const sha = "e950836ed1e694540c503ef9972b8de518044d3b"
	for _, known := range []string{sha, strings.ToUpper(sha)} {
		if e, ok := BySHA(known); !ok || e.id != "release/redsync" {
			t.Errorf("%s: %v %v", known, e, ok)
		}
	}
	for _, unknown := range []string{"", sha[:39], sha + "0", "f" + sha[1:], sha[:32]} {
		if e, ok := BySHA(unknown); ok {
			t.Errorf("%q: %v", unknown, e)
		}
	}
}

func TestOneMeaningInManyWordings(t *testing.T) {
	for _, text := range []string{
		"if redis.call('get',KEYS[1])==ARGV[1]then return redis.call('del',KEYS[1])else return 0 end",
		"\uFEFFif (server.pcall(\"Get\", KEYS[1]) == ARGV[1]) then;\r\n return server.call('\\100el', KEYS[1]);\r\nelse return 0; end;",
		"--[==[ the lock's\n]] release ]==] if ((redis.call(\"GET\",KEYS[1]) == ARGV[1])) then -- ours\n return redis.call(\"DEL\",KEYS[1]) else return 0 end --[[]]",
	} {
		if e, ok := Recognise(text); !ok || e.id != "release" {
			t.Errorf("%q: %v %v", text, e, ok)
		}
	}
}

func TestWhatLooksLikeAReleaseIsNone(t *testing.T) {
	for _, text := range []string{
		"",
		"return 1",
		"if redis.call('get',KEYS[2])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
		"if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('DEL ',KEYS[1]) else return 0 end",
		// A local that hides what the text seems to use.
		"local KEYS = {'x'} if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
		"local redis = x if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
		"if x.redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
		"if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end end",
		"#!lua flags=no-writes\nif redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
		"if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end\x00",
		"if redis.call([[get]],KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
		"if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end --[[",
		"if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end '",
		// Values that a comparison is with are not in upper case.
		"if (redis.call('EXISTS', KEYS[1]) == 0 and ARGV[3] == 'YES') or redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end",
		// A local of which another one is meant where the known text means the same.
		"local a = redis.call('get', KEYS[1]) local b if a == ARGV[1] then redis.call('unlink', KEYS[1]) return true end return false",
		"local a = redis.call('get', KEYS[1]) if b == ARGV[1] then redis.call('unlink', KEYS[1]) return true end return false",
	} {
		if e, ok := Recognise(text); ok {
			t.Errorf("%q is recognised as %s", text, e.id)
		}
	}
}

// words replace others in mutants: everything that occurs in the texts, and more.
func words(all []specimen) []token {
	vocabulary := []token{{name, "nil"}, {name, "false"}, {name, "other"}, {number, "3"}, {text, "SETEX"}, {text, "yes"}, {symbol, "<="}}
	for _, s := range all {
		tokens, _ := tokenise(s.text)
		for _, tk := range tokens {
			if !slices.Contains(vocabulary, tk) {
				vocabulary = append(vocabulary, tk)
			}
		}
	}
	return vocabulary
}

// written writes tokens as a text.
func written(tokens []token) string {
	var out strings.Builder
	for _, tk := range tokens {
		if tk.kind == text {
			out.WriteByte('\'')
			for _, c := range []byte(tk.text) {
				if c < ' ' || c > '~' || c == '\'' || c == '\\' {
					fmt.Fprintf(&out, "\\%03d", c)
				} else {
					out.WriteByte(c)
				}
			}
			out.WriteByte('\'')
		} else {
			out.WriteString(tk.text)
		}
		out.WriteByte(' ')
	}
	return out.String()
}

// isAnotherKnownScript reports whether one word for another makes another script of a
// library, which it then is: rueidislock's differ in whether a lock expires at a moment or
// after a time.
func isAnotherKnownScript(from, to *Entry, was, is token) bool {
	word := func(t token) string { return strings.TrimSuffix(strings.ToUpper(t.text), "AT") }
	return strings.Contains(from.id, "rueidis") && strings.Contains(to.id, "rueidis") && word(was) == "PX" && word(is) == "PX"
}

// equivalent reports whether a text does the same with the word is instead of the one at i.
func equivalent(tokens []token, i int, is token) bool {
	was := tokens[i]
	if was.kind == text {
		// Redis takes commands and options in any case.
		return strings.EqualFold(was.text, is.text)
	}
	pair := func(a, b string) bool { return was.text == a && is.text == b || was.text == b && is.text == a }
	if pair("call", "pcall") || pair("redis", "server") {
		return true
	}
	// The variable of a loop that is not used in it, under a name that is not used either.
	variables := func(s string) (n int) {
		for j, t := range tokens {
			if t.kind == name && t.text == s && (j == 0 || !tokens[j-1].is(".")) {
				n++
			}
		}
		return n
	}
	ofLoop := i > 2 && (tokens[i-1].is("for") && tokens[i+1].is(",") || tokens[i-3].is("for") && tokens[i+1].is("in"))
	return ofLoop && variables(was.text) == 1 && variables(is.text) == 0
}

func TestAScriptWithOneWordChangedIsRefused(t *testing.T) {
	all := specimens(t)
	vocabulary := words(all)
	mutants := 0
	done := map[string]bool{}
	for _, s := range all {
		tokens, _ := tokenise(s.text)
		// Wordings differ in what does not matter, but for semicolons.
		wording := strings.ToUpper(written(tokens))
		if done[wording] {
			continue
		}
		done[wording] = true
		from, _ := Recognise(s.text)
		try := func(mutant []token, allowed func(to *Entry) bool) {
			mutants++
			if to, ok := Recognise(written(mutant)); ok && !allowed(to) {
				t.Errorf("%s: recognised as %s: %s", from.id, to.id, written(mutant))
			}
		}
		for i, was := range tokens {
			noMatter := func(to *Entry) bool { return was.is(";") && to == from }
			try(slices.Delete(slices.Clone(tokens), i, i+1), noMatter)
			try(slices.Insert(slices.Clone(tokens), i, was), noMatter)
			if i > 0 && tokens[i-1] != was {
				swapped := slices.Clone(tokens)
				swapped[i-1], swapped[i] = was, tokens[i-1]
				try(swapped, func(to *Entry) bool { return (was.is(";") || tokens[i-1].is(";")) && to == from })
			}
			for _, is := range vocabulary {
				if is == was || is.kind != was.kind {
					continue
				}
				mutant := slices.Clone(tokens)
				mutant[i] = is
				try(mutant, func(to *Entry) bool {
					return to == from && equivalent(tokens, i, is) || isAnotherKnownScript(from, to, was, is)
				})
			}
		}
	}
	if mutants < 50_000 {
		t.Errorf("only %d mutants", mutants)
	}
}

func TestTheTimeIsLinearInTheText(t *testing.T) {
	for _, piece := range []string{"(", "if (", "\\", "'\\", "--[[", "[", "local a ", "for ", "function ", "1.", "-", "redis.", "a,", "if ((a)) then "} {
		text := strings.Repeat(piece, maxText/len(piece))
		start := time.Now()
		for range 20 {
			Recognise(text)
		}
		if spent := time.Since(start); spent > 2*time.Second {
			t.Errorf("%q again and again: %v for 20 texts", piece, spent)
		}
	}
	if _, ok := Recognise(strings.Repeat(" ", maxText) + specimens(t)[0].text); ok {
		t.Error("a text over the limit is recognised")
	}
}

// FuzzRecognise looks for texts that are taken for others: whatever is recognised is so
// written from its tokens too, and without its semicolons.
func FuzzRecognise(f *testing.F) {
	for _, s := range specimens(f) {
		f.Add(s.text)
	}
	f.Add("--[==[ ]==] x='\\065\\z' .. 0x1e+5 ~= ...")
	f.Fuzz(func(t *testing.T, src string) {
		tokens, err := tokenise(src)
		if err != nil {
			return
		}
		again, err := tokenise(written(tokens))
		if err == nil && normal(again) != normal(tokens) {
			t.Fatalf("%q\nand\n%q", normal(tokens), normal(again))
		}
		e, ok := Recognise(src)
		if !ok {
			return
		}
		if e == nil {
			t.Fatal("recognised as nothing")
		}
		if form, _ := fingerprint(src); byForm[form] != e {
			t.Fatalf("recognised as %s by its digest, not by its form", e.id)
		}
	})
}
