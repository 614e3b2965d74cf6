package main

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// goRedis is go-redis, with a client of one server or of a cluster.
type goRedis struct{ redis.UniversalClient }

func newGoRedis(addr string) (library, error) {
	return goRedis{redis.NewClient(&redis.Options{Addr: addr})}, nil
}

func newGoRedisCluster(addr string) (library, error) {
	return goRedis{redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}})}, nil
}

func (goRedis) protocol() string { return "3" }

func (g goRedis) do(words ...string) (any, error) {
	return nilIsNone(g.Do(context.Background(), anys(words)...).Result())
}

// nilIsNone takes away the error that stands for a reply that is null.
func nilIsNone[T any](v T, err error) (any, error) {
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return v, err
}

func anys(words []string) []any {
	var out []any
	for _, w := range words {
		out = append(out, w)
	}
	return out
}

func (g goRedis) mget(keys ...string) (any, error) {
	return nilIsNone(g.MGet(context.Background(), keys...).Result())
}

func (g goRedis) pipeline(commands [][]string) ([]any, error) {
	return results(g.Pipelined(context.Background(), queue(commands)))
}

func (g goRedis) multi(commands [][]string) ([]any, error) {
	return results(g.TxPipelined(context.Background(), queue(commands)))
}

func queue(commands [][]string) func(redis.Pipeliner) error {
	return func(p redis.Pipeliner) error {
		for _, words := range commands {
			p.Do(context.Background(), anys(words)...)
		}
		return nil
	}
}

func results(done []redis.Cmder, err error) ([]any, error) {
	var out []any
	for _, d := range done {
		out = append(out, d.(*redis.Cmd).Val())
	}
	return out, err
}

func (g goRedis) watch(key string, between func(), words ...string) (bool, error) {
	ctx := context.Background()
	err := g.Watch(ctx, func(tx *redis.Tx) error {
		if err := tx.Get(ctx, key).Err(); err != nil {
			return err
		}
		between()
		_, err := tx.TxPipelined(ctx, queue([][]string{words}))
		return err
	}, key)
	if errors.Is(err, redis.TxFailedErr) {
		return true, nil
	}
	return false, err
}

func (g goRedis) blpop(key string, seconds float64) (any, error) {
	got, err := g.BLPop(context.Background(), time.Duration(seconds*float64(time.Second)), key).Result()
	return nilIsNone(anys(got), err)
}

func (g goRedis) subscribe(channel, pattern string, deliver func(channel, text string)) (func(), error) {
	ctx := context.Background()
	s := g.Subscribe(ctx, channel)
	if err := s.PSubscribe(ctx, pattern); err != nil {
		return nil, err
	}
	messages := s.Channel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for m := range messages {
			deliver(m.Channel, m.Payload)
		}
	}()
	return func() {
		_ = s.Close()
		<-ended
	}, nil
}

func (g goRedis) scan(pattern string) ([]string, error) {
	var keys []string
	all := g.Scan(context.Background(), 0, pattern, 0).Iterator()
	for all.Next(context.Background()) {
		keys = append(keys, all.Val())
	}
	return keys, all.Err()
}

func (g goRedis) script(text, key, arg string) (any, error) {
	return redis.NewScript(text).Run(context.Background(), g, []string{key}, arg).Result()
}

func (goRedis) isServerError(err error) bool {
	var e redis.Error
	return errors.As(err, &e)
}

func (g goRedis) needsTags() bool {
	_, ok := g.UniversalClient.(*redis.ClusterClient)
	return ok
}
