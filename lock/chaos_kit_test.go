package lock

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"ringmain/quorum"
)

// chaos is a quorum in trouble: servers that lose what they had, at most a minority at a
// time until they have recovered; servers and proxies that stand still, cuts, clocks that
// drift and are set; proxies that die; and clients that want a few locks.
type chaos struct {
	*network
	*checker
	mutant  string
	proxies []*proxy
	clients []*client
	locks   []string
	// lossy is until when a server counts as faulty, because it has lost locks; stepped, because
	// its clock was set.
	lossy, stepped []time.Duration
	dumps          []map[string]entry
	spike          float64 // share of messages that take long
	// pace is how long clients and troubles pause, as a multiple.
	pace   time.Duration
	end    time.Duration
	faults map[string]int
	trace  bool
}

const (
	chaosMaxTTL = 2 * time.Second
	// recovery is how long a server that has lost locks counts as faulty: its quarantine at
	// every proxy is over then.
	recovery = 7 * time.Second
	// rates are how fast clocks run: within the drift factor of each other.
	fastest = 1.0099
)

func newChaos(seed uint64, mutant string) *chaos {
	w := &world{now: 400_000 * time.Hour}
	random := rand.New(rand.NewPCG(seed, 8))
	pattern := defaultPattern()
	pattern.MaxTTL = chaosMaxTTL
	pattern.NodeTimeoutFactor = []float64{0.05, 0.005}[random.IntN(2)]
	n := &network{
		world: w, random: random, maxTTL: chaosMaxTTL, fences: &counterFences{w: w},
		persistence: []quorum.Persistence{quorum.None, quorum.FsyncAlways}[random.IntN(2)],
		settings:    Settings{NodeTimeout: 50 * time.Millisecond, Patterns: []Pattern{pattern}},
	}
	c := &chaos{network: n, mutant: mutant, checker: &checker{w: w, locks: map[string]*watched{}}, faults: map[string]int{},
		trace: os.Getenv("RINGMAIN_TRACE_SEED") == fmt.Sprint(seed)}
	n.delay = c.messageDelay
	n.unordered = seed%3 == 0
	n.hasty = seed%2 == 0
	if seed%4 == 1 {
		n.window = 1
	}
	c.pace = []time.Duration{1, 4, 16}[random.IntN(3)]
	switch mutant {
	case "no quarantine":
		n.maxTTL = 0
	case "no drift allowance":
		n.settings.Patterns[0].DriftFactor = 0
	}
	for i := range []int{3, 3, 3, 5}[random.IntN(4)] {
		s := newModel(newMachine(w, c.rate(), w.now+time.Duration(random.Int64N(int64(time.Hour)))), i)
		s.plainDelete = mutant == "release by plain DEL"
		s.noGrant = mutant == "rollback of votes that were not created"
		s.noOps = mutant == "late deletes that do not look at the op"
		s.extendAny = mutant == "late acquisitions that extend what is newer"
		n.servers = append(n.servers, s)
	}
	c.lossy, c.stepped, c.dumps = make([]time.Duration, len(n.servers)), make([]time.Duration, len(n.servers)), make([]map[string]entry, len(n.servers))
	w.pass(time.Minute)
	for range 2 + random.IntN(2) {
		c.proxies = append(c.proxies, nil)
		c.launch(len(c.proxies) - 1)
	}
	if n.persistence == quorum.FsyncAlways {
		n.identify(c.proxies[0].set)
	}
	w.pass(15 * time.Second)
	for i := range 1 + random.IntN(3) {
		c.locks = append(c.locks, fmt.Sprintf("lock:%d", i))
	}
	for i := range 3 + random.IntN(4) {
		c.clients = append(c.clients, &client{chaos: c, index: i, rate: c.rate(), reuses: random.IntN(2) == 0})
	}
	return c
}

// rate is a clock's: often at the edges.
func (c *chaos) rate() float64 {
	return []float64{1, fastest, 1 + (fastest-1)*c.random.Float64()}[c.random.IntN(3)]
}

func (c *chaos) messageDelay() time.Duration {
	if c.random.Float64() < c.spike {
		return time.Duration(c.random.Int64N(int64(70 * time.Millisecond)))
	}
	return time.Duration(50+c.random.Int64N(400)) * time.Microsecond
}

func (c *chaos) log(format string, args ...any) {
	if c.trace {
		fmt.Printf("%v ", c.now-400_000*time.Hour)
		fmt.Printf(format+"\n", args...)
	}
}

// launch starts a proxy, on a machine of its own.
func (c *chaos) launch(i int) {
	m := newMachine(c.world, c.rate(), c.now+time.Duration(c.random.Int64N(int64(time.Second))))
	p := c.start(m)
	switch c.mutant {
	case "votes that come late count":
		p.engine.clock = stoppedClock{p}
	case "time while a machine is suspended does not count":
		p.engine.clock = monotonicClock{p}
	case "numbers drawn in advance":
		p.engine.fences = &advanceFences{fences: c.fences}
	}
	c.proxies[i] = p
}

// stoppedClock lets no time pass between a request and its answer.
type stoppedClock struct{ quorum.Clock }

func (s stoppedClock) Now() quorum.Instant { return quorum.Instant{} }

// monotonicClock shows one of the two clocks only.
type monotonicClock struct{ quorum.Clock }

func (m monotonicClock) Now() quorum.Instant {
	return quorum.Instant{Monotonic: m.Clock.Now().Monotonic}
}

// advanceFences draw numbers in pairs, and keep one of them for later.
type advanceFences struct {
	fences Fences
	kept   [FenceRegisters]int64
}

func (f *advanceFences) Next(register int, done func(int64, error)) {
	if n := f.kept[register]; n != 0 {
		f.kept[register] = 0
		done(n, nil)
		return
	}
	f.fences.Next(register, func(n int64, err error) {
		f.fences.Next(register, func(later int64, _ error) { f.kept[register] = later })
		done(n, err)
	})
}

// live has an engine be content with a majority of the servers that may vote.
func (p *proxy) live() {
	able := 0
	for i := range p.n.servers {
		if p.set.Barred(i, quorum.Vote) == "" {
			able++
		}
	}
	p.engine.quorum = able/2 + 1
}

// begin has the trouble begin that lasts for so long.
func (c *chaos) begin(d time.Duration) {
	c.end = c.now + d
	for _, client := range c.clients {
		client.idle()
	}
	c.trouble()
}

// run lets the world be in trouble for so long, and then come to rest.
func (c *chaos) run(d time.Duration) {
	c.begin(d)
	c.pass(d)
	c.spike, c.stop = 0, nil
	for _, p := range c.proxies {
		if p.paused {
			p.resume()
		}
		for _, w := range p.lines {
			w.cut = false
		}
	}
	for _, s := range c.servers {
		if s.paused {
			s.resume()
		}
	}
	c.pass(30 * time.Second)
}

// trouble has one fault after the other.
func (c *chaos) trouble() {
	if c.now >= c.end {
		return
	}
	c.after(time.Duration(c.random.Int64N(int64(c.pace*2*time.Second))), func() {
		c.fault()
		c.trouble()
	})
}

// mayLose reports whether a server may lose its locks now: others that have are a minority
// with it.
func (c *chaos) mayLose(server int) bool {
	faulty := 1
	for i := range c.servers {
		if i != server && max(c.lossy[i], c.stepped[i]) > c.now {
			faulty++
		}
	}
	return faulty <= len(c.servers)/2
}

func (c *chaos) fault() {
	i := c.random.IntN(len(c.servers))
	s := c.servers[i]
	j := c.random.IntN(len(c.proxies))
	p := c.proxies[j]
	short := func(most time.Duration) time.Duration {
		return time.Duration(float64(most) * c.random.Float64() * c.random.Float64())
	}
	names := []string{"restart", "flush", "server stands still", "cut", "proxy stands still", "proxy dies", "server's clock is set", "proxy's clock is set", "slow", "stuck", "dump"}
	name := names[c.random.IntN(len(names))]
	switch name {
	case "dump":
		c.dumps[i] = s.dump()
	case "restart":
		if c.persistence == quorum.FsyncAlways {
			c.restart(s, s.dump(), c.proxies)
			break
		}
		if !c.mayLose(i) {
			return
		}
		c.lossy[i] = c.now + recovery
		c.restart(s, []map[string]entry{nil, c.dumps[i]}[c.random.IntN(2)], c.proxies)
	case "flush":
		if !c.mayLose(i) {
			return
		}
		c.lossy[i] = c.now + recovery
		c.dumps[i] = nil
		s.keys = map[string]entry{}
		if c.persistence == quorum.FsyncAlways {
			c.after(time.Duration(c.random.Int64N(int64(time.Second))), func() { c.repair(s) })
		}
	case "server stands still":
		if s.paused {
			return
		}
		s.pause()
		c.after(short(3*time.Second), func() {
			if s.paused {
				s.resume()
			}
		})
	case "cut":
		w := p.lines[i]
		w.cut = true
		if c.random.IntN(2) == 0 {
			w.lose(w.connection)
		}
		c.after(short(3*time.Second), func() {
			w.cut = false
			w.lose(w.connection)
		})
	case "proxy stands still":
		c.standStill(p, short(2*time.Second))
	case "proxy dies":
		for i := range c.servers {
			if c.stepped[i] > c.now {
				return // one that begins cannot know of it
			}
		}
		p.crash()
		c.launch(j)
	case "server's clock is set":
		if !c.mayLose(i) {
			return
		}
		for _, p := range c.proxies {
			if !p.lines[i].looked {
				return // it cannot know, as one that begins later
			}
		}
		by := 300*time.Millisecond + short(10*time.Second)
		if c.random.IntN(3) == 0 {
			by = -by
		}
		c.stepped[i] = c.now + recovery + max(by, -by)
		s.step(by)
	case "proxy's clock is set":
		if p.paused { // in a suspension one clock stands still: somebody must tell how long it was
			return
		}
		forward, back := short(5*time.Second), short(5*time.Second)
		p.step(forward - back)
	case "slow":
		c.spike = []float64{0, 0, 0.02, 0.3}[c.random.IntN(4)]
	case "stuck":
		share := []float64{0, 0, 0.01, 0.05}[c.random.IntN(4)]
		c.stop = func() bool { return c.random.Float64() < share }
	}
	c.faults[name]++
	c.log("FAULT %s, server %d, proxy %d", name, i, j)
}

// standStill has a proxy do nothing for a time; in some cases its monotonic clock neither.
func (c *chaos) standStill(p *proxy, d time.Duration) {
	if p.paused || p.gone {
		return
	}
	p.pause()
	suspended := c.random.IntN(3) == 0
	c.after(d, func() {
		if suspended {
			p.stoodStill(d)
		}
		if p.paused {
			p.resume()
		}
	})
}

// repair gives a server that has lost all an identity again, and a quarantine, as a repair
// does.
func (c *chaos) repair(s *model) {
	if _, is := s.get(quorum.IdentityKey); is {
		return
	}
	set := c.proxies[0].set
	id := quorum.Identity{Set: "set-1", Index: s.index, Nodes: set.Nodes, Generation: fmt.Sprint("g-", c.random.Uint64())}
	s.keys[quorum.IdentityKey] = entry{value: id.String()}
	s.keys[quorum.SettingsKey] = entry{value: set.Hash}
	if c.mutant != "no quarantine" {
		s.set(quorum.QuarantineKey, "1", chaosMaxTTL+chaosMaxTTL/100+time.Second)
	}
}

// client wants locks.
type client struct {
	*chaos
	index  int
	rate   float64 // of its clock
	reuses bool    // its token, for every lock
	tokens int
	token  string
	key    string
	held   *belief // nil: it has none
	begun  int     // of what the client is about, to tell a late reply
}

func (c *client) within(most time.Duration) time.Duration {
	return time.Duration(c.random.Int64N(int64(most)))
}

// budget is how long a prompt reply may take for a TTL to count from then.
func (c *client) budget(ttl time.Duration) time.Duration {
	return c.settings.terms(&c.settings.Patterns[0], ttl).budget
}

// idle waits a moment, or until just when somebody else's lock ends, and begins anew.
func (c *client) idle() {
	if c.now >= c.end {
		return
	}
	c.begun++
	c.held = nil
	c.key = c.locks[c.random.IntN(len(c.locks))]
	pause := c.within(c.pace * 400 * time.Millisecond)
	if l := c.checker.locks[c.key]; l != nil && len(l.holds) > 0 && c.random.IntN(2) == 0 {
		pause = l.holds[len(l.holds)-1].until - c.now - c.within(40*time.Millisecond) + 5*time.Millisecond
	}
	c.after(pause, c.acquire)
}

// send has a command reach a proxy, and its reply the client, if neither of them has gone
// meanwhile.
// decided is when the proxy replied.
func (c *client) send(line string, reply func(r string, decided time.Duration)) {
	p, begun := c.proxies[c.random.IntN(len(c.proxies))], c.begun
	answered := false
	back := func(r string) {
		decided := c.now
		c.after(c.delay(), func() {
			if c.begun == begun && !answered && !p.gone {
				answered = true
				c.log("client %d at %d: %s: %q", c.index, begun, line, r)
				reply(r, decided)
			}
		})
	}
	c.after(c.delay(), func() {
		p.do(func() {
			if c.mutant == "a majority of the live servers" {
				p.live()
			}
			if ttl, is := strings.CutPrefix(line, "again "); is { // a script of a client's that extends its own lock
				r := Request{Keys: []string{c.key}, Token: c.token, TTL: time.Duration(parseInt(":"+ttl)) * time.Millisecond}
				p.engine.AcquireOrExtend(r, func(result Result) {
					back(map[Verdict]string{Yes: "+OK", No: "$-1", Failed: "-" + result.Text}[result.Verdict])
				})
				return
			}
			p.command(line, back)
		})
	})
	// Clients do not wait for ever.
	c.after(3*time.Second, func() {
		if c.begun == begun && !answered {
			answered = true
			if strings.HasPrefix(line, "DELIFEQ") {
				c.token = "" // what it was to delete may come back with the same token, and be deleted then
			}
			reply("-gone", c.now)
		}
	})
}

func (c *client) acquire() {
	ttl := 100*time.Millisecond + c.within(chaosMaxTTL-100*time.Millisecond).Truncate(time.Millisecond)
	if !c.reuses || c.token == "" {
		c.tokens++
		c.token = fmt.Sprintf("t%d-%d", c.index, c.tokens)
	}
	c.try(ttl, 0)
}

func (c *client) try(ttl time.Duration, tries int) {
	line := fmt.Sprintf("SET %s %s NX PX %s", c.key, c.token, millis(ttl))
	switch c.random.IntN(4) {
	case 0:
		line = fmt.Sprintf("RINGMAIN.LOCK %s %s PX %s WAIT %d", c.key, c.token, millis(ttl), c.random.IntN(1000))
	case 1:
		line = "again " + millis(ttl)
	}
	sent := c.now
	if c.random.IntN(100) == 0 { // the worst moment for a proxy to stand still
		p := c.proxies[c.random.IntN(len(c.proxies))]
		c.after(c.within(time.Millisecond), func() { c.standStill(p, c.within(2*time.Second)) })
	}
	c.send(line, func(r string, decided time.Duration) {
		validity, fence := ttl, int64(0)
		if strings.HasPrefix(r, "*3\r\n:1\r\n") {
			parts := strings.Split(r, "\r\n")
			fence, validity = parseInt(parts[2]), time.Duration(parseInt(parts[3]))*time.Millisecond
		} else if !strings.HasPrefix(r, "+OK") {
			switch {
			case tries < 2 && c.random.IntN(3) == 0:
				c.try(ttl, tries+1)
			case c.random.IntN(2) == 0: // as clients do that clean up
				c.send(fmt.Sprintf("DELIFEQ %s %s", c.key, c.token), func(string, time.Duration) { c.idle() })
			default:
				c.idle()
			}
			return
		}
		c.held = c.granted(c, c.key, c.until(sent, decided, validity))
		if fence > 0 {
			c.numbered(c.held, fence)
		}
		c.use()
	})
}

// until is when a client ceases to count on a lock whose request it has sent then, and
// whose reply it has now. The TTL is promised from the decision on; and from a prompt reply
// on, if it was prompt.
func (c *client) until(sent, decided, ttl time.Duration) time.Duration {
	return max(decided, min(c.now, sent+c.budget(ttl))) + time.Duration(float64(ttl)/c.rate)
}

// use does something with a lock, for a while.
func (c *client) use() {
	left := max(c.held.until-c.now, 0)
	switch c.random.IntN(8) {
	case 0: // it forgets to release
		c.after(left, c.idle)
	case 1, 2:
		c.after(c.within(left+1), c.extend)
	case 3:
		c.after(c.within(left+1), func() {
			held := c.held
			c.send(fmt.Sprintf("RINGMAIN.FENCE %s %s", c.key, c.token), func(r string, _ time.Duration) {
				if r[0] == ':' {
					c.numbered(held, parseInt(r))
				}
				c.use()
			})
		})
	default:
		c.after(c.within(left+10*time.Millisecond), c.release)
	}
}

func (c *client) extend() {
	held, ttl, sent := c.held, 100*time.Millisecond+c.within(chaosMaxTTL-100*time.Millisecond).Truncate(time.Millisecond), c.now
	line := fmt.Sprintf("RINGMAIN.EXTEND %s %s PX %s", c.key, c.token, millis(ttl))
	before := held.until
	if c.random.IntN(3) == 0 {
		line = "again " + millis(ttl)
	} else {
		// It may end earlier from now on.
		held.until = min(held.until, sent+time.Duration(float64(ttl)/c.rate))
	}
	c.send(line, func(r string, decided time.Duration) {
		switch {
		case !(strings.HasPrefix(r, ":1") || strings.HasPrefix(r, "+OK")):
			if strings.HasPrefix(r, "-NOQUORUM") {
				held.until = before // nothing was changed
			}
		case held.valid(c.now):
			c.extended++
			held.until = max(held.until, c.until(sent, decided, ttl))
		case strings.HasPrefix(r, "+OK"):
			c.held = c.granted(c, c.key, c.until(sent, decided, ttl)) // anew
		}
		c.use()
	})
}

func (c *client) release() {
	c.held.until = min(c.held.until, c.now)
	c.send(fmt.Sprintf("DELIFEQ %s %s", c.key, c.token), func(string, time.Duration) { c.idle() })
}
