package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// reroutes makes a pool that reroutes, and is as by default otherwise, with deadlines that
// are not those of tests.
func reroutes(c *config.Config) {
	c.Topology.SoleProxy = true
	p := mainPool(c)
	p.OnNodeDown, p.Timeouts = "reroute", config.DefaultPool().Timeouts
}

// beat is one command of a client: when it was sent, from the beginning, how long it took,
// and of which server its key is.
type beat struct {
	at, took time.Duration
	owner    int
	failed   bool
	missed   bool // a read found nothing
}

// heartbeat is clients that read and write keys all the time.
type heartbeat struct {
	began time.Time
	stop  chan struct{}
	all   sync.WaitGroup
	lists [][]beat
	errs  []string // the first failure of each
}

// startHeartbeat has clients use keys, by their owners.
func startHeartbeat(t *testing.T, addr string, clients int, keys [][]string) *heartbeat {
	h := &heartbeat{began: time.Now(), stop: make(chan struct{}), lists: make([][]beat, clients), errs: make([]string, clients)}
	for i := range clients {
		c, err := redistest.Dial(addr, 0)
		succeed(t, err)
		t.Cleanup(func() { _ = c.Close() })
		rng := rand.New(rand.NewPCG(uint64(i), 5))
		h.all.Go(func() {
			for {
				select {
				case <-h.stop:
					return
				default:
				}
				b := beat{owner: rng.IntN(len(keys)), at: time.Since(h.began)}
				key := keys[b.owner][rng.IntN(len(keys[b.owner]))]
				args := []any{"GET", key}
				if rng.IntN(4) == 0 {
					args = []any{"SET", key, "v"}
				}
				v, err := c.Do(args...)
				b.took = time.Since(h.began) - b.at
				if b.missed = v == nil; err != nil {
					b.failed, b.missed = true, false
					h.errs[i] = err.Error()
				}
				h.lists[i] = append(h.lists[i], b)
				if _, isReply := err.(redistest.Error); err != nil && !isReply {
					return
				}
			}
		})
	}
	return h
}

// end stops the clients and returns all they did.
func (h *heartbeat) end() []beat {
	close(h.stop)
	h.all.Wait()
	return slices.Concat(h.lists...)
}

// p99 is the 99th percentile of how long commands took that were sent in a time, for keys
// of other servers than one.
func p99(beats []beat, except int, from, to time.Duration) time.Duration {
	var took []time.Duration
	for _, b := range beats {
		if b.owner != except && b.at >= from && b.at < to {
			took = append(took, b.took)
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// lastFailure is when the last command was answered with an error.
func lastFailure(beats []beat) (last time.Duration) {
	for _, b := range beats {
		if b.failed {
			last = max(last, b.at+b.took)
		}
	}
	return last
}

// One of three servers is killed or hangs under fifty clients. Within a bound its keys are
// served again, by the others; commands for the others' keys go on as before. When it is
// back everything is where it was, and nothing but its share is lost.
func TestTheKeysOfAServerThatFailsAreServedByTheOthersSoon(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  func(*redistest.Server) error
		back  func(*redistest.Server) error
		bound func(config.Pool) time.Duration
	}{
		{"killed", func(s *redistest.Server) error { s.Kill(); return nil }, (*redistest.Server).Restart,
			func(config.Pool) time.Duration { return 2 * time.Second }},
		{"hung", (*redistest.Server).Stop, (*redistest.Server).Cont, func(p config.Pool) time.Duration {
			h := p.Health
			return time.Duration(h.Fall)*time.Duration(h.Interval) + time.Duration(h.Timeout) + time.Duration(p.Timeouts.Request)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !torture() { // which measures
				t.Parallel()
			}
			const victim = 1
			list := startRedis(t, 3)
			var pool config.Pool
			proxy := startProcess(t, servers(list...), loops(2), reroutes, func(cfg *config.Config) {
				if !torture() {
					rerouting(3 * soon)(cfg) // a machine that is busy with other tests is no fault
					requestTimeout(20 * soon)(cfg)
				}
				pool = *mainPool(cfg)
			})
			eventually(t, "all servers serve", answers(t, proxy.Addr(), "+OK\r\n", "MSET", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6"))
			expect(t, "FLUSHALL", dial(t, proxy.Addr()).do("FLUSHALL"), "+OK\r\n")
			keys := keysOf(t, proxy.Addr(), 600, list)
			h := startHeartbeat(t, proxy.Addr(), 50, keys)
			<-time.After(10 * soon)
			failed := time.Since(h.began)
			succeed(t, c.fail(list[victim]))
			eventually(t, "its keys are served", func() bool {
				w := dial(t, proxy.Addr())
				defer w.Close()
				return strings.HasPrefix(w.do("SET", keys[victim][0], "v"), "+OK")
			})
			served := time.Since(h.began)
			<-time.After(10 * soon)
			succeed(t, c.back(list[victim]))
			eventually(t, "it is back", func() bool { return stateOf(proxy.Addr(), nodeName(victim)) == "up" })
			back := time.Since(h.began)
			<-time.After(5 * soon)
			beats := h.end()
			last := lastFailure(beats)
			before, meanwhile := p99(beats, victim, 0, failed), p99(beats, victim, failed, back)
			t.Logf("%d commands; the last error %v after it was %s, its keys were served after %v; p99 of the others %v before, %v meanwhile",
				len(beats), (last - failed).Round(time.Millisecond), c.name, (served - failed).Round(time.Millisecond), before, meanwhile)
			failures, lost := 0, 0
			for _, b := range beats {
				if b.failed {
					failures++
				}
				if (b.failed || b.missed) && b.owner != victim {
					lost++
				}
			}
			if lost > 0 {
				t.Errorf("%d commands for keys of other servers failed or found nothing: %q", lost, h.errs)
			}
			if failures == 0 && c.name == "hung" {
				t.Error("no command failed, so that nothing was tested")
			}
			if bound := c.bound(pool); torture() && last-failed > bound {
				t.Errorf("the last error came %v after it was %s, at most %v", last-failed, c.name, bound)
			}
			if torture() && meanwhile > max(2*before, 5*time.Millisecond) {
				t.Errorf("p99 of the others' keys was %v, is %v", before, meanwhile)
			}
			expectOwners(t, proxy.Addr(), keys, list)
		})
	}
}

// expectOwners writes all keys, and asks each server whether it has its own.
func expectOwners(t *testing.T, addr string, keys [][]string, list []*redistest.Server) {
	t.Helper()
	w := dial(t, addr)
	for _, own := range keys {
		for _, key := range own {
			expect(t, "SET "+key, w.do("SET", key, "v"), "+OK\r\n")
		}
	}
	at := holders(t, list)
	for owner, own := range keys {
		for _, key := range own {
			if holder, ok := at[key]; !ok || holder != owner {
				t.Fatalf("%s of server %d is on %d: %v", key, owner, holder, ok)
			}
		}
	}
}

// absence is a server with keys that it shares a tag with, which is away while they are
// written anew.
type absence struct {
	t      *testing.T
	server *redistest.Server
	proxy  *ringmain
	tag    string
	others [][]string // keys of the other servers
}

// newAbsence has keys of one server, of which half are written before. Each is a number
// behind a text.
func newAbsence(t *testing.T, options ...option) *absence {
	list := startRedis(t, 3, "enable-debug-command", "local")
	r := start(t, servers(list...), append([]option{rerouting(soon), loops(2), requestTimeout(20 * soon)}, options...)...)
	eventually(t, "a server serves", answers(t, r.Addr(), "+OK\r\n", "SET", "{x}", "v"))
	a := &absence{t: t, proxy: r, tag: "{x}"}
	keys := keysOf(t, r.Addr(), 300, list)
	for i, s := range list {
		if holds(t, s, 0, "{x}") {
			a.server = s
		} else {
			a.others = append(a.others, keys[i])
		}
	}
	return a
}

// write writes n keys with a value, from a number on.
func (a *absence) write(text string, from, n int, value string) {
	a.t.Helper()
	w := dial(a.t, a.proxy.Addr())
	defer w.Close()
	go func() {
		for i := range n {
			if w.write([]byte(array("SET", fmt.Sprint(a.tag, text, from+i), value))) != nil {
				return
			}
		}
	}()
	for i := range n {
		if reply, err := w.receive(); err != nil || reply != "+OK\r\n" {
			a.t.Fatalf("SET %d: %q, %v", i, clip(reply), err)
		}
	}
}

// read counts what n keys hold.
func (a *absence) read(text string, from, n int) map[string]int {
	a.t.Helper()
	w := dial(a.t, a.proxy.Addr())
	defer w.Close()
	go func() {
		for i := range n {
			if w.write([]byte(array("GET", fmt.Sprint(a.tag, text, from+i)))) != nil {
				return
			}
		}
	}()
	found := map[string]int{}
	for range n {
		reply, err := w.receive()
		if err != nil {
			a.t.Fatal(err)
		}
		found[reply]++
	}
	return found
}

// leave has the server hang until its keys are rerouted.
func (a *absence) leave() {
	a.t.Helper()
	succeed(a.t, a.server.Stop())
	eventually(a.t, "its keys are rerouted", func() bool { return a.proxy.log.contains("its keys are rerouted") })
}

// back has it go on, and returns how long it took to be used again.
func (a *absence) back() time.Duration {
	a.t.Helper()
	began := time.Now()
	succeed(a.t, a.server.Cont())
	eventually(a.t, "it is used again", func() bool { return a.proxy.log.contains("server is used again") })
	return time.Since(began)
}

// A server that was away for a short time loses what was written meanwhile, and nothing
// else.
func TestAServerThatReturnsKeepsWhatWasNotWrittenMeanwhile(t *testing.T) {
	written, others := 5_000, 0
	if torture() {
		written, others = 100_000, 1_000_000
	}
	a := newAbsence(t)
	const atOnce = 10_000 // or the server would not answer anybody meanwhile
	for i := 0; i < others; i += atOnce {
		_, err := a.server.Do("DEBUG", "POPULATE", atOnce, fmt.Sprint("other", i), 100)
		succeed(t, err)
	}
	a.write("k", 0, 2*written, "old")
	a.leave()
	a.write("k", 0, written, "new")
	h := startHeartbeat(t, a.proxy.Addr(), 10, a.others)
	<-time.After(10 * soon)
	calm := time.Since(h.began)
	took := a.back()
	beats := h.end()
	before, meanwhile := p99(beats, -1, 0, calm), p99(beats, -1, calm, calm+took)
	t.Logf("back after %v, with %d keys written meanwhile and %d others; p99 of other servers' keys %v before, %v meanwhile", took, written, others, before, meanwhile)
	if failed := lastFailure(beats); failed > 0 {
		t.Errorf("a command for another server's key failed: %q", h.errs)
	}
	if torture() && meanwhile > max(2*before, 5*time.Millisecond) {
		t.Errorf("p99 of other servers' keys was %v, is %v", before, meanwhile)
	}
	if torture() && took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if found := a.read("k", 0, written); found["$-1\r\n"] != written {
		t.Errorf("keys that were written meanwhile hold %v", found)
	}
	if found := a.read("k", written, written); found["$3\r\nold\r\n"] != written {
		t.Errorf("keys that were not written meanwhile hold %v", found)
	}
	if !a.proxy.log.contains("server is used again", "cleaned of what was written meanwhile") {
		t.Error("the log does not say that it was cleaned")
	}
}

// What is remembered of an absence is bounded: beyond that the server is emptied.
func TestAServerIsEmptiedIfTooMuchWasWrittenMeanwhileToBeRemembered(t *testing.T) {
	// More than 16 MiB of keys.
	written, text := 900, strings.Repeat("long", 5_000)
	if torture() {
		written, text = 2_000_000, "k"
	}
	a := newAbsence(t)
	a.write(text, 0, written, "old")
	a.write("rest", 0, 100, "old")
	a.leave()
	before := heap()
	a.write(text, 0, written, "new")
	grown := int64(heap()) - int64(before)
	t.Logf("%d keys written meanwhile: the heap has grown by %d KiB; back after %v", written, grown>>10, a.back())
	if most := int64(64 << 20); grown > most {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if found := a.read(text, 0, written); found["$-1\r\n"] != written {
		t.Errorf("keys that were written meanwhile hold %v", found)
	}
	if found := a.read("rest", 0, 100); found["$-1\r\n"] != 100 {
		t.Errorf("keys that were not written meanwhile hold %v", found)
	}
	if !a.proxy.log.contains("server is used again, and was emptied", "too many keys") {
		t.Error("the log does not say why it was emptied")
	}
	a.write(text, 0, 100, "newest")
	if found := a.read(text, 0, 100); found["$6\r\nnewest\r\n"] != 100 {
		t.Errorf("keys that were written afterwards hold %v", found)
	}
}

// A flush that a client was told of reaches a server that was away.
func TestAFlushReachesAServerThatWasAwayWhenItReturns(t *testing.T) {
	t.Parallel()
	for _, flush := range []string{"FLUSHALL", "FLUSHDB"} {
		t.Run(flush, func(t *testing.T) {
			a := newAbsence(t)
			a.write("k", 0, 100, "old")
			a.leave()
			a.write("k", 0, 10, "rerouted")
			w := dial(t, a.proxy.Addr())
			expect(t, flush, w.do(flush), "+OK\r\n")
			expect(t, "DBSIZE", w.do("DBSIZE"), ":0\r\n")
			a.back()
			if found := a.read("k", 0, 100); found["$-1\r\n"] != 100 {
				t.Errorf("after a flush keys hold %v", found)
			}
			expect(t, "DBSIZE", w.do("DBSIZE"), ":0\r\n")
		})
	}
}
