package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringmain/admin"
	commands "ringmain/cli"
	"ringmain/config"
)

// operators' token in these tests.
const operatorsToken = "0123456789abcdef"

// operated has the pool reroute, and operators be listened to.
func operated(c *config.Config) {
	withAdmin(c)
	c.Admin.Token = config.NewSecret(operatorsToken)
	c.Topology.SoleProxy = true
	mainPool(c).OnNodeDown = "reroute"
}

// operate runs a command of the program that asks r.
func (r *ringmain) operate(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	file, token := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "token")
	text := fmt.Sprintf("admin: {address: '%s', token_file: '%s'}\n", r.admin[0], token)
	for name, content := range map[string]string{file: text, token: operatorsToken} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := commands.Commands()
	i := slices.IndexFunc(all, func(c commands.Command) bool { return c.Name == args[0] })
	var out, errs bytes.Buffer
	code = all[i].Run(t.Context(), append(args[1:], "--config", file), &out, &errs)
	return code, out.String(), errs.String()
}

// mustOperate is operate for what is to succeed.
func (r *ringmain) mustOperate(t *testing.T, args ...string) {
	t.Helper()
	if code, stdout, stderr := r.operate(t, args...); code != commands.ExitOK {
		t.Fatalf("%q: exit code %d, %s%s", args, code, stdout, stderr)
	}
}

// told is what operators are told of the servers of the pool main.
func (r *ringmain) told(t *testing.T) admin.PoolState {
	t.Helper()
	var got struct{ Pools []admin.PoolState }
	if status, body := r.get(t, "/api/pools"); json.Unmarshal([]byte(body), &got) != nil || len(got.Pools) != 1 {
		t.Fatalf("%d %s", status, body)
	}
	return got.Pools[0]
}

func TestADrainForgetsKeysAtMostAndMakesNoError(t *testing.T) {
	st := newStage(t, 3, loops(2), operated)
	w := dial(t, st.proxy.addr)
	var kept, changed string
	for n := 0; kept == "" || changed == ""; n++ {
		key := fmt.Sprint("key:", n)
		expect(t, "SET", w.do("SET", key, "old"), "+OK\r\n")
		switch {
		case !holds(t, st.servers[1], 0, key):
		case kept == "":
			kept = key
		default:
			changed = key
		}
	}
	var stop atomic.Bool
	var traffic sync.WaitGroup
	var served atomic.Int64
	for i := range 8 {
		client := dial(t, st.proxy.addr)
		traffic.Go(func() {
			for n := 0; !stop.Load(); n++ {
				key := fmt.Sprint("traffic:", i, ":", n%100)
				for _, reply := range []string{client.do("SET", key, "v"), client.do("GET", key), client.do("INCR", "n"+key)} {
					if strings.HasPrefix(reply, "-") {
						t.Errorf("a client gets %q", reply)
						return
					}
				}
				served.Add(1)
			}
		})
	}
	more := func() {
		t.Helper()
		from := served.Load()
		eventually(t, "clients are served", func() bool { return served.Load() > from+100 })
	}
	more()
	st.proxy.mustOperate(t, "drain", "b")
	more()
	if b := st.proxy.told(t).Servers[1]; b.State != "rerouted" || b.Reason != "is drained" {
		t.Errorf("it is told that %+v", b)
	}
	if state, reason := st.state(t, "b"); state != "rerouted" || reason != "is drained" {
		t.Errorf("INFO tells %s, %s", state, reason)
	}
	expect(t, "a key of a drained server", w.do("GET", changed), "$-1\r\n")
	expect(t, "writing it", w.do("SET", changed, "new"), "+OK\r\n")
	expect(t, "reading it", w.do("GET", changed), "$3\r\nnew\r\n")
	for _, args := range []string{"drain b", "drain main/a", "undrain c", "adopt main"} {
		if code, _, stderr := st.proxy.operate(t, strings.Fields(args)...); code != commands.ExitError || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
	st.proxy.mustOperate(t, "undrain", "main/b")
	more()
	stop.Store(true)
	traffic.Wait()
	expect(t, "a key that was written meanwhile", w.do("GET", changed), "$-1\r\n")
	expect(t, "a key that was not", w.do("GET", kept), "$3\r\nold\r\n")
	if b := st.proxy.told(t).Servers[1]; b.State != "up" {
		t.Errorf("in the end it is told that %+v", b)
	}
}

func TestServersWithDataAreUsedOnlyWhenTheyAreAdopted(t *testing.T) {
	for _, c := range []struct{ args, want string }{{"adopt main", "$5\r\nvalue\r\n"}, {"adopt main --empty", "$-1\r\n"}} {
		list := startRedis(t, 2)
		for _, s := range list { // whichever it is that the key lives on
			expect(t, "SET", dial(t, s.Addr()).do("SET", "key", "value"), "+OK\r\n")
		}
		r := start(t, servers(list...), operated)
		w := dial(t, r.addr)
		if got := w.do("GET", "key"); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
			t.Errorf("before: %q", got)
		}
		for _, s := range r.told(t).Servers {
			if s.State != "down" || !strings.Contains(s.Reason, "ringmain adopt main --empty") {
				t.Errorf("it is told that %+v", s)
			}
		}
		r.mustOperate(t, strings.Fields(c.args)...)
		expect(t, c.args, w.do("GET", "key"), c.want)
		for _, s := range r.told(t).Servers {
			if s.State != "up" {
				t.Errorf("afterwards it is told that %+v", s)
			}
		}
		for i := range list {
			if got := holds(t, list[i], 0, "key"); got != (c.args == "adopt main") {
				t.Errorf("after %s server %d has the key: %v", c.args, i, got)
			}
		}
	}
}

func TestTwoRingmainsOnTheSameServersFindEachOtherAndNeitherReroutes(t *testing.T) {
	st := newStage(t, 3, operated, healthChecks(50*time.Millisecond))
	key := st.keyOn(t, 1)
	second := start(t, servers(st.servers...), operated, healthChecks(50*time.Millisecond))
	for _, r := range []*ringmain{st.proxy, second} {
		eventually(t, "it has found the other", func() bool { return strings.Contains(r.told(t).Trouble, "another proxy is connected to node") })
	}
	st.servers[1].Kill()
	for _, r := range []*ringmain{st.proxy, second} {
		eventually(t, "the server is down", func() bool { return r.told(t).Servers[1].State != "up" })
		if b := r.told(t).Servers[1]; b.State != "down" {
			t.Errorf("it is told that %+v", b)
		}
		if got := dial(t, r.addr).do("GET", key); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
			t.Errorf("GET: %q", got)
		}
		if code, _, stderr := r.operate(t, "drain", "a"); code != commands.ExitError || !strings.Contains(stderr, "another proxy") {
			t.Errorf("drain: exit code %d, %s", code, stderr)
		}
	}
}

// The controller looks at servers in turn, also while one of them hangs.
func TestAServerFallsAlthoughAnotherOneHangs(t *testing.T) {
	st := newStage(t, 5, operated, healthChecks(50*time.Millisecond))
	key := st.keyOn(t, 0)
	began := time.Now()
	if err := st.servers[1].Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is rerouted", func() bool { return st.proxy.told(t).Servers[1].State == "rerouted" })
	st.servers[0].Kill()
	eventually(t, "another one is", func() bool { return st.proxy.told(t).Servers[0].State == "rerouted" })
	expect(t, "GET", dial(t, st.proxy.addr).do("GET", key), "$-1\r\n")
	if took := time.Since(began); took > gross/3 {
		t.Errorf("it took %v, as long as a reply is waited for", took)
	}
	if err := st.servers[1].Cont(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool { return st.proxy.told(t).Servers[1].State == "up" })
}
