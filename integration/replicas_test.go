package integration

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/command"
	"ringmain/config"
	"ringmain/internal/redistest"
)

// replicate starts replicas, so many for each server, and waits until they follow it.
func replicate(t *testing.T, list []*redistest.Server, each int) [][]*redistest.Server {
	t.Helper()
	var all [][]*redistest.Server
	for _, s := range list {
		all = append(all, startRedis(t, each))
		told(t, s, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
		for _, r := range all[len(all)-1] {
			follow(t, r, s)
		}
	}
	for i, replicas := range all {
		for _, r := range replicas {
			eventually(t, fmt.Sprintf("a replica of server %d follows it", i), func() bool { return link(r) == "connected" })
		}
	}
	return all
}

// told is a server's reply to a command.
func told(t *testing.T, s *redistest.Server, args ...any) any {
	t.Helper()
	reply, err := s.Do(args...)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return reply
}

func follow(t *testing.T, replica, primary *redistest.Server) {
	t.Helper()
	told(t, replica, "REPLICAOF", "127.0.0.1", primary.Port())
}

// link is the state of a replica's connection to its primary; "" if it is none.
func link(s *redistest.Server) string {
	reply, err := s.Do("ROLE")
	if role, ok := reply.([]any); err == nil && ok && len(role) == 5 {
		state, _ := role[3].(string)
		return state
	}
	return ""
}

// reads has replicas answer reads.
func reads(from string, replicas [][]*redistest.Server) option {
	return func(c *config.Config) {
		p := mainPool(c)
		p.Reads = from
		for i, list := range replicas {
			for _, r := range list {
				p.Nodes[i].Replicas = append(p.Nodes[i].Replicas, r.Addr())
			}
		}
	}
}

// calls is how often a server has executed a command.
func calls(t *testing.T, s *redistest.Server, name string) int {
	t.Helper()
	text, _ := told(t, s, "INFO", "commandstats").(string)
	found := regexp.MustCompile("cmdstat_" + regexp.QuoteMeta(name) + `:calls=(\d+)`).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// replicaStage has Ringmain in front of servers with replicas that are fit.
type replicaStage struct {
	*stage
	replicas [][]*redistest.Server
}

func newReplicaStage(t *testing.T, n, each int, from string, options ...option) *replicaStage {
	t.Helper()
	list := startRedis(t, n)
	st := &replicaStage{replicas: replicate(t, list, each)}
	options = append([]option{healthChecks(100 * time.Millisecond), reads(from, st.replicas)}, options...)
	st.stage = &stage{T: t, servers: list, proxy: start(t, servers(list...), options...)}
	for i, replicas := range st.replicas {
		key := st.keyOn(t, i)
		st.settle(t)
		w := dial(t, st.proxy.addr)
		for _, r := range replicas {
			eventually(t, "a replica answers reads", func() bool {
				before := calls(t, r, "get")
				for range 2 * (each + 1) {
					expect(t, "GET", w.do("GET", key), "$1\r\nv\r\n")
				}
				return calls(t, r, "get") > before
			})
		}
	}
	return st
}

// settle waits until all replicas have all writes.
func (st *replicaStage) settle(t *testing.T) {
	t.Helper()
	expect(t, "WAIT", dial(t, st.proxy.addr).do("WAIT", fmt.Sprint(len(st.replicas[0])), "30000"), fmt.Sprintf(":%d\r\n", len(st.replicas[0])))
}

func TestReadsReachReplicasAndWritesNeverDo(t *testing.T) {
	for _, from := range []string{"replica", "any"} {
		t.Run(from, func(t *testing.T) {
			st := newReplicaStage(t, 2, 2, from, withAdmin)
			w := dial(t, st.proxy.addr)
			const keys = 200
			for i := range keys {
				expect(t, "SET", w.do("SET", fmt.Sprint("k", i), fmt.Sprint(i)), "+OK\r\n")
			}
			st.settle(t)
			all := []*redistest.Server{}
			for i, s := range st.servers {
				all = append(append(all, s), st.replicas[i]...)
			}
			for _, s := range all {
				told(t, s, "CONFIG", "RESETSTAT")
			}
			for i := range keys {
				value := fmt.Sprint(i)
				expect(t, "GET", w.do("GET", fmt.Sprint("k", i)), fmt.Sprintf("$%d\r\n%s\r\n", len(value), value))
			}
			mget := []string{"MGET"}
			for i := range keys {
				mget = append(mget, fmt.Sprint("k", i))
			}
			if got := w.do(mget...); !strings.HasPrefix(got, fmt.Sprintf("*%d\r\n$1\r\n0\r\n", keys)) || !strings.HasSuffix(got, "$3\r\n199\r\n") {
				t.Errorf("MGET: %q", clip(got))
			}
			for i := range keys {
				expect(t, "INCR", w.do("INCR", fmt.Sprint("k", i)), fmt.Sprintf(":%d\r\n", i+1))
			}
			expect(t, "EVAL", w.do("EVAL", "return redis.call('get', KEYS[1])", "1", "k1"), "$1\r\n2\r\n")
			expect(t, "TOUCH", w.do("TOUCH", "k1", "k2", "k3"), ":3\r\n")
			own, byReplicas, parts := 0, 0, 0
			for i, s := range all {
				n := calls(t, s, "get")
				parts += calls(t, s, "mget")
				switch i % 3 {
				case 0:
					own += n
				default:
					byReplicas += n
					if n == 0 {
						t.Errorf("server %d has answered no GET", i)
					}
					if text := told(t, s, "INFO", "errorstats").(string); strings.Contains(text, "READONLY") {
						t.Errorf("replica %d got a write: %s", i, text)
					}
					if n := calls(t, s, "touch") + calls(t, s, "eval"); n != 0 {
						t.Errorf("replica %d got %d commands that are not for it", i, n)
					}
				}
			}
			series := st.proxy.series(t)
			if up := fmt.Sprintf("ringmain_server_up{node=a/%s,pool=main}", st.replicas[0][0].Addr()); series[up] != 1 {
				t.Errorf("metrics lack %s", up)
			}
			own-- // of the script
			if own+byReplicas != keys || from == "replica" && own != 0 || from == "any" && own < keys/6 || parts != 2 {
				t.Errorf("%d GETs at the servers, %d at replicas, %d parts of MGET", own, byReplicas, parts)
			}
		})
	}
}

func TestWithoutAWordReplicasAreNotUsed(t *testing.T) {
	list := startRedis(t, 1)
	replicas := replicate(t, list, 1)
	st := &stage{T: t, servers: list, proxy: start(t, servers(list...), reads("primary", replicas))}
	w := dial(t, st.proxy.addr)
	for range 20 {
		expect(t, "GET", w.do("GET", "k"), "$-1\r\n")
	}
	if n := calls(t, replicas[0][0], "get"); n != 0 {
		t.Errorf("the replica got %d", n)
	}
}

// One replica stops to be fit while clients read: they have errors for no longer than it
// takes to find that out, and then the server itself answers.
func TestAReplicaThatStopsToBeFitIsNotUsed(t *testing.T) {
	for name, test := range map[string]struct {
		harm   func(t *testing.T, r *redistest.Server) error
		heal   func(t *testing.T, r, primary *redistest.Server) error
		reason string
	}{
		"killed": {
			harm:   func(_ *testing.T, r *redistest.Server) error { r.Kill(); return nil },
			heal:   func(t *testing.T, r, p *redistest.Server) error { err := r.Restart(); follow(t, r, p); return err },
			reason: "refuses connections",
		},
		"paused": {
			harm:   func(_ *testing.T, r *redistest.Server) error { return r.Stop() },
			heal:   func(_ *testing.T, r, _ *redistest.Server) error { return r.Cont() },
			reason: "does not answer",
		},
		"promoted": {
			harm:   func(t *testing.T, r *redistest.Server) error { told(t, r, "REPLICAOF", "NO", "ONE"); return nil },
			heal:   func(t *testing.T, r, p *redistest.Server) error { follow(t, r, p); return nil },
			reason: "is a primary, where a replica is expected",
		},
		"without its primary": {
			harm:   func(t *testing.T, r *redistest.Server) error { told(t, r, "REPLICAOF", "127.0.0.1", "1"); return nil },
			heal:   func(t *testing.T, r, p *redistest.Server) error { follow(t, r, p); return nil },
			reason: "has lost its primary",
		},
	} {
		t.Run(name, func(t *testing.T) {
			st := newReplicaStage(t, 1, 1, "replica", loops(2))
			replica, node := st.replicas[0][0], "a/"+st.replicas[0][0].Addr()
			key := st.keyOn(t, 0)
			st.settle(t)
			load := readUnderLoad(t, st.proxy.addr, key)
			if err := test.harm(t, replica); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is down, because it "+test.reason, func() bool {
				state, reason := st.state(t, node)
				return state == "down" && reason == test.reason
			})
			// Loops are told one after the other; what was under way ends at once.
			load.begin()
			eventually(t, "all loops know", func() bool { return load.quiet(200) })
			own := calls(t, st.servers[0], "get")
			failed := load.failed()
			eventually(t, "reads go on", func() bool { return calls(t, st.servers[0], "get") > own+2000 })
			if n := load.failed() - failed; n != 0 {
				t.Errorf("%d reads failed although the replica was known to be down", n)
			}
			if err := test.heal(t, replica, st.servers[0]); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it follows", func() bool { return link(replica) == "connected" })
			eventually(t, "it is up", func() bool { state, _ := st.state(t, node); return state == "up" })
			before := calls(t, replica, "get")
			eventually(t, "it answers reads again", func() bool { return calls(t, replica, "get") > before+100 })
			load.stop()
			if load.wrong != "" {
				t.Errorf("a read got %q", load.wrong)
			}
			t.Logf("%d reads, %d failed", load.total, load.failures)
		})
	}
}

// load is clients that read one key all the time.
type load struct {
	mu              sync.Mutex
	total, failures int
	streak          int    // of good reads
	wrong           string // a reply that none should get
	done            chan struct{}
	clients         sync.WaitGroup
	stop            func()
}

func readUnderLoad(t *testing.T, addr, key string) *load {
	l := &load{done: make(chan struct{})}
	l.stop = sync.OnceFunc(func() {
		close(l.done)
		l.clients.Wait()
	})
	t.Cleanup(l.stop)
	for range 4 {
		w := dial(t, addr)
		l.clients.Go(func() {
			for {
				select {
				case <-l.done:
					return
				default:
				}
				reply, err := "", w.write([]byte(array("GET", key)))
				if err == nil {
					reply, err = w.receive()
				}
				if err != nil {
					t.Error(err)
					return
				}
				l.took(reply)
			}
		})
	}
	return l
}

func (l *load) took(reply string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	switch {
	case reply == "$1\r\nv\r\n":
		l.streak++
	case strings.HasPrefix(reply, `-CLUSTERDOWN node "a/`):
		l.failures++
		l.streak = 0
	default:
		l.wrong = reply
	}
}

// begin has quiet look at what comes from now on.
func (l *load) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streak = 0
}

// quiet reports whether the last n reads were good.
func (l *load) quiet(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streak >= n
}

func (l *load) failed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failures
}

// On data that rests, replicas say what one Redis says.
func TestReadsFromReplicasReplyAsRedisDoes(t *testing.T) {
	list := startRedis(t, 3)
	replicas := replicate(t, list, 1)
	a := &arena{nodes: list, lone: redistest.Start(t), known: map[string]bool{}, tally: newTally()}
	// Nothing is read before it has settled, but for what the arena looks up itself.
	a.begin(t, reads("any", replicas), healthChecks(50*time.Millisecond))
	waiting := dial(t, a.proxy.Addr())
	for _, protocol := range []int{2, 3} {
		a.flush(t)
		p := &player{duel: a.duel(t, protocol), every: a.share()}
		for i, l := range a.lines(t, commandCases) {
			p.names = naming{tag: a.tags[i%len(a.tags)]}
			args := l.named(p.names)
			if cmd := command.Lookup(bytesOf(args)); cmd == nil || !cmd.OnReplica() || modeOf(args).before != nil {
				continue
			}
			p.arrange(l)
			p.drain()
			expect(t, "WAIT", waiting.do("WAIT", "1", "30000"), ":1\r\n")
			for range 2 { // the server, and its replica
				p.put(l)
			}
			for _, other := range l.alterations(head(l.args), false) {
				if p.chosen(other) {
					p.put(other)
				}
			}
			p.drain()
		}
	}
	a.tally.report(t)
	byReplicas := 0
	for i := range replicas {
		byReplicas += calls(t, replicas[i][0], "get") + calls(t, replicas[i][0], "lrange") + calls(t, replicas[i][0], "zrange")
	}
	if a.tally.requests < 500 || byReplicas < 20 {
		t.Errorf("only %d requests were compared, and replicas answered %d of three kinds", a.tally.requests, byReplicas)
	}
}

func bytesOf(args []string) (out [][]byte) {
	for _, a := range args {
		out = append(out, []byte(a))
	}
	return out
}
