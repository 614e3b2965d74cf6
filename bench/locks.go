package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	goredis9 "github.com/redis/go-redis/v9"

	"ringmain/internal/redistest"
)

// Names of the sides that lock.
const (
	locksSide   = "locks"
	redsyncSide = "redsync"
)

const (
	// lockTTL is redsync's own.
	lockTTL = 8 * time.Second
	// lockNames is how many locks each client takes in turn. Nobody else wants them.
	lockNames = 100
)

// release is the script of Redis' documentation.
var release = goredis9.NewScript(`if redis.call("get",KEYS[1]) == ARGV[1] then
    return redis.call("del",KEYS[1])
else
    return 0
end`)

func lockName(client, n int) string { return fmt.Sprintf("lock:%d:%d", client, n%lockNames) }

// lockClient is go-redis with a connection for each client, for both sides.
func lockClient(addr string, clients int) *goredis9.Client {
	return goredis9.NewClient(&goredis9.Options{Addr: addr, PoolSize: clients, MinIdleConns: clients, MaxRetries: -1})
}

// lockAndRelease is what a client does that knows one Redis.
func lockAndRelease(ctx context.Context, c *goredis9.Client, name string) error {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	token := base64.StdEncoding.EncodeToString(random)
	ok, err := c.SetNX(ctx, name, token, lockTTL).Result()
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("lock %s: granted: %v", name, ok))
	}
	n, err := release.Run(ctx, c, []string{name}, token).Int()
	if err != nil || n != 1 {
		return errors.Join(err, fmt.Errorf("release of %s: %d", name, n))
	}
	return nil
}

// redsyncLockAndRelease does the same by redsync.
func redsyncLockAndRelease(ctx context.Context, r *redsync.Redsync, name string) error {
	m := r.NewMutex("redsync:"+name, redsync.WithExpiry(lockTTL))
	if err := m.LockContext(ctx); err != nil {
		return err
	}
	ok, err := m.UnlockContext(ctx)
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("release of %s: %v", name, ok))
	}
	return nil
}

// lockDuels are locks through Ringmain beside redsync on the same three servers. close
// ends the clients.
func (q *quorumFleet) lockDuels() (all []*duel, closeClients func()) {
	var clients []*goredis9.Client
	dial := func(addr string, n int) *goredis9.Client {
		c := lockClient(addr, n)
		clients = append(clients, c)
		return c
	}
	for _, n := range []int{1, manyClients} {
		ours := dial(q.proxy.Addr(), n)
		var pools []redis.Pool
		for _, m := range q.members {
			pools = append(pools, goredis.NewPool(dial(m.Addr(), n)))
		}
		theirs := redsync.New(pools...)
		all = append(all, &duel{name: fmt.Sprintf("%s, c=%d", lockPair, n), clients: n, pipeline: 1, sides: []side{
			{
				name: locksSide, proxies: []*redistest.Server{q.proxy}, servers: q.members,
				run: func(ctx context.Context, within time.Duration) (sample, int, error) {
					return closedLoop(ctx, n, within, func(ctx context.Context, client, i int) error {
						return lockAndRelease(ctx, ours, lockName(client, i))
					})
				},
			},
			{
				name: redsyncSide, servers: q.members,
				run: func(ctx context.Context, within time.Duration) (sample, int, error) {
					return closedLoop(ctx, n, within, func(ctx context.Context, client, i int) error {
						return redsyncLockAndRelease(ctx, theirs, lockName(client, i))
					})
				},
			},
		}})
	}
	return all, func() {
		for _, c := range clients {
			_ = c.Close()
		}
	}
}
