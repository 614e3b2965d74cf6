package simredis_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringmain/internal/simredis"
	"ringmain/ioloop/sim"
	"ringmain/resp"
)

const address = "10.0.0.1:6379"

// bench is one model server and the test's sockets to it.
type bench struct {
	*testing.T
	w *sim.World
	h *simredis.Host
}

func newBench(t *testing.T, seed uint64, o simredis.Options) *bench {
	w := sim.New(seed)
	return &bench{T: t, w: w, h: simredis.Start(w, address, o)}
}

// eachSeed runs f in several worlds.
func eachSeed(t *testing.T, o simredis.Options, f func(b *bench)) {
	t.Helper()
	n := uint64(100)
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		n = 5000
	}
	seed := uint64(0)
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	for ; seed < n && !t.Failed(); seed++ {
		o.Seed = seed
		f(newBench(t, seed, o))
	}
}

func (b *bench) dial() *sim.Peer {
	b.Helper()
	p, err := b.w.DialPeer("client", address)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// send sends commands of words apart by blanks, as arrays.
func (b *bench) send(p *sim.Peer, commands ...string) {
	b.Helper()
	for _, c := range commands {
		words := strings.Fields(c)
		request := fmt.Sprintf("*%d\r\n", len(words))
		for _, w := range words {
			request += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
		}
		if _, err := p.Write([]byte(request)); err != nil {
			b.Fatal(err)
		}
	}
}

// expect reads exactly want.
func (b *bench) expect(p *sim.Peer, want string) {
	b.Helper()
	got, buf := "", make([]byte, 1)
	for len(got) < len(want) {
		n, err := p.Read(buf)
		if err != nil {
			b.Fatalf("read %q, then %v; want %q", got, err, want)
		}
		got += string(buf[:n])
	}
	if got != want {
		b.Fatalf("read %q, want %q", got, want)
	}
}

// expectEnd reads the end of the connection, in order or by a reset.
func (b *bench) expectEnd(p *sim.Peer) {
	b.Helper()
	n, err := p.Read(make([]byte, 1))
	if n > 0 || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		b.Fatalf("the connection lives on: read %d bytes, %v", n, err)
	}
}

func TestRepliesAreRedisOwn(t *testing.T) {
	for _, script := range [][2]string{
		{"GET k", "$-1\r\n"},
		{"SET k v; GET k; STRLEN k; TYPE k; TTL k", "+OK\r\n$1\r\nv\r\n:1\r\n+string\r\n:-1\r\n"},
		{"SET k 1 NX; SET k 2 NX; SET k 3 XX GET; GET k; SET x 1 XX", "+OK\r\n$-1\r\n$1\r\n1\r\n$1\r\n3\r\n$-1\r\n"},
		{"SET k v EX 10; TTL k; PTTL none; PERSIST k; TTL k; EXPIRE k 5; TTL k; EXPIRE none 5", "+OK\r\n:10\r\n:-2\r\n:1\r\n:-1\r\n:1\r\n:5\r\n:0\r\n"},
		{"SET k v PX 0; SET k v EX x; SET k v EX; SET k v NX XX; SETEX k -1 v", "-ERR invalid expire time in 'set' command\r\n-ERR value is not an integer or out of range\r\n-ERR syntax error\r\n-ERR syntax error\r\n-ERR invalid expire time in 'setex' command\r\n"},
		{"EXPIRE k 1; SET k v; EXPIRE k -1; EXISTS k; DBSIZE", ":0\r\n+OK\r\n:1\r\n:0\r\n:0\r\n"},
		{"MSET a 1 b 2; MGET a x b; EXISTS a b x a; DEL a x; UNLINK b; TOUCH a; DBSIZE", "+OK\r\n*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n:3\r\n:1\r\n:1\r\n:0\r\n:0\r\n"},
		{"INCR n; INCRBY n 41; DECR n; DECRBY n 2; APPEND n x; INCR n", ":1\r\n:42\r\n:41\r\n:39\r\n:3\r\n-ERR value is not an integer or out of range\r\n"},
		{"SET n 9223372036854775807; INCR n; INCRBY n x; DECRBY n -9223372036854775808; GET n", "+OK\r\n-ERR increment or decrement would overflow\r\n-ERR value is not an integer or out of range\r\n-ERR decrement would overflow\r\n$19\r\n9223372036854775807\r\n"},
		{"SETNX k a; SETNX k b; GETSET k c; GETDEL k; GET k", ":1\r\n:0\r\n$1\r\na\r\n$1\r\nc\r\n$-1\r\n"},
		{"LPUSH l a b c; LRANGE l 0 -1; LRANGE l -2 9; LLEN l; TYPE l", ":3\r\n*3\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n$1\r\na\r\n:3\r\n+list\r\n"},
		{"LPUSH l a; GET l; INCR l; SET s v; LPUSH s a; MGET l s", ":1\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n+OK\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n*2\r\n$-1\r\n$1\r\nv\r\n"},
		{"PING; PING x; ECHO x; SELECT 3; SET k v; SELECT 0; GET k; SELECT 16; SELECT x", "+PONG\r\n$1\r\nx\r\n$1\r\nx\r\n+OK\r\n+OK\r\n+OK\r\n$-1\r\n-ERR DB index is out of range\r\n-ERR value is not an integer or out of range\r\n"},
		{"SET a 1; SELECT 1; SET a 1; FLUSHDB ASYNC; DBSIZE; SELECT 0; DBSIZE; FLUSHALL; DBSIZE; FLUSHALL now", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n:0\r\n+OK\r\n:1\r\n+OK\r\n:0\r\n-ERR syntax error\r\n"},
		{"nonsense a b; NONSENSE; GET; GET a b; CLIENT KILL; CLIENT NONSENSE; MSET a", "-ERR unknown command 'nonsense', with args beginning with: 'a' 'b' \r\n-ERR unknown command 'NONSENSE', with args beginning with: \r\n-ERR wrong number of arguments for 'get' command\r\n-ERR wrong number of arguments for 'get' command\r\n-ERR wrong number of arguments for 'client|kill' command\r\n-ERR unknown subcommand 'NONSENSE'. Try CLIENT HELP.\r\n-ERR wrong number of arguments for 'mset' command\r\n"},
		{"CLIENT ID; CLIENT GETNAME; CLIENT SETNAME n; CLIENT GETNAME; HELLO 4; HELLO x", ":1\r\n$-1\r\n+OK\r\n$1\r\nn\r\n-NOPROTO unsupported protocol version\r\n-ERR Protocol version is not an integer or out of range\r\n"},
		{"HELLO 3 SETNAME n; GET k; MGET k; CLIENT GETNAME", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n_\r\n*1\r\n_\r\n$1\r\nn\r\n"},
		{"AUTH x; AUTH default x; CLIENT KILL ID 99; CLIENT KILL 1.2.3.4:5; CLIENT KILL ID 0; CLIENT LIST ID 99", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n+OK\r\n:0\r\n-ERR No such client\r\n-ERR client-id should be greater than 0\r\n$0\r\n\r\n"},
	} {
		t.Run(script[0], func(t *testing.T) {
			eachSeed(t, simredis.Options{}, func(b *bench) {
				p := b.dial()
				b.send(p, strings.Split(script[0], ";")...)
				b.expect(p, script[1])
			})
		})
	}
}

func TestInlineCommandsAndProtocolErrors(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		p := b.dial()
		if _, err := p.Write([]byte("\r\nSET k v\r\nGET k\n*0\r\n*x\r\nGET k\r\n")); err != nil {
			b.Fatal(err)
		}
		b.expect(p, "+OK\r\n$1\r\nv\r\n-ERR Protocol error: invalid multibulk length\r\n")
		b.expectEnd(p)
	})
}

func TestNothingIsExecutedBehindQuitOrTheKillingOfOneself(t *testing.T) {
	for last, reply := range map[string]string{"QUIT": "+OK\r\n", "CLIENT KILL ID 1 SKIPME no": ":1\r\n"} {
		eachSeed(t, simredis.Options{}, func(b *bench) {
			b.h.OnExecute = func(_ int64, args [][]byte) {
				if string(args[0]) == "SET" {
					b.Fatal("SET is executed")
				}
			}
			p := b.dial()
			b.send(p, "PING", last, "SET k v")
			b.expect(p, "+PONG\r\n"+reply)
			b.expectEnd(p)
		})
	}
}

func TestPasswordIsAskedFor(t *testing.T) {
	eachSeed(t, simredis.Options{Password: "secret"}, func(b *bench) {
		p := b.dial()
		b.send(p, "GET k", "AUTH wrong", "HELLO 2", "AUTH secret", "GET k")
		b.expect(p, "-NOAUTH Authentication required.\r\n-WRONGPASS invalid username-password pair or user is disabled.\r\n-NOAUTH HELLO must be")
		q := b.dial()
		b.send(q, "HELLO 2 AUTH default wrong", "HELLO 3 AUTH default secret")
		b.expect(q, "-WRONGPASS invalid username-password pair or user is disabled.\r\n%7\r\n")
		b.w.Run(b.w.Now() + time.Second)
		if n := b.h.Executed("get"); n != 1 {
			b.Fatalf("GET is executed %d times", n)
		}
	})
}

func TestKeysExpire(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		p := b.dial()
		b.send(p, "SET k v PX 1500")
		b.expect(p, "+OK\r\n")
		b.w.Run(b.w.Now() + time.Second)
		b.send(p, "GET k", "TTL k")
		b.expect(p, "$1\r\nv\r\n")
		b.w.Run(b.w.Now() + time.Second)
		if b.h.Len(0) != 0 {
			b.Fatal("it is counted after its time")
		}
		if _, there := b.h.Get(0, "k"); there {
			b.Fatal("it is there after its time")
		}
	})
}

func TestPausedServerExecutesWhatWaitsInItsBuffers(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		p := b.dial()
		b.send(p, "PING")
		b.expect(p, "+PONG\r\n")
		b.h.Loop.Pause()
		b.send(p, "SET k zombie")
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
		b.w.Run(b.w.Now() + 10*time.Second)
		if b.h.Executed("set") != 0 {
			b.Fatal("a paused server executes")
		}
		b.h.Loop.Resume()
		q := b.dial()
		b.send(q, "CLIENT ID")
		b.expect(q, ":2\r\n")
		if v, _ := b.h.Get(0, "k"); v != "zombie" {
			b.Fatalf("k is %q", v)
		}
	})
}

func TestKilledClientsUnreadBytesAreNeverExecuted(t *testing.T) {
	executedBefore := 0
	eachSeed(t, simredis.Options{}, func(b *bench) {
		victim := b.dial()
		b.send(victim, "CLIENT ID")
		b.expect(victim, ":1\r\n")
		killer := b.dial()
		b.send(killer, "PING")
		b.expect(killer, "+PONG\r\n")
		b.w.Partition("client", address, true)
		b.send(victim, "INCR n", "INCR n", "INCR n")
		b.send(killer, "CLIENT KILL ID 1", "SET n 0")
		b.w.Run(b.w.Now() + time.Second)
		b.w.Partition("client", address, false)
		b.expect(killer, ":") // 1, or 0 if it has left already
		executedBefore += b.h.Executed("incr")
		b.w.Run(b.w.Now() + 10*time.Second)
		if v, _ := b.h.Get(0, "n"); v != "0" {
			b.Fatalf("n is %s: a killed client's command is executed", v)
		}
	})
	if executedBefore == 0 {
		t.Fatal("the victim never came first, so that the order is not random")
	}
}

func TestKillByAddressAndListAgree(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		victim := b.dial()
		b.send(victim, "CLIENT SETNAME victim")
		b.expect(victim, "+OK\r\n")
		killer := b.dial()
		b.send(killer, "CLIENT LIST ID 1")
		line := "id=1 addr=" + victim.LocalAddr() + " laddr=" + address + " fd=8 name=victim age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 user=default resp=2\n"
		b.expect(killer, fmt.Sprintf("$%d\r\n%s\r\n", len(line), line))
		b.send(killer, "CLIENT KILL LADDR "+address, "CLIENT KILL LADDR "+address+" SKIPME no")
		b.expect(killer, ":1\r\n:1\r\n")
		for _, p := range []*sim.Peer{victim, killer} {
			b.expectEnd(p)
		}
	})
}

func TestRestartIsANewIncarnation(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		p := b.dial()
		b.send(p, "SET k v", "LPUSH l a", "CLIENT ID")
		b.expect(p, "+OK\r\n:1\r\n:1\r\n")
		saved, run := b.h.Snapshot(), b.h.RunID()
		b.send(p, "SET k later", "INCR n", "LPUSH l b")
		b.expect(p, "+OK\r\n:1\r\n:2\r\n")
		b.h.Crash()
		if _, err := b.w.DialPeer("client", address); err == nil {
			b.Fatal("a dead server accepts")
		}
		b.h.Restart(saved)
		q := b.dial()
		b.send(q, "CLIENT ID", "GET k", "EXISTS n", "LLEN l", "INFO server")
		b.expect(q, ":1\r\n$1\r\nv\r\n:0\r\n:1\r\n")
		if b.h.RunID() == run || len(run) != 40 {
			b.Fatalf("run ids %s and %s", run, b.h.RunID())
		}
		info := fmt.Sprintf("# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nprocess_id:1\r\nrun_id:%s\r\n", b.h.RunID())
		b.expect(q, "$157\r\n"+info)
		b.h.Restart(simredis.Snapshot{})
		if b.h.Len(0) != 0 {
			b.Fatal("an empty server has keys")
		}
	})
}

func TestHooksSeeCommandsAndMayCrashTheServerAroundThem(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		before := b.w.Rand().IntN(2) == 0
		crash := func(id int64, args [][]byte) {
			if string(args[0]) == "INCR" && id == 1 {
				b.h.Crash()
			}
		}
		if before {
			b.h.OnExecute = crash
		} else {
			b.h.AfterExecute = crash
		}
		p := b.dial()
		b.send(p, "SET n 1", "INCR n", "INCR n")
		for {
			if _, err := p.Read(make([]byte, 100)); err != nil {
				break
			}
		}
		want := map[bool]string{true: "1", false: "2"}[before]
		if v, _ := b.h.Get(0, "n"); v != want || b.h.Executed("incr") != int(want[0]-'1') {
			b.Fatalf("n is %s after %d executions, want %s", v, b.h.Executed("incr"), want)
		}
	})
}

func TestABlockedClientThatLeavesTakesNothing(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		p := b.dial()
		b.send(p, "PING", "BLPOP l 0", "RPUSH l own")
		b.expect(p, "+PONG\r\n")
		b.w.Run(b.w.Now() + time.Second)
		if b.h.Blocked() != 1 || b.h.Executed("rpush") != 0 {
			b.Fatalf("%d clients are blocked, %d commands executed behind one", b.h.Blocked(), b.h.Executed("rpush"))
		}
		if b.w.Rand().IntN(2) == 0 {
			_ = p.Close()
		} else {
			_ = p.Reset()
		}
		b.w.Run(b.w.Now() + time.Second)
		q := b.dial()
		b.send(q, "RPUSH l x", "LRANGE l 0 -1", "PUBLISH ch x")
		b.expect(q, ":1\r\n*1\r\n$1\r\nx\r\n:0\r\n")
		if b.h.Blocked() != 0 {
			b.Fatal("it is still blocked")
		}
	})
}

func TestARestartForgetsWhatClientsWereInTheMiddleOf(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		p, q := b.dial(), b.dial()
		b.send(p, "WATCH k", "MULTI", "SET k v")
		b.expect(p, "+OK\r\n+OK\r\n+QUEUED\r\n")
		if _, err := q.Write(resp.AppendCommand(nil, "SCRIPT", "LOAD", "return 1")); err != nil {
			b.Fatal(err)
		}
		b.send(q, "SUBSCRIBE ch")
		b.expect(q, "$40\r\ne0e1f9fabfc9d4800c877a703b823ac0578ff8db\r\n*3\r\n")
		r := b.dial()
		b.send(r, "SET k w", "BLPOP l 9")
		b.expect(r, "+OK\r\n")
		b.w.Run(b.w.Now() + time.Second)
		b.h.Restart(b.h.Snapshot())
		b.w.Run(b.w.Now() + 10*time.Second)
		n := b.dial()
		b.send(n, "RPUSH l x", "LLEN l", "PUBLISH ch x", "GET k", "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0")
		b.expect(n, ":1\r\n:1\r\n:0\r\n$1\r\nw\r\n-NOSCRIPT No matching script. Please use EVAL.\r\n")
	})
}

func TestAServerThatLoadsRefusesWhatNeedsItsData(t *testing.T) {
	const refusal = "-LOADING Redis is loading the dataset in memory\r\n"
	eachSeed(t, simredis.Options{}, func(b *bench) {
		b.h.Set(0, "k", "v")
		b.h.Restart(b.h.Snapshot())
		b.h.Load(time.Second)
		p := b.dial()
		b.send(p, "GET k", "PING", "CLIENT ID", "SELECT 1", "SELECT 0", "MULTI", "SET k w", "EXEC")
		b.expect(p, refusal+refusal+":1\r\n+OK\r\n+OK\r\n+OK\r\n"+refusal+"-EXECABORT Transaction discarded because of previous errors.\r\n")
		b.w.Run(b.w.Now() + time.Second)
		b.send(p, "GET k")
		b.expect(p, "$1\r\nv\r\n")
	})
}

func TestAWholeScanMeetsEachKeyOnceThatIsThereAllTheTime(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		rng := b.w.Rand()
		for i := range 60 {
			b.h.Set(0, fmt.Sprintf("k%d", i), "v")
		}
		p := b.dial()
		seen := map[string]int{}
		for cursor := "0"; ; {
			b.send(p, fmt.Sprintf("SCAN %s COUNT %d", cursor, 1+rng.IntN(9)))
			b.expect(p, "*2\r\n$")
			cursor = b.bulk(p)
			b.expect(p, "*")
			n := b.number(p)
			for range n {
				b.expect(p, "$")
				seen[b.bulk(p)]++
			}
			if cursor == "0" {
				break
			}
			b.h.Remove(0, fmt.Sprintf("k%d", 30+rng.IntN(30)))
			b.h.Set(0, fmt.Sprintf("new%d", rng.IntN(1000)), "v")
		}
		for i := range 30 {
			if n := seen[fmt.Sprintf("k%d", i)]; n != 1 {
				b.Fatalf("k%d is met %d times", i, n)
			}
		}
	})
}

// number reads a number to the end of its line.
func (b *bench) number(p *sim.Peer) int {
	b.Helper()
	text, c := "", make([]byte, 1)
	for !strings.HasSuffix(text, "\r\n") {
		if _, err := p.Read(c); err != nil {
			b.Fatal(err)
		}
		text += string(c)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// bulk reads a bulk string behind its $.
func (b *bench) bulk(p *sim.Peer) string {
	b.Helper()
	text := make([]byte, b.number(p)+2)
	for n := 0; n < len(text); {
		k, err := p.Read(text[n:])
		if err != nil {
			b.Fatal(err)
		}
		n += k
	}
	return string(text[:len(text)-2])
}

func TestAServerEvictsOneKeyAtATimeFromAnyDatabase(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		b.h.Set(0, "a", "v")
		b.h.Set(0, "b", "v")
		b.h.Set(15, "c", "v")
		p := b.dial()
		b.send(p, "WATCH a b", "MULTI", "DBSIZE")
		b.expect(p, "+OK\r\n+OK\r\n+QUEUED\r\n")
		for left := 2; left >= 0; left-- {
			db, key, ok := b.h.Evict()
			if _, there := b.h.Get(db, key); !ok || there || b.h.Len(0)+b.h.Len(15) != left {
				b.Fatalf("%s of %d is evicted: %v", key, db, ok)
			}
		}
		if _, _, ok := b.h.Evict(); ok {
			b.Fatal("an empty server evicts")
		}
		b.send(p, "EXEC")
		b.expect(p, "*-1\r\n")
	})
}

func TestKeysExpireByTheWallClock(t *testing.T) {
	eachSeed(t, simredis.Options{}, func(b *bench) {
		p := b.dial()
		b.send(p, "SET k v EX 10", "SET l v EX 10")
		b.expect(p, "+OK\r\n+OK\r\n")
		b.h.StepClock(9 * time.Second)
		b.send(p, "TTL k")
		b.expect(p, ":1\r\n")
		b.h.StepClock(time.Second)
		b.send(p, "GET k")
		b.expect(p, "$-1\r\n")
		b.h.StepClock(-time.Hour)
		b.send(p, "GET k", "TTL l")
		b.expect(p, "$-1\r\n:3600\r\n")
	})
}
