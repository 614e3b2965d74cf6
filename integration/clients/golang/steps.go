package main

import (
	"bufio"
	"crypto/sha1"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// player plays steps. connect makes a client of the same kind as c and other are.
type player struct {
	input    *bufio.Reader
	sharded  bool
	connect  func() (library, error)
	c, other library
}

func newPlayer(name, addr string, sharded bool) *player {
	return &player{input: bufio.NewReader(os.Stdin), sharded: sharded, connect: func() (library, error) {
		return libraries[name](addr)
	}}
}

func (p *player) play(step string) { steps[step](p) }

var steps = map[string]func(*player){
	"connect":   (*player).connecting,
	"values":    (*player).values,
	"pipeline":  (*player).pipeline,
	"mebibytes": (*player).mebibytes,
	"many":      (*player).many,
	"multi":     (*player).multi,
	"watch":     (*player).watch,
	"block":     (*player).block,
	"pubsub":    (*player).pubsub,
	"scan":      (*player).scan,
	"script":    (*player).script,
	"errors":    (*player).errors,
	"cache":     (*player).cache,
	"killed":    (*player).killed,
	"restarted": (*player).restarted,
}

func (p *player) connecting() {
	p.c, p.other = must(p.connect()), must(p.connect())
	same[any]("PONG")(p.c.do("PING"))
	if info := describe(must(p.c.do("CLIENT", "INFO"))); !strings.Contains(info, " resp="+p.c.protocol()+" ") &&
		!strings.Contains(info, " resp="+p.c.protocol()+"\n") {
		panic(info)
	}
}

func (p *player) values() {
	var every strings.Builder
	for i := range 256 {
		every.WriteByte(byte(i))
	}
	same[any]("OK")(p.c.do("SET", "bytes", every.String()))
	same[any](every.String())(p.c.do("GET", "bytes"))
	same[any]("nil")(p.c.do("GET", "nothing"))
	same[any]("2")(p.c.do("HSET", "hash", "a", "1", "b", "2"))
	same[any]("[a 1 b 2]")(p.c.do("HGETALL", "hash"))
}

func (p *player) pipeline() {
	var commands [][]string
	for i := range 1000 {
		commands = append(commands, []string{"INCR", fmt.Sprint("count", i%10)})
	}
	for i, got := range must(p.c.pipeline(commands)) {
		same[any](strconv.Itoa(i/10+1))(got, nil)
	}
}

func (p *player) mebibytes() {
	const different, asked = 8, 1000
	var set, get [][]string
	for i := range different {
		value := strings.Repeat(string(rune('A'+i))+"123456789abcdef", 1<<16)
		set = append(set, []string{"SET", fmt.Sprint("mebibyte", i), value})
	}
	for _, got := range must(p.c.pipeline(set)) {
		same[any]("OK")(got, nil)
	}
	for i := range asked {
		get = append(get, []string{"GET", fmt.Sprint("mebibyte", i%different)})
	}
	got := must(p.c.pipeline(get))
	same[any](strconv.Itoa(asked))(len(got), nil)
	for i, v := range got {
		if text := describe(v); text != set[i%different][2] {
			panic(fmt.Sprintf("value %d has %d bytes and is not what was set", i, len(text)))
		}
	}
}

func (p *player) many() {
	set, keys, want := []string{"MSET"}, []string{}, []any{}
	for i := range 200 {
		keys, want = append(keys, fmt.Sprint("{many}", i)), append(want, fmt.Sprint("value", i))
		if !p.c.needsTags() {
			keys[i] = fmt.Sprint("many", i)
		}
		set = append(set, keys[i], fmt.Sprint("value", i))
	}
	same[any]("OK")(p.c.do(set...))
	same[any](describe(append(want, nil)))(p.c.mget(append(keys, "{many}none")...))
}

func (p *player) multi() {
	got, err := p.c.multi([][]string{
		{"SET", "{m}a", "1"}, {"INCR", "{m}a"}, {"LPUSH", "{m}l", "x", "y"}, {"LRANGE", "{m}l", "0", "-1"},
	})
	same[any]("[OK 2 2 [y x]]")(got, err)
}

func (p *player) watch() {
	same[any]("OK")(p.c.do("SET", "{w}a", "1"))
	interfere := func() { same[any]("OK")(p.other.do("SET", "{w}a", "2")) }
	same[bool]("true")(p.c.watch("{w}a", interfere, "SET", "{w}b", "lost"))
	same[any]("0")(p.c.do("EXISTS", "{w}b"))
	same[bool]("false")(p.c.watch("{w}a", func() {}, "SET", "{w}b", "won"))
	same[any]("won")(p.c.do("GET", "{w}b"))
}

func (p *player) block() {
	ask("push", "queue", "work")
	same[any]("[queue work]")(p.c.blpop("queue", 20))
	same[any]("nil")(p.c.blpop("queue", 1))
}

func (p *player) pubsub() {
	messages := make(chan string, 100)
	stop := must(p.c.subscribe("channel", "patt*", func(channel, text string) { messages <- channel + " " + text }))
	receives := func(want string) {
		select {
		case got := <-messages:
			same[any](want)(got, nil)
		case <-time.After(20 * time.Second):
			panic("no message " + want)
		}
	}
	ask("publish", "channel", "first")
	receives("channel first")
	ask("match", "pattern", "second")
	receives("pattern second")
	same[any]("1")(p.other.do("PUBLISH", "channel", "third"))
	receives("channel third")
	same[any]("1")(p.other.do("PUBLISH", "pattern", "fourth"))
	receives("pattern fourth")
	stop()
	for _, channel := range []string{"channel", "pattern"} {
		p.untilTrue("nobody is subscribed", func() bool {
			return describe(must(p.other.do("PUBLISH", channel, "late"))) == "0"
		})
	}
	for len(messages) > 0 {
		if got := <-messages; !strings.HasSuffix(got, " late") {
			panic("again: " + got)
		}
	}
}

func (p *player) untilTrue(what string, condition func() bool) {
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			panic("never: " + what)
		}
	}
}

func (p *player) scan() {
	var commands [][]string
	missing := map[string]bool{}
	for i := range 1000 {
		key := fmt.Sprint("scan", i)
		missing[key] = true
		commands = append(commands, []string{"SET", key, ""})
	}
	must(p.c.pipeline(commands))
	for _, key := range must(p.c.scan("scan*")) {
		delete(missing, key)
	}
	same[any]("0")(len(missing), nil)
}

func (p *player) script() {
	const double = "return {KEYS[1], tonumber(ARGV[1]) * 2}"
	digest := fmt.Sprintf("%x", sha1.Sum([]byte(double)))
	p.refused("NOSCRIPT No matching script. Please use EVAL.", "EVALSHA", digest, "1", "s", "21")
	same[any]("[s 42]")(p.c.do("EVAL", double, "1", "s", "21"))
	same[any]("[s 8]")(p.c.do("EVALSHA", digest, "1", "s", "4"))
	same[any]("5")(p.c.script("return redis.call('INCRBY', KEYS[1], ARGV[1])", "s", "5"))
}

// refused expects a server's error, in the library's own type.
func (p *player) refused(want string, words ...string) {
	_, err := p.c.do(words...)
	if err == nil || !p.c.isServerError(err) {
		panic(fmt.Sprintf("%s: %T %v", words[0], err, err))
	}
	// One of the libraries takes the code ERR off.
	if got := strings.TrimPrefix(err.Error(), "ERR "); got != strings.TrimPrefix(want, "ERR ") {
		panic(fmt.Sprintf("%s: %q, want %q", words[0], got, want))
	}
}

func (p *player) errors() {
	same[any]("OK")(p.c.do("SET", "string", "x"))
	p.refused("WRONGTYPE Operation against a key holding the wrong kind of value", "LPUSH", "string", "y")
	p.refused("ERR unknown command 'NOSUCH', with args beginning with: 'x' ", "NOSUCH", "x")
	p.refused("ERR value is not an integer or out of range", "INCR", "string")
	p.refused("ERR wrong number of arguments for 'get' command", "GET", "a", "b")
	crossed := 0
	for i := range 50 {
		same[any]("OK")(p.c.do("SET", fmt.Sprint("from", i), "x"))
		if _, err := p.c.do("RENAME", fmt.Sprint("from", i), fmt.Sprint("to", i)); err != nil {
			same[any]("CROSSSLOT Keys in request don't hash to the same slot")(err.Error(), nil)
			crossed++
		}
	}
	same[bool](strconv.FormatBool(p.sharded))(crossed > 0, nil)
	same[any]("x")(p.c.do("GET", "string"))
}

// cache reads a value from the client's memory, until someone writes it elsewhere.
func (p *player) cache() {
	c := p.c.(cacher)
	for i := range 20 {
		key := fmt.Sprint("cached", i)
		same[any]("OK")(p.other.do("SET", key, "old"))
		for k := range 2 {
			value, hit, err := c.get(key)
			same[any]("old")(value, err)
			same[bool](strconv.FormatBool(k == 1))(hit, nil)
		}
		p.done("write", key, "new") // straight at the server that has it
		p.untilTrue("the value is invalidated", func() bool {
			value, _, err := c.get(key)
			return must(value, err) == "new"
		})
	}
}

// done asks for something, and waits until it has been done.
func (p *player) done(words ...string) {
	ask(words...)
	same[any]("done\n")(p.input.ReadString('\n'))
}

func (p *player) killed() {
	before := must(strconv.Atoi(describe(must(p.other.do("CLIENT", "ID")))))
	p.done("kill")
	p.untilTrue("there is another connection", func() bool {
		id, err := p.c.do("CLIENT", "ID")
		return err == nil && must(strconv.Atoi(describe(id))) > before
	})
	p.worksAgain()
}

func (p *player) restarted() {
	p.done("restart")
	p.worksAgain()
	// A library with several connections meets the loss on each.
	p.untilTrue("it reads again", func() bool {
		got, err := p.c.do("GET", "again")
		return err == nil && describe(got) == "yes"
	})
}

// worksAgain calls until the library has connected again by itself.
func (p *player) worksAgain() {
	p.untilTrue("it connects again", func() bool {
		got, err := p.c.do("SET", "again", "yes")
		return err == nil && describe(got) == "OK"
	})
}
