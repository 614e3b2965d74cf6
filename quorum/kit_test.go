package quorum

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clock is a Clock that a test moves by hand. The wall's shows the same.
type clock struct {
	now    time.Duration
	timers []*alarm
}

type alarm struct {
	at   time.Duration
	f    func()
	gone bool
}

func (a *alarm) Stop() bool {
	was := !a.gone
	a.gone = true
	return was
}

func (c *clock) Now() Instant { return Instant{Monotonic: c.now, Wall: c.now} }

func (c *clock) After(d time.Duration, f func()) Timer {
	a := &alarm{at: c.now + d, f: f}
	c.timers = append(c.timers, a)
	return a
}

// pass lets time go by.
func (c *clock) pass(d time.Duration) {
	end := c.now + d
	for {
		slices.SortStableFunc(c.timers, func(a, b *alarm) int { return int(a.at - b.at) })
		c.timers = slices.DeleteFunc(c.timers, func(a *alarm) bool { return a.gone })
		if len(c.timers) == 0 || c.timers[0].at > end {
			break
		}
		next := c.timers[0]
		c.now, next.gone = next.at, true
		next.f()
	}
	c.now = end
}

// model is a server as it answers a Set: guards are carried out, bodies are a function of
// the test's.
type model struct {
	runID, role string
	began       time.Duration // by clock
	config      map[string]string
	info        string            // further lines of INFO
	keys        map[string]string // without expiry, but the quarantine
	quarantine  time.Duration     // until when
	ahead       time.Duration     // the clock's, of the test's
	scripts     map[string]string // by digest
	body        func(args []string) string
	down        string // why the link fails at once
	silent      bool   // requests are kept back, and answered by answer
	kept        []func()
	refuses     map[string]string // by command, the error
	seen        []string          // names of commands
}

// bench is a Set of models; it is the Link.
type bench struct {
	t       *testing.T
	clock   *clock
	models  []*model
	expects []string
	set     *Set
	log     strings.Builder
	numbers int
}

func newBench(t *testing.T, n int, p Persistence, change ...func(*Settings)) *bench {
	b := &bench{t: t, clock: &clock{now: time.Hour}, expects: make([]string, n)}
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("s%d", i))
		b.models = append(b.models, &model{runID: fmt.Sprintf("run-%d", i), role: "master", began: b.clock.now - time.Hour,
			config: map[string]string{"appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no"},
			keys:   map[string]string{}, scripts: map[string]string{}, refuses: map[string]string{}})
	}
	settings := Settings{Name: "safe", Servers: names, Persistence: p, Nodes: "n1", Hash: "h1", MaxTTL: 10 * time.Second, Drift: 0.01,
		Timeout: 50 * time.Millisecond, Clock: b.clock, Link: b, Log: slog.New(slog.NewTextHandler(&b.log, nil)),
		Random: func() string { b.numbers++; return fmt.Sprintf("%016x", b.numbers) }}
	for _, f := range change {
		f(&settings)
	}
	b.set = New(settings)
	return b
}

// initialised gives the models what `quorum init` writes.
func (b *bench) initialised() *bench {
	for i := range b.models {
		b.identify(i, "set-a")
	}
	return b
}

func (b *bench) identify(i int, set string) {
	b.numbers++
	id := Identity{Set: set, Index: i, Nodes: b.set.Nodes, Generation: fmt.Sprintf("%016x", b.numbers)}
	b.models[i].keys[IdentityKey], b.models[i].keys[SettingsKey] = id.String(), "h1"
}

// restart has another process take a server's place, with the keys given.
func (b *bench) restart(i int, keys map[string]string) {
	m := b.models[i]
	b.numbers++
	m.runID, m.began, m.keys, m.scripts = fmt.Sprintf("run-%d-%d", i, b.numbers), b.clock.now, keys, map[string]string{}
	b.set.Changed(i)
}

func (b *bench) Expect(server int, runID string) { b.expects[server] = runID }
func (b *bench) Down(server int) string          { return b.models[server].down }

func (b *bench) Send(server int, request []byte, to Receiver) {
	m := b.models[server]
	if m.down != "" {
		to.Failed(false, m.down)
		return
	}
	args, ok := texts(request)
	if !ok {
		b.t.Fatalf("request %q", request)
	}
	var words []string
	for _, a := range args {
		words = append(words, *a)
	}
	m.seen = append(m.seen, words[0])
	if want := b.expects[server]; want != "" && want != m.runID {
		to.Failed(false, "is another process than before")
		return
	}
	reply := []byte(m.execute(b, words))
	if m.silent {
		m.kept = append(m.kept, func() { to.Replied(reply) })
		return
	}
	to.Replied(reply)
}

// answer lets out what a silent server has kept back.
func (m *model) answer() {
	kept := m.kept
	m.kept, m.silent = nil, false
	for _, f := range kept {
		f()
	}
}

func (m *model) left(b *bench) time.Duration { return max(0, m.quarantine-b.clock.now) }

func bulk(text string) string { return string(appendBulk(nil, text)) }

func (m *model) get(key string) string {
	if v, ok := m.keys[key]; ok {
		return bulk(v)
	}
	return "$-1\r\n"
}

func (m *model) execute(b *bench, args []string) string {
	if text, is := m.refuses[args[0]]; is {
		return "-" + text + "\r\n"
	}
	switch args[0] {
	case "INFO":
		up := (b.clock.now - m.began) / time.Second
		return bulk(fmt.Sprintf("# Server\r\nrun_id:%s\r\nuptime_in_seconds:%d\r\nrole:%s\r\n%s", m.runID, up, m.role, m.info))
	case "CONFIG":
		return "*2\r\n" + bulk(args[2]) + bulk(m.config[args[2]])
	case "MGET":
		return "*2\r\n" + m.get(args[1]) + m.get(args[2])
	case "PTTL":
		return fmt.Sprintf(":%d\r\n", m.left(b)/time.Millisecond)
	case "EVAL":
		if args[1] == initialise {
			return m.initialise(b, args[6:])
		}
		switch args[1] {
		case takeMark:
			return m.takeMark(args[8:])
		case finish:
			return m.finish(b, args[8:])
		}
		m.scripts[digest(args[1])] = args[1]
		return m.run(b, args[1], args[2:])
	case "EVALSHA":
		text, ok := m.scripts[args[1]]
		if !ok {
			return "-NOSCRIPT No matching script. Please use EVAL.\r\n"
		}
		return m.run(b, text, args[2:])
	}
	b.t.Fatalf("unknown command %q", args)
	return ""
}

func (m *model) initialise(b *bench, args []string) string {
	if _, is := m.keys[IdentityKey]; is {
		return ":0\r\n"
	}
	m.keys[IdentityKey], m.keys[SettingsKey] = args[0], args[1]
	if ms, _ := strconv.Atoi(args[2]); ms > 0 {
		m.quarantine = b.clock.now + time.Duration(ms)*time.Millisecond
	}
	return ":1\r\n"
}

func (m *model) takeMark(args []string) string {
	_, identity := m.keys[IdentityKey]
	_, taken := m.keys[RepairKey]
	switch {
	case identity:
		return ":0\r\n"
	case len(m.keys) > 0 && m.keys[foundingKey] != args[3] && m.keys[mendingKey] != args[3]:
		return ":3\r\n"
	case taken:
		return ":0\r\n"
	}
	m.keys[RepairKey], m.keys[SettingsKey], m.keys[mendingKey] = args[0], args[2], args[3]
	delete(m.keys, foundingKey)
	return ":1\r\n"
}

func (m *model) finish(b *bench, args []string) string {
	if _, identity := m.keys[IdentityKey]; identity || m.keys[RepairKey] != args[0] {
		return ":0\r\n"
	}
	m.keys[IdentityKey], m.keys[SettingsKey] = args[1], args[2]
	delete(m.keys, RepairKey)
	delete(m.keys, mendingKey)
	if ms, _ := strconv.Atoi(args[3]); ms > 0 {
		m.quarantine = b.clock.now + time.Duration(ms)*time.Millisecond
	}
	return ":1\r\n"
}

// run carries out a guarded script, as the guards' text says.
func (m *model) run(b *bench, text string, args []string) string {
	n, _ := strconv.Atoi(args[0])
	keys, args := args[1:1+n], args[1+n:]
	if keys[n-1] == RepairKey {
		if m.keys[RepairKey] != args[len(args)-1] {
			return "*2\r\n" + bulk("repair") + bulk(m.keys[RepairKey])
		}
		return "*1\r\n" + bulk("ok")
	}
	vote := strings.Contains(text, "'TIME'")
	guards := 2
	if vote {
		guards = 3
	}
	want := []string{IdentityKey, SettingsKey, QuarantineKey}[:guards]
	if !slices.Equal(keys[n-guards:], want) {
		b.t.Fatalf("guard's keys are %q", keys)
	}
	identity, settings := args[len(args)-2], args[len(args)-1]
	args = args[:len(args)-2]
	now := b.clock.now + m.ahead
	time := []string{}
	if vote {
		time = []string{bulk(strconv.Itoa(int(now.Seconds()))), bulk(strconv.Itoa(int(now.Microseconds() % 1e6)))}
	}
	array := func(elements ...string) string {
		return string(appendHeader(nil, '*', len(elements))) + strings.Join(elements, "")
	}
	switch {
	case m.keys[IdentityKey] != identity:
		return array(append([]string{bulk("identity"), bulk(m.keys[IdentityKey])}, time...)...)
	case m.keys[SettingsKey] != settings:
		return array(append([]string{bulk("settings"), bulk(m.keys[SettingsKey])}, time...)...)
	case vote && m.left(b) > 0:
		return array(append([]string{bulk("quarantine"), fmt.Sprintf(":%d\r\n", m.left(b).Milliseconds())}, time...)...)
	}
	elements := append([]string{bulk("ok")}, time...)
	if m.body != nil {
		elements = append(elements, m.body(args))
	}
	return array(elements...)
}

// call calls a script, which must be answered at once.
func (b *bench) call(server int, s *Script, args ...string) Answer {
	b.t.Helper()
	var got *Answer
	b.set.Call(Call{Server: server, Script: s, Keys: []string{"k"}, Args: args}, func(a Answer) {
		if got != nil {
			b.t.Error("done is called twice")
		}
		got = &a
	})
	if got == nil {
		b.t.Fatal("the call is not answered")
	}
	return *got
}

func (b *bench) expectBarred(server int, kind Kind, want string) {
	b.t.Helper()
	if got := b.set.Barred(server, kind); got != want {
		b.t.Errorf("server %d is barred because it %q, want %q", server, got, want)
	}
}

func (b *bench) expectAll(kind Kind, want string) {
	b.t.Helper()
	for i := range b.models {
		b.expectBarred(i, kind, want)
	}
}

var (
	vote = NewScript("vote", Vote, "return {1}")
	read = NewScript("read", Register, "return {1}")
)

func digest(text string) string {
	for _, s := range []*Script{vote, read, probe, renewScript} {
		if s.Text == text {
			return s.SHA
		}
	}
	return ""
}
