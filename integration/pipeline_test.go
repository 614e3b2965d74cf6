package integration

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// pipeline makes up commands that one Redis and Ringmain must answer alike, on
// keys that begin with prefix. Each depends on the ones before it.
type pipeline struct {
	*rand.Rand
	prefix string
	small  bool // no long values
}

func newPipeline(seed uint64, prefix string) *pipeline {
	return &pipeline{Rand: rand.New(rand.NewPCG(seed, 1)), prefix: prefix}
}

// request is one command as it is sent.
type request string

// requests makes n of them. With versions some change the protocol's version.
func (p *pipeline) requests(n int, versions bool) []request {
	list := make([]request, n)
	for i := range list {
		if versions && i%701 == 350 {
			list[i] = request(array(p.pick("HELLO 3", "HELLO 2", "HELLO 3 SETNAME me", "RESET", "HELLO 4", "HELLO")...))
			continue
		}
		list[i] = p.request()
	}
	return list
}

func (p *pipeline) request() request {
	args := p.command()
	if len(args) > 1 && p.IntN(12) == 0 && plainWords(args) {
		return request(strings.Join(args, p.pick(" ", "  ", "\t")[0]) + p.pick("\r\n", "\n")[0])
	}
	return request(array(args...))
}

func plainWords(args []string) bool {
	for _, a := range args {
		if a == "" || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\'' }) {
			return false
		}
	}
	return true
}

// pick returns one of the texts, split at blanks unless it is blank itself.
func (p *pipeline) pick(texts ...string) []string {
	text := texts[p.IntN(len(texts))]
	if strings.TrimSpace(text) == "" {
		return []string{text}
	}
	return strings.Fields(text)
}

// key is one of a few of a kind, so that commands meet the work of others.
func (p *pipeline) key(kind string) string {
	return p.prefix + kind + strconv.Itoa(p.IntN(40))
}

// anyKey has any type, or none.
func (p *pipeline) anyKey() string {
	return p.key([]string{"s", "n", "l", "t", "h", "z", "none"}[p.IntN(7)])
}

func (p *pipeline) keys() []string {
	list := make([]string, 1+p.IntN(12))
	for i := range list {
		list[i] = p.anyKey()
	}
	return list
}

func (p *pipeline) value() string {
	n := p.IntN(30)
	switch chance := p.IntN(100); {
	case p.small:
	case chance == 0:
		n = p.IntN(200_000)
	case chance < 4:
		n = p.IntN(5000)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(p.IntN(256))
	}
	return string(b)
}

func (p *pipeline) number() string { return strconv.Itoa(p.IntN(2000) - 1000) }

func (p *pipeline) command() []string {
	switch p.IntN(16) {
	case 0, 1:
		return append([]string{p.pick("MGET", "mget")[0]}, p.keys()...)
	case 2, 3:
		return append(p.pick("DEL", "EXISTS", "UNLINK", "TOUCH"), p.keys()...)
	case 4:
		args := []string{"MSET"}
		for range 1 + p.IntN(10) {
			args = append(args, p.key("s"), p.value())
		}
		return args
	case 5:
		return p.local()
	case 6, 7:
		return p.wrong()
	case 8, 9:
		return p.onStrings()
	case 10, 11:
		return append(p.pick("INCR", "DECR", "GET", "STRLEN"), p.key("n"))
	case 12:
		return p.onLists()
	case 13:
		return p.onSets()
	case 14:
		return p.onHashes()
	default:
		return p.onSortedSets()
	}
}

func (p *pipeline) local() []string {
	switch p.IntN(8) {
	case 0:
		return []string{"ECHO", p.value()}
	case 1:
		return []string{"PING", p.value()}
	case 2:
		return p.pick("SELECT 0", "CLIENT GETNAME", "CLIENT SETNAME somebody", "CONFIG GET appendonly", "CONFIG GET none")
	}
	return []string{"PING"}
}

// wrong makes what is refused: by the proxy, by a server, or by its arguments.
func (p *pipeline) wrong() []string {
	switch p.IntN(5) {
	case 0:
		return p.pick("nosuchcommand", "nosuch with some arguments", "GET", "SET only", "GET a b", "MGET", "MSET", "MSET a b c",
			"DEL", "PING a b", "ECHO", "CLIENT", "CLIENT nosuch", "CONFIG nosuch x", "SELECT x", "SELECT 1000", "CLIENT ID x", "EXISTS")
	case 1:
		return []string{"INCRBY", p.key("n"), "x"}
	case 2:
		return append(p.pick("LPUSH", "SADD", "APPEND"), p.key("h"), "wrong")
	case 3:
		return append(p.pick("INCR", "LLEN", "HGETALL", "ZCARD", "GET"), p.anyKey())
	}
	return append([]string{"SET", p.key("s"), "v"}, p.pick("EX", "EX 0", "NX XX", "nosuch")...)
}

func (p *pipeline) onStrings() []string {
	k := p.key("s")
	switch p.IntN(7) {
	case 0:
		return []string{"APPEND", k, p.number()}
	case 1:
		return append(p.pick("SETNX", "GETSET"), k, p.value())
	case 2:
		return []string{"SETEX", k, "100000", p.value()}
	case 3:
		return append(p.pick("EXPIRE", "PEXPIRE"), k, "100000000")
	case 4:
		return append(p.pick("TYPE", "STRLEN"), p.anyKey())
	case 5:
		return append(p.pick("TTL", "PTTL"), p.key("l"))
	}
	return []string{"SET", k, p.value()}
}

func (p *pipeline) onLists() []string {
	k := p.key("l")
	switch p.IntN(4) {
	case 0:
		return append(p.pick("LPOP", "RPOP", "LLEN"), k)
	case 1:
		return []string{"LRANGE", k, "0", p.number()}
	case 2:
		return []string{"LSET", k, p.number(), p.number()}
	}
	return append(p.pick("LPUSH", "RPUSH", "LPUSHX"), k, p.value(), p.number())
}

// onSets keeps to numbers: other members come in an order of each server's own.
func (p *pipeline) onSets() []string {
	k := p.key("t")
	switch p.IntN(3) {
	case 0:
		return append(p.pick("SCARD", "SMEMBERS"), k)
	case 1:
		return append(p.pick("SREM", "SISMEMBER"), k, p.number())
	}
	return []string{"SADD", k, p.number(), p.number()}
}

func (p *pipeline) onHashes() []string {
	k, field := p.key("h"), "f"+strconv.Itoa(p.IntN(20))
	switch p.IntN(5) {
	case 0:
		return append(p.pick("HGETALL", "HLEN", "HKEYS"), k)
	case 1:
		return append(p.pick("HGET", "HDEL", "HEXISTS"), k, field)
	case 2:
		return []string{"HINCRBY", k, "count", p.number()}
	case 3:
		return []string{"HMGET", k, field, "count"}
	}
	return []string{"HSET", k, field, fmt.Sprint(p.IntN(1000))}
}

func (p *pipeline) onSortedSets() []string {
	k, member := p.key("z"), "m"+strconv.Itoa(p.IntN(20))
	switch p.IntN(5) {
	case 0:
		return append([]string{"ZRANGE", k, "0", "-1"}, p.pick("WITHSCORES", "REV")...)
	case 1:
		return append(p.pick("ZSCORE", "ZRANK", "ZREM"), k, member)
	case 2:
		return append(p.pick("ZPOPMIN", "ZCARD"), k)
	case 3:
		return []string{"ZINCRBY", k, "1.5", member}
	}
	return []string{"ZADD", k, p.number(), member}
}
