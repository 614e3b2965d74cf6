package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// What a quorum's servers keep.
const (
	keepsNothing = "none"
	keepsAll     = "fsync_always"
)

// quorumServer is a server of a quorum, behind a relay. One goroutine has faults happen
// to it.
type quorumServer struct {
	*redistest.Server
	relay  *redistest.Relay
	losses *redistest.Losses
	clock  *redistest.Clock
	kept   map[string]string // of its keys, what makes it one of the quorum
}

func (s *quorumServer) Addr() string { return s.relay.Addr() }

// testQuorum is the quorum "safe" of a test.
type testQuorum struct {
	persistence string
	servers     []*quorumServer
	longest     time.Duration // max_ttl
	patient     bool          // servers have time to answer: a machine that is busy with other tests is no fault
}

// longestLock is max_ttl, if a test does not say otherwise.
const longestLock = 2 * time.Second

// quarantined is how long a server stays without a vote that may have lost locks.
const quarantined = longestLock + longestLock/100 + time.Second

func startQuorum(t testing.TB, n int, persistence string, seed uint64) *testQuorum {
	t.Helper()
	var options []string
	if persistence == keepsAll {
		options = []string{"appendonly", "yes", "appendfsync", "always"}
	}
	q := &testQuorum{persistence: persistence, longest: longestLock}
	for i, s := range startRedis(t, n, options...) {
		relay := redistest.StartRelay(t, s.Addr())
		q.servers = append(q.servers, &quorumServer{s, relay, relay.Lose(seed+uint64(i), 100*time.Millisecond), relay.Clock(), map[string]string{}})
	}
	return q
}

// text is the configuration of a proxy.
func (q *testQuorum) text() string {
	var nodes []string
	for _, s := range q.servers {
		nodes = append(nodes, "'"+s.Addr()+"'")
	}
	patience, patiently := "", ""
	if q.patient {
		patience, patiently = ", node_timeout: 400ms", ", node_timeout_factor: 0.25"
	}
	text := fmt.Sprintf(`listeners: [{address: '127.0.0.1:0'}]
loops: 2
pools: {main: {embedded: 1}}
quorums: {safe: {nodes: [%s], persistence: %s%s}}
locks: [{keys: 'lock:*', quorum: safe, max_ttl: %v%s}]
`, strings.Join(nodes, ", "), q.persistence, patience, q.longest, patiently)
	if q.persistence == keepsAll {
		deadline := "250ms" // outcomes are unknown now and then
		if q.patient {
			deadline = "10s"
		}
		text += "counters: [{keys: 'counter:*', quorum: safe, deadline: " + deadline + "}]\n"
	}
	return text
}

// initialise does what an operator does once, where that is needed.
func (q *testQuorum) initialise(t testing.TB) {
	t.Helper()
	if q.persistence == keepsNothing {
		return
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	succeed(t, os.WriteFile(file, []byte(q.text()), 0o600))
	if out, err := exec.Command(path, "quorum", "init", "safe", "--at-once", "--config", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, s := range q.servers {
		for _, key := range []string{identityKey, settingsKey} {
			text, err := s.Do("GET", key)
			succeed(t, err)
			s.kept[key] = text.(string)
		}
	}
}

// proxies starts n proxies in front of an initialised quorum, and waits until each has the
// vote of every server.
func (q *testQuorum) proxies(t testing.TB, n int) []*ringmain {
	t.Helper()
	list := q.startProxies(t, n)
	q.awaitVotes(t, list)
	return list
}

func (q *testQuorum) startProxies(t testing.TB, n int) (list []*ringmain) {
	t.Helper()
	q.initialise(t)
	for range n {
		list = append(list, startFrom(t, q.text()))
	}
	return list
}

func (q *testQuorum) awaitVotes(t testing.TB, proxies []*ringmain) {
	t.Helper()
	tries := 0
	for _, p := range proxies {
		w := dial(t, p.Addr())
		for _, s := range q.servers {
			eventually(t, "every server votes", func() bool {
				tries++
				key := fmt.Sprint("lock:start:", tries)
				if w.do("SET", key, "a start", "NX", "PX", "1000") != "+OK\r\n" {
					return false
				}
				v, err := s.Do("GET", key)
				return err == nil && v == "a start"
			})
		}
	}
}

// lossRate is of how many messages each makes a direction of a link fall silent.
const lossRate = 0.05

// lose has all links lose messages, at a rate.
func (q *testQuorum) lose(rate float64) {
	for _, s := range q.servers {
		s.losses.SetRate(rate)
	}
}

// expectNoLock waits until no lock and no companion of a lock is left.
func (q *testQuorum) expectNoLock(t testing.TB) {
	t.Helper()
	for _, s := range q.servers {
		for _, prefix := range []string{"lock:", "__ringmain:f:"} {
			eventually(t, "nothing is left of locks", func() bool { return len(keysWith(t, s, prefix)) == 0 })
		}
	}
}

// steadfast is a client of a proxy that connects anew where its connection is broken, and
// sends nothing twice. One goroutine uses it.
type steadfast struct {
	addr string
	conn *redistest.Conn
}

// do is Conn.Do. An error that is no redistest.Error says that the connection broke.
func (s *steadfast) do(args ...any) (any, error) {
	if s.conn == nil {
		c, err := redistest.Dial(s.addr, 0)
		if err != nil {
			return nil, err
		}
		s.conn = c
	}
	if err := s.conn.SetDeadline(time.Now().Add(gross)); err != nil {
		return nil, err
	}
	v, err := s.conn.Do(args...)
	var refused redistest.Error
	if err != nil && !errors.As(err, &refused) {
		s.close()
	}
	return v, err
}

func (s *steadfast) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// quorumFault happens to one server of a quorum.
type quorumFault struct {
	name string
	// loses says that locks may be lost by it, also at a server that keeps all: it stays
	// without a vote for a while.
	loses func(persistence string) bool
	// forgets says that a server that keeps all has to be repaired.
	forgets bool
	do      func(s *quorumServer, rng *rand.Rand) error
}

func always(string) bool            { return true }
func never(string) bool             { return false }
func ifNothingIsKept(p string) bool { return p == keepsNothing }

// somewhile is up to a maximum, as a rule short.
func somewhile(rng *rand.Rand, longest time.Duration) {
	part := rng.Float64()
	<-time.After(time.Duration(part * part * float64(longest)))
}

// longestOutage makes faults of a quorum's servers noticed or not.
const longestOutage = 700 * time.Millisecond

var quorumFaults = []quorumFault{
	{"killed", ifNothingIsKept, false, func(s *quorumServer, rng *rand.Rand) error {
		s.Kill()
		somewhile(rng, longestOutage)
		return s.Restart()
	}},
	{"paused", never, false, func(s *quorumServer, rng *rand.Rand) error {
		if err := s.Stop(); err != nil {
			return err
		}
		somewhile(rng, longestOutage)
		return s.Cont()
	}},
	{"emptied", always, true, func(s *quorumServer, _ *rand.Rand) error {
		_, err := s.Do("FLUSHALL")
		return err
	}},
	{"cut off", never, false, func(s *quorumServer, rng *rand.Rand) error {
		s.relay.Down()
		somewhile(rng, longestOutage)
		return s.relay.Up()
	}},
	{"with a clock that is set", always, false, func(s *quorumServer, rng *rand.Rand) error {
		step := []time.Duration{400 * time.Millisecond, 3 * time.Second, 10 * time.Second}[rng.IntN(3)]
		if rng.IntN(3) == 0 {
			step = -step
		}
		return s.clock.Step(s.Server, step)
	}},
	{"killed and emptied", always, true, func(s *quorumServer, rng *rand.Rand) error {
		s.Kill()
		somewhile(rng, longestOutage)
		err := os.RemoveAll(filepath.Join(s.Dir(), "appendonlydir"))
		return errors.Join(err, s.Restart())
	}},
}

// among are the faults of these names.
func among(all []quorumFault, names ...string) (list []quorumFault) {
	for _, name := range names {
		for _, f := range all {
			if f.name == name {
				list = append(list, f)
			}
		}
	}
	return list
}

// suffering has one server after the other suffer, so that at most one is faulty until it
// has recovered.
type suffering struct {
	quorum *testQuorum
	faults []quorumFault
	rng    *rand.Rand
	// recovered reports whether a server that suffered takes part again, judged by what
	// happened since then.
	recovered func(s *quorumServer, since time.Time) bool
	counters  bool // there are no locks, and so no quarantine to wait for
}

// last has the faults happen, each at least once and until the end, and returns when all
// servers have recovered.
func (x *suffering) last(t testing.TB, end time.Time) {
	t.Helper()
	first := x.rng.IntN(len(x.quorum.servers))
	for i := 0; i < len(x.faults) || time.Now().Before(end); i++ {
		s, f := x.quorum.servers[(first+i)%len(x.quorum.servers)], x.faults[i%len(x.faults)]
		if err := f.do(s, x.rng); err != nil {
			t.Fatalf("a server that is %s: %v", f.name, err)
		}
		if f.loses(x.quorum.persistence) && !x.counters {
			<-time.After(quarantined)
		}
		since := time.Now()
		if f.forgets && !torture() {
			x.quorum.lose(lossRate / 5) // a repair needs many messages
		}
		eventuallyWithin(t, 4*gross, "the server takes part again that was "+f.name, func() bool { return x.recovered(s, since) })
		x.quorum.lose(lossRate)
		t.Logf("%s: took part again after %v", f.name, time.Since(since).Round(time.Millisecond))
	}
}
