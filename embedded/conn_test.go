package embedded

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestClientsThatLeaveWhileBlockedOrSubscribedLeaveNothingBehind(t *testing.T) {
	s := running(t, 1)
	before := runtime.NumGoroutine()
	for _, last := range []string{"BLPOP list 0", "SUBSCRIBE news", "PSUBSCRIBE n*", "MULTI", "PING"} {
		c := dial(t, s.Addrs()[0])
		c.send(last)
		if last != "BLPOP list 0" {
			c.line()
		}
		_ = c.tcp.Close()
	}
	eventually(t, "connections and goroutines are gone", func() bool {
		return s.list[0].clients() == 0 && runtime.NumGoroutine() <= before
	})
}

func TestCommandsBeforeTheEndOfInputAreExecuted(t *testing.T) {
	s := running(t, 1)
	c := dial(t, s.Addrs()[0])
	for range 100 {
		c.send("INCR n")
	}
	_ = c.tcp.(*net.TCPConn).CloseWrite()
	replies, err := io.ReadAll(c.r)
	if err != nil || !bytes.HasSuffix(replies, []byte(":100\r\n")) {
		t.Errorf("got %q, %v", replies, err)
	}
}

func TestNothingAfterQuitIsExecuted(t *testing.T) {
	s := running(t, 1)
	c := dial(t, s.Addrs()[0])
	_, _ = io.WriteString(c.tcp, "*1\r\n$4\r\nQUIT\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n")
	if replies, err := io.ReadAll(c.r); string(replies) != "+OK\r\n" {
		t.Errorf("got %q, %v", replies, err)
	}
	dial(t, s.Addrs()[0]).do("EXISTS k", ":0")
}

func TestMessagesReachSubscribers(t *testing.T) {
	addr := running(t, 1).Addrs()[0]
	sub := client(t, addr).Subscribe(ctx, "news")
	defer func() { _ = sub.Close() }()
	if _, err := sub.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	if n := client(t, addr).Publish(ctx, "news", "hello").Val(); n != 1 {
		t.Errorf("%d receivers", n)
	}
	if m, err := sub.ReceiveMessage(ctx); err != nil || m.Payload != "hello" {
		t.Errorf("got %v, %v", m, err)
	}
}

// Each of these makes miniredis panic, one of them in a transaction.
func TestACommandThatPanicsHarmsOnlyItself(t *testing.T) {
	var log bytes.Buffer
	s, err := Start(1, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	other := dial(t, s.Addrs()[0])
	c := dial(t, s.Addrs()[0])
	for range 3 {
		c.do("SSCAN s -1", "-ERR the embedded server failed in this command")
		c.do("KEYS \xff", "-ERR the embedded server failed in this command")
		c.do("PING", "+PONG")
		other.do("SET k v", "+OK")
	}
	c.do("MULTI", "+OK")
	c.do("SSCAN s -1", "+QUEUED")
	c.send("EXEC")
	if b, err := c.r.ReadByte(); err == nil {
		t.Errorf("EXEC was answered with %q…", b)
	}
	other.do("SET k v", "+OK")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "panicked"); n != 3 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}

func TestCommandsThatWouldTakeAllMemoryAreRefused(t *testing.T) {
	c := dial(t, running(t, 1).Addrs()[0])
	c.do("SADD s a", ":1")
	c.do("HSET h a b", ":1")
	c.do("ZADD z 1 a", ":1")
	c.do("SETRANGE k 9223372036854775807 x", "-"+tooLong)
	c.do("SETRANGE k 536870912 x", "-"+tooLong)
	c.do("SETBIT k 4294967296 1", "-"+notAnOffset)
	c.do("SRANDMEMBER s -9223372036854775808", "-"+outOfRange)
	c.do("HRANDFIELD h -9223372036854775808", "-"+outOfRange)
	c.do("ZRANDMEMBER z -9223372036854775807", "-"+outOfRange)
	c.do("PING", "+PONG")
}

func TestBadRequestsEndTheirConnectionOnly(t *testing.T) {
	s := running(t, 1)
	for _, bytes := range []string{
		"*1\r\n$-2\r\n", "*2\r\n$9223372036854775807\r\nx", "*9223372036854775807\r\n", "*1\r\n$536870913\r\n",
		"GET / HTTP/1.1\r\n", "*1\r\nPING\r\n", "\r\n", "*x\r\n", "*1\r\n$x\r\n", "*" + strings.Repeat("1", 1<<16),
	} {
		c := dial(t, s.Addrs()[0])
		_, _ = io.WriteString(c.tcp, bytes)
		reply, err := io.ReadAll(c.r)
		if !strings.HasPrefix(string(reply), "-ERR Protocol error") && err == nil {
			t.Errorf("%.30q: got %q", bytes, reply)
		}
	}
	c := dial(t, s.Addrs()[0])
	_, _ = io.WriteString(c.tcp, "*0\r\n*-1\r\n")
	c.do("PING", "+PONG")
}

func TestADeclaredLengthAllocatesNothing(t *testing.T) {
	s := running(t, 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		c := dial(t, s.Addrs()[0])
		c.do("PING", "+PONG")
		_, _ = io.WriteString(c.tcp, "*2\r\n$3\r\nGET\r\n$536870912\r\nx")
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d bytes allocated", grown)
	}
}

func TestLargeValuesAndLongPipelinesComeBackWhole(t *testing.T) {
	c := client(t, running(t, 1).Addrs()[0])
	value := strings.Repeat("x", 1<<20)
	if err := c.Set(ctx, "big", value, 0).Err(); err != nil {
		t.Fatal(err)
	}
	got, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for range 10 {
			p.Get(ctx, "big")
		}
		for range 10_000 {
			p.Incr(ctx, "n")
		}
		return nil
	})
	if err != nil || got[9].(*redis.StringCmd).Val() != value || got[len(got)-1].(*redis.IntCmd).Val() != 10_000 {
		t.Errorf("%d replies, %v", len(got), err)
	}
}

// A client that does not read must not hold the lock on the data.
func TestAReaderThatDoesNotReadStopsOnlyItself(t *testing.T) {
	addr := running(t, 1).Addrs()[0]
	other, slow := client(t, addr), dial(t, addr)
	if err := other.Set(ctx, "big", strings.Repeat("x", 4<<20), 0).Err(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		slow.send("GET big")
	}
	slow.send("SET slow done")
	for range 100 {
		if err := other.Incr(ctx, "n").Err(); err != nil {
			t.Fatal(err)
		}
	}
	if n := other.Exists(ctx, "slow").Val(); n != 0 {
		t.Error("the slow reader's commands went on")
	}
	_, _ = io.CopyN(io.Discard, slow.r, 20*(4<<20))
	eventually(t, "the slow reader goes on when it reads", func() bool { return other.Exists(ctx, "slow").Val() == 1 })
}
