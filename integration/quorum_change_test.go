package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	program "ringmain/cli"
)

// quorumChange is the command of that name.
func quorumChange(t *testing.T, from, to string) (code int, said string) {
	t.Helper()
	dir := t.TempDir()
	old, now := filepath.Join(dir, "old.yaml"), filepath.Join(dir, "new.yaml")
	for file, text := range map[string]string{old: from, now: to} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range program.Commands() {
		if c.Name == "quorum" {
			var out bytes.Buffer
			code = c.Run(t.Context(), []string{"change", "safe", "--from", old, "--config", now}, &out, &out)
			return code, out.String()
		}
	}
	t.Fatal("there is no command quorum")
	return 0, ""
}

func TestAChangedConfigurationRefusesProxiesOfTheOldOneAndLosesNothing(t *testing.T) {
	t.Parallel()
	servers := startRedis(t, 3, durable...)
	old := quorumConfig(servers, "") + quorumCounters
	now := strings.Replace(old, "max_ttl: 1s", "max_ttl: 5s", 1)
	if code, said := quorumInit(t, old, "--at-once"); code != 0 {
		t.Fatal(said)
	}
	before := dial(t, startFrom(t, old).Addr())
	increment(t, before, "counter:a")
	eventually(t, "a lock is granted", func() bool { return before.do("SET", "lock:held", "t", "NX", "PX", "1000") == "+OK\r\n" })

	// Who has the new configuration too early is refused, and harms nobody.
	after := dial(t, startFrom(t, now).Addr())
	for _, command := range [][]string{{"INCR", "counter:a"}, {"SET", "lock:b", "t", "NX", "PX", "500"}} {
		eventually(t, "it is refused: "+command[0], func() bool { return strings.HasPrefix(after.do(command...), "-LOCKSET ") })
	}
	count := increment(t, before, "counter:a")

	if code, said := quorumChange(t, old, now); code != 0 || strings.Count(said, "goes by the new configuration") != 3 {
		t.Fatalf("%d: %s", code, said)
	}
	for _, command := range [][]string{{"INCR", "counter:a"}, {"SET", "lock:c", "t", "NX", "PX", "500"}} {
		eventually(t, "the old one is refused: "+command[0], func() bool {
			reply := before.do(command...)
			if strings.HasPrefix(reply, ":") || strings.HasPrefix(reply, "+") {
				t.Fatalf("a proxy of the old configuration is served: %s: %q", command[0], reply)
			}
			return strings.HasPrefix(reply, "-LOCKSET ")
		})
	}
	if next := increment(t, afterLockset(t, after), "counter:a"); next <= count {
		t.Errorf("the counter went from %d to %d", count, next)
	}
	eventually(t, "locks of before have ended, and new ones are granted", func() bool {
		left := onServer(t, servers[0], "PTTL", "__ringmain:quarantine").(int64)
		granted := after.do("SET", "lock:held", "u", "NX", "PX", "4000") == "+OK\r\n"
		if granted && left > 1000 { // of 2010
			t.Fatalf("a lock is granted although some of before may be held for %d ms", left)
		}
		return granted
	})
}

// afterLockset waits until a proxy is not refused any more.
func afterLockset(t *testing.T, w *wire) *wire {
	t.Helper()
	eventually(t, "the new one is served", func() bool { return !strings.HasPrefix(w.do("GET", "counter:a"), "-") })
	return w
}
