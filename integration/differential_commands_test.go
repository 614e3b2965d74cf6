package integration

import (
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"ringmain/internal/difftest"
)

// One of so many altered requests is sent when time is short: to Ringmain, and to
// two servers that only show whether the comparison is right.
const altered, alteredControl = 8, 25

// share is one of how many altered requests are sent.
func (a *arena) share() uint32 {
	switch {
	case torture():
		return 1
	case a.control:
		return alteredControl
	}
	return altered
}

// player runs the lines of a table under one naming.
type player struct {
	*duel
	names naming
	queue []question
	// every of so many alterations one is sent.
	every uint32
}

func TestEveryCommandRepliesAsRedisDoes(t *testing.T) {
	a := newArena(t)
	a.playAll(t)
	a.tally.occurred(t)
	if a.tally.requests < 9_000 || len(a.tally.commands) < 150 {
		t.Errorf("only %d requests of %d commands were compared", a.tally.requests, len(a.tally.commands))
	}
}

func TestTwoRealServersReplyAlike(t *testing.T) {
	newControl(t).playAll(t)
}

// playAll sends the whole table in both protocols, under other names in each.
func (a *arena) playAll(t *testing.T) {
	t.Helper()
	lines := a.lines(t, commandCases)
	for _, way := range []struct {
		protocol int
		suffix   string
	}{{2, ""}, {3, "\x00\r\n\xff {}"}} {
		if a.control && way.protocol == 2 && !torture() {
			continue
		}
		a.flush(t)
		p := &player{duel: a.duel(t, way.protocol), every: a.share()}
		seen := map[string]int{}
		for i, l := range lines {
			p.names = naming{a.tags[i%len(a.tags)], way.suffix}
			name := nameOf(l.args)
			p.play(l, seen[name] < 2 || torture())
			seen[name]++
		}
		p.drain()
	}
	a.tally.report(t)
}

// lines parses a table, and leaves out what Ringmain refuses.
func (a *arena) lines(t *testing.T, table string) []line {
	t.Helper()
	dumps := a.dumps(t)
	var out []line
	for text := range strings.Lines(table) {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		l, err := parseLine(text, dumps)
		if err != nil {
			t.Fatal(err)
		}
		if a.serves(l.args) {
			out = append(out, l)
		}
	}
	return out
}

// dumps makes the payloads of RESTORE, with what a server says.
func (a *arena) dumps(t *testing.T) map[string]string {
	t.Helper()
	dumps := map[string]string{}
	c, err := a.lone.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, name := range fixtureNames {
		requests, err := setup(name, naming{})
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range append(requests, []string{"DUMP", naming{}.key(name)}) {
			reply, err := c.Do(words(args)...)
			if err != nil {
				t.Fatalf("%q: %v", args, err)
			}
			if s, ok := reply.(string); ok {
				dumps[name] = s
			}
		}
	}
	return dumps
}

func words(args []string) []any {
	var out []any
	for _, a := range args {
		out = append(out, a)
	}
	return out
}

// play sends a line as it is, compares what it has left behind, and sends some
// of its alterations.
func (p *player) play(l line, types bool) {
	p.t.Helper()
	p.arrange(l)
	p.put(l)
	p.drain()
	if !modeOf(l.named(p.names)).loose {
		p.state(l)
	}
	if !l.alter {
		return
	}
	writes := p.a.known[nameOf(l.args)]
	p.arrange(l)
	for _, other := range l.alterations(head(l.args), types) {
		if !p.chosen(other) {
			continue
		}
		if writes {
			p.arrange(other)
		}
		p.put(other)
		if writes && modeOf(other.named(p.names)).loose {
			p.arrange(other)
		}
	}
	p.drain()
}

// chosen leaves out some, always the same ones.
func (p *player) chosen(l line) bool {
	h := fnv.New32a()
	fmt.Fprintf(h, "%q %d", l.args, p.protocol)
	return h.Sum32()%p.every == 0
}

// arrange makes the keys of a line as they are in the beginning.
func (p *player) arrange(l line) {
	p.t.Helper()
	for _, word := range l.fixturesOf() {
		p.makeKey(word, p.names)
	}
}

// makeKey queues what makes a fixture anew, under a name.
func (p *player) makeKey(word string, names naming) {
	p.t.Helper()
	requests, err := setup(word, names)
	if err != nil {
		p.t.Fatal(err)
	}
	for i, args := range requests {
		m := exact
		if i == 0 { // DEL of what may have been left over on one side
			m = mode{compare: plain(difftest.Shape)}
		}
		p.queue = append(p.queue, question{args, m, fixture})
	}
}

// fixture is the note of requests that are not the object of the test.
const fixture = "(a fixture)"

// put queues one request, if Ringmain serves it; and before it the one that its
// comparison needs.
func (p *player) put(l line) { p.ask(l.named(p.names)) }

// ask is put for a request that is named.
func (p *player) ask(args []string) {
	if len(args) == 0 || blocks(args) {
		return
	}
	m := modeOf(args)
	if m.before != nil {
		p.queue = append(p.queue, question{m.before(args), mode{compare: plain(difftest.Unordered(2))}, "(what there is)"})
		if before := &p.queue[len(p.queue)-1]; before.args[0] == "SMEMBERS" || before.args[0] == "KEYS" {
			before.mode = unordered(1)
		}
	}
	p.queue = append(p.queue, question{args, m, ""})
}

// blocks reports whether a request may wait for others.
func blocks(args []string) bool {
	name := nameOf(args)
	if name != "xread" && name != "xreadgroup" {
		return false
	}
	for _, a := range args {
		if strings.EqualFold(a, "block") {
			return true
		}
	}
	return false
}

func (p *player) drain() {
	p.t.Helper()
	p.compare(p.queue)
	p.queue = nil
}

// readings are what shows all of a key, by its type.
var readings = map[string][]string{
	"string": {"GET @"}, "list": {"LRANGE @ 0 -1"}, "set": {"SMEMBERS @"}, "hash": {"HGETALL @"},
	"zset": {"ZRANGE @ 0 -1 WITHSCORES"}, "stream": {"XRANGE @ - +", "XINFO GROUPS @", "XINFO STREAM @"},
}

// state compares the keys of a line.
func (p *player) state(l line) {
	p.t.Helper()
	for _, name := range l.fixturesOf() {
		p.stateOf(p.names.key(name), fmt.Sprintf("(after %q)", l.args))
	}
	p.drain()
}

// stateOf queues requests that show all of a key.
func (p *player) stateOf(key, note string) {
	p.t.Helper()
	reply, err := p.lone.ask("TYPE", key) // all that was queued before only reads
	if err != nil {
		p.t.Fatal(err)
	}
	texts := append([]string{"TYPE @", "PEXPIRETIME @"}, readings[reply.Text]...)
	for _, text := range texts {
		args := strings.Fields(text)
		for i, a := range args {
			if a == "@" {
				args[i] = key
			}
		}
		p.queue = append(p.queue, question{args, modeOf(args), note})
	}
}
