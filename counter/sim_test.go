package counter

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"time"

	"ringmain/internal/countercheck"
	"ringmain/quorum"
)

// sim is a quorum and some proxies, with a network between them that loses, doubles, delays
// and overtakes; servers stand still, restart and are emptied, proxies are killed. All of
// it is a function of a seed.
type sim struct {
	rng    *rand.Rand
	mutant string
	trace  func(format string, args ...any)

	now    time.Duration
	events []event // a heap
	number uint64

	servers []*simServer
	proxies []*simProxy
	born    uint64 // proxies so far

	loss, double, slow float64 // shares of messages
	remember           int
	mixed              bool // with all commands, not INCR and GET alone
	turns              bool // rounds begin at the end of an iteration
	narrow             bool // one register is asked for at a time
	keys               []string
	left               int // commands not sent yet
	open               int // commands without a reply

	deeds []*deed
	log   *countercheck.Log // if mixed
	fault string

	settled bool
	wipes   int
	healed  int  // servers that were filled again
	cold    bool // keys are used one after the other
	frail   bool // hardly anything happens but that servers are emptied, and filled again
	told    bool // all of its commands were held against one integer
}

type event struct {
	at     time.Duration
	number uint64 // events of one moment come in the order in which they were made
	f      func()
}

func (e event) before(o event) bool { return e.at < o.at || e.at == o.at && e.number < o.number }

// in has something happen later.
func (s *sim) in(d time.Duration, f func()) {
	s.number++
	e := event{s.now + d, s.number, f}
	h := append(s.events, e)
	i := len(h) - 1
	for i > 0 && e.before(h[(i-1)/2]) {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = e
	s.events = h
}

// next takes the next event.
func (s *sim) next() event {
	h := s.events
	first, e := h[0], h[len(h)-1]
	h[len(h)-1] = event{}
	h = h[:len(h)-1]
	for i := 0; len(h) > 0; {
		c := 2*i + 1
		if c+1 < len(h) && h[c+1].before(h[c]) {
			c++
		}
		if c >= len(h) || !h[c].before(e) {
			h[i] = e
			break
		}
		h[i] = h[c]
		i = c
	}
	s.events = h
	return first
}

// simServer is an acceptor with what may befall it.
type simServer struct {
	*acceptor
	index      int
	generation int  // zero: it has no identity
	down       bool // what is sent to it is lost
	paused     bool // it keeps what is sent to it
	kept       []func()
	mark       string // of the repair under way, until
	until      time.Duration
}

// simProxy is an Engine with its view of the servers.
type simProxy struct {
	s      *sim
	name   uint64
	engine *Engine
	dead   bool
	known  []int // generations
	refill *Refill
}

const simTimeout = 20 * time.Millisecond

var simPatterns = []Pattern{{Name: `counters[0], "counter:*"`, Deadline: 120 * time.Millisecond, MaxBatch: 5}}

func (s *sim) newProxy() *simProxy {
	s.born++
	p := &simProxy{s: s, name: s.born, known: make([]int, len(s.servers))}
	for i, server := range s.servers {
		p.known[i] = server.generation
	}
	incarnation := s.rng.Uint64() | 1
	if s.mutant == "one incarnation for all" {
		incarnation = 1
	}
	patterns := simPatterns
	if s.rng.IntN(3) == 0 {
		patterns = []Pattern{patterns[0]}
		patterns[0].IdentityReads = true
	}
	settings := Settings{Patterns: patterns, FenceDeadline: 100 * time.Millisecond}
	if s.turns {
		settings.AtEnd = func(f func()) { p.After(0, f) }
	}
	p.engine = New(settings, p, p,
		rand.New(rand.NewPCG(s.rng.Uint64(), 1)), incarnation)
	p.engine.remember = s.remember
	if s.narrow {
		p.engine.window.Window = quorum.NewWindow(1)
	}
	p.engine.leastCrowd, p.engine.refillPause = 2, 3*time.Millisecond
	if s.mutant == "less than a majority" {
		p.engine.majority--
	}
	return p
}

// Now and After implement quorum.Clock.
func (p *simProxy) Now() quorum.Instant {
	return quorum.Instant{Monotonic: p.s.now, Wall: p.s.now}
}

func (p *simProxy) After(d time.Duration, f func()) quorum.Timer {
	a := &alarm{}
	p.s.in(d, func() {
		if !p.dead && !a.done {
			a.done = true
			f()
		}
	})
	return a
}

// Len and the others implement quorum.Servers.
func (p *simProxy) Len() int                   { return len(p.s.servers) }
func (p *simProxy) Persistent() bool           { return true }
func (p *simProxy) Missing(quorum.Kind) string { return "too few servers" }

func (p *simProxy) Barred(server int, _ quorum.Kind) string {
	if p.known[server] == 0 && p.s.servers[server].generation > 0 && p.s.rng.IntN(8) == 0 {
		p.known[server] = p.s.servers[server].generation // by a look at it from time to time
	}
	if p.known[server] == 0 && p.s.mutant != "an empty server votes" {
		return "has no identity"
	}
	return ""
}

// delay is how long a message is under way.
func (s *sim) delay() time.Duration {
	if s.slow > 0 && s.rng.Float64() < s.slow {
		return time.Duration(s.rng.Int64N(int64(150 * time.Millisecond)))
	}
	return time.Duration(50+s.rng.IntN(1000)) * time.Microsecond
}

func (s *sim) chance(share float64) bool { return share > 0 && s.rng.Float64() < share }

func (p *simProxy) Call(c quorum.Call, done func(quorum.Answer)) {
	s := p.s
	if s.mutant == "a read asks one server" && c.Script == readScript {
		c.Server = 0
	}
	if why := p.Barred(c.Server, c.Script.Kind); why != "" && c.Script.Kind == quorum.Register {
		done(quorum.Answer{Outcome: quorum.NotDone, Reason: why})
		return
	}
	told := false
	tell := func(a quorum.Answer) {
		if told || p.dead {
			return
		}
		told = true
		s.misread(c, &a)
		done(a)
		s.spoil(p)
	}
	s.in(simTimeout, func() { tell(quorum.Answer{Outcome: quorum.Unknown, Reason: "did not answer within 20ms"}) })
	if s.chance(s.loss) {
		return
	}
	server, generation := s.servers[c.Server], p.known[c.Server]
	arrive := func(answer bool) func() {
		return func() {
			server.receive(func() {
				a := server.execute(p, generation, c)
				if answer && !s.chance(s.loss) {
					s.in(s.delay(), func() {
						p.known[c.Server] = server.generation
						tell(a)
					})
				}
			})
		}
	}
	s.in(s.delay(), arrive(true))
	if s.chance(s.double) {
		s.in(s.delay()*3, arrive(false))
	}
}

// receive has a server take a message.
func (v *simServer) receive(f func()) {
	switch {
	case v.down:
	case v.paused:
		v.kept = append(v.kept, f)
	default:
		f()
	}
}

// execute runs a script behind its guard.
func (v *simServer) execute(p *simProxy, generation int, c quorum.Call) quorum.Answer {
	s := p.s
	args := c.Args
	if c.Script.Kind == quorum.Refill {
		mark := args[len(args)-1]
		if v.mark != mark || s.now > v.until {
			return quorum.Answer{Outcome: quorum.NotDone, Reason: quorum.RepairLost}
		}
		v.until = s.now + time.Second
		args = args[:len(args)-1]
	} else if (v.generation == 0 || v.generation != generation) && s.mutant != "an empty server votes" {
		return quorum.Answer{Outcome: quorum.NotDone, Reason: "has another identity"}
	}
	var before map[string]string
	if s.mutant == "copied without a promise" {
		before = maps.Clone(v.keys)
	}
	a := quorum.Answer{Values: v.run(c.Script, c.Keys, args)}
	switch {
	case s.mutant == "the next ballot is not promised" && c.Script == acceptScript && a.Values[0].Int == obeyed:
		v.keys[c.Keys[0]] = args[0] + args[1][ballotLen:]
	case before != nil && p.refill != nil && (c.Script == prepareScript || c.Script == promiseScript):
		v.keys = before
	}
	return a
}

// repair has a proxy begin to fill a server again that has no identity, if nobody else does.
func (s *sim) repair(p *simProxy, v *simServer) {
	if p.refill != nil || p.dead {
		return
	}
	s.born++
	mark := strconv.FormatUint(s.born, 10)
	s.in(s.delay(), func() {
		v.receive(func() {
			if v.generation > 0 || v.mark != "" && s.now <= v.until || p.dead {
				return
			}
			s.trace("proxy %d repairs server %d", p.name, v.index)
			v.mark, v.until = mark, s.now+time.Second
			p.refill = p.engine.Refill(v.index, mark, func(err error) {
				p.refill = nil
				s.trace("proxy %d has filled server %d: %v", p.name, v.index, err)
				if err == nil {
					s.in(s.delay(), func() { v.receive(func() { s.whole(v, mark) }) })
				}
			})
		})
	})
}

// whole is the last script of a repair.
func (s *sim) whole(v *simServer, mark string) {
	if v.mark != mark || s.now > v.until {
		return
	}
	s.healed++
	s.born++
	v.mark, v.generation = "", int(s.born)
	s.trace("server %d is whole again", v.index)
}

// misread is what mutants do with an answer.
func (s *sim) misread(c quorum.Call, a *quorum.Answer) {
	if s.mutant == "the state of whoever answers" && c.Script == prepareScript && len(a.Values) > 1 && a.Values[0].Int == obeyed && a.Values[1].Text != "" {
		s.born++ // the earlier the higher
		a.Values[1].Text = ballot{1<<40 - s.born, 1}.String() + a.Values[1].Text[ballotLen:]
	}
}

// spoil is what mutants do to a proxy's proposers after an answer.
func (s *sim) spoil(p *simProxy) {
	if s.mutant == "" {
		return
	}
	if s.mutant == "registers of one server" && p.refill != nil && len(p.refill.sources) > 1 {
		p.refill.sources = p.refill.sources[:1]
	}
	for _, name := range s.keys {
		q := p.engine.proposers[name]
		if q == nil || !q.doubt {
			continue
		}
		switch s.mutant {
		case "ballot kept after no answer":
			if q.phase == pausing && q.round.question == accepting && q.round.no == 0 {
				q.abandon("no answer")
				q.forget()
				q.holds, q.ballot = true, ballot{q.round.next.n - 1, q.round.next.by}
			}
		case "applied again without looking":
			p.engine.seq++
			q.seq = p.engine.seq
		case "what was forgotten is applied again":
			q.built = 1 << 60
		case "a batch in doubt grows":
			for _, w := range q.queue {
				q.batch, q.live = append(q.batch, w), q.live+1
			}
			clear(q.queue)
			q.queue = q.queue[:0]
		case "UNCERTAIN said NOQUORUM":
			q.sent = false
		}
	}
}

// newSim makes the world of a seed.
func newSim(seed uint64, mutant string) *sim {
	s := &sim{rng: rand.New(rand.NewPCG(seed, 77)), mutant: mutant, trace: func(string, ...any) {}}
	n := 3
	if seed%8 == 5 {
		n = 5
	}
	for i := range n {
		s.servers = append(s.servers, &simServer{acceptor: newAcceptor(), index: i, generation: 1})
		s.servers[i].noPromises = mutant == "promises are not kept"
	}
	shares := []float64{0, 0, 0.02, 0.1, 0.25}
	s.loss, s.double, s.slow = shares[s.rng.IntN(5)], shares[s.rng.IntN(4)], shares[s.rng.IntN(5)]
	s.mixed = seed%8 == 3
	s.turns = seed%2 == 1
	s.narrow = seed%5 == 4
	s.remember = []int{2, 3, maxBatches}[seed%3]
	s.left = 50
	s.cold = s.rng.IntN(2) == 0
	if s.frail = seed%4 == 1; s.frail {
		s.loss, s.double, s.slow = 0, 0.05, []float64{0.03, 0.1, 0.3}[s.rng.IntN(3)]
	}
	s.keys = []string{clientRegister + "counter:0", clientRegister + "counter:1", fenceRegister + "3"}[:1+s.rng.IntN(3)]
	if s.mixed {
		s.log, s.left = countercheck.New(), 24
		s.keys = s.keys[:1]
	}
	for range 1 + s.rng.IntN(3) {
		s.proxies = append(s.proxies, s.newProxy())
	}
	for i := range 2 + s.rng.IntN(4) {
		s.in(s.pause(), func() { s.client(i) })
	}
	s.in(s.pause(), s.misfortune)
	s.in(s.pause(), s.repairs)
	return s
}

// pause is how long somebody does nothing.
func (s *sim) pause() time.Duration {
	d := time.Duration(s.rng.Int64N(int64(8 * time.Millisecond)))
	if s.rng.IntN(10) == 0 {
		d *= 20
	}
	return d
}

// deed is a command of a client.
type deed struct {
	key         string
	read        bool
	sent, ended time.Duration // ended: zero if there is no reply
	n           int64         // the reply's number
	answered    bool
	refused     bool
	call        *countercheck.Call
	line        string
}

// client is what a client does: it sends one command, or a few at once, and the next when all
// are answered.
func (s *sim) client(id int) {
	p := s.proxies[s.rng.IntN(len(s.proxies))]
	key := s.keys[s.rng.IntN(len(s.keys))]
	if s.cold {
		key = s.keys[int(s.now/(60*time.Millisecond))%len(s.keys)]
	}
	burst := 1
	if s.rng.IntN(4) == 0 {
		burst = 1 + s.rng.IntN(6)
	}
	waits := 0
	for range burst {
		if s.left == 0 {
			return
		}
		s.left--
		waits++
		s.open++
		s.command(p, id, key, func() {
			s.open--
			if waits--; waits == 0 {
				s.in(s.pause(), func() { s.client(id) })
			}
		})
	}
}

// mixedCommands are those of mixed seeds.
var mixedCommands = []string{"incr", "incr", "decr", "get", "get", "set", "del", "exists", "incrby"}

// command sends one command, and notes what it is answered. then is called once, also when
// the proxy is killed before.
func (s *sim) command(p *simProxy, id int, key string, then func()) {
	d := &deed{key: key, sent: s.now, read: s.rng.IntN(4) == 0}
	s.deeds = append(s.deeds, d)
	over := false
	end := func() {
		if over {
			panic("two replies to one command")
		}
		over = true
		d.ended = s.now
		s.trace("%d by proxy %d: %s %s: %d answered %v refused %v, sent %v", id, p.name, d.line, key, d.n, d.answered, d.refused, d.sent)
		then()
	}
	s.in(time.Second, func() { // the proxy was killed
		if !over {
			if !p.dead {
				s.fail("a command was not answered in time")
			}
			if d.call != nil {
				d.call.Unknown(s.now)
			}
			end()
		}
	})
	if number, fence := cutPrefix(key, fenceRegister); fence {
		d.read, d.line = false, "next"
		register, _ := strconv.Atoi(number)
		p.engine.Next(register, func(n int64, err error) {
			if over {
				return
			}
			d.n, d.answered = n, err == nil
			d.refused = err != nil && err.Error()[0] == 'N'
			end()
		})
		return
	}
	verb, by := "incr", int64(0)
	if d.read {
		verb = "get"
	}
	name, _ := cutPrefix(key, clientRegister)
	if s.mixed {
		verb = mixedCommands[s.rng.IntN(len(mixedCommands))]
		by = s.rng.Int64N(100)
		d.call = s.log.Send(s.now, id, verb, name, by)
	}
	d.line = verb
	args := [][]byte{[]byte(verb), []byte(name)}
	if verb == "set" || verb == "incrby" {
		args = append(args, strconv.AppendInt(nil, by, 10))
	}
	p.engine.Do(quorum.Command{Name: verb, Args: args, Keys: []int{1}, Protocol: 2}, func(reply []byte) {
		if !over {
			s.replied(d, string(reply))
			end()
		}
	})
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):], true
	}
	return s, false
}

// replied notes a reply.
func (s *sim) replied(d *deed, reply string) {
	var value any
	switch reply[0] {
	case ':':
		n, _ := strconv.ParseInt(reply[1:len(reply)-2], 10, 64)
		d.n, value = n, n
	case '+':
		value = reply[1 : len(reply)-2]
	case '$':
		if reply != "$-1\r\n" {
			var length int
			var n int64
			fmt.Sscanf(reply, "$%d\r\n%d", &length, &n)
			d.n, value = n, strconv.FormatInt(n, 10)
		}
	case '-':
		d.refused = reply[1] == 'N'
		if d.call != nil && d.refused {
			d.call.Refused(s.now)
		} else if d.call != nil {
			d.call.Unknown(s.now)
		}
		return
	}
	d.answered = true
	if d.call != nil {
		d.call.Replied(s.now, value)
	}
}

func (s *sim) fail(format string, args ...any) {
	if s.fault == "" {
		s.fault = fmt.Sprintf(format, args...)
		s.trace("%s", s.fault)
	}
}
