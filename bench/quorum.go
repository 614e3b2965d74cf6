package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ringmain/internal/redistest"
)

// manyClients is how many clients a load has that has many.
const manyClients = 64

// Names of the loads.
const (
	hotP1        = "INCR, one key, P=1"
	hotP16       = "INCR, one key, P=16"
	thousandKeys = "INCR, 1,000 keys, P=1"
	lockPair     = "lock and release"
	againstEtcd  = "INCR beside compare-and-swap in etcd"
)

// quorumFleet is everything that runs while locks and counters are measured.
type quorumFleet struct {
	// members are the quorum: fsync before each reply.
	members []*redistest.Server
	// plain keeps nothing, durable does as the members do.
	plain, durable *redistest.Server
	// proxy has the quorum, the others have a single server each.
	proxy, plainProxy, durableProxy *redistest.Server

	started []*redistest.Server // all of them, in order
}

func (q *quorumFleet) close() {
	for _, s := range q.started {
		s.Close()
	}
}

// launch starts p with its data in the folder that the options name.
func (q *quorumFleet) launch(p redistest.Program, o options) (*redistest.Server, error) {
	p.In = o.data
	s, err := redistest.Launch(p)
	if err == nil {
		q.started = append(q.started, s)
	}
	return s, err
}

// redis starts a redis-server. Its append-only file is never rewritten, so that no
// rewriting falls into one side's turn.
func (q *quorumFleet) redis(o options, more ...string) (*redistest.Server, error) {
	p, err := redistest.Redis(append([]string{"maxmemory-policy", "noeviction"}, more...)...)
	if err != nil {
		return nil, err
	}
	return q.launch(p, o)
}

// newQuorumFleet starts the servers, and binary in front of them.
func newQuorumFleet(ctx context.Context, o options, binary string) (*quorumFleet, error) {
	q := &quorumFleet{}
	if err := q.start(ctx, o, binary); err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

func (q *quorumFleet) start(ctx context.Context, o options, binary string) (err error) {
	durable := []string{"appendonly", "yes", "appendfsync", "always", "auto-aof-rewrite-percentage", "0"}
	var addresses []string
	for range servers {
		m, err := q.redis(o, durable...)
		if err != nil {
			return err
		}
		q.members, addresses = append(q.members, m), append(addresses, m.Addr())
	}
	if q.durable, err = q.redis(o, durable...); err != nil {
		return err
	}
	if q.plain, err = q.redis(o); err != nil {
		return err
	}
	if q.plainProxy, err = q.launch(ringmainProgram(binary, []string{q.plain.Addr()}, o.loops), o); err != nil {
		return err
	}
	if q.durableProxy, err = q.launch(ringmainProgram(binary, []string{q.durable.Addr()}, o.loops), o); err != nil {
		return err
	}
	p := ringmainProgram(binary, []string{q.plain.Addr()}, o.loops)
	p.Args = withQuorum(ctx, binary, p.Args, addresses)
	p.Ready = counts
	q.proxy, err = q.launch(p, o)
	return err
}

// withQuorum adds a quorum, and the keys that it keeps, to the configuration that args
// writes, and creates the quorum unless that was done. A disk that others use too may take
// its time: what a server says late is slow here, not lost.
func withQuorum(ctx context.Context, binary string, args func(int, string) ([]string, error), addresses []string) func(int, string) ([]string, error) {
	created := false
	return func(port int, dir string) ([]string, error) {
		all, err := args(port, dir)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "config.yaml")
		err = appendTo(file, fmt.Sprintf("quorums:\n  safe: {nodes: [%s], persistence: fsync_always, node_timeout: 400ms}\n"+
			"locks:\n  - {keys: %q, quorum: safe, fencing: \"off\"}\ncounters:\n  - {keys: %q, quorum: safe}\n",
			strings.Join(quoted(addresses), ", "), "lock:*", counterPrefix+"*"))
		if err != nil || created {
			return all, err
		}
		out, err := exec.CommandContext(ctx, binary, "quorum", "init", "--at-once", "--config", file, "safe").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("creating the quorum: %w\n%s", err, out)
		}
		created = true
		return all, nil
	}
}

// counts returns nil once the proxy at addr counts on its quorum.
func counts(ctx context.Context, addr string) error {
	deadline, _ := ctx.Deadline()
	c, err := redistest.Dial(addr, time.Until(deadline))
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do("INCR", counterPrefix+"ready")
	return err
}

// quorumReport is everything that the report shows.
type quorumReport struct {
	options
	started  time.Time
	took     time.Duration
	disk     string        // where the data is
	fsync    time.Duration // how long one takes there
	duels    []*duel
	failures []string
}

// runQuorum measures counters beside plain INCR and beside etcd, and locks beside redsync.
func runQuorum(ctx context.Context, o options) error {
	r := &quorumReport{options: o, started: time.Now(), disk: fileSystem(dataFolder(o))}
	var err error
	if r.fsync, err = fsyncTime(dataFolder(o)); err != nil {
		return err
	}
	binary := o.binary
	f := &fleet{} // for its building alone
	defer f.close()
	if binary == "" {
		if binary, err = f.build(ctx); err != nil {
			return err
		}
	}
	q, err := newQuorumFleet(ctx, o, binary)
	if err != nil {
		return err
	}
	defer q.close()
	err = r.measure(ctx, q)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.failures = append(r.failures, context.Cause(ctx).Error()) // what was measured stays of use
	case err != nil:
		return err
	}
	r.took = time.Since(r.started)
	text := r.markdown()
	if err := writeResult(o.out, r.fileName(), text); err != nil {
		return err
	}
	if len(r.failures) > 0 {
		return fmt.Errorf("%d measurements failed, see the report", len(r.failures))
	}
	return nil
}

// measure runs all duels. Each has a share of the time that is left.
func (r *quorumReport) measure(ctx context.Context, q *quorumFleet) error {
	locks, closeClients := q.lockDuels()
	defer closeClients()
	duels := append(q.counterDuels(), locks...)
	wantsEtcd := strings.Contains(againstEtcd, r.only)
	left := len(duels) + 1
	end, _ := ctx.Deadline()
	one := func(d *duel) error {
		until := time.Now().Add(time.Until(end) / time.Duration(left))
		left--
		r.duels = append(r.duels, d)
		failures, err := d.run(ctx, r.options, until)
		r.failures = append(r.failures, failures...)
		return err
	}
	for _, d := range duels {
		if !strings.Contains(d.name, r.only) {
			left--
			continue
		}
		if err := one(d); err != nil {
			return err
		}
	}
	if !wantsEtcd {
		if len(r.duels) == 0 {
			return fmt.Errorf("no case has %q in its name", r.only)
		}
		return nil
	}
	e, err := newEtcd(ctx, r.data)
	if err != nil {
		return err
	}
	defer e.close()
	return one(q.etcdDuel(e))
}
