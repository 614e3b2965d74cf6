package lock

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ringmain/quorum"
)

// scene is a quorum with proxies, all in order at first: a message takes 100us.
type scene struct {
	*network
	t       *testing.T
	proxies []*proxy
}

// counterFences are numbers that are always to be had.
type counterFences struct {
	w    *world
	next [FenceRegisters]int64
	err  error
}

func (f *counterFences) Next(register int, done func(int64, error)) {
	f.w.after(time.Millisecond, func() {
		if f.err != nil {
			done(0, f.err)
			return
		}
		f.next[register]++
		done(f.next[register], nil)
	})
}

func defaultPattern() Pattern {
	return Pattern{
		Name: `locks[0], "lock:*"`, MinTTL: 100 * time.Millisecond, MaxTTL: time.Minute, DriftFactor: 0.01,
		NodeTimeoutFactor: 0.05, SplitRetries: 3, PadTTL: true, Fencing: true,
	}
}

func newScene(t *testing.T, servers, proxies int, change ...func(*Settings)) *scene {
	t.Helper()
	w := &world{now: 500_000 * time.Hour}
	n := &network{
		world: w, random: rand.New(rand.NewPCG(1, 2)), persistence: quorum.FsyncAlways,
		settings: Settings{NodeTimeout: 50 * time.Millisecond, Patterns: []Pattern{defaultPattern()}},
		fences:   &counterFences{w: w},
		delay:    func() time.Duration { return 100 * time.Microsecond },
	}
	for _, f := range change {
		f(&n.settings)
	}
	n.maxTTL = n.settings.Patterns[0].MaxTTL
	for i := range servers {
		n.servers = append(n.servers, newModel(newMachine(w, 1, w.now), i))
	}
	sc := &scene{network: n, t: t}
	w.pass(time.Hour)
	for range proxies {
		sc.proxies = append(sc.proxies, n.start(newMachine(w, 1, w.now)))
	}
	n.identify(sc.proxies[0].set)
	w.pass(10 * time.Second)
	for _, p := range sc.proxies {
		for i := range n.servers {
			if why := p.set.Barred(i, quorum.Vote); why != "" {
				t.Fatalf("server %d %s", i, why)
			}
		}
	}
	return sc
}

// identify initialises the servers, as `quorum init` does.
func (n *network) identify(set *quorum.Set) {
	for i, s := range n.servers {
		id := quorum.Identity{Set: "set-1", Index: i, Nodes: set.Nodes, Generation: "g-" + s.runID}
		s.keys[quorum.IdentityKey] = entry{value: id.String()}
		s.keys[quorum.SettingsKey] = entry{value: set.Hash}
	}
}

// command is a client's, as words.
func (p *proxy) command(line string, done func(reply string)) (cancel func()) {
	var c quorum.Command
	for _, word := range strings.Fields(line) {
		c.Args = append(c.Args, []byte(strings.ReplaceAll(word, "~", "")))
	}
	c.Promise = p.promised
	c.Name, c.Protocol, c.Keys = strings.ToLower(string(c.Args[0])), 2, []int{1}
	if c.Name == "exists" || c.Name == "del" {
		c.Keys = nil
		for i := range c.Args[1:] {
			c.Keys = append(c.Keys, 1+i)
		}
	}
	return p.engine.Do(c, func(reply []byte) { done(string(reply)) })
}

// do has a command carried out and returns its reply.
func (sc *scene) do(proxy int, line string) string {
	sc.t.Helper()
	var reply string
	sc.proxies[proxy].command(line, func(r string) { reply = r })
	if !sc.until(func() bool { return reply != "" }) {
		sc.t.Fatalf("%s is not answered", line)
	}
	return reply
}

// expect has a command carried out, whose reply begins with want.
func (sc *scene) expect(proxy int, line, want string) {
	sc.t.Helper()
	if got := sc.do(proxy, line); !strings.HasPrefix(got, want) {
		sc.t.Errorf("%s: %q, want %q", line, got, want)
	}
}

// held are the tokens that the servers have of a key, "-" for none.
func (sc *scene) held(key string) string {
	var all []string
	for _, s := range sc.servers {
		token, ok := s.get(key)
		if !ok {
			token = "-"
		}
		all = append(all, token)
	}
	return strings.Join(all, " ")
}

func (sc *scene) expectHeld(key, want string) {
	sc.t.Helper()
	if got := sc.held(key); got != want {
		sc.t.Errorf("the servers have %q of %s, want %q", got, key, want)
	}
}

// without has a server be out of a proxy's reach.
func (sc *scene) cutOff(proxy int, servers ...int) {
	for _, i := range servers {
		w := sc.proxies[proxy].lines[i]
		w.cut = true
		w.lose(w.connection)
	}
	sc.pass(10 * time.Millisecond)
}

func (sc *scene) restore(proxy int, servers ...int) {
	for _, i := range servers {
		sc.proxies[proxy].lines[i].cut = false
	}
	sc.pass(3 * time.Second)
}
