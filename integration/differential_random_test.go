package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// templates are commands to fill in. A word stands for
//
//	K, J  a key; within one template all have the same tag
//	S     a key of any tag
//	V     a value      M  a member or field, of few      N  an integer from -3 to 9
//	I     any integer  F  a floating-point number        T  a time in seconds, far off or past
//	X     a stream's ID                                  B  an end of a range of scores
//	L     an end of a range of words
//
// Whatever depends on chance or the time of day is followed by what makes both
// servers alike again, after a |. Ranges of words are for sorted sets of one
// score: of others, what they give depends on the skip list's chance.
var templates = strings.Fields(strings.NewReplacer(" ", "\x00", "\n", " ").Replace(strings.TrimSpace(`
SET K V
SET K I
SET K V EX T
SET K V NX
SET K V XX GET
SET K V KEEPTTL
SETNX K V
SETEX K T V
GETSET K V
GETDEL K
GETEX K EX T
GETEX K PERSIST
GET K
GET K
STRLEN K
APPEND K V
SETRANGE K N V
GETRANGE K N N
INCR K
DECR K
INCRBY K I
DECRBY K N
INCRBYFLOAT K F
MGET S S S S
MSET S V S V S V
MSETNX K V J V
DEL S
DEL S S
UNLINK S S S
EXISTS S S S
TOUCH S S
TYPE K
RENAME K J
RENAMENX K J
COPY K J
COPY K J REPLACE
EXPIRE K T
PEXPIRE K T
EXPIREAT K 33177117420
PERSIST K
TTL K
PTTL K
EXPIRETIME K
OBJECT ENCODING K
OBJECT REFCOUNT K
DUMP K
SETBIT K N N
GETBIT K N
BITCOUNT K
BITCOUNT K N N
BITPOS K 1
BITOP OR K J J
BITOP XOR K K J
BITFIELD K GET u8 0 INCRBY i5 N N
LCS K J
LPUSH K V
LPUSH K M M V
RPUSH K M M M
RPUSH K V I
LPUSHX K M
RPUSHX K M
LPOP K
LPOP K N
RPOP K
RPOP K 2
LLEN K
LINDEX K N
LSET K N V
LRANGE K 0 -1
LRANGE K N N
LINSERT K BEFORE M V
LREM K N M
LTRIM K N N
LTRIM K 0 30
LPOS K M COUNT 0
LMOVE K J LEFT RIGHT
RPOPLPUSH K J
LMPOP 2 K J LEFT COUNT 2
SADD K M
SADD K M M V
SADD K N N I
SREM K M M
SCARD K
SISMEMBER K M
SMISMEMBER K M M V
SMEMBERS K
SMOVE K J M
SRANDMEMBER K
SRANDMEMBER K N
SPOP K 1000
SPOP K|DEL K
SPOP K 2|DEL K
SDIFF K J
SINTER K J
SUNION K J K
SDIFFSTORE K J K
SINTERSTORE K J J
SUNIONSTORE K J K
SINTERCARD 2 K J
SORT K ALPHA
SORT K LIMIT 0 5
SORT K ALPHA STORE J
SSCAN K 0 COUNT 1000
HSET K M V
HSET K M V M I M F
HSETNX K M V
HMSET K M V M V
HGET K M
HMGET K M M M
HGETALL K
HKEYS K
HVALS K
HLEN K
HDEL K M M
HEXISTS K M
HSTRLEN K M
HINCRBY K M I
HINCRBY K M N
HINCRBYFLOAT K M F
HRANDFIELD K N
HRANDFIELD K N WITHVALUES
HSCAN K 0 COUNT 1000
ZADD K N M
ZADD K F M N M F V
ZADD K GT CH F M N M
ZADD K INCR F M
ZINCRBY K N M
ZSCORE K M
ZMSCORE K M M
ZCARD K
ZCOUNT K B B
ZRANGE K 0 -1 WITHSCORES
ZRANGE K B B BYSCORE
DEL K|ZADD K 0 M 0 M 0 M 0 V|ZRANGE K L L BYLEX|ZLEXCOUNT K L L|ZREMRANGEBYLEX K L L
ZRANGE K N N REV
ZRANGEBYSCORE K B B WITHSCORES LIMIT N N
ZREVRANGE K N N WITHSCORES
ZRANK K M
ZREVRANK K M
ZREM K M M
ZREMRANGEBYRANK K N N
ZREMRANGEBYSCORE K B B
ZPOPMIN K
ZPOPMAX K N
ZMPOP 2 K J MIN COUNT N
ZRANDMEMBER K N WITHSCORES
ZDIFF 2 K J WITHSCORES
ZINTER 2 K J WEIGHTS N N
ZUNION 2 K J AGGREGATE MAX WITHSCORES
ZINTERSTORE K 2 J K
ZUNIONSTORE K 2 J K WEIGHTS N N
ZDIFFSTORE K 2 J K
ZRANGESTORE K J N N
ZINTERCARD 2 K J LIMIT N
ZSCAN K 0 COUNT 1000
XADD K X M V
XADD K MAXLEN N X M V M V
XADD K * M V|DEL K
XLEN K
XDEL K X X
XRANGE K - +
XRANGE K X X COUNT N
XREVRANGE K + X
XREAD COUNT 3 STREAMS K J X X
XTRIM K MAXLEN N
XTRIM K MINID X
XGROUP CREATE K g X MKSTREAM
XGROUP DESTROY K g
XGROUP CREATECONSUMER K g M
XREADGROUP GROUP g M COUNT 2 STREAMS K >
XREADGROUP GROUP g M STREAMS K X
XACK K g X X
XCLAIM K g M 0 X
XAUTOCLAIM K g M 0 0
XPENDING K g
XINFO GROUPS K
XINFO STREAM K
XSETID K X
PFADD K M M V
PFCOUNT K
PFCOUNT K J
PFMERGE K J
GEOADD K 13.36 38.11 M 15.08 37.5 M
GEODIST K M M km
GEOPOS K M M
GEOHASH K M
GEOSEARCH K FROMLONLAT 15 37 BYRADIUS 200 km ASC
GEOSEARCHSTORE K J FROMLONLAT 15 37 BYBOX 400 400 km
EVAL return{KEYS[1],ARGV[1],redis.pcall('strlen',KEYS[1])} 1 S V|EVALSHA 097d48df6ddebe219140d0b2a4aacd902428902e 1 S V|EVALSHA_RO 097d48df6ddebe219140d0b2a4aacd902428902e 1 S M
EVAL_RO return{KEYS[1],ARGV[1],redis.pcall('strlen',KEYS[1])} 1 S V|EVALSHA 097d48df6ddebe219140d0b2a4aacd902428902e 1 S V
EVAL return(redis.pcall('append',KEYS[1],ARGV[1])) 1 S V|EVALSHA 8355d1b87dad48b08fddb4898d9958cf6c5dffd7 1 S V|GET K
EVAL return(redis.pcall('append',KEYS[1],ARGV[1])) 2 K J V
SCRIPT LOAD return(redis.pcall('append',KEYS[1],ARGV[1]))|EVALSHA 8355d1b87dad48b08fddb4898d9958cf6c5dffd7 1 S M
SCRIPT LOAD return{KEYS[1],ARGV[1],redis.pcall('strlen',KEYS[1])}|SCRIPT EXISTS 097d48df6ddebe219140d0b2a4aacd902428902e x
PING
ECHO V
HELLO 2
HELLO 3
`)))

// generator makes random commands; always the same for one seed.
type generator struct {
	*rand.Rand
	client int
	tags   []string
	tag    string // of the command being made
}

func (g *generator) one(list ...string) string { return list[g.IntN(len(list))] }

// key is one of few, so that types collide.
func (g *generator) key(tag string) string {
	return fmt.Sprintf("{%s}%d\x00%d", tag, g.client, g.IntN(4))
}

// commands makes one command, with those that have to follow it.
func (g *generator) commands() [][]string {
	g.tag = g.one(g.tags...)
	var out [][]string
	first := g.key(g.tag)
	for i, part := range strings.Split(templates[g.IntN(len(templates))], "|") {
		var args []string
		for _, word := range strings.Split(part, "\x00") {
			if word == "K" && (i > 0 || len(args) == 1) {
				args = append(args, first)
				continue
			}
			args = append(args, g.word(word))
		}
		out = append(out, args)
	}
	if len(out) == 1 && g.IntN(50) == 0 {
		out[0] = g.spoilt(out[0])
	}
	return out
}

// spoilt has an argument too few or too many. What may depend on chance stays as
// it is.
func (g *generator) spoilt(args []string) []string {
	switch args[0] {
	case "SPOP", "XADD", "SORT", "HELLO":
		return args
	}
	if g.IntN(2) == 0 {
		return args[:1+g.IntN(len(args))]
	}
	return append(args, g.word("K")) // which may be taken for one more key
}

func (g *generator) word(word string) string {
	switch word {
	case "K", "J":
		return g.key(g.tag)
	case "S":
		return g.key(g.one(g.tags...))
	case "V":
		return g.value()
	case "M":
		return g.one("a", "b", "c", "d", "e", "f", "\x00\r\n", "")
	case "N":
		return strconv.Itoa(g.IntN(13) - 3)
	case "I":
		return g.one("0", "1", "-7", "100", "4096", "1000000", "9223372036854775807", "-9223372036854775808")
	case "F":
		return g.one("0", "1.5", "-2.25", "3.0e3", "0.1", "17", "inf", "-1e-3")
	case "T":
		return g.one("100000", "200000000", "-1")
	case "X":
		return fmt.Sprintf("%d-%d", g.IntN(8), g.IntN(3))
	case "B":
		return g.one("-inf", "+inf", "0", "(1", "2.5", "100")
	case "L":
		return g.one("-", "+", "[a", "(c", "[d")
	}
	return word
}

func (g *generator) value() string {
	switch g.IntN(8) {
	case 0:
		return g.one("", "\x00", "\r\n", "$5\r\nhello\r\n", "\xff\xfe", "-ERR x\r\n")
	case 1:
		return strings.Repeat(g.one("x", "\r\n", "\x00"), g.IntN(400))
	case 2:
		return strconv.FormatInt(g.Int64(), 10)
	}
	return g.one("a", "b", "value", "hello world", "12", "-3", "3.5")
}

func TestRandomSequencesLeaveTheSameReplyForReply(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("RINGMAIN_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("RINGMAIN_SEED=%d", seed)
	newArena(t, loops(2)).playRandomly(t, seed)
	t.Run("of a tenant", func(t *testing.T) { newTenantArena(t, loops(2)).playRandomly(t, seed) })
}

func (a *arena) playRandomly(t *testing.T, seed uint64) {
	t.Helper()
	each := 4000
	if torture() {
		each = 400_000
	}
	for _, clients := range []int{1, 4} {
		a.flush(t)
		tallies := make([]tally, clients)
		t.Run(fmt.Sprintf("%d clients", clients), func(t *testing.T) {
			for i := range clients {
				t.Run(strconv.Itoa(i), func(t *testing.T) {
					t.Parallel()
					tallies[i] = a.randomClient(t, seed+uint64(clients), i, each)
				})
			}
		})
		p := &player{duel: a.duel(t, 2)}
		for _, args := range [][]string{{"DBSIZE"}, {"KEYS", "*"}} {
			if !a.serves(args) {
				continue
			}
			p.queue = append(p.queue, question{args, modeOf(args), "(in the end)"})
		}
		p.drain()
		total := 0
		for i := range tallies {
			total += tallies[i].requests
		}
		t.Logf("%d clients: %d replies compared", clients, total)
		if total < clients*each {
			t.Errorf("only %d replies of %d clients were compared", total, clients)
		}
	}
	a.tally.report(t)
}

// randomClient sends n random commands on one connection, in batches, and then
// compares its keys. It stops at the first difference, since all that follows
// may be its consequence.
func (a *arena) randomClient(t *testing.T, seed uint64, client, n int) tally {
	t.Helper()
	g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(client))), client: client, tags: a.tags[:3]}
	p := &player{duel: a.duel(t, 2+client%2)}
	counts := newTally()
	p.tally = &counts
	past := history{}
	for counts.requests < n && len(counts.diffs) == 0 {
		for range 1 + g.IntN(150) {
			for _, args := range g.commands() {
				if a.tenant && !a.serves(args) {
					continue
				}
				p.ask(args)
			}
		}
		past.add(p.queue)
		p.drain()
	}
	if counts.scattered > 0 {
		t.Errorf("%d requests had keys on several servers", counts.scattered)
	}
	if len(counts.diffs) > 0 {
		t.Logf("what came before:\n%s", past)
	}
	for _, tag := range g.tags {
		for k := range 4 {
			p.stateOf(fmt.Sprintf("{%s}%d\x00%d", tag, client, k), "(in the end)")
		}
	}
	p.drain()
	counts.report(t)
	return counts
}

// history is what was sent last.
type history []question

func (h *history) add(list []question) {
	*h = append(*h, list...)
	*h = (*h)[max(0, len(*h)-1000):]
}

func (h history) String() string {
	var b strings.Builder
	for i := range h {
		b.WriteString(show(&h[i]) + "\n")
	}
	return b.String()
}
