package counter

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ringmain/quorum"
)

// desk is an Engine over calm servers.
type desk struct {
	*calm
	clock  *clockwork
	engine *Engine
}

func newDesk(n int, change ...func(*Pattern)) *desk {
	p := Pattern{Name: `counters[0], "counter:*"`, Deadline: 2 * time.Second, MaxBatch: 4096}
	for _, f := range change {
		f(&p)
	}
	d := &desk{calm: newCalm(n), clock: &clockwork{}}
	d.engine = New(Settings{Patterns: []Pattern{p}, FenceDeadline: time.Second}, d.calm, d.clock, rand.New(rand.NewPCG(1, 2)), 7)
	return d
}

// command makes a command of a line.
func command(line string) quorum.Command {
	words := strings.Fields(line)
	c := quorum.Command{Name: strings.ToLower(words[0]), Protocol: 2, Keys: []int{1}}
	for _, w := range words {
		c.Args = append(c.Args, []byte(w))
	}
	switch c.Name {
	case "mget", "del", "unlink", "exists":
		for i := 2; i < len(words); i++ {
			c.Keys = append(c.Keys, i)
		}
	}
	return c
}

// do returns the reply, "" if there is none yet.
func (d *desk) do(line string) string {
	var got string
	d.engine.Do(command(line), func(reply []byte) {
		if got != "" {
			panic("two replies to " + line)
		}
		got = string(reply)
	})
	return strings.ReplaceAll(got, "\r\n", " ")
}

func TestCommandsAnswerAsRedisDoes(t *testing.T) {
	d := newDesk(3)
	for _, step := range []struct{ line, reply string }{
		{"get a", "$-1 "},
		{"exists a", ":0 "},
		{"type a", "+none "},
		{"strlen a", ":0 "},
		{"ttl a", ":-2 "},
		{"del a", ":0 "},
		{"set a 5 xx", "$-1 "},
		{"incr a", ":1 "},
		{"incrby a 41", ":42 "},
		{"decr a", ":41 "},
		{"decrby a -1", ":42 "},
		{"get a", "$2 42 "},
		{"exists a", ":1 "},
		{"type a", "+string "},
		{"strlen a", ":2 "},
		{"pttl a", ":-1 "},
		{"set a 7 nx", "$-1 "},
		{"set a 7 get", "$2 42 "},
		{"set a 8 xx keepttl", "+OK "},
		{"setnx a 9", ":0 "},
		{"setnx b -9", ":1 "},
		{"getset a 10", "$1 8 "},
		{"mget a b none", "*3 $2 10 $2 -9 $-1 "},
		{"exists a b a none", ":3 "},
		{"getdel b", "$2 -9 "},
		{"getdel b", "$-1 "},
		{"set b 1 nx get", "$-1 "},
		{"set b 2 nx get", "$1 1 "},
		{"unlink a b a none", ":2 "},
		{"mget a", "*1 $-1 "},
		{"set a 9223372036854775807", "+OK "},
		{"incr a", "-ERR increment or decrement would overflow "},
		{"incrby a x", "-ERR value is not an integer or out of range "},
		{"decrby a -9223372036854775808", "-ERR decrement would overflow "},
		{"set a 9223372036854775808", "-ERR value is not an integer or out of range "},
		{"set a 007", "-ERR value is not an integer or out of range "},
		{"set a 1 nx xx", "-ERR syntax error "},
		{"get a", "$19 9223372036854775807 "},
		{"get", "-ERR wrong number of arguments for 'get' command "},
		{"incrby a", "-ERR wrong number of arguments for 'incrby' command "},
	} {
		if step.line == "get" {
			if got := d.doArgs("get"); got != step.reply {
				t.Errorf("%s: got %q, want %q", step.line, got, step.reply)
			}
			continue
		}
		if got := d.do(step.line); got != step.reply {
			t.Errorf("%s: got %q, want %q", step.line, got, step.reply)
		}
	}
}

// doArgs has no keys.
func (d *desk) doArgs(name string) (got string) {
	d.engine.Do(quorum.Command{Name: name, Args: [][]byte{[]byte(name)}, Protocol: 2}, func(reply []byte) { got = string(reply) })
	return strings.ReplaceAll(got, "\r\n", " ")
}

func TestWhatCountersDoNotSupportIsRefusedWithWhatTheyAllow(t *testing.T) {
	d := newDesk(3)
	for _, line := range []string{"expire a 10", "append a 1", "incrbyfloat a 1.5", "lpush a 1"} {
		name, _, _ := strings.Cut(line, " ")
		want := "-ERR '" + name + `' is not supported on counter keys (counters[0], "counter:*"): they allow INCR, `
		if got := d.do(line); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q", line, got)
		}
	}
	if got := d.do("set a 5 ex 10"); !strings.HasPrefix(got, "-ERR a lifetime is not supported on counter keys") {
		t.Errorf("SET with EX: got %q", got)
	}
	if d.calls != 0 {
		t.Errorf("%d calls of servers", d.calls)
	}
}

func TestTheNextChangeOfAKeyTakesOneRound(t *testing.T) {
	d := newDesk(3)
	d.do("incr a")
	before := d.engine.Stats().Rounds
	for range 10 {
		d.do("incr a")
	}
	if got := d.engine.Stats().Rounds - before; got != 10 {
		t.Errorf("10 increments took %d rounds", got)
	}
}

func TestCommandsThatComeDuringARoundShareTheNextOne(t *testing.T) {
	d := newDesk(3)
	d.do("set a 0")
	var first, second int
	before := d.engine.Stats().Rounds
	d.engine.Do(command("incr a"), func([]byte) {
		first++
		for range 100 { // while the round's outcome is being told
			d.engine.Do(command("incr a"), func([]byte) { second++ })
		}
	})
	if first != 1 || second != 100 {
		t.Fatalf("%d and %d replies", first, second)
	}
	if got := d.engine.Stats().Rounds - before; got != 2 {
		t.Errorf("%d rounds", got)
	}
	if got := d.do("get a"); got != "$3 101 " {
		t.Errorf("the value is %q", got)
	}
}

func TestWhatComesInOneIterationGoesIntoOneRound(t *testing.T) {
	var atEnd []func()
	d := newDesk(3)
	d.engine.atEnd = func(f func()) { atEnd = append(atEnd, f) }
	end := func() {
		for len(atEnd) > 0 {
			f := atEnd[0]
			atEnd = atEnd[1:]
			f()
		}
	}
	d.do("set a 0")
	end()
	before, replies := d.engine.Stats().Rounds, 0
	for range 100 {
		d.engine.Do(command("incr a"), func([]byte) {
			if replies++; replies == 100 {
				d.engine.Do(command("get a"), func(reply []byte) {
					if string(reply) != "$3\r\n100\r\n" {
						t.Errorf("the value is %q", reply)
					}
					replies++
				})
			}
		})
	}
	if got := d.engine.Stats().Rounds - before; got != 0 || replies != 0 {
		t.Errorf("%d rounds and %d replies in the middle of an iteration", got, replies)
	}
	end()
	if got := d.engine.Stats().Rounds - before; got != 2 || replies != 101 {
		t.Errorf("%d rounds, %d replies", got, replies)
	}
}

func TestFencesGrow(t *testing.T) {
	d := newDesk(3)
	for want := int64(1); want < 5; want++ {
		d.engine.Next(3, func(n int64, err error) {
			if n != want || err != nil {
				t.Errorf("got %d, %v, want %d", n, err, want)
			}
		})
	}
	d.barred[0], d.barred[1] = "down", "down"
	var failed error
	d.engine.Next(3, func(_ int64, err error) { failed = err })
	d.clock.pass(2 * time.Second)
	if failed == nil || !strings.HasPrefix(failed.Error(), "NOQUORUM 1/3 servers") {
		t.Errorf("without a majority: %v", failed)
	}
}

func TestWithoutAMajorityCommandsWaitALittleAndAreThenRefusedAtOnce(t *testing.T) {
	d := newDesk(3)
	d.barred[0], d.barred[1] = "down", "down"
	var got string
	d.engine.Do(command("incr a"), func(reply []byte) { got = string(reply) })
	d.clock.pass(grace / 2)
	if got != "" {
		t.Fatalf("refused before a reconnection is likely: %q", got)
	}
	d.clock.pass(grace)
	if want := "-NOQUORUM 1/3 servers of quorum \"safe\" can vote: a is down\r\n"; got != want {
		t.Errorf("got %q", got)
	}
	if got := d.do("incr a"); !strings.HasPrefix(got, "-NOQUORUM") {
		t.Errorf("not refused at once: %q", got)
	}
	d.barred[0] = ""
	if got := d.do("incr a"); got != ":1 " {
		t.Errorf("with a majority again: %q", got)
	}
	d.barred[0] = "down"
	d.engine.Do(command("incr a"), func(reply []byte) { got = string(reply) })
	d.barred[0] = ""
	d.clock.pass(2 * sweepEvery)
	if got != ":2\r\n" {
		t.Errorf("a command that waited for a majority got %q", got)
	}
}

func TestANewCounterIsRefusedWhereThereIsNoRoom(t *testing.T) {
	d := newDesk(3, func(p *Pattern) { p.MaxKeys = 2 })
	for i := range 2 {
		if got := d.do(fmt.Sprintf("incr k%d", i)); got != ":1 " {
			t.Fatal(got)
		}
	}
	if got, want := d.do("incr more"), `-ERR counters[0], "counter:*": there are as many keys as max_keys allows, 2 `; got != want {
		t.Errorf("got %q", got)
	}
	if got := d.do("get more"); got != "$-1 " {
		t.Errorf("a read of a new key: %q", got)
	}
	other := New(Settings{Patterns: d.engine.patterns}, d.calm, d.clock, rand.New(rand.NewPCG(3, 4)), 8)
	other.Do(command("incr k1"), func(reply []byte) {
		if string(reply) != ":2\r\n" {
			t.Errorf("a change of a key that is there: %q", reply)
		}
	})
	if n := len(d.acceptors[0].keys); n != 2 {
		t.Errorf("%d keys on the first server", n)
	}
}

func TestWhatIsKeptOfKeysIsBounded(t *testing.T) {
	d := newDesk(3)
	for i := range maxIdle + 100 {
		d.do(fmt.Sprintf("incr k%d", i))
		d.do(fmt.Sprintf("get other%d", i))
	}
	if n := d.engine.Stats().Proposers; n != maxIdle {
		t.Errorf("something is kept of %d keys", n)
	}
	if got := d.do("incr k0"); got != ":2 " {
		t.Errorf("a key that nothing was kept of: %q", got)
	}
}

func TestChangesThatCancelOutAreUncertainAsOthersAre(t *testing.T) {
	d := newDesk(3)
	l := &late{calm: d.calm}
	d.engine.servers = l
	var replies []string
	do := func(line string) {
		d.engine.Do(command(line), func(reply []byte) { replies = append(replies, string(reply)) })
	}
	do("incr a")
	l.answer()
	do("incr a")
	do("incr a") // these two have to wait for the round of that one
	do("decr a")
	answers := l.answers
	l.answers = nil
	for _, f := range answers {
		f()
	}
	if len(l.answers) != 2 || len(replies) != 2 { // a majority
		t.Fatalf("%d servers are asked, %d replies", len(l.answers), len(replies))
	}
	d.clock.pass(2*time.Second + sweepEvery)
	for _, reply := range replies[2:] {
		if !strings.HasPrefix(reply, "-UNCERTAIN") {
			t.Errorf("got %q, though the servers may have agreed", reply)
		}
	}
	if len(replies) != 4 {
		t.Errorf("%d replies", len(replies))
	}
}

// held are servers that do at once what they are asked, and whose answers come when a test has them come.
type held struct {
	*calm
	answers []func()
}

func (h *held) Call(c quorum.Call, done func(quorum.Answer)) {
	h.calm.Call(c, func(a quorum.Answer) { h.answers = append(h.answers, func() { done(a) }) })
}

func TestAReadIsNotAnsweredWithWhatServersSaidBeforeItCame(t *testing.T) {
	for _, first := range []string{"get a", "del a"} {
		d := newDesk(3, func(p *Pattern) { p.IdentityReads = true })
		d.do("incr b") // ballots of this proxy are ahead now
		h := &held{calm: d.calm}
		d.engine.servers = h
		var replies []string
		do := func(line string) {
			d.engine.Do(command(line), func(reply []byte) { replies = append(replies, string(reply)) })
		}
		do(first) // its round is under way: the servers have promised
		promises := h.answers
		h.answers = nil
		other := New(Settings{Patterns: d.engine.patterns}, d.calm, d.clock, rand.New(rand.NewPCG(3, 4)), 8)
		acknowledged := false
		other.Do(command("set a 5"), func([]byte) { acknowledged = true })
		d.clock.pass(retryWithin)
		if !acknowledged {
			t.Fatal("the other proxy's change waits")
		}
		do("get a")
		for len(promises) > 0 || len(h.answers) > 0 || len(replies) < 2 {
			answers := append(promises, h.answers...)
			promises, h.answers = nil, nil
			for _, f := range answers {
				f()
			}
			d.clock.pass(2 * yield)
		}
		if replies[1] != "$1\r\n5\r\n" {
			t.Errorf("after an acknowledged change a read behind %s is answered %q", first, replies[1])
		}
	}
}
