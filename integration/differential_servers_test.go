package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ringmain/internal/difftest"
)

// split are the commands whose keys may live on several servers.
var split = []string{"del", "exists", "mget", "mset", "touch", "unlink"}

func TestKeysOnSeveralServersAreMergedOrRefused(t *testing.T) {
	a := newArena(t)
	merged, elsewhere, together := 0, 0, 0
	for _, protocol := range []int{2, 3} {
		p := &player{duel: a.duel(t, protocol)}
		for i, l := range a.lines(t, commandCases) {
			n := len(l.keys())
			if n < 2 {
				continue
			}
			here, there := a.tags[i%3], a.tags[(i+1+i/3%2)%3]
			p.scattered(l, func(k int) naming { return naming{tag: a.tags[i%3+k%2*3]} }) // two tags, one server
			together++
			if slices.Contains(split, nameOf(l.args)) {
				p.scattered(l, func(k int) naming { return naming{tag: a.tags[(i+k)%len(a.tags)]} })
				p.scattered(l, func(k int) naming { return naming{suffix: fmt.Sprint("\xff\r\n", k)} })
				merged += 2
				continue
			}
			for odd := range n {
				if p.crosses(l, func(k int) naming { return naming{tag: pick(k == odd, there, here)} }) {
					elsewhere++
				}
			}
		}
		p.drain()
	}
	a.tally.report(t)
	t.Logf("%d requests with keys of two tags on one server, %d merged, %d refused", together, merged, elsewhere)
	if together < 200 || merged < 24 || elsewhere < 300 {
		t.Error("those are too few")
	}
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// scattered compares a request whose keys have several tags, and what it leaves
// behind.
func (p *player) scattered(l line, names func(key int) naming) {
	p.t.Helper()
	for k, word := range l.keys() {
		p.makeKey(word, names(k))
	}
	p.ask(l.namedBy(names))
	p.drain()
	for k, word := range l.keys() {
		p.stateOf(names(k).key(word), fmt.Sprintf("(after %q)", l.args))
	}
	p.drain()
}

// crosses sends Ringmain a request that Redis has no objection to, but for one
// key that lives on another server; it has to be refused, and to leave no trace.
// It reports false if Redis does object.
func (p *player) crosses(l line, names func(key int) naming) bool {
	p.t.Helper()
	arrange := func() {
		for k, word := range l.keys() {
			p.makeKey(word, names(k))
		}
		p.drain()
	}
	arrange()
	args := l.namedBy(names)
	want, err := p.lone.ask(args...)
	if err != nil {
		p.t.Fatal(err)
	}
	if want.IsError() {
		return false
	}
	arrange()
	got, err := p.proxy.ask(args...)
	if err != nil {
		p.t.Fatalf("%q: %v", args, err)
	}
	q := question{args, exact, ""}
	p.judge(&q, nil, &got, &difftest.Reply{Value: difftest.Value{Kind: '-'}, Raw: crossSlot})
	for k, word := range l.keys() {
		p.stateOf(names(k).key(word), fmt.Sprintf("(after %q was refused)", l.args))
	}
	p.drain()
	return true
}

func TestCommandsOfThousandsOfKeysAreMergedAsOneRedisWould(t *testing.T) {
	a := newArena(t, loops(2))
	const total = 5000
	key := func(i int) string { return fmt.Sprintf("k%d\x00\r\n", i*7919%total) }
	mset, keys := []string{"MSET"}, []string{}
	for i := range total {
		mset = append(mset, key(i), strings.Repeat(fmt.Sprint(i), i%40))
		keys = append(keys, key(i), fmt.Sprint("missing", i), key(i/2)) // some twice
	}
	with := func(name string, keys ...string) question {
		return question{append([]string{name}, keys...), exact, ""}
	}
	for _, protocol := range []int{2, 3} {
		d := a.duel(t, protocol)
		d.compare([]question{{mset, exact, ""}, with("MGET", keys...), with("EXISTS", keys...), with("TOUCH", keys...), with("DBSIZE"),
			with("SADD", keys[0], "x"), with("DEL", keys[0]), with("SADD", keys[0], "x"), with("MGET", keys...), with("UNLINK", keys[:total]...),
			with("MGET", keys...), with("DEL", keys...), with("DBSIZE"), with("MSET", mset[1:total]...), with("MSET", mset[1:total+1]...)})
	}
	a.tally.report(t)
	if a.tally.requests != 30 {
		t.Errorf("%d requests were compared", a.tally.requests)
	}
}
