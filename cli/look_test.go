package cli

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// keeping is what makes a server keep all that it acknowledges.
var keeping = []string{"appendonly", "yes", "appendfsync", "always"}

// quorumOf is a configuration with a quorum of these servers.
func quorumOf(persistence string, servers ...string) string {
	return fmt.Sprintf("pools: {main: {nodes: [{name: a, address: '127.0.0.1:1'}]}}\nquorums:\n  safe: {nodes: [%s], persistence: %s}\n"+
		"locks:\n  - {keys: 'lock:*', quorum: safe, fencing: \"off\"}\n", strings.Join(servers, ", "), persistence)
}

// checked is what check says of the configuration's quorum, and how long it took.
func checked(t *testing.T, text string, args ...string) (lines []string, took time.Duration) {
	t.Helper()
	start := time.Now()
	code, stdout, stderr := call(t, text, append([]string{"check"}, args...)...)
	if code != ExitOK || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	for line := range strings.Lines(stdout) {
		if !strings.Contains(line, "is valid: ") && !strings.HasPrefix(line, "quorum: ") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines, time.Since(start)
}

func TestCheckLooksAtTheServersOfQuorums(t *testing.T) {
	for name, test := range map[string]struct {
		persistence string
		options     [3][]string
		prepare     func(t *testing.T, text string, servers []*redistest.Server)
		want        []string // in all lines, without quorums.safe
	}{
		"as they must be": {options: [3][]string{keeping, keeping, keeping}, want: []string{
			"note: quorums.safe: is not initialised yet: ringmain quorum init safe"}},
		"for locks without fences": {persistence: "none"},
		"no persistence": {options: [3][]string{keeping, nil, append(keeping, "no-appendfsync-on-rewrite", "yes")}, want: []string{
			`warning: quorums.safe.nodes[1]: does not keep all that it acknowledges: appendonly is "no", not "yes"`,
			`warning: quorums.safe.nodes[2]: does not keep all that it acknowledges: no-appendfsync-on-rewrite is "yes", not "no"`,
			"note: quorums.safe: is not initialised yet"}},
		"eviction": {persistence: "none", options: [3][]string{{"maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"}}, want: []string{
			`warning: quorums.safe.nodes[0]: may evict keys: maxmemory-policy is "allkeys-lru"`}},
		"a replica": {persistence: "none", options: [3][]string{nil, {"replicaof", "127.0.0.1 1"}}, want: []string{
			"warning: quorums.safe.nodes[1]: is a replica"}},
		"others' keys": {persistence: "none", prepare: func(t *testing.T, _ string, servers []*redistest.Server) {
			do(t, servers[0], "SET", "lock:a", "x")
			do(t, servers[0], "SET", "__ringmain:f:lock:a", "x")
			do(t, servers[0], "SET", "earlier:a", "x")
			do(t, servers[0], "SET", "__ringmain:f:earlier:a", "x")
			do(t, servers[1], "SET", "session:\n", "x")
			do(t, servers[2], "SET", "lock:a", "x")
			do(t, servers[2], "MOVE", "lock:a", "3")
		}, want: []string{
			`warning: quorums.safe.nodes[1]: has keys of somebody else's, such as "session:\n": a quorum's servers are its own`,
			"warning: quorums.safe.nodes[2]: has 1 key in other databases",
			`note: quorums.safe.nodes[0]: has a lock that no pattern matches, "earlier:a": `}},
		"one has lost its identity": {options: [3][]string{keeping, keeping, keeping}, prepare: func(t *testing.T, text string, servers []*redistest.Server) {
			for i, s := range servers[:2] {
				identify(t, text, s, i)
			}
		}, want: []string{"warning: quorums.safe: no identity (data lost, or never initialised) on "}},
		"other settings": {options: [3][]string{keeping, keeping, keeping}, prepare: func(t *testing.T, text string, servers []*redistest.Server) {
			for i, s := range servers {
				identify(t, text, s, i)
			}
			do(t, servers[1], "SET", "__ringmain:settings", "feed")
			do(t, servers[2], "SET", "__ringmain:quarantine", "1", "PX", "60000")
		}, want: []string{"warning: quorums.safe.nodes[1]: has the settings of other proxies",
			"note: quorums.safe.nodes[2]: may have lost locks, and has no vote for another 1m0s"}},
		"two at each other's place": {options: [3][]string{keeping, keeping, keeping}, prepare: func(t *testing.T, text string, servers []*redistest.Server) {
			for i, at := range []int{1, 0, 2} {
				identify(t, text, servers[i], at)
			}
		}, want: []string{"warning: quorums.safe.nodes[0]: is server 2 of its set, and stands as 1", "warning: quorums.safe.nodes[1]: is server 1 of its set"}},
		"no rights": {persistence: "none", options: [3][]string{{"user", "default on nopass ~* &* +@all -scan"}}, want: []string{
			"note: quorums.safe.nodes[0]: cannot be looked at: SCAN: NOPERM"}},
	} {
		t.Run(name, func(t *testing.T) {
			var servers []*redistest.Server
			var addresses []string
			for _, options := range test.options {
				s := redistest.Start(t, options...)
				servers, addresses = append(servers, s), append(addresses, s.Addr())
			}
			if test.persistence == "" {
				test.persistence = "fsync_always"
			}
			text := quorumOf(test.persistence, addresses...)
			if test.prepare != nil {
				test.prepare(t, text, servers)
			}
			lines, _ := checked(t, text)
			ok := len(lines) == len(test.want)
			for i := range lines {
				ok = ok && strings.HasPrefix(lines[i], test.want[i])
			}
			if !ok {
				t.Errorf("it says\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func do(t *testing.T, s *redistest.Server, args ...any) {
	t.Helper()
	if _, err := s.Do(args...); err != nil {
		t.Fatal(err)
	}
}

// identify makes a server one of the quorum of a configuration, at a place.
func identify(t *testing.T, text string, s *redistest.Server, at int) {
	t.Helper()
	cfg, err := config.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	do(t, s, "SET", "__ringmain:quorum", fmt.Sprintf("set %d %s g", at, cfg.Quorums["safe"].SetHash()))
	do(t, s, "SET", "__ringmain:settings", cfg.SettingsHash("safe"))
}

func TestCheckFindsAServerThatIsThereUnderTwoAddresses(t *testing.T) {
	s, other := redistest.Start(t, "bind", "127.0.0.1 127.0.0.2"), redistest.Start(t)
	lines, _ := checked(t, quorumOf("none", other.Addr(), s.Addr(), strings.Replace(s.Addr(), "127.0.0.1", "127.0.0.2", 1)))
	if want := "warning: quorums.safe.nodes[2]: is the same server as quorums.safe.nodes[1]"; len(lines) != 1 || lines[0] != want {
		t.Errorf("it says %q", lines)
	}
}

func TestCheckDoesNotWaitForServersThatDoNotAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	text := quorumOf("none", silent.Addr().String(), gone.Addr().String(), "127.0.0.1:2")
	lines, took := checked(t, text)
	if len(lines) != 3 || !strings.Contains(lines[0], "nodes[0]: cannot be looked at: ") || !strings.Contains(lines[1], "refused") {
		t.Errorf("it says %q", lines)
	}
	if took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if lines, _ := checked(t, text, "--offline"); len(lines) != 0 {
		t.Errorf("it says %q", lines)
	}
}
