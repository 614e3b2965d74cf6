package app

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"ringmain/admin"
	"ringmain/backend"
	"ringmain/config"
	"ringmain/counter"
	"ringmain/embedded"
	"ringmain/ioloop"
	"ringmain/lock"
	"ringmain/quorum"
)

// agreed is a quorum with what is kept on it. All of it runs on one loop.
type agreed struct {
	name    string
	cfg     *config.Quorum
	worker  *worker
	names   []string // of the servers
	options []*backend.Options
	link    *link
	set     *quorum.Set
	mail    []*mailbox // to and from the other loops
	// patterns are those of the keys that are kept here.
	patterns kept
	// counters are nil where the quorum does not persist: numbers of locks need them, too.
	counters *counter.Engine
	locks    *lock.Engine
}

// planQuorums makes the quorums without anything that needs a loop.
func (a *App) planQuorums() error {
	for _, name := range slices.Sorted(maps.Keys(a.cfg.Quorums)) {
		q := &agreed{name: name, cfg: a.cfg.Quorums[name]}
		if err := a.quorumServers(q); err != nil {
			return fmt.Errorf("quorum %q: %w", name, err)
		}
		a.quorums = append(a.quorums, q)
	}
	a.contracts = a.planContracts()
	return nil
}

// startQuorums has the quorums begin to look at their servers, once there are loops.
func (a *App) startQuorums() {
	for i, q := range a.quorums {
		q.worker = a.loops[i%len(a.loops)]
		made := make(chan struct{})
		if post(context.Background(), q.worker.loop, func() {
			a.startQuorum(q)
			close(made)
		}) {
			<-made
		}
		a.onStop(func() error {
			late, stop := context.WithTimeout(context.Background(), time.Second)
			defer stop()
			ended := make(chan struct{})
			if post(late, q.worker.loop, func() {
				q.set.Close()
				q.link.close()
				close(ended)
			}) {
				<-ended
			}
			return nil
		})
	}
}

// quorumServers says how to talk to a quorum's servers, starting the embedded ones.
func (a *App) quorumServers(q *agreed) error {
	addresses := q.cfg.Nodes
	q.names = addresses
	if n := q.cfg.Embedded; n > 0 {
		running, err := embedded.StartPunctual(n, a.log)
		if err != nil {
			return err
		}
		a.onStop(running.Close)
		addresses = running.Addrs()
		for i := range addresses {
			q.names = append(q.names, fmt.Sprintf("embedded-%d", i+1))
		}
		a.log.Warn("quorum on embedded servers: its locks and counters are gone when Ringmain stops", "quorum", q.name, "servers", n)
	}
	timeout := time.Duration(q.cfg.NodeTimeout)
	var dial func(ioloop.Loop, string, time.Duration, ioloop.Handler)
	if q.cfg.Secure.On {
		secrets, err := newCertificates("quorums."+q.name+".tls", q.cfg.Secure.Files(), a.log, forServers)
		if err != nil {
			return err
		}
		dial = dialTLS(secrets, &q.cfg.Secure)
	}
	for i, address := range addresses {
		q.options = append(q.options, &backend.Options{
			Pool: q.name, Name: q.names[i], Address: address, Dial: dial,
			Connect: time.Duration(q.cfg.Timeouts.Connect), Request: timeout, Slow: timeout,
			Username: q.cfg.Auth.Username, Password: q.cfg.Auth.Password.Reveal(), ClientName: "ringmain-" + a.incarnation,
			Backoff: backend.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
			Queue:   quorumQueue, Learned: &backend.Facts{}, Fence: &backend.Fence{}, Rand: rand.Float64, Log: quiet(a.log),
		})
	}
	return nil
}

// startQuorum makes what runs on the quorum's loop. It is called there.
func (a *App) startQuorum(q *agreed) {
	loop := q.worker.loop
	q.link = newLink(loop, q.options, time.Duration(q.cfg.NodeTimeout)/4)
	maxTTL, drift := a.cfg.MaxTTL(q.name)
	settings := quorum.Settings{
		Name: q.name, Servers: q.names, Persistence: PersistenceOf(q.cfg), Nodes: q.cfg.SetHash(), Hash: a.cfg.SettingsHash(q.name),
		MaxTTL: time.Duration(maxTTL), Drift: cmp.Or(drift, defaultDrift), Timeout: time.Duration(q.cfg.NodeTimeout),
		Clock: &clock{loop: loop, began: time.Now()}, Link: q.link, Random: random64, Log: a.log,
	}
	q.set = quorum.New(settings)
	q.link.set = q.set
	var fences lock.Fences
	if q.set.Persistent() {
		q.counters = counter.New(counter.Settings{Patterns: q.patterns.counters, FenceDeadline: fenceDeadline, NodeTimeout: settings.Timeout, AtEnd: loop.AtEnd},
			q.set, settings.Clock, newRand(), incarnation())
		fences = q.counters
		if a.cfg.Repairs(q.name) {
			q.set.Refill = func(server int, mark string, done func(error)) quorum.Refilling {
				return q.counters.Refill(server, mark, done)
			}
		}
	}
	q.locks = lock.New(lock.Settings{NodeTimeout: settings.Timeout, Patterns: q.patterns.locks}, q.set, settings.Clock, newRand(), fences)
	for _, w := range a.loops {
		if w != q.worker {
			q.mail = append(q.mail, &mailbox{from: w.loop, to: loop, clock: settings.Clock})
		}
	}
	q.worker.quorums = append(q.worker.quorums, q)
	q.link.open()
	q.set.Start()
}

// stats are what is counted of the quorum.
func (q *agreed) stats() admin.QuorumStats {
	l := q.locks.Stats()
	stats := admin.QuorumStats{Status: q.set.Status(), Locks: admin.LockStats{
		Granted: l.Granted, Held: l.Held, Failed: l.Failed, Splits: l.Splits, Extended: l.Extended, Released: l.Released, Waiting: l.Waiting,
	}}
	if q.counters != nil {
		c := q.counters.Stats()
		stats.Counters = admin.CounterStats{
			Commands: c.Commands, Rounds: c.Rounds, Conflicts: c.Conflicts, NoQuorum: c.NoQuorum, Uncertain: c.Uncertain, Waiting: c.Waiting,
		}
	}
	return stats
}

// defaultDrift is how much clocks may differ where no lock says.
const defaultDrift = 0.01

func random64() string {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// newRand is a source of numbers that nobody else draws.
func newRand() *rand.Rand {
	var seed [32]byte
	_, _ = crand.Read(seed[:])
	return rand.New(rand.NewChaCha8(seed))
}

// incarnation is a random number that is not zero.
func incarnation() uint64 {
	for {
		var b [8]byte
		_, _ = crand.Read(b[:])
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

// clock is a loop's, as engines see it. It implements quorum.Clock.
type clock struct {
	loop  ioloop.Loop
	began time.Time
}

// Now implements quorum.Clock.
func (c *clock) Now() quorum.Instant {
	now := time.Now()
	return quorum.Instant{Monotonic: now.Sub(c.began), Wall: time.Duration(now.UnixNano())}
}

// After implements quorum.Clock. The loop counts from the beginning of its iteration.
func (c *clock) After(d time.Duration, f func()) quorum.Timer {
	return c.loop.After(d+time.Since(c.loop.Now()), f)
}
