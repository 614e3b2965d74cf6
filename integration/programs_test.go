package integration

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ringmain/resp"
)

// run runs a program to its end, with in as its standard input, and returns all
// that it says. An exit code other than 0 ends the test.
func run(t *testing.T, limit time.Duration, in io.Reader, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.WaitDelay = in, time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func hostPort(addr string) (host, port string) {
	host, port, _ = strings.Cut(addr, ":")
	return host, port
}

func TestRedisBenchmarkRunsItsDefaultTestsWithoutAnError(t *testing.T) {
	r := startProcess(t, servers(startRedis(t, 3)...), loops(2))
	host, port := hostPort(r.Addr())
	for _, more := range [][]string{
		{"-n", "5000"},
		{"-n", "20000", "-r", "10000", "-P", "16"},
		{"-n", "2000", "-P", "16", "-3"},
	} {
		// It ends at the first error that a server replies with.
		args := append([]string{"-h", host, "-p", port, "-q"}, more...)
		out := run(t, 2*time.Minute, nil, "redis-benchmark", args...)
		for _, word := range []string{"Error", "ERR", "WARNING", "CLUSTERDOWN", "UNCERTAIN"} {
			if strings.Contains(out, word) {
				t.Fatalf("redis-benchmark %v says %q:\n%s", args, word, out)
			}
		}
		for _, name := range []string{"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP",
			"RPOP", "SADD", "HSET", "SPOP", "ZADD", "ZPOPMIN", "LRANGE_600", "MSET (10 keys)"} {
			if !strings.Contains(out, name) {
				t.Errorf("redis-benchmark %v did not run %s:\n%s", args, name, out)
			}
		}
	}
}

func TestRedisCliPipesAMillionSets(t *testing.T) {
	const total = 1_000_000
	list := startRedis(t, 3)
	r := startProcess(t, servers(list...), loops(2))
	host, port := hostPort(r.Addr())
	in, feed := io.Pipe()
	go func() {
		w := bufio.NewWriterSize(feed, 64<<10)
		var b []byte
		for i := range total {
			b = resp.AppendCommand(b[:0], "SET", fmt.Sprintf("key:%07d", i), "v")
			_, _ = w.Write(b) // an early end shows in what redis-cli says
		}
		_ = w.Flush()
		_ = feed.Close()
	}()
	out := run(t, 2*time.Minute, in, "redis-cli", "-h", host, "-p", port, "--pipe")
	if want := fmt.Sprintf("errors: 0, replies: %d", total); !strings.Contains(out, want) {
		t.Errorf("redis-cli does not say %q:\n%s", want, out)
	}
	var stored int64
	for _, s := range list {
		n, err := s.Client().DBSize(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if n < total/5 {
			t.Errorf("a server has only %d of %d keys", n, total)
		}
		stored += n
	}
	if stored != total {
		t.Errorf("the servers have %d keys, want %d", stored, total)
	}
}

func TestNetcatGetsTheReplyToAPing(t *testing.T) {
	r := start(t, servers(startRedis(t, 3)...))
	host, port := hostPort(r.Addr())
	// By itself nc waits until the other side closes, which neither Redis nor
	// Ringmain has a reason to do.
	ctx, cancel := context.WithTimeout(t.Context(), gross)
	defer cancel()
	nc := exec.CommandContext(ctx, "nc", host, port)
	nc.Stdin = strings.NewReader("PING\r\n")
	out, err := nc.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "+PONG\r\n" {
		t.Errorf("nc says %q (%v)", line, err)
	}
	cancel()
	_ = nc.Wait() // killed
}

func TestNetcatThatHalfClosesEndsByItself(t *testing.T) {
	r := start(t, servers(startRedis(t, 3)...))
	host, port := hostPort(r.Addr())
	for request, want := range map[string]string{"PING\r\n": "+PONG\r\n", "GET k\r\n": "$-1\r\n"} {
		out := run(t, gross, strings.NewReader(request), "nc", "-N", host, port)
		expect(t, "nc -N", out, want)
	}
}

func TestAClientThatSendsNoMoreStillGetsItsReplies(t *testing.T) {
	r := start(t, servers(startRedis(t, 3)...))
	get, set, ping := array("GET", "nothing"), array("SET", "k", "v"), "PING\r\n"
	mget := array("MGET", "a", "b", "c", "d", "e", "f")
	for name, c := range map[string]struct{ request, want string }{
		"one local":           {ping, "+PONG\r\n"},
		"one forwarded":       {get, "$-1\r\n"},
		"one split":           {mget, "*6\r\n" + repeat(6, "$-1\r\n")},
		"1,000 local":         {repeat(1000, ping), repeat(1000, "+PONG\r\n")},
		"1,000 forwarded":     {repeat(1000, set), repeat(1000, "+OK\r\n")},
		"1,000 split":         {repeat(1000, mget), repeat(1000, "*6\r\n"+repeat(6, "$-1\r\n"))},
		"100,000 local":       {repeat(100_000, ping), repeat(100_000, "+PONG\r\n")},
		"20,000 forwarded":    {repeat(20_000, get), repeat(20_000, "$-1\r\n")},
		"forwarded, local":    {get + ping, "$-1\r\n+PONG\r\n"},
		"half a request":      {get + "*2\r\n$3\r\nGE", "$-1\r\n"},
		"a change of version": {get + array("RESET") + get, "$-1\r\n+RESET\r\n$-1\r\n"},
		"a protocol error":    {get + "*x\r\n", "$-1\r\n-ERR Protocol error: invalid multibulk length\r\n"},
		"QUIT":                {get + "QUIT\r\n" + ping, "$-1\r\n+OK\r\n"},
		"nothing":             {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, r.Addr())
			go func() {
				_ = w.write([]byte(c.request)) // what is missing shows in the replies
				_ = w.CloseWrite()
			}()
			if got := w.rest(); got != c.want {
				t.Errorf("%d bytes %q, want %d bytes", len(got), clip(got), len(c.want))
			}
		})
	}
}
