package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// admitted has Ringmain listen for operators, who know the token.
func admitted(c *config.Config) {
	c.Admin.Address, c.Admin.Token = "127.0.0.1:0", config.NewSecret("a-token")
}

// operator runs commands such as ringmain drain.
type operator struct {
	t    testing.TB
	file string // the configuration
}

func newOperator(t testing.TB, r *ringmain) *operator {
	t.Helper()
	dir := t.TempDir()
	token, file := filepath.Join(dir, "token"), filepath.Join(dir, "config.yaml")
	succeed(t, os.WriteFile(token, []byte("a-token\n"), 0o600))
	succeed(t, os.WriteFile(file, []byte(fmt.Sprintf("admin: {address: '%s', token_file: '%s'}\npools: {main: {embedded: 1}}\n", r.admin[0], token)), 0o600))
	return &operator{t, file}
}

// run runs a command and returns what it says.
func (o *operator) run(args ...string) (string, error) {
	o.t.Helper()
	path, err := binary()
	succeed(o.t, err)
	ctx, cancel := context.WithTimeout(o.t.Context(), gross)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, append(args, "--config", o.file)...).CombinedOutput()
	return string(out), err
}

// must runs a command that succeeds.
func (o *operator) must(args ...string) {
	o.t.Helper()
	if out, err := o.run(args...); err != nil {
		o.t.Fatalf("ringmain %v: %v\n%s", args, err, out)
	}
}

func TestDrainingAServerAndTakingItBackFailsNoCommand(t *testing.T) {
	t.Parallel()
	rounds := 3
	if torture() {
		rounds = 30
	}
	tr := newTrial(t, 40, 3, 2)
	tr.serve(t, loops(2), admitted, healthChecks(2*time.Second), requestTimeout(gross)) // a busy machine is no fault
	o := newOperator(t, tr.proxy)
	tr.load.Begin()
	for i := range rounds {
		node := nodeName(i % 2)
		o.must("drain", node)
		if stateOf(tr.addr, node) == "up" {
			t.Errorf("%s is up although it is drained", node)
		}
		n, err := tr.load.WriteCold(i, coldClasses, gross)
		succeed(t, err)
		tr.cold += n
		tr.expectSilence(t, tr.servers[i%2])
		o.must("undrain", node)
		if state := stateOf(tr.addr, node); state != "up" {
			t.Errorf("%s is %s although it is drained no more", node, state)
		}
		succeed(t, tr.load.ReadCold(i, coldClasses, gross))
	}
	tr.load.End()
	if u, r := tr.load.Uncertain.Load(), tr.load.Refused.Load(); u+r > 0 {
		t.Errorf("%d commands are uncertain, %d were refused", u, r)
	}
	tr.judge(t)
	tr.floor(t)
	if n := strings.Count(tr.proxy.log.String(), "cleaned of what was written meanwhile"); n != rounds {
		t.Errorf("%d of %d returns have kept what was not written meanwhile", n, rounds)
	}
}

// expectSilence checks that a server executes nothing for clients while they go on.
func (tr *trial) expectSilence(t *testing.T, s *redistest.Server) {
	t.Helper()
	calls := func() (all []string) {
		v, err := s.Do("INFO", "commandstats")
		succeed(t, err)
		for line := range strings.Lines(v.(string)) {
			name, rest, _ := strings.Cut(line, ":")
			// What only clients send: the proxy itself reads and writes markers.
			if slices.Contains([]string{"cmdstat_mget", "cmdstat_incrby", "cmdstat_setnx", "cmdstat_ttl", "cmdstat_exec"}, name) {
				count, _, _ := strings.Cut(rest, ",")
				all = append(all, name+" "+count)
			}
		}
		return all
	}
	before, answered := calls(), tr.load.Answered.Load()
	eventually(t, "clients go on", func() bool { return tr.load.Answered.Load() > answered+1000 })
	if after := calls(); len(before) == 0 || !slices.Equal(before, after) {
		t.Errorf("a drained server executes commands of clients: %v, then %v", before, after)
	}
}

// Servers full of data that nobody has said is the pool's are neither read nor emptied.
func TestServersWithDataAreNotTouchedUntilTheyAreAdopted(t *testing.T) {
	for _, empty := range []bool{false, true} {
		t.Run(fmt.Sprintf("empty: %v", empty), func(t *testing.T) {
			t.Parallel()
			list := startRedis(t, 3)
			before := start(t, servers(list...))
			keys := keysOf(t, before.Addr(), 300, list)
			before.stop()
			r := start(t, servers(list...), rerouting(soon), admitted)
			w := dial(t, r.Addr())
			eventually(t, "the log says what to run", func() bool { return r.log.contains("ringmain adopt main --empty") })
			for i := range keys {
				if got := w.do("GET", keys[i][0]); !strings.HasPrefix(got, "-CLUSTERDOWN ") || !strings.Contains(got, "ringmain adopt main") {
					t.Errorf("GET: %q", got)
				}
				if got := w.do("SET", keys[i][0], "x"); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
					t.Errorf("SET: %q", got)
				}
			}
			if got := w.do("FLUSHALL"); !strings.HasPrefix(got, "-") {
				t.Errorf("FLUSHALL: %q", got)
			}
			for i, s := range list {
				n, err := keysIn(s, 0)
				succeed(t, err)
				marks, err := keysIn(s, 15)
				succeed(t, err)
				if n != int64(len(keys[i])) || marks > 0 {
					t.Errorf("server %d has %d keys and %d in the refuge, had %d", i, n, marks, len(keys[i]))
				}
			}
			o, want := newOperator(t, r), "$1\r\nv\r\n"
			if empty {
				want = "$-1\r\n"
				o.must("adopt", "main", "--empty")
			} else {
				o.must("adopt", "main")
			}
			for i := range keys {
				expect(t, "GET", w.do("GET", keys[i][0]), want)
			}
			expect(t, "SET", w.do("SET", keys[0][0], "new"), "+OK\r\n")
		})
	}
}

// Two programs that take the same servers for theirs alone would deceive each other.
func TestAPoolStopsReroutingWhenItMeetsAnotherProxyOnItsServers(t *testing.T) {
	t.Parallel()
	list := startRedis(t, 3)
	first := startProcess(t, servers(list...), rerouting(soon))
	eventually(t, "the first one serves", answers(t, first.Addr(), "+OK\r\n", "SET", "k", "v"))
	second := start(t, servers(list...), rerouting(soon))
	ended := func(log string) bool {
		for line := range strings.Lines(log) {
			if strings.Contains(line, "rerouting has ended") && strings.Contains(line, "another") {
				return true
			}
		}
		return false
	}
	eventually(t, "one of them says that it stops rerouting", func() bool { return ended(first.Log()) || ended(second.log.String()) })
	eventually(t, "both do", func() bool { return ended(first.Log()) && ended(second.log.String()) })
	list[0].Kill()
	for _, addr := range []string{first.Addr(), second.Addr()} {
		eventually(t, "the server is out", func() bool { return stateOf(addr, "a") != "up" })
	}
	for n := range 100 { // of which a third are its
		key := fmt.Sprint("key:", n)
		for _, addr := range []string{first.Addr(), second.Addr()} {
			_ = dial(t, addr).do("SET", key, "v")
		}
	}
	for i, s := range list[1:] {
		if n, err := keysIn(s, 15); err != nil || n > 1 {
			t.Errorf("server %d has %d keys in its refuge: %v", i+1, n, err)
		}
	}
}
