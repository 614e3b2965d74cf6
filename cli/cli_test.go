package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ringmain/config"
	"ringmain/router"
	"time"

	"ringmain/internal/certtest"
)

// call runs a command in a fresh folder with a configuration of that text.
func call(t *testing.T, text string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("config.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return callHere(t, args...)
}

func callHere(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	commands := Commands()
	i := slices.IndexFunc(commands, func(c Command) bool { return c.Name == args[0] })
	if i < 0 {
		t.Fatalf("no command %q", args[0])
	}
	var out, errs bytes.Buffer
	code = commands[i].Run(t.Context(), args[1:], &out, &errs)
	return code, out.String(), errs.String()
}

const twoPools = `
listeners:
  - {address: 127.0.0.1:1}
  - {address: 127.0.0.1:2, pool: sessions}
pools:
  main:
    nodes: [{name: a, address: "10.0.0.1:1"}, {name: b, address: "10.0.0.2:1"}, {name: c, address: "10.0.0.3:1"}]
  sessions:
    database: 7
    hash_tag: ""
    nodes: [{name: s, address: "unix:/run/s.sock"}]
routes:
  - {prefix: "session:", pool: sessions}
  - {pool: main}
`

func TestCheckSumsUpAValidConfigurationAndWarns(t *testing.T) {
	code, stdout, stderr := call(t, twoPools, "check")
	want := "config.yaml is valid: 2 listeners, 2 pools, 4 servers, 2 routes\n" +
		"warning: config.yaml:14: routes[1]: commands on the whole fleet, such as SCAN, KEYS, DBSIZE and FLUSHALL, " +
		"go to the servers of this pool alone (main), not to those of the other routes\n"
	if code != ExitOK || stdout != want || stderr != "" {
		t.Errorf("exit code %d, output\n%s\nerrors\n%s", code, stdout, stderr)
	}
}

func TestCheckTellsWhomCertificatesAreForAndHowLong(t *testing.T) {
	authority, err := certtest.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := authority.Issue("old.example", -time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := issued.Write(t.TempDir(), "old")
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, _ := call(t, "listeners:\n  - address: 127.0.0.1:1\n    tls: {cert_file: "+cert+", key_file: "+key+"}\n"+
		"pools: {main: {nodes: [{name: a, address: 'h:1'}]}}\n", "check")
	for _, want := range []string{"certificate: listeners[0].tls.cert_file: for localhost, valid until 20",
		"warning: config.yaml:3: listeners[0].tls.cert_file: the certificate for \"localhost\" has expired"} {
		if code != ExitOK || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, %q is not in\n%s", code, want, stdout)
		}
	}
}

func TestCheckTellsWhatAPoolThatReroutesDeletes(t *testing.T) {
	code, stdout, _ := call(t, "topology: {sole_proxy: true}\npools:\n  main:\n    on_node_down: reroute\n    refuge_database: 9\n"+
		"    nodes: [{name: a, address: 'h:1'}, {name: b, address: 'h:2'}, {name: c, address: 'h:3'}]\n", "check")
	want := "config.yaml is valid: 1 listener, 1 pool, 3 servers, 0 routes\n" +
		"reroutes: pools.main: at most 1 of 3 servers may be out; keys of these servers are deleted, and all that is in their database 9\n"
	if code != ExitOK || stdout != want {
		t.Errorf("exit code %d, output\n%s", code, stdout)
	}
}

func TestCheckNamesEveryFaultWithItsPlace(t *testing.T) {
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "x%d: 1\n", i)
	}
	code, stdout, stderr := call(t, text.String(), "check")
	if code != ExitError || stdout != "" {
		t.Errorf("exit code %d, output %q", code, stdout)
	}
	lines := strings.Split(stderr, "\n")
	if len(lines) != 103 || !strings.HasPrefix(lines[100], "config.yaml:100:1: x99: unknown key") ||
		lines[101] != "config.yaml is not valid: 101 faults" {
		t.Errorf("%d lines: %s", len(lines), stderr)
	}
}

func TestCheckTellsWhyAFileCannotBeRead(t *testing.T) {
	code, _, stderr := call(t, "", "check", "--config", "none.yaml")
	if code != ExitError || !strings.Contains(stderr, "none.yaml: no such file") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestACommandLineThatIsWrongIsToldSo(t *testing.T) {
	for line, want := range map[string]string{
		"check more":                      `unexpected argument "more"`,
		"check --nosuch":                  "flag provided but not defined: -nosuch",
		"explain":                         "which keys?",
		"explain --json":                  "which keys?",
		`explain --escapes a\q`:           `is no escape`,
		"explain --listener x key":        "invalid value",
		"import":                          "There is nutcracker",
		"probe":                           "live, or ready?",
		"probe dead":                      `unknown probe "dead"`,
		"probe live now":                  `unexpected argument "now"`,
		"drain":                           "which node?",
		"undrain a b":                     `unexpected argument "b"`,
		"drain a --empty":                 "flag provided but not defined: -empty",
		"adopt":                           "which pool?",
		"adopt main rest":                 "usage: ringmain adopt POOL [--empty]",
		"quorum":                          "what is to be done? There are init and change",
		"quorum mend safe":                "what is to be done?",
		"quorum change":                   "which quorum?",
		"quorum change safe rest":         `unexpected argument "rest"`,
		"quorum change safe":              "--from must name",
		"import envoy file":               `unknown program "envoy"`,
		"import nutcracker":               "which file?",
		"import nutcracker a b":           `unexpected argument "b"`,
		"import nutcracker a --output":    "flag needs an argument",
		"explain --config":                "flag needs an argument",
		"import nutcracker a --config x":  "not defined: -config",
		"check --config config.yaml more": "usage: ringmain check",
	} {
		code, stdout, stderr := call(t, twoPools, strings.Fields(line)...)
		if code != ExitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, output %q, errors %q", line, code, stdout, stderr)
		}
	}
}

func TestExplainTellsPeopleWhereAKeyLives(t *testing.T) {
	code, stdout, stderr := call(t, twoPools, "explain", "session:1", "--", "-{x}\x00")
	want := `key           "session:1"
pool          sessions  by the route with prefix "session:"
hashed        "session:1"
hash          xxh64  0x`
	if code != ExitOK || stderr != "" || !strings.HasPrefix(stdout, want) {
		t.Fatalf("exit code %d, %s\n%s", code, stderr, stdout)
	}
	first, second, found := strings.Cut(stdout, "\n\n")
	if !found || !strings.HasSuffix(first, "server        \"s\"  unix:/run/s.sock  database 7") {
		t.Errorf("got\n%s", first)
	}
	for _, line := range []string{`key           "-{x}\x00"`, "by the route without a prefix", `hashed        "x"`} {
		if !strings.Contains(second, line) {
			t.Errorf("%s is not in\n%s", line, second)
		}
	}
	if strings.Count(second, "10.0.0.") != 3 || !strings.Contains(second, "\nnext  ") {
		t.Errorf("got\n%s", second)
	}
}

func TestReplicasAreCountedAndExplained(t *testing.T) {
	const text = "listeners: [{address: '127.0.0.1:6380'}]\npools:\n  main:\n    reads: any\n    nodes: [{name: a, address: 'h:1', replicas: ['h:2', 'h:3']}]\n"
	_, stdout, _ := call(t, text, "check")
	if !strings.Contains(stdout, ", 1 server with 2 replicas, ") {
		t.Errorf("check says %s", stdout)
	}
	if _, stdout, _ = call(t, text, "explain", "k"); !strings.Contains(stdout, "h:2, h:3") || !strings.Contains(stdout, "reads: any") {
		t.Errorf("explain says %s", stdout)
	}
	if _, stdout, _ = call(t, text, "explain", "--json", "k"); !strings.Contains(stdout, `"reads":"any","replicas":["h:2","h:3"]`) {
		t.Errorf("explain says %s", stdout)
	}
}

func TestExplainTellsProgramsTheSameAsTheRouter(t *testing.T) {
	keys := []string{"a", "session:b", "{session:}c", `\x00\xff\n`, `é`, ""}
	code, stdout, stderr := call(t, twoPools, append([]string{"explain", "--json", "--escapes"}, keys...)...)
	if code != ExitOK || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	_, snapshot, err := load("config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	for _, bytes := range []string{"a", "session:b", "{session:}c", "\x00\xff\n", "é", ""} {
		var e explanation
		if err := decoder.Decode(&e); err != nil {
			t.Fatal(err)
		}
		want := snapshot.Explain(router.ByRoutes, []byte(bytes))
		place := snapshot.Pick(router.ByRoutes, []byte(bytes))
		if e.KeyHex != fmt.Sprintf("%x", bytes) || e.HashedHex != fmt.Sprintf("%x", want.HashedPart) || e.Pool != want.Pool ||
			*e.Route != want.Route || e.HashHex != fmt.Sprintf("%#x", want.Hash) || e.HashDecimal != fmt.Sprint(want.Hash) ||
			e.Server.Name != snapshot.Servers[place.Server].Name || e.Database != int(place.Database) || len(e.Next) != len(want.Choices)-1 {
			t.Errorf("%q: got %+v, want %+v", bytes, e, want)
		}
	}
	if decoder.More() {
		t.Error("there is more than the keys asked for")
	}
}

func TestExplainFollowsAListenerOrAPool(t *testing.T) {
	for line, want := range map[string]string{
		"explain --json x":                    `"pool":"main","route":""`,
		"explain --json --listener 0 x":       `"pool":"main","route":""`,
		"explain --json --listener 1 x":       `"pool":"sessions","route":null`,
		"explain --json --pool sessions x":    `"pool":"sessions","route":null`,
		"explain --json session: --pool main": `"pool":"main","route":null`,
	} {
		if code, stdout, stderr := call(t, twoPools, strings.Fields(line)...); code != ExitOK || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit code %d, %s%s", line, code, stdout, stderr)
		}
	}
	for line, want := range map[string]string{
		"explain --listener 2 x":  "there is no listeners[2]: they are 0 to 1",
		"explain --listener -1 x": "there is no listeners[-1]",
		"explain --pool none x":   `there is no pool "none"; pools are main, sessions`,
	} {
		if code, stdout, stderr := call(t, twoPools, strings.Fields(line)...); code != ExitError || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s%s", line, code, stdout, stderr)
		}
	}
}

const withLocks = twoPools + `
quorums:
  safe: {nodes: ["10.0.0.9:1", "10.0.0.9:2", "10.0.0.9:3"]}
  toy: {embedded: 1}
locks:
  - {keys: "lock:plain:*", mode: owner}
  - {keys: "lock:*", quorum: safe}
counters:
  - {keys: "n:[0-9]*", quorum: safe}
  - {keys: "toy:*", quorum: toy}
`

func TestExplainTellsWhichQuorumKeepsALockOrACounter(t *testing.T) {
	code, stdout, stderr := call(t, withLocks, "explain", "lock:a", "n:5", "--pool", "sessions", "lock:plain:x", "n:x")
	want := `key       "lock:a"
lock      by locks[1] "lock:*"
quorum    safe  10.0.0.9:1, 10.0.0.9:2, 10.0.0.9:3
majority  2 servers

key       "n:5"
counter   by counters[0] "n:[0-9]*"
quorum    safe  10.0.0.9:1, 10.0.0.9:2, 10.0.0.9:3
majority  2 servers

key           "lock:plain:x"
plain         by locks[0] "lock:plain:*", which has mode: owner
pool          sessions
`
	rest, ok := strings.CutPrefix(stdout, want)
	if code != ExitOK || stderr != "" || !ok || !strings.Contains(rest, "\n\nkey           \"n:x\"\npool          sessions\n") {
		t.Errorf("exit code %d, %s\n%s", code, stderr, stdout)
	}
	if _, stdout, _ = call(t, withLocks, "explain", "toy:1"); !strings.Contains(stdout, "quorum    toy  embedded\nmajority  1 server\n") {
		t.Errorf("got\n%s", stdout)
	}
	_, stdout, _ = call(t, withLocks, "explain", "--json", "lock:a", "toy:1", "lock:plain:x")
	for _, want := range []string{
		`{"key":"lock:a","key_hex":"6c6f636b3a61","kind":"lock","pattern":"lock:*","pattern_path":"locks[1]","quorum":"safe","servers":["10.0.0.9:1","10.0.0.9:2","10.0.0.9:3"],"majority":2}`,
		`"quorum":"toy","servers":[],"majority":1}`, `"plain":"locks[0] \"lock:plain:*\"","pool":"main"`,
	} {
		if strings.Count(stdout, "\n") != 3 || !strings.Contains(stdout, want) {
			t.Errorf("%s is not in\n%s", want, stdout)
		}
	}
}

func TestCheckTellsWhatQuorumsDecideAbout(t *testing.T) {
	code, stdout, _ := call(t, withLocks, "check", "--offline")
	cfg, err := config.Load("config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	safe := fmt.Sprintf("quorum: safe: 2 of 3 servers decide about locks[1] \"lock:*\", counters[0] \"n:[0-9]*\"; "+
		"all its proxies must have the servers %s and the settings %s\n", cfg.Quorums["safe"].SetHash(), cfg.SettingsHash("safe"))
	for _, want := range []string{"4 servers, 2 routes, 2 quorums, 2 lock patterns, 2 counter patterns\n", safe,
		`quorum: toy: 1 of 1 server decide about counters[1] "toy:*"; `} {
		if code != ExitOK || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, %q is not in\n%s", code, want, stdout)
		}
	}
}

const sentinelPool = `
pools:
  main:
    discovery: sentinel
    sentinel: {addresses: ['127.0.0.1:26379']}
    nodes: [{name: a, master: one}, {master: two}]
`

func TestServersThatSentinelsTellOfAreNamedAsTheyCallThem(t *testing.T) {
	for line, want := range map[string]string{
		"check":            "is valid: 1 listener, 1 pool, 2 servers",
		"explain x":        "primary \"two\" of the sentinels",
		"explain --json x": `"server":{"name":"a","address":"","master":"one"},"next":[{"name":"two","address":"","master":"two"}]`,
	} {
		if code, stdout, stderr := call(t, sentinelPool, strings.Fields(line)...); code != ExitOK || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit code %d, %s%s", line, code, stdout, stderr)
		}
	}
}

func TestKeysAreTheBytesTypedUnlessEscapesAreAskedFor(t *testing.T) {
	for typed, want := range map[string]string{
		`a`: "a", `\n`: "\n", `\x00\xfF`: "\x00\xff", `\u00e9`: "é", `é"'`: `é"'`, `\\x`: `\x`, `\101`: "A", "\xff\xe9a": "\xff\xe9a",
		`\U0001F600`: "😀",
	} {
		if got, bad := unescape(typed); string(got) != want || bad != "" {
			t.Errorf("%s: got %q, %q", typed, got, bad)
		}
		if keys, err := keysOf([]string{typed}, false); err != nil || string(keys[0]) != typed {
			t.Errorf("%s: got %q, %v", typed, keys, err)
		}
	}
	for _, typed := range []string{`\`, `a\`, `\x0`, `\q`, `\u12`} {
		if _, bad := unescape(typed); bad == "" {
			t.Errorf("%s was taken", typed)
		}
	}
}

const twemproxyFile = `
alpha:
  listen: 0.0.0.0:22121
  redis: true
  redis_auth: hunter2
  backlog: 10
  servers: [127.0.0.1:6379:1]
`

func TestImportWritesWhatServesAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("nutcracker.yml", []byte(twemproxyFile), 0o600); err != nil {
		t.Fatal(err)
	}
	code, toStdout, stderr := callHere(t, "import", "nutcracker", "nutcracker.yml")
	if code != ExitOK || !strings.Contains(stderr, "nutcracker.yml:6: alpha.backlog: no counterpart") || strings.Contains(stderr, "hunter2") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	code, stdout, stderr := callHere(t, "import", "nutcracker", "nutcracker.yml", "--output", "new.yaml")
	written, err := os.ReadFile("new.yaml")
	if err != nil || code != ExitOK || stdout != "" || string(written) != toStdout {
		t.Errorf("exit code %d, %s%s, %v", code, stdout, stderr, err)
	}
	if info, err := os.Stat("new.yaml"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: it holds a password", info.Mode(), err)
	}
	c, err := config.Load("new.yaml")
	if err != nil || c.Pools["alpha"].Auth.Password.Reveal() != "hunter2" || !c.Listeners[0].AllowOpen {
		t.Errorf("%+v, %v", c, err)
	}
	if code, _, stderr := callHere(t, "import", "nutcracker", "--output", "new.yaml", "nutcracker.yml"); code != ExitError || !strings.Contains(stderr, "exists") {
		t.Errorf("a file was overwritten: exit code %d, %s", code, stderr)
	}
}

func TestImportNamesWhatItCannotCarryOver(t *testing.T) {
	t.Chdir(t.TempDir())
	text := strings.Replace(twemproxyFile, "backlog: 10", "distribution: random", 1)
	if err := os.WriteFile("nutcracker.yml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := callHere(t, "import", "nutcracker", "nutcracker.yml", "--output", "new.yaml")
	if code != ExitError || stdout != "" || !strings.Contains(stderr, "nutcracker.yml:6: alpha.distribution: random puts") ||
		!strings.Contains(stderr, "nutcracker.yml is not imported: 1 fault\n") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	if _, err := os.Stat("new.yaml"); err == nil {
		t.Error("a file was written all the same")
	}
	code, _, stderr = callHere(t, "import", "nutcracker", filepath.Join("none", "nutcracker.yml"))
	if code != ExitError || !strings.Contains(stderr, "no such file") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
