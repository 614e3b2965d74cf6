package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"ringmain/internal/redistest"
)

// etcdKey is the key that is counted.
const etcdKey = "counter"

// etcdFleet is three members of etcd, as they are by default: each entry of the log is
// on the disks of a majority before it counts.
type etcdFleet struct {
	members []*redistest.Server
	client  *clientv3.Client // of the leader, which spares the way from the others
}

// newEtcd starts the members, and returns once they have a leader.
func newEtcd(ctx context.Context, data string) (*etcdFleet, error) {
	var peers, initial []string
	for i := range servers {
		addr, err := unusedAddress()
		if err != nil {
			return nil, err
		}
		peers = append(peers, "http://"+addr)
		initial = append(initial, fmt.Sprintf("m%d=http://%s", i, addr))
	}
	e := &etcdFleet{members: make([]*redistest.Server, servers)}
	errs := make([]error, servers)
	var all sync.WaitGroup
	for i := range servers { // at once: none is ready before a majority is
		all.Go(func() {
			e.members[i], errs[i] = redistest.Launch(etcdProgram(i, peers[i], strings.Join(initial, ","), data))
		})
	}
	all.Wait()
	err := errors.Join(errs...)
	if err == nil {
		err = e.connect(ctx)
	}
	if err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func etcdProgram(i int, peer, initial, data string) redistest.Program {
	return redistest.Program{
		Name: "etcd", Path: "etcd", Missing: "etcd not found: run `make deps`", In: data,
		Args: func(port int, dir string) ([]string, error) {
			client := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
			return []string{"--name", fmt.Sprintf("m%d", i), "--data-dir", filepath.Join(dir, "data"),
				"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
				"--listen-client-urls", client, "--advertise-client-urls", client,
				"--initial-cluster", initial, "--initial-cluster-state", "new",
				"--logger", "zap", "--log-level", "error"}, nil
		},
	}
}

// connect makes the client of the leader, and the key.
func (e *etcdFleet) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	for {
		for _, m := range e.members {
			c, err := clientv3.New(clientv3.Config{Endpoints: []string{m.Addr()}, Context: context.WithoutCancel(ctx), Logger: zap.NewNop()})
			if err != nil {
				return err
			}
			status, err := c.Status(ctx, m.Addr())
			if err == nil && status.Leader != 0 && status.Leader == status.Header.MemberId {
				e.client = c
				_, err := c.Put(ctx, etcdKey, "0")
				return err
			}
			_ = c.Close()
			if ctx.Err() != nil {
				return errors.Join(errors.New("etcd has no leader"), err)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (e *etcdFleet) close() {
	if e.client != nil {
		_ = e.client.Close()
	}
	for _, m := range e.members {
		if m != nil {
			m.Close()
		}
	}
}

// etcdValue is the counter as a client last saw it.
type etcdValue struct{ number, revision int64 }

// read is the counter now.
func (e *etcdFleet) read(ctx context.Context) (etcdValue, error) {
	r, err := e.client.Get(ctx, etcdKey)
	if err != nil || len(r.Kvs) != 1 {
		return etcdValue{}, errors.Join(err, errors.New("etcd has lost the counter"))
	}
	n, err := strconv.ParseInt(string(r.Kvs[0].Value), 10, 64)
	return etcdValue{n, r.Kvs[0].ModRevision}, err
}

// increment compares and swaps until it succeeds. A client tries at once with what it
// knows, and learns the present value with each refusal: one round trip a try.
func (e *etcdFleet) increment(ctx context.Context, known *etcdValue) error {
	for {
		next := strconv.FormatInt(known.number+1, 10)
		r, err := e.client.Txn(ctx).
			If(clientv3.Compare(clientv3.ModRevision(etcdKey), "=", known.revision)).
			Then(clientv3.OpPut(etcdKey, next)).
			Else(clientv3.OpGet(etcdKey)).Commit()
		if err != nil {
			return err
		}
		if r.Succeeded {
			known.number, known.revision = known.number+1, r.Header.Revision
			return nil
		}
		kvs := r.Responses[0].GetResponseRange().Kvs
		if len(kvs) != 1 {
			return errors.New("etcd has lost the counter")
		}
		if known.number, err = strconv.ParseInt(string(kvs[0].Value), 10, 64); err != nil {
			return err
		}
		known.revision = kvs[0].ModRevision
	}
}

// run increments from so many clients.
func (e *etcdFleet) run(ctx context.Context, clients int, within time.Duration) (sample, int, error) {
	before, err := e.read(ctx)
	if err != nil {
		return sample{}, 0, err
	}
	known := make([]etcdValue, clients)
	for i := range known {
		known[i] = before
	}
	s, n, err := closedLoop(ctx, clients, within, func(ctx context.Context, client, _ int) error {
		return e.increment(ctx, &known[client])
	})
	if err != nil {
		return sample{}, 0, err
	}
	after, err := e.read(ctx)
	if err == nil && after.number-before.number != int64(n) {
		err = fmt.Errorf("%d increments made the counter grow by %d", n, after.number-before.number)
	}
	return s, n, err
}

// etcdClients are the numbers of clients that etcd is measured with. More of them than
// a few only make each other's tries fail, so that the best counts.
var etcdClients = []int{1, 4, manyClients}

func etcdSide(clients int) string { return fmt.Sprintf("etcd, c=%d", clients) }

// etcdDuel is counters beside etcd's compare and swap of one key.
func (q *quorumFleet) etcdDuel(e *etcdFleet) *duel {
	ours := &counterLoad{addr: q.proxy.Addr(), clients: manyClients, pipeline: 1, keys: 1}
	d := &duel{name: againstEtcd, clients: manyClients, pipeline: 1, sides: []side{
		{name: countersSide, run: ours.run, proxies: []*redistest.Server{q.proxy}, servers: q.members},
	}}
	for _, n := range etcdClients {
		d.sides = append(d.sides, side{
			name: etcdSide(n), servers: e.members,
			run: func(ctx context.Context, within time.Duration) (sample, int, error) { return e.run(ctx, n, within) },
		})
	}
	return d
}
