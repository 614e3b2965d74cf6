package cli

import (
	"os"
	"strings"
	"testing"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// change runs `quorum change` from one configuration to another.
func change(t *testing.T, from, to string, more ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"old.yaml": from, "config.yaml": to} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return callHere(t, append([]string{"quorum", "change", "safe", "--from", "old.yaml"}, more...)...)
}

func settingsOf(t *testing.T, text string) (nodes, settings string) {
	t.Helper()
	cfg, err := config.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Quorums["safe"].SetHash(), cfg.SettingsHash("safe")
}

// initialised are servers of the quorum of a configuration, which may be at two addresses each.
func initialised(t *testing.T) (servers []*redistest.Server, text, elsewhere string) {
	t.Helper()
	var addresses []string
	for range 3 {
		s := redistest.Start(t, append([]string{"bind", "127.0.0.1 127.0.0.2"}, keeping...)...)
		servers, addresses = append(servers, s), append(addresses, s.Addr())
	}
	text = quorumOf("fsync_always", addresses...)
	for i, s := range servers {
		identify(t, text, s, i)
		do(t, s, "SET", "lock:held", "token")
	}
	_, rest, _ := strings.Cut(text, "nodes: [127.0.0.1:")
	elsewhere = strings.Replace(text, rest, strings.ReplaceAll(rest, "127.0.0.1", "127.0.0.2"), 1)
	return servers, text, elsewhere
}

func TestServersGoByAChangedConfigurationOnlyFromTheOneThatTheyGoBy(t *testing.T) {
	servers, old, _ := initialised(t)
	longer := strings.Replace(old, "quorum: safe", "quorum: safe, max_ttl: 2m", 1)
	other := strings.Replace(old, "quorum: safe", "quorum: safe, max_ttl: 3m", 1)

	if code, stdout, stderr := change(t, other, longer); code != ExitError ||
		strings.Count(stdout, ": goes by neither the old nor the new configuration\n") != 3 || !strings.Contains(stderr, "only 0 of 3 servers") {
		t.Errorf("from another one: exit code %d, %s%s", code, stdout, stderr)
	}
	code, stdout, stderr := change(t, old, longer)
	if code != ExitOK || strings.Count(stdout, ": goes by the new configuration\n") != 3 ||
		!strings.HasSuffix(stdout, "locks are granted again in 1m1.6s; give all proxies the new configuration\n") || stderr != "" {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	nodes, settings := settingsOf(t, longer)
	for i, s := range servers {
		id, _ := s.Do("GET", "__ringmain:quorum")
		has, _ := s.Do("GET", "__ringmain:settings")
		left, _ := s.Do("PTTL", "__ringmain:quarantine")
		held, _ := s.Do("GET", "lock:held")
		if ms, _ := left.(int64); id != "set "+string('0'+rune(i))+" "+nodes+" g" || has != settings || ms < 1000 || ms > 61_600 || held != "token" {
			t.Errorf("server %d has %v, %v, %v, %v", i, id, has, left, held)
		}
	}
	if code, stdout, _ := change(t, old, longer); code != ExitOK || strings.Count(stdout, "already\n") != 3 {
		t.Errorf("again: exit code %d, %s", code, stdout)
	}
}

func TestAServerThatIsAwayIsChangedLaterAndAMinorityIsNotEnough(t *testing.T) {
	servers, old, _ := initialised(t)
	shorter := strings.Replace(old, "quorum: safe", "quorum: safe, max_ttl: 1s", 1)
	servers[1].Kill()
	code, stdout, stderr := change(t, old, shorter)
	if code != ExitError || strings.Count(stdout, "goes by the new") != 2 || !strings.Contains(stdout, servers[1].Addr()+": ") ||
		!strings.Contains(stderr, "2 of 3 servers go by the new configuration: run this again for the others") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	if err := servers[1].Restart(); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := change(t, old, shorter); code != ExitOK || strings.Count(stdout, "already\n") != 2 {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	servers[0].Kill()
	servers[2].Kill()
	if code, _, stderr := change(t, shorter, old); code != ExitError || !strings.Contains(stderr, "only 1 of 3 servers go by the new configuration, which is no majority") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestServersMayGetOtherAddresses(t *testing.T) {
	servers, old, elsewhere := initialised(t)
	if code, stdout, stderr := change(t, old, elsewhere); code != ExitOK || strings.Count(stdout, "goes by the new") != 3 {
		t.Fatalf("exit code %d, %s%s", code, stdout, stderr)
	}
	nodes, _ := settingsOf(t, elsewhere)
	if id, _ := servers[2].Do("GET", "__ringmain:quorum"); id != "set 2 "+nodes+" g" {
		t.Errorf("the identity is %v", id)
	}
	if lines, _ := checked(t, elsewhere); len(lines) != 3 || !strings.Contains(lines[0], "has no vote for another") {
		t.Errorf("check says %q", lines)
	}
}

func TestWhatCannotBeChangedIsRefusedBeforeAnyServerIsAsked(t *testing.T) {
	three := quorumOf("none", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4")
	for want, to := range map[string]string{
		"has 1 server in place of 3":                                quorumOf("none", "127.0.0.1:2"),
		"persistence cannot be changed":                             strings.Replace(three, "persistence: none", "persistence: fsync_always", 1),
		`quorum "safe" must be in both configurations`:              "pools: {main: {embedded: 1}}",
		"the two configurations do not differ":                      strings.Replace(three, "quorum: safe", "quorum: safe, split_retries: 7", 1),
		"embedded servers go by the configuration that they are st": strings.Replace(three, "nodes: [127.0.0.1:2, 127.0.0.1:3, 127.0.0.1:4], persistence: none", "embedded: 3", 1),
		"unknown key": "nosuch: 1",
	} {
		if code, stdout, stderr := change(t, three, to); code != ExitError || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s%s", want, code, stdout, stderr)
		}
	}
}
