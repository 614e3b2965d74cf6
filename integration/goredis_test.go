package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// goRedis is a client with its default options.
func goRedis(t *testing.T, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// tryGoRedis uses what a client with its default options offers.
func tryGoRedis(t *testing.T, addr string) {
	t.Helper()
	ctx, c := t.Context(), goRedis(t, addr)
	if got := must[string](t)(c.Ping(ctx).Result()); got != "PONG" {
		t.Errorf("PING: %q", got)
	}
	must[string](t)(c.Set(ctx, "k", "v", 0).Result())
	if got := must[string](t)(c.Get(ctx, "k").Result()); got != "v" {
		t.Errorf("GET: %q", got)
	}
	if err := c.Get(ctx, "nothing").Err(); err != redis.Nil {
		t.Errorf("GET of nothing: %v", err)
	}
	must[int64](t)(c.HSet(ctx, "h", "a", 1, "b", 2).Result())
	if got := must[map[string]string](t)(c.HGetAll(ctx, "h").Result()); len(got) != 2 || got["b"] != "2" {
		t.Errorf("HGETALL: %v", got)
	}
	must[int64](t)(c.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "m"}).Result())
	if got := must[float64](t)(c.ZScore(ctx, "z", "m").Result()); got != 1.5 {
		t.Errorf("ZSCORE: %v", got)
	}
	if err := c.LPush(ctx, "k", "x").Err(); err == nil || !strings.HasPrefix(err.Error(), "WRONGTYPE") {
		t.Errorf("LPUSH on a string: %v", err)
	}
	goRedisPipeline(ctx, t, c)
	goRedisManyKeys(ctx, t, c)
	value := repeat(1<<20, "m")
	must[string](t)(c.Set(ctx, "mebibyte", value, 0).Result())
	if got := must[string](t)(c.Get(ctx, "mebibyte").Result()); got != value {
		t.Errorf("a value of 1 MiB comes back with %d bytes", len(got))
	}
}

func goRedisPipeline(ctx context.Context, t *testing.T, c *redis.Client) {
	t.Helper()
	const n = 1000
	results := must[[]redis.Cmder](t)(c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range n {
			p.Incr(ctx, fmt.Sprint("count", i%10))
		}
		return nil
	}))
	for i, r := range results {
		if got := r.(*redis.IntCmd).Val(); got != int64(i/10+1) {
			t.Fatalf("result %d of the pipeline is %d", i, got)
		}
	}
}

func goRedisManyKeys(ctx context.Context, t *testing.T, c *redis.Client) {
	t.Helper()
	const n = 200
	var pairs []any
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprint("many", i))
		pairs = append(pairs, keys[i], fmt.Sprint("value", i))
	}
	must[string](t)(c.MSet(ctx, pairs...).Result())
	for i, v := range must[[]any](t)(c.MGet(ctx, keys...).Result()) {
		if v != fmt.Sprint("value", i) {
			t.Fatalf("value %d of MGET is %v", i, v)
		}
	}
	if got := must[int64](t)(c.Exists(ctx, append(keys, keys...)...).Result()); got != 2*n {
		t.Errorf("EXISTS counts %d", got)
	}
	if got := must[int64](t)(c.Del(ctx, append(keys, keys...)...).Result()); got != n {
		t.Errorf("DEL counts %d", got)
	}
}

func TestGoRedisWorksWithItsDefaultOptions(t *testing.T) {
	tryGoRedis(t, start(t, servers(startRedis(t, 3)...), loops(2)).Addr())
}

func TestEmbeddedServersServeGoRedisAndRedisCli(t *testing.T) {
	r := start(t, nil)
	if !r.log.contains("level=WARN", "embedded servers are for trying Ringmain out") {
		t.Error("the log does not say that embedded servers keep nothing")
	}
	tryGoRedis(t, r.Addr())
	host, port := hostPort(r.Addr())
	cli := func(args ...string) string {
		return run(t, gross, nil, "redis-cli", append([]string{"-h", host, "-p", port}, args...)...)
	}
	for _, more := range [][]string{nil, {"-3"}} {
		expect(t, "SET", cli(append(more, "SET", "cli", "value")...), "OK\n")
		expect(t, "GET", cli(append(more, "GET", "cli")...), "value\n")
		expect(t, "MGET", cli(append(more, "MGET", "cli", "none", "cli")...), "value\n\nvalue\n")
		expect(t, "RPUSH", cli(append(more, "DEL", "list")...)+cli(append(more, "RPUSH", "list", "a", "b")...), "0\n2\n")
		cli(append(more, "DEL", "list")...)
	}
	commands := "SET a 1\nINCR a\nGET a\nMSET b 2 c 3\nMGET a b c\nDEL a b c\nnosuch\n"
	out := run(t, gross, strings.NewReader(commands), "redis-cli", "-h", host, "-p", port)
	for _, want := range []string{"OK\n2\n2\nOK\n2\n2\n3\n3\n", "ERR unknown command 'nosuch'"} {
		if !strings.Contains(out, want) {
			t.Errorf("redis-cli does not say %q:\n%s", want, out)
		}
	}
}
