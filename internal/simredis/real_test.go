package simredis_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
	"ringmain/internal/simredis"
	"ringmain/ioloop/sim"
	"ringmain/resp"
)

// pair is the model and a real server, whose clients, by name, send the same.
type pair struct {
	t        *testing.T
	w        *sim.World
	model    *simredis.Host
	real     *redistest.Server
	names    []string
	clients  map[string]*pairClient
	history  []string
	teller   *redistest.Conn // tells how far the real server has read
	expected int64           // bytes that it has then read
}

// pairClient is one client of both.
type pairClient struct {
	model             *sim.Peer
	real              net.Conn
	modelID, realID   string
	modelEnd, realEnd bool
}

const (
	// realPatience is how long a real server may take for anything.
	realPatience = 10 * time.Second
	// settled is how much time passes for the model after each command, and
	// longWait if that blocks and is to give up.
	settled  = 20 * time.Millisecond
	longWait = 500 * time.Millisecond
)

func newPair(t *testing.T, seed uint64, server *redistest.Server) *pair {
	w := sim.New(seed)
	model := simredis.Start(w, address, simredis.Options{Seed: seed})
	model.Teach(keepBody, keep)
	p := &pair{t: t, w: w, model: model, real: server, clients: map[string]*pairClient{}}
	teller, err := redistest.Dial(server.Addr(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = teller.Close() })
	p.teller = teller
	for _, clean := range [][]any{{"CLIENT", "KILL", "TYPE", "normal"}, {"CLIENT", "KILL", "TYPE", "pubsub"}, {"FLUSHALL"}, {"SCRIPT", "FLUSH"}} {
		if _, err := teller.Do(clean...); err != nil {
			t.Fatal(err)
		}
	}
	p.expected, _ = p.progress()
	return p
}

// progress is how many bytes of requests the real server has read, and executed
// unless their client is blocked, and how many clients are.
func (p *pair) progress() (read, blocked int64) {
	info, err := p.teller.Do("INFO", "stats", "clients")
	if err != nil {
		p.t.Fatal(err)
	}
	p.expected += int64(len(resp.AppendCommand(nil, "INFO", "stats", "clients")))
	number := func(name string) int64 {
		_, text, _ := strings.Cut(info.(string), name+":")
		text, _, _ = strings.Cut(text, "\r")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		return n
	}
	return number("total_net_input_bytes"), number("blocked_clients")
}

// await waits until the real server has executed what it was sent.
func (p *pair) await() {
	for began := time.Now(); ; {
		want := p.expected
		read, blocked := p.progress()
		if read > want && blocked == int64(p.model.Blocked()) {
			return
		}
		if time.Since(began) > realPatience {
			p.t.Fatalf("%s\nthe real server has read %d of %d bytes; it blocks %d clients, the model %d",
				strings.Join(p.history, "\n"), read, want, blocked, p.model.Blocked())
		}
	}
}

// client is the client of a name, which connects when it is first used.
func (p *pair) client(name string) *pairClient {
	if c := p.clients[name]; c != nil {
		return c
	}
	model, err := p.w.DialPeer("client", address)
	if err != nil {
		p.t.Fatal(err)
	}
	realConn, err := net.Dial("tcp", p.real.Addr())
	if err != nil {
		p.t.Fatal(err)
	}
	c := &pairClient{model: model, real: realConn}
	p.clients[name] = c
	p.names = append(p.names, name)
	ask := resp.AppendCommand(nil, "CLIENT", "ID")
	p.write(c, ask, ask)
	c.modelID = strings.Trim(p.fromModel(c), ":\r\n")
	c.realID = strings.Trim(p.fromReal(c, len(":\r\n")+1, true), ":\r\n")
	return c
}

func (p *pair) write(c *pairClient, toModel, toReal []byte) {
	if _, err := c.model.Write(toModel); err != nil && !c.modelEnd {
		p.t.Fatal(err)
	}
	if n, err := c.real.Write(toReal); err == nil {
		p.expected += int64(n)
	} else if !c.modelEnd {
		p.t.Fatal(err)
	}
	p.w.Run(p.w.Now() + settled)
}

// fromModel is what the model has sent to a client when nothing more happens.
func (p *pair) fromModel(c *pairClient) string {
	var all []byte
	for !c.modelEnd && c.model.Pending() {
		b := make([]byte, 64<<10)
		n, err := c.model.Read(b)
		all = append(all, b[:n]...)
		c.modelEnd = err != nil
	}
	return string(all)
}

// fromReal reads n bytes, or a line if the length is not known.
func (p *pair) fromReal(c *pairClient, n int, line bool) string {
	if err := c.real.SetReadDeadline(time.Now().Add(realPatience)); err != nil {
		p.t.Fatal(err)
	}
	var all []byte
	for b := make([]byte, 1); len(all) < n || line && all[len(all)-1] != '\n'; {
		if _, err := c.real.Read(b); err != nil {
			c.realEnd = !errors.Is(err, os.ErrDeadlineExceeded)
			return string(all) + fmt.Sprintf("(%v)", err)
		}
		all = append(all, b[0])
	}
	return string(all)
}

// send sends a command, "client: words", and compares what comes of it, at all
// clients. $a is the id of client a.
func (p *pair) send(line string) {
	p.t.Helper()
	p.history = append(p.history, line)
	name, text, _ := strings.Cut(line, ":")
	c := p.client(name)
	words := words(text)
	mine, theirs := bytes.Clone(nil), bytes.Clone(nil)
	modelWords, realWords := make([]string, len(words)), make([]string, len(words))
	for i, word := range words {
		modelWords[i], realWords[i] = word, word
		if id, ok := strings.CutPrefix(word, "$"); ok {
			d := p.client(id)
			modelWords[i], realWords[i] = d.modelID, d.realID
		}
	}
	mine, theirs = resp.AppendCommand(mine, modelWords...), resp.AppendCommand(theirs, realWords...)
	p.write(c, mine, theirs)
	if givesUp.MatchString(text) {
		p.w.Run(p.w.Now() + longWait)
	}
	if !c.model.Pending() && !c.modelEnd {
		p.await()
	}
	for _, name := range p.names {
		p.compare(name)
	}
}

// words are apart by blanks, and may be quoted.
func words(text string) []string {
	var all []string
	for _, word := range wordForm.FindAllString(text, -1) {
		all = append(all, strings.Trim(word, `"`))
	}
	return all
}

var (
	wordForm = regexp.MustCompile(`"[^"]*"|[^ ]+`)
	givesUp  = regexp.MustCompile(`^B.* 0\.[0-9]+$`)
	idForm   = regexp.MustCompile(`\$2\r\nid\r\n:[0-9]+\r\n`)
)

func (p *pair) compare(name string) {
	p.t.Helper()
	c := p.clients[name]
	want := idForm.ReplaceAllString(p.fromModel(c), "")
	got := ""
	for len(got) < len(want) && !c.realEnd {
		got = idForm.ReplaceAllString(got+p.fromReal(c, len(want)-len(got), true), "")
	}
	if got != want {
		p.t.Fatalf("%s\nclient %s: the model says %q, Redis says %q", strings.Join(p.history, "\n"), name, want, got)
	}
}

// finish compares what the clients were sent that nobody awaited, to the end of
// their connections.
func (p *pair) finish() {
	p.t.Helper()
	for _, name := range p.names {
		c := p.clients[name]
		if err := c.real.(*net.TCPConn).CloseWrite(); err != nil && !c.modelEnd {
			p.t.Fatal(err)
		}
		_ = c.real.SetReadDeadline(time.Now().Add(realPatience))
		if rest, err := io.ReadAll(c.real); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			p.t.Fatalf("%s\nclient %s: Redis also says %q, %v", strings.Join(p.history, "\n"), name, rest, err)
		}
		_ = c.real.Close()
	}
}

// keepBody empties a database but for one key, as keep does.
const keepBody = "redis.call('select',ARGV[1]) local kept = redis.call('get',KEYS[1]) redis.call('flushdb','async') " +
	"if kept then redis.call('set',KEYS[1],kept) end return redis.status_reply('DONE')"

func keep(call func(...string) []byte, keys, argv [][]byte) []byte {
	call("select", string(argv[0]))
	kept := call("get", string(keys[0]))
	call("flushdb", "async")
	if text, ok := resp.Bulk(kept); ok {
		call("set", string(keys[0]), string(text))
	}
	return []byte("+DONE\r\n")
}

// realScripts are commands of several clients, apart by semicolons.
var realScripts = []string{
	// Transactions.
	"a:MULTI; a:SET k 1; a:GET k; a:INCR k; a:EXEC; a:GET k",
	"a:EXEC; a:DISCARD; a:MULTI; a:MULTI; a:SET k v; a:WATCH k; a:EXEC; a:GET k",
	"a:MULTI; a:SET k; a:SET k v; a:EXEC; a:GET k; a:MULTI; a:nonsense; a:EXEC; a:MULTI; a:CLIENT nonsense; a:EXEC; a:EXEC",
	"a:MULTI; a:SET k v; a:EXEC now; a:GET k; a:EXEC now; a:MULTI; a:DISCARD now; a:EXEC",
	"a:MULTI; a:SET k v; a:DISCARD; a:GET k; a:MULTI; a:EXEC; a:UNWATCH",
	"a:SET k v; a:MULTI; a:INCR k; a:LPUSH k x; a:SET l w; a:EXEC; a:GET l",
	"a:WATCH k; b:SET k 1; a:MULTI; a:SET k 2; a:EXEC; a:GET k; a:MULTI; a:SET k 3; a:EXEC",
	"a:WATCH k l; b:GET k; a:MULTI; b:DEL l; a:SET k 2; a:EXEC; a:WATCH k; b:APPEND k x; a:UNWATCH; a:MULTI; a:GET k; a:EXEC",
	"a:WATCH k; b:SET k 1; a:DISCARD; a:MULTI; a:DISCARD; a:MULTI; a:GET k; a:EXEC",
	"a:SET k 1; a:WATCH k; a:SET k 2; a:MULTI; a:GET k; a:EXEC; a:HELLO 3; a:WATCH k; b:EXPIRE k 10; a:MULTI; a:EXEC",
	"a:SET k 1; a:WATCH k; b:SELECT 1; b:SET k 2; a:MULTI; a:GET k; a:EXEC; a:WATCH k; b:SELECT 0; b:FLUSHDB; a:MULTI; a:EXEC",
	"a:WATCH k; b:FLUSHALL; a:MULTI; a:PING; a:EXEC; a:SET k v PX 100; a:WATCH k; b:BLPOP none 0.2; a:MULTI; a:PING; a:EXEC",
	"a:SET k v PX 100; b:BLPOP none 0.2; a:WATCH k; a:MULTI; a:GET k; a:EXEC",
	"a:MULTI; a:SELECT 3; a:SET k v; a:EXEC; a:GET k; a:SELECT 0; a:GET k; a:MULTI; a:SELECT 99; a:EXEC",
	"a:MULTI; a:BLPOP k 0; a:LPUSH k a b; a:BRPOP k 1; a:BLMOVE k l LEFT RIGHT 0; a:BLMOVE k l LEFT RIGHT 0; a:BRPOPLPUSH k l 1; a:EXEC; a:LRANGE l 0 -1",
	"a:HELLO 3; a:MULTI; a:BLPOP k 0; a:BLMOVE k l LEFT RIGHT 0; a:GET k; a:EXEC",
	"a:MULTI; a:UNWATCH; a:PUBLISH ch x; a:ECHO x; a:DBSIZE; a:EXEC; a:MULTI; a:SET k v; a:RESET; a:EXEC; a:GET k",
	"a:MULTI; a:SUBSCRIBE x; a:PING; a:UNSUBSCRIBE x; a:PING; a:EXEC; a:GET k",
	"a:MULTI; a:SSUBSCRIBE x; a:EXEC; a:PING",
	"a:MULTI; a:HELLO 3; a:GET none; a:EXEC; a:GET none; a:MULTI; a:QUIT; a:PING",
	// Blocking.
	"a:BLPOP k 0; b:LPUSH k x; a:BLPOP k 0.05; a:BRPOP k l 0.05; a:BLMOVE k l LEFT LEFT 0.05; a:BRPOPLPUSH k l 0.05; a:PING",
	"a:HELLO 3; a:BLPOP k 0.05; a:BLMOVE k l LEFT LEFT 0.05",
	"a:BLPOP k x; a:BLPOP k -1; a:BLPOP k; a:BLMOVE k l UP LEFT 0; a:BLMOVE k l LEFT LEFT x; a:BRPOPLPUSH k l -1; a:BLPOP k nan; a:BLPOP k inf; a:BLPOP k 1e30",
	"a:SET s v; a:BLPOP k s 0; a:BLPOP s 0; a:BLMOVE s k LEFT LEFT 0; a:RPUSH l x; a:BLMOVE l s LEFT LEFT 0; a:LRANGE l 0 -1",
	"a:BLPOP k 0; a:SET later 1; b:GET later; b:LPUSH k x; b:GET later",
	"a:BLPOP k 0; b:BLPOP k 0; c:BRPOP k 0; d:RPUSH k 1 2; d:LLEN k; d:RPUSH k 3 4; d:LRANGE k 0 -1",
	"a:BLPOP x y 0; b:BLPOP y 0; c:MULTI; c:RPUSH y 1; c:RPUSH x 2; c:EXEC; c:RPUSH y 3",
	"a:BLPOP k 0; b:MULTI; b:RPUSH k 1; b:DEL k; b:EXEC; b:RPUSH k 2",
	"a:BLPOP k 0; b:MULTI; b:RPUSH k 1; b:LPOP k; b:SET k s; b:EXEC; b:DEL k; b:RPUSH k 2",
	"a:BLMOVE k l RIGHT LEFT 0; b:BLPOP l 0; c:RPUSH k x; c:EXISTS k l",
	"a:BLMOVE k k RIGHT LEFT 0; b:BLPOP k 0; c:RPUSH k x y; c:LRANGE k 0 -1",
	"a:SET l s; a:BLMOVE k l RIGHT LEFT 0; b:RPUSH k x; b:LRANGE k 0 -1",
	"a:BRPOPLPUSH k l 0; b:RPUSH k x y; b:LRANGE k 0 -1; b:LRANGE l 0 -1",
	"a:SELECT 1; a:BLPOP k 0; b:RPUSH k x; b:LLEN k; b:SELECT 1; b:RPUSH k y; b:LLEN k",
	"a:BLPOP k 0; b:CLIENT UNBLOCK $a; a:BLPOP k 0; b:CLIENT UNBLOCK $a ERROR; b:CLIENT UNBLOCK $a; a:BLMOVE k l LEFT LEFT 0; b:CLIENT UNBLOCK $a TIMEOUT",
	"b:CLIENT UNBLOCK x; b:CLIENT UNBLOCK 1 NOW; b:CLIENT UNBLOCK; b:CLIENT UNBLOCK 1 ERROR ERROR; b:CLIENT UNBLOCK 99999",
	"a:BLPOP k 0; b:CLIENT KILL ID $a; b:RPUSH k x; b:LRANGE k 0 -1",
	"a:WATCH k; a:BLPOP k 0.05; b:RPUSH k x; a:MULTI; a:PING; a:EXEC",
	"a:WATCH k; b:BLPOP k 0; c:RPUSH k x; a:MULTI; a:PING; a:EXEC",
	// Lists.
	"a:RPUSH k 1 2 3; a:LPOP k; a:RPOP k; a:RPOP k 5; a:EXISTS k; a:LPOP k; a:LPOP k 1; a:LPOP k -1; a:LPOP k x; a:LPOP k 1 2; a:LPOP",
	"a:RPUSH k 1 2 3; a:LPOP k 0; a:LPOP k 2; a:LMOVE k l LEFT RIGHT; a:LMOVE k l LEFT RIGHT; a:LMOVE k l LEFT UP; a:RPOPLPUSH l l; a:SET s x; a:RPOPLPUSH l s; a:RPOPLPUSH s l; a:RPUSH s x; a:LPOP s",
	"a:HELLO 3; a:LPOP k; a:LPOP k 1; a:LMOVE k l LEFT RIGHT; a:RPUSH k 1 2; a:LPOP k 9",
	// Databases.
	"a:SELECT 3; a:SET k v; a:DBSIZE; a:SELECT 0; a:DBSIZE; a:SELECT 16; a:SELECT -1; a:SELECT x; a:CONFIG GET databases; a:CONFIG GET DATA*; a:CONFIG GET nonsense; a:HELLO 3; a:CONFIG GET databases; a:RESET; a:DBSIZE",
	// Subscriptions.
	"a:SUBSCRIBE x y x; b:PUBLISH x 1; b:PUBLISH z 1; a:PING; a:PING hi; a:PING a b; a:GET k; a:CLIENT ID; a:nonsense; a:UNSUBSCRIBE y; a:UNSUBSCRIBE y; a:UNSUBSCRIBE x; a:GET k; a:PING",
	"a:UNSUBSCRIBE; a:PUNSUBSCRIBE; a:SUNSUBSCRIBE; a:UNSUBSCRIBE x; a:HELLO 3; a:UNSUBSCRIBE; a:UNSUBSCRIBE x y; a:SUNSUBSCRIBE",
	"a:PSUBSCRIBE n*; a:SUBSCRIBE news; b:PUBLISH news hello; b:PUBLISH n x; b:PUBLISH m x; a:SSUBSCRIBE news; b:SPUBLISH news y; b:PUBLISH news z; b:SPUBLISH none z; a:SUNSUBSCRIBE; a:PUNSUBSCRIBE; a:UNSUBSCRIBE; a:GET k",
	"a:HELLO 3; a:SUBSCRIBE x; a:GET k; a:PUBLISH x me; a:PING; a:PING hi; b:PUBLISH x 1; a:MULTI; a:SET k v; b:PUBLISH x 2; a:EXEC; a:UNSUBSCRIBE x; b:PUBLISH x 3",
	"a:HELLO 3; a:SUBSCRIBE x; a:MULTI; a:PUBLISH x me; a:EXEC",
	"a:HELLO 3; a:SUBSCRIBE x; a:HELLO 2; a:GET k; b:PUBLISH x 1; a:UNSUBSCRIBE x; a:GET k",
	"a:SUBSCRIBE x; a:RESET; b:PUBLISH x 1; a:GET k; a:SUBSCRIBE x; a:QUIT; b:PUBLISH x 1",
	"a:SUBSCRIBE x y; b:PSUBSCRIBE p*; b:SSUBSCRIBE s; c:PUBSUB CHANNELS s; c:PUBSUB CHANNELS [y]; c:PUBSUB CHANNELS x*; c:PUBSUB NUMSUB x z; c:PUBSUB NUMSUB; c:PUBSUB NUMPAT; c:PUBSUB SHARDCHANNELS; c:PUBSUB SHARDNUMSUB s x; c:PUBSUB; c:PUBSUB nonsense; c:PUBSUB CHANNELS a b",
	"a:SUBSCRIBE; a:SUBSCRIBE x; a:SUBSCRIBE; a:HELLO 3; a:MULTI; a:AUTH x; a:SELECT 1",
	"a:PSUBSCRIBE h?llo; b:PUBLISH hello 1; b:PUBLISH hllo 1; a:PSUBSCRIBE [ab-d]x; b:PUBLISH cx 1; b:PUBLISH ex 1; a:PSUBSCRIBE [^a]y; b:PUBLISH ay 1; b:PUBLISH by 1; a:PSUBSCRIBE \\*z; b:PUBLISH az 1; b:PUBLISH *z 1; a:PSUBSCRIBE **q*; b:PUBLISH xqx 1",
	"a:CLIENT REPLY OFF; a:GET k; a:SUBSCRIBE x; b:PUBLISH x 1; a:PING; a:UNSUBSCRIBE x; a:CLIENT REPLY ON; a:GET k",
	"a:HELLO 3; a:CLIENT REPLY OFF; a:GET k; a:SUBSCRIBE x; b:PUBLISH x 1; a:CLIENT REPLY ON; a:GET k; a:CLIENT REPLY SKIP; a:SUBSCRIBE y; a:GET k",
	"a:CLIENT REPLY SKIP; a:GET k; a:GET k; a:CLIENT REPLY OFF; a:CLIENT REPLY SKIP; a:GET k; a:CLIENT REPLY no; a:CLIENT REPLY ON; a:CLIENT REPLY no; a:CLIENT REPLY; a:CLIENT REPLY SKIP; a:BLPOP k 0.05; a:PING",
	"a:CLIENT REPLY SKIP; a:MULTI; a:SET k v; a:CLIENT REPLY SKIP; a:EXEC; a:GET k; a:CLIENT REPLY OFF; a:RESET; a:GET k",
	"a:MULTI; a:CLIENT REPLY OFF; a:PING; a:EXEC; a:PING; a:CLIENT REPLY ON",
	// Tracking.
	"a:HELLO 3; a:CLIENT TRACKING ON; a:GET k; b:SET k 1; b:SET k 2; a:GET k; a:SET k 3; a:MGET k l; b:MSET k 1 l 2; a:CLIENT TRACKING OFF; a:GET k; b:SET k 1",
	"a:HELLO 3; a:CLIENT TRACKING ON NOLOOP; a:GET k; a:SET k 1; a:GET k; b:DEL k; a:GET k; b:FLUSHALL; b:SET k 1; a:FLUSHDB",
	"a:HELLO 3; a:CLIENT TRACKING ON OPTIN; a:GET k; b:SET k 1; a:CLIENT CACHING YES; a:GET k; a:GET l; b:MSET k 1 l 1; a:CLIENT CACHING NO; a:CLIENT CACHING x",
	"a:HELLO 3; a:CLIENT TRACKING ON OPTOUT; a:GET k; a:CLIENT CACHING NO; a:GET l; b:MSET k 1 l 1; a:CLIENT CACHING YES; a:CLIENT TRACKING ON OPTIN; a:CLIENT TRACKING ON BCAST; a:CLIENT TRACKING ON OPTIN OPTOUT",
	"a:HELLO 3; a:CLIENT TRACKING ON BCAST PREFIX a PREFIX b; b:SET a1 x; b:SET c x; b:MSET b2 1 b1 1 b2 2; a:SET a 1; b:DEL none; b:DEL a; a:CLIENT TRACKING ON BCAST PREFIX c; b:SET c 1; a:CLIENT TRACKING ON; b:FLUSHDB",
	"a:HELLO 3; a:CLIENT TRACKING ON BCAST NOLOOP; a:SET k 1; b:SET k 2; a:MULTI; a:SET l 1; a:EXEC; b:MULTI; b:SET z 1; b:SET y 1; b:EXEC",
	"a:CLIENT TRACKING ON PREFIX x; a:CLIENT TRACKING ON BCAST OPTIN; a:CLIENT TRACKING maybe; a:CLIENT TRACKING ON nonsense; a:CLIENT CACHING YES; a:CLIENT TRACKING ON BCAST PREFIX; a:CLIENT TRACKING ON; a:GET k; b:SET k 1; a:CLIENT TRACKING",
	"a:HELLO 3; a:CLIENT TRACKING ON; a:MULTI; a:GET k; a:SET k 1; a:EXEC; a:GET k; a:MULTI; a:SET k 1; a:SET j 1; a:EXEC",
	"a:HELLO 3; a:CLIENT TRACKING ON OPTIN; a:CLIENT CACHING YES; a:MULTI; a:GET k; a:GET l; a:EXEC; a:GET m; b:SET k 1; b:SET l 1; b:SET m 1",
	"a:HELLO 3; a:CLIENT TRACKING ON; a:SET k v PX 100; a:GET k; b:BLPOP none 0.2; b:GET k; a:GET l; a:RESET; b:SET l 1; a:PING",
	"a:HELLO 3; a:CLIENT TRACKING ON; a:LRANGE k 0 -1; b:BLPOP k 0; c:RPUSH k x; a:LLEN k; c:RPUSH k y z; a:LRANGE k 0 0; c:LPOP k; a:TTL k; b:EXPIRE k 100; a:TTL k; b:PERSIST k; a:EXISTS k; b:BRPOP k 0",
	"a:HELLO 3; a:CLIENT TRACKING ON; a:GET k; a:CLIENT REPLY OFF; b:SET k 1; a:CLIENT REPLY ON; a:PING",
	// Scripts.
	`a:EVAL "return 1" 0; a:EVAL "return redis.call('incr',KEYS[1])" 1 n; a:EVAL "return redis.call('get',KEYS[1])" 1 n; a:EVAL "return redis.call('get',KEYS[1])" 1 none; a:EVAL "return redis.call('set',KEYS[1],ARGV[1])" 1 k v; a:EVAL "return redis.call('mget',KEYS[1],KEYS[2])" 2 k none; a:HELLO 3; a:EVAL "return redis.call('get',KEYS[1])" 1 none; a:EVAL "return redis.call('mget',KEYS[1],KEYS[2])" 2 k none`,
	`a:SCRIPT LOAD "return redis.call('get',KEYS[1])"; a:SCRIPT EXISTS 4e6d8fc8bb01276962cce5371fa795a7763657ae 4E6D8FC8BB01276962CCE5371FA795A7763657AE 0; a:EVALSHA 4E6D8FC8BB01276962CCE5371FA795A7763657AE 1 k; a:SCRIPT FLUSH; a:EVALSHA 4e6d8fc8bb01276962cce5371fa795a7763657ae 1 k; a:EVALSHA x 1 k; a:EVALSHA x 1; a:SCRIPT FLUSH now; a:SCRIPT FLUSH ASYNC; a:SCRIPT; a:SCRIPT LOAD; a:SCRIPT nonsense`,
	`a:EVAL "return redis.call('incr',KEYS[1]) -- of a client" 1 n; a:EVAL "return redis.call('get',KEYS[1]) -- of a client" 1 n`,
	`a:EVAL "return 1" x; a:EVAL "return 1" 1; a:EVAL "return 1" -1; a:EVALSHA 4e6d8fc8bb01276962cce5371fa795a7763657ae 9; a:EVALSHA 4e6d8fc8bb01276962cce5371fa795a7763657ae x; a:EVALSHA x 9`,
	`a:RPUSH l x; a:EVAL "return redis.call('get',KEYS[1])" 1 l; a:EVAL "return redis.call('incr',KEYS[1])" 1 l; a:SET k v; a:EVAL "return redis.call('incr',KEYS[1])" 1 k; a:EVAL "return redis.call('get')" 0; a:EVAL "return redis.call('get',KEYS[1])" 0; a:EVAL "return redis.call('nonsense',KEYS[1])" 1 k; a:EVAL "return redis.call('subscribe',KEYS[1])" 1 k; a:EVAL "return redis.call('blpop',KEYS[1],ARGV[1])" 1 none 0`,
	`a:MULTI; a:EVAL "return redis.call('incr',KEYS[1])" 1 n; a:EVALSHA x 0; a:SCRIPT EXISTS x; a:EXEC; a:WATCH n; b:EVAL "return redis.call('incr',KEYS[1])" 1 n; a:MULTI; a:EXEC; a:BLPOP l 0; b:EVAL "return redis.call('rpush',KEYS[1],ARGV[1])" 1 l x`,
	`a:HELLO 3; a:CLIENT TRACKING ON; a:EVAL "return redis.call('get',KEYS[1])" 1 k; b:SET k 1; a:GET k; a:EVAL "return redis.call('set',KEYS[1],ARGV[1])" 1 k v`,
	`a:HELLO 3; a:SUBSCRIBE x; a:EVAL "return redis.call('publish',KEYS[1],ARGV[1])" 1 x hello; b:EVAL "return redis.call('publish',KEYS[1],ARGV[1])" 1 x hello`,
	`a:SET m mark; a:SET k v; a:SELECT 1; a:SET m other; a:SET k v; a:EVAL "` + keepBody + `" 1 m 0; a:MGET m k; a:SELECT 0; a:MGET m k; a:EVAL "` + keepBody + `" 1 none 0; a:MGET m k; a:MULTI; a:EVAL "` + keepBody + `" 1 none 1; a:DBSIZE; a:EXEC`,
	// The keyspace as a whole.
	"a:KEYS *; a:RANDOMKEY; a:SCAN 0; a:DBSIZE; a:SET k v; a:KEYS *; a:KEYS x*; a:KEYS [k]; a:RANDOMKEY; a:SCAN 0; a:DBSIZE; a:HELLO 3; a:KEYS *; a:FLUSHDB; a:RANDOMKEY",
	"a:INFO keyspace; a:SET k v; a:SELECT 3; a:MSET k v l w; a:INFO KEYSPACE; a:SELECT 15; a:RPUSH l x; a:INFO keyspace nonsense; a:FLUSHDB; a:INFO keyspace; a:INFO nonsense",
	"a:SET k v; a:SCAN 0 MATCH k*; a:SCAN 0 MATCH l COUNT 100; a:SCAN 0 TYPE STRING; a:SCAN 0 TYPE list; a:SCAN x; a:SCAN 0 COUNT 0; a:SCAN 0 COUNT x; a:SCAN 0 MATCH; a:SCAN 0 nonsense 1; a:SCAN",
	"a:SET k v PX 100; b:BLPOP none 0.2; a:KEYS *; a:SCAN 0; a:RANDOMKEY; a:SELECT 3; a:RPUSH l x; a:SCAN 0 TYPE list; a:EXPIRE l -1; a:KEYS *; a:SELECT 0; a:KEYS *",
	// Reset.
	"a:HELLO 3 SETNAME n; a:SELECT 2; a:WATCH k; a:MULTI; a:RESET; a:CLIENT GETNAME; a:EXEC; a:GET none; a:SET k v; a:SELECT 2; a:EXISTS k; a:RESET x",
}

func TestTheModelAnswersAsRedisDoes(t *testing.T) {
	server := redistest.Start(t)
	for i, script := range realScripts {
		t.Run(script, func(t *testing.T) {
			p := newPair(t, uint64(i), server)
			for _, line := range strings.Split(script, "; ") {
				p.send(line)
			}
			p.finish()
		})
	}
}

func TestWhatTheModelExecutesWhileItLoadsIsWhatRedisDoes(t *testing.T) {
	server := redistest.Start(t)
	for name, loading := range simredis.Loading() {
		reply, err := server.Do("COMMAND", "INFO", name)
		if err != nil {
			t.Fatal(err)
		}
		row := fmt.Sprint(reply.([]any)[0].([]any)[2])
		if strings.Contains(row, "loading") != loading {
			t.Errorf("%s: the model says %v, Redis's flags are %s", name, loading, row)
		}
	}
}

// randomLine is a command of one of three clients, on few keys and channels, so
// that they meet.
func randomLine(rng *rand.Rand) string {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	key := func() string { return pick("k", "l", "m") }
	channel := func() string { return pick("x", "y") }
	side := func() string { return pick("LEFT", "RIGHT") }
	line := pick("a", "b", "c") + ":"
	switch rng.IntN(40) {
	case 0, 1:
		return line + "MULTI"
	case 2, 3, 4:
		return line + "EXEC"
	case 5:
		return line + "DISCARD"
	case 6:
		return line + "WATCH " + key()
	case 7:
		return line + pick("UNWATCH", "nonsense", "GET", "CLIENT nonsense", "RESET", "PING", "PING hi")
	case 8:
		return line + pick("BLPOP ", "BRPOP ") + key() + " " + key() + pick(" 0.01", " 0")
	case 9:
		return line + "BLMOVE " + key() + " " + key() + " " + side() + " " + side() + pick(" 0.01", " 0")
	case 10, 11, 12:
		return line + pick("RPUSH ", "LPUSH ") + key() + pick(" 1", " 1 2")
	case 13:
		return line + pick("LPOP ", "RPOP ", "LLEN ", "DEL ", "DEL ", "TYPE ", "GETDEL ", "INCR ") + key()
	case 14:
		return line + "LMOVE " + key() + " " + key() + " " + side() + " " + side()
	case 15:
		return line + "LRANGE " + key() + " 0 -1"
	case 16:
		return line + pick("FLUSHALL", "FLUSHDB", "DBSIZE", "SCAN x", `EVAL "`+keepBody+`" 1 `+key()+pick(" 0", " 1"))
	case 17, 18:
		return line + pick("SELECT 0", "SELECT 1", "HELLO 2", "HELLO 3", "HELLO 3")
	case 19:
		return line + "CLIENT UNBLOCK $" + pick("a", "b", "c") + pick("", " ERROR", " TIMEOUT")
	case 20:
		return line + "SUBSCRIBE " + channel()
	case 21:
		return line + pick("UNSUBSCRIBE ", "UNSUBSCRIBE x ") + channel()
	case 22:
		return line + pick("PSUBSCRIBE ?", "PUNSUBSCRIBE ?", "PUNSUBSCRIBE", "SSUBSCRIBE x", "SUNSUBSCRIBE x", "SUNSUBSCRIBE")
	case 23, 24:
		return line + pick("PUBLISH ", "PUBLISH ", "SPUBLISH ") + channel() + " hello"
	case 25:
		return line + pick("PUBSUB NUMPAT", "PUBSUB NUMSUB x y", "PUBSUB CHANNELS x", "PUBSUB SHARDNUMSUB x")
	case 26: // without BCAST: Redis gathers its messages over the commands of a client that was unblocked
		return line + pick("CLIENT TRACKING ON", "CLIENT TRACKING ON NOLOOP", "CLIENT TRACKING ON OPTIN", "CLIENT TRACKING ON OPTOUT", "CLIENT TRACKING OFF")
	case 27:
		return line + pick("CLIENT CACHING YES", "CLIENT CACHING NO")
	case 28:
		return line + `EVAL "return redis.call('` + pick("get", "incr", "lpop") + `',KEYS[1])" 1 ` + key()
	case 29:
		return line + pick("CLIENT REPLY ON", "CLIENT REPLY ON", "CLIENT REPLY OFF", "CLIENT REPLY SKIP")
	case 30:
		return line + "MSET " + key() + " 1 " + key() + " 2"
	case 31:
		return line + "MGET " + key() + " " + key()
	case 32, 33, 34:
		return line + "SET " + key() + " " + pick("1", "v")
	case 35:
		return line + "EXPIRE " + key() + pick(" 100", " -1")
	}
	return line + "GET " + key()
}

func TestTheModelAnswersRandomClientsAsRedisDoes(t *testing.T) {
	rounds := 150
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		rounds = 5000
	}
	server := redistest.Start(t)
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := newPair(t, seed, server)
		for range 60 {
			p.send(randomLine(rng))
		}
		p.finish()
	}
}
