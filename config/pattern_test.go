package config

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const agreed = `pools: {main: {nodes: [{name: a, address: "10.0.0.1:7001"}]}}
quorums:
  safe: {nodes: ["10.0.0.9:1", "Redis:2", "[::1]:3"]}
  other: {nodes: ["10.0.0.9:4", "10.0.0.9:5", "10.0.0.9:6"]}
locks:
  - {keys: "lock:plain:*", mode: owner}
  - {keys: "job:*", quorum: other}
  - {keys: "lock:*", quorum: safe, max_ttl: 30s}
counters:
  - {keys: "counter:*", quorum: safe}
  - {keys: "visits:*", quorum: other}
`

func TestPatternsAreInTheOrderInWhichTheyDecide(t *testing.T) {
	c := mustParse(t, agreed)
	want := []Pattern{
		{"locks[0]", 0, "lock", "lock:plain:*", "owner", ""}, {"locks[1]", 1, "lock", "job:*", "redlock", "other"},
		{"locks[2]", 2, "lock", "lock:*", "redlock", "safe"}, {"counters[0]", 0, "counter", "counter:*", "linearizable", "safe"},
		{"counters[1]", 1, "counter", "visits:*", "linearizable", "other"},
	}
	if got := c.Patterns(); !reflect.DeepEqual(got, want) || !got[0].Owner() || got[1].Owner() || got[2].Name() != `locks[2] "lock:*"` {
		t.Errorf("got %+v", got)
	}
}

func TestASetsHashIsThatOfItsServersInTheirOrder(t *testing.T) {
	hash := mustParse(t, agreed).Quorums["safe"].SetHash()
	if len(hash) != hashDigits {
		t.Errorf("it is %q", hash)
	}
	for change, changes := range map[string]bool{
		`"Redis:2" => "redis:2"`:                                            false,
		`"[::1]:3" => "[0:0::1]:3"`:                                         false,
		`"[::1]:3"]} => "[::1]:3"], node_timeout: 60ms}`:                    false,
		`"[::1]:3"]} => "[::1]:3"], auth: {password: x}}`:                   false,
		`"10.0.0.9:1", "Redis:2" => "Redis:2", "10.0.0.9:1"`:                true,
		`"10.0.0.9:1" => "10.0.0.8:1"`:                                      true,
		`"[::1]:3" => "[::1]:33"`:                                           true,
		`"[::1]:3"]} => "[::1]:3", "10.0.0.10:1", "10.0.0.10:2"]}`:          true,
		`nodes: ["10.0.0.9:1", "Redis:2", "[::1]:3"] => embedded: 3`:        true,
		`"10.0.0.9:4", "10.0.0.9:5" => "10.0.0.9:5", "10.0.0.9:4"`:          false,
		`{keys: "lock:*", quorum: safe, => {keys: "l:*", quorum: safe,`:     false,
		`"10.0.0.9:1", "Redis:2", "[::1]:3" => "Redis:2"`:                   true,
		`"10.0.0.9:1", "Redis:2", "[::1]:3" => unix:/a, unix:/b, "unix:/c"`: true,
	} {
		if got := changed(t, change).Quorums["safe"].SetHash(); (got != hash) != changes {
			t.Errorf("%s: %s, was %s", change, got, hash)
		}
	}
}

func TestTheHashOfSettingsIsOfWhatAllProxiesMustAgreeOn(t *testing.T) {
	hash := mustParse(t, agreed).SettingsHash("safe")
	if len(hash) != hashDigits || mustParse(t, agreed).SettingsHash("none") != "" {
		t.Errorf("it is %q", hash)
	}
	option := func(text string) string { return `safe, max_ttl: 30s => safe, max_ttl: 30s, ` + text }
	for change, changes := range map[string]bool{
		option(`min_ttl: 200ms`):       true,
		option(`drift_factor: 0.02`):   true,
		option(`pad_ttl: false`):       true,
		`max_ttl: 30s => max_ttl: 31s`: true,
		`"lock:*" => "locks:*"`:        true,
		`"counter:*" => "count:*"`:     true,
		`keys: "counter:*", quorum: safe => keys: "counter:*", quorum: other`: true,
		// Which keys go elsewhere before.
		`"lock:plain:*", mode: owner => "lock:p:*", mode: owner`: true,
		`"job:*" => "lock:job:*"`:                                true,
		`"job:*" => "*"`:                                         true,
		// What concerns a proxy's own clients, or no key of this quorum.
		`"job:*" => "task:*"`: false,
		`"lock:plain:*", mode: owner => "lock:plain:*", quorum: other`:              false,
		`"visits:*" => "lock:visits:*"`:                                             false,
		`keys: "job:*", quorum: other => keys: "job:*", quorum: other, max_ttl: 5s`: false,
		option(`default_ttl: 1s`):                                                   false,
		option(`max_hold: 1h`):                                                      false,
		option(`node_timeout_factor: 0.1`):                                          false,
		option(`split_retries: 5`):                                                  false,
		option(`fencing: "off"`):                                                    false,
		option(`allow_del: true`):                                                   false,
		option(`mode: redlock`):                                                     false,
		`"counter:*", quorum: safe => "counter:*", quorum: safe, deadline: 1s, max_batch: 5, read: identity, max_keys: 7, repair: "off"`: false,
		`"[::1]:3"]} => "[::1]:3"], node_timeout: 60ms, timeouts: {connect: 1s}}`:                                                        false,
		`"Redis:2" => "Redis:22"`:                                    false, // that is the set's
		`nodes: ["10.0.0.9:1", "Redis:2", "[::1]:3"] => embedded: 3`: false,
	} {
		if got := changed(t, change).SettingsHash("safe"); (got != hash) != changes {
			t.Errorf("%s: %s, was %s", change, got, hash)
		}
	}
	locksOnly := strings.Replace(agreed, `- {keys: "counter:*", quorum: safe}`, "", 1)
	volatile := strings.Replace(locksOnly, `"[::1]:3"]`, `"[::1]:3"], persistence: none`, 1)
	if mustParse(t, locksOnly).SettingsHash("safe") == mustParse(t, volatile).SettingsHash("safe") {
		t.Error("persistence does not count")
	}
}

// changed is the configuration of agreed with one text replaced: "old => new".
func changed(t *testing.T, change string) *Config {
	t.Helper()
	from, to, _ := strings.Cut(change, " => ")
	if strings.Count(agreed, from) != 1 {
		t.Fatalf("%q is not there once", from)
	}
	return mustParse(t, strings.Replace(agreed, from, to, 1))
}

func TestWhatAQuorumsServersGoByIsThatOfAllItsPatterns(t *testing.T) {
	c := changed(t, `"job:*", quorum: other => "job:*", quorum: safe, max_ttl: 50s, drift_factor: 0.005`)
	if longest, drift := c.MaxTTL("safe"); longest != 50*Second || drift != 0.01 {
		t.Errorf("got %v, %v", longest, drift)
	}
	if longest, _ := c.MaxTTL("other"); longest != 0 {
		t.Errorf("got %v for a quorum without locks", longest)
	}
	off := changed(t, `"visits:*", quorum: other => "visits:*", quorum: other, repair: "off"`)
	if !c.Repairs("safe") || !c.Repairs("other") || !off.Repairs("safe") || off.Repairs("other") {
		t.Error("repair is not told")
	}
}

func TestWhetherAPatternTakesAllKeysOfAnotherIsKnownOfBeginnings(t *testing.T) {
	for _, test := range []struct {
		a, b               string
		covers, mayOverlap bool
	}{
		{"*", "lock:*", true, true}, {"**", "a", true, true}, {"lock:*", "*", false, true}, {"lock:*", "lock:a:*", true, true},
		{"lock:*", "lock:a", true, true}, {"lock:*", "lock:", true, true}, {"lock:*", "lock", false, false},
		{"lock:*", "lock:[ab]?*x", true, true}, {"lock:?*", "lock:a*", false, true}, {"a*b", "a*b*", false, true},
		{"lock:a", "lock:a", true, true}, {"lock:a", "lock:b", false, false}, {"lock:a", "lock:*", false, true},
		{"lock:a", "lick:*", false, false}, {"x:*", "y:*", false, false}, {`a\*`, "a*", false, true}, {"a*", `a\*`, true, true},
		{`a\*`, "a-", false, false}, {`a\`, `a\\`, true, true}, {"*:x", "*:y", false, true}, {"a[bc]*", "ad*", false, true},
	} {
		if got := covers(test.a, test.b); got != test.covers {
			t.Errorf("%q covers %q: %v", test.a, test.b, got)
		}
		if got := mayOverlap(test.a, test.b); got != test.mayOverlap || mayOverlap(test.b, test.a) != got {
			t.Errorf("%q may overlap with %q: %v", test.a, test.b, got)
		}
	}
}

// The hash of settings must not leave out a pattern that takes keys from another.
func TestPatternsThatShareAKeyMayOverlap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	text := func(alphabet string) string {
		b := make([]byte, rng.IntN(5))
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return string(b)
	}
	shared := 0
	for range 20_000 {
		a, b := text(`ab*\`), text(`ab*\`)
		var keys []string
		for range 20 {
			keys = append(keys, text(`ab*\`))
		}
		if slices.ContainsFunc(keys, func(k string) bool { return plainMatch(a, k) && plainMatch(b, k) }) {
			shared++
			if !mayOverlap(a, b) {
				t.Fatalf("%q and %q share one of %q", a, b, keys)
			}
		}
		if i := slices.IndexFunc(keys, func(k string) bool { return plainMatch(b, k) && !plainMatch(a, k) }); i >= 0 && covers(a, b) {
			t.Fatalf("%q does not match %q, but %q does", a, keys[i], b)
		}
	}
	if shared < 1000 {
		t.Errorf("only %d pairs shared a key", shared)
	}
}

// plainMatch tries everything that * may stand for.
func plainMatch(pattern, key string) bool {
	switch {
	case pattern == "":
		return key == ""
	case pattern[0] == '*':
		return plainMatch(pattern[1:], key) || key != "" && plainMatch(pattern, key[1:])
	case pattern[0] == '\\' && len(pattern) > 1:
		return key != "" && key[0] == pattern[1] && plainMatch(pattern[2:], key[1:])
	}
	return key != "" && key[0] == pattern[0] && plainMatch(pattern[1:], key[1:])
}

func TestQuorumsLocksAndCountersAreWarnedOf(t *testing.T) {
	const pool = "pools: {main: {nodes: [{name: a, address: 'h:1'}]}}\n"
	for name, test := range map[string]struct{ text, want string }{
		"nothing":     {agreed, ""},
		"one server":  {pool + "quorums:\n  q: {nodes: ['i:1']}\nlocks: [{keys: a, quorum: q}]", "f:3: quorums.q.nodes: is one server, without which"},
		"embedded":    {pool + "quorums:\n  q: {embedded: 3}\nlocks: [{keys: a, quorum: q}]", "f:3: quorums.q.embedded: embedded servers are for trying"},
		"unused":      {pool + "quorums:\n  q: {nodes: ['i:1', 'i:2', 'i:3']}", "f:3: quorums.q: is used by no lock and no counter"},
		"a password":  {pool + "quorums:\n  q: {nodes: ['i:1', 'i:2', 'i:3'], auth: {password: hunter2}}\nlocks: [{keys: a, quorum: q}]", "f:3: quorums.q.auth.password: is in the file itself"},
		"no fences":   {pool + "quorums:\n  q: {nodes: ['i:1', 'i:2', 'i:3'], persistence: none}\nlocks: [{keys: a, quorum: q}]", `f:4: locks[0].fencing: auto means off here: quorum "q" has`},
		"fencing off": {pool + "quorums:\n  q: {nodes: ['i:1', 'i:2', 'i:3'], persistence: none}\nlocks: [{keys: a, quorum: q, fencing: \"off\"}]", ""},
		"a shadow":    {pool + "locks:\n  - {keys: 'a*', mode: owner}\n  - {keys: 'ab*', mode: owner}", `f:4: locks[1].keys: "ab*" is never reached: locks[0] "a*" takes`},
		"a counter's": {pool + "locks:\n  - {keys: 'a*', mode: owner}\ncounters:\n  - {keys: 'ab', mode: owner}", `f:5: counters[0].keys: "ab" is never reached: locks[0] "a*" takes`},
		"no shadow":   {pool + "locks:\n  - {keys: 'ab*', mode: owner}\n  - {keys: 'a*', mode: owner}", ""},
	} {
		c, err := Parse("f", []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := fmt.Sprint(c.Warnings)
		if len(c.Warnings) > 0 {
			got = c.Warnings[0].Error()
		}
		if test.want == "" && len(c.Warnings) > 0 || test.want != "" && (len(c.Warnings) != 1 || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%s: got %s\nwant %s", name, got, test.want)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s: a password is shown", name)
		}
	}
}

func TestFarTooManyPatternsAreRefusedAtOnce(t *testing.T) {
	var b strings.Builder
	b.WriteString("pools: {main: {embedded: 1}}\nlocks:\n")
	for i := range 15_000 {
		fmt.Fprintf(&b, "  - {keys: 'l%d:*'}\n", i)
	}
	start := time.Now()
	if _, err := Parse("f", []byte(b.String())); err == nil || !strings.Contains(err.Error(), "locks: must be at most 100 patterns, are 15000") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
