package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

// deadline is gross: a test that meets it has failed.
const deadline = 20 * time.Second

func running(t *testing.T, n int) *Servers {
	t.Helper()
	s, err := Start(n, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, PoolSize: 1, MaxRetries: -1,
		ReadTimeout: deadline, WriteTimeout: deadline})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !f(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// raw is a connection on which bytes are sent as they are.
type raw struct {
	t   *testing.T
	tcp net.Conn
	r   *bufio.Reader
}

func dial(t *testing.T, addr string) *raw {
	t.Helper()
	tcp, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	_ = tcp.SetDeadline(time.Now().Add(deadline))
	return &raw{t, tcp, bufio.NewReader(tcp)}
}

func (c *raw) send(command string) {
	c.t.Helper()
	var b strings.Builder
	words := strings.Fields(command)
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(c.tcp, b.String()); err != nil {
		c.t.Fatal(err)
	}
}

// line is the next line of the replies.
func (c *raw) line() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%q, %v", line, err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func (c *raw) do(command, want string) {
	c.t.Helper()
	c.send(command)
	if got := c.line(); got != want {
		c.t.Fatalf("%s: got %q, want %q", command, got, want)
	}
}

func (c *raw) id() string {
	c.t.Helper()
	c.send("CLIENT ID")
	return strings.TrimPrefix(c.line(), ":")
}

func TestServersAreIndependentAndOnLoopback(t *testing.T) {
	s := running(t, 3)
	for i, addr := range s.Addrs() {
		if !strings.HasPrefix(addr, "127.0.0.1:") {
			t.Errorf("%s is not a loopback address", addr)
		}
		c := client(t, addr)
		if n, err := c.DBSize(ctx).Result(); n != 0 || err != nil {
			t.Errorf("server %d begins with %d keys, %v", i, n, err)
		}
		if err := c.Set(ctx, "k", i, 0).Err(); err != nil {
			t.Error(err)
		}
	}
}

func TestTheNumberOfServersIsBounded(t *testing.T) {
	for _, n := range []int{-1, 0, MaxServers + 1} {
		if _, err := Start(n, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%d were started", n)
		}
	}
}

func TestKeysExpireByTheClock(t *testing.T) {
	c := client(t, running(t, 1).Addrs()[0])
	begin := time.Now()
	c.Set(ctx, "soon", "x", 300*time.Millisecond)
	c.Set(ctx, "later", "x", time.Hour)
	eventually(t, "soon expires", func() bool { return c.Exists(ctx, "soon").Val() == 0 })
	if took := time.Since(begin); took < 200*time.Millisecond {
		t.Errorf("expired after %v", took)
	}
	if ttl := c.PTTL(ctx, "later").Val(); ttl > time.Hour-200*time.Millisecond || ttl < time.Hour-deadline {
		t.Errorf("later has %v left", ttl)
	}
}

func TestKeysOfPunctualServersNeverExpireTooEarly(t *testing.T) {
	s, err := StartPunctual(1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := client(t, s.Addrs()[0])
	const ttl = 70 * time.Millisecond // more than a tick
	began := map[string]time.Time{}
	next := time.Now()
	for i := 0; i < 20 || len(began) > 0; {
		if i < 20 && !time.Now().Before(next) { // at all moments within a tick
			key := fmt.Sprint("k", i)
			began[key] = time.Now()
			if err := c.Eval(ctx, "return redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])", []string{key}, ttl.Milliseconds()).Err(); err != nil {
				t.Fatal(err)
			}
			i++
			next = next.Add(7 * time.Millisecond)
		}
		for key, at := range began {
			if c.Exists(ctx, key).Val() == 1 {
				continue
			}
			if lived := time.Since(at); lived < ttl {
				t.Errorf("%s of %v has lived for %v", key, ttl, lived)
			}
			delete(began, key)
		}
	}
}

func TestEachConnectionHasAnIDThatHelloGivesToo(t *testing.T) {
	addr := running(t, 1).Addrs()[0]
	seen := map[string]bool{}
	for range 20 {
		c := dial(t, addr)
		id := c.id()
		if seen[id] || id != c.id() {
			t.Fatalf("id %s: seen %v, then %s", id, seen, c.id())
		}
		seen[id] = true
		c.do("HELLO 3", "%7")
		for c.line() != "id" {
		}
		if got := c.line(); got != ":"+id {
			t.Fatalf("HELLO gives %s, CLIENT ID %s", got, id)
		}
	}
}

func TestTheHandshakeIsAnsweredAsByRedis(t *testing.T) {
	addr := running(t, 1).Addrs()[0]
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 3, ClientName: "ringmain-1", DB: 2})
	defer func() { _ = c.Close() }()
	if name := c.ClientGetName(ctx).Val(); name != "ringmain-1" {
		t.Errorf("name %q", name)
	}
	two := dial(t, addr)
	two.do("AUTH x", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	two.do("CLIENT SETNAME y", "+OK")
	two.do("CLIENT KILL ID 0", "-ERR client-id should be greater than 0")
	two.do("CLIENT KILL ID 999999", ":0")
	two.do("CLIENT KILL ID "+two.id(), ":0")
	two.do("SELECT 3", "+OK")
	two.do("SET k v", "+OK")
	if n := c.Exists(ctx, "k").Val(); n != 0 {
		t.Error("SELECT was not per connection")
	}
}

func TestTheRunIDIsThatOfTheServer(t *testing.T) {
	s := running(t, 2)
	id := regexp.MustCompile(`(?m)^run_id:([0-9a-f]{40})\r$`)
	get := func(addr string, protocol int) string {
		c := redis.NewClient(&redis.Options{Addr: addr, Protocol: protocol})
		defer func() { _ = c.Close() }()
		text, err := c.Info(ctx, "server").Result()
		match := id.FindStringSubmatch(text)
		if err != nil || match == nil {
			t.Fatalf("INFO server: %q, %v", text, err)
		}
		hello, err := c.Do(ctx, "HELLO", protocol).Result()
		if !strings.Contains(text, "redis_version:"+redisVersion+"\r\n") || !strings.Contains(fmt.Sprint(hello), redisVersion) {
			t.Errorf("versions differ: HELLO %v, %v; INFO %s", hello, err, text)
		}
		return match[1]
	}
	a, b := s.Addrs()[0], s.Addrs()[1]
	if get(a, 2) != get(a, 3) {
		t.Error("it changes within a server")
	}
	if get(a, 2) == get(b, 2) {
		t.Error("two servers have the same")
	}
}

func TestInfoIsVerbatimInRESP3AndKnowsItsSections(t *testing.T) {
	c := dial(t, running(t, 1).Addrs()[0])
	c.do("INFO nosuchsection", "$0")
	c.line()
	c.do("INFO replication", "$48")
	for range 4 {
		c.line()
	}
	c.do("HELLO 3", "%7")
	for c.line() != "modules" {
	}
	for c.line() != "*0" {
	}
	c.do("INFO replication", "=52")
}

func TestCloseEndsConnectionsAndMayBeCalledTwice(t *testing.T) {
	before := runtime.NumGoroutine()
	s := running(t, 3)
	c := dial(t, s.Addrs()[0])
	c.do("PING", "+PONG")
	blocked := dial(t, s.Addrs()[0])
	blocked.send("BLPOP list 0")
	scripted := dial(t, s.Addrs()[0])
	_, _ = io.WriteString(scripted.tcp, "*3\r\n$4\r\nEVAL\r\n$27\r\nredis.call('blpop','x','0')\r\n$1\r\n0\r\n")
	_ = s.Close()
	_ = s.Close()
	if _, err := c.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection is still open: %v", err)
	}
	if tcp, err := net.Dial("tcp", s.Addrs()[0]); err == nil {
		_ = tcp.Close()
		t.Error("it still listens")
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestXlenOfWhatIsNoStreamAnswersOnce(t *testing.T) {
	c := client(t, running(t, 1).Addrs()[0])
	ctx := t.Context()
	c.Set(ctx, "k", "v", 0)
	c.XAdd(ctx, &redis.XAddArgs{Stream: "s", Values: []string{"f", "v"}})
	if err := c.XLen(ctx, "k").Err(); err == nil || !strings.HasPrefix(err.Error(), "WRONGTYPE") {
		t.Errorf("XLEN of a string: %v", err)
	}
	if v := c.Get(ctx, "k").Val(); v != "v" {
		t.Errorf("GET after it: %q", v)
	}
	if n := c.XLen(ctx, "s").Val(); n != 1 {
		t.Errorf("XLEN of a stream: %d", n)
	}
	if info := c.Info(ctx).Val(); !strings.Contains(info, "db0:keys=2,") {
		t.Errorf("INFO: %q", info)
	}
}
