package lock

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"ringmain/quorum"
)

// proxy is one loop of a proxy, on a machine of its own: an Engine on a real Set, whose
// Link is a simulated network.
type proxy struct {
	*machine
	n      *network
	lines  []*wire
	set    *quorum.Set
	engine *Engine
	// promised is that of the commands; nil: they are answered at once.
	promised *quorum.Promise
}

// network joins proxies to servers.
type network struct {
	*world
	random   *rand.Rand
	servers  []*model
	settings Settings
	// persistence and maxTTL are the Sets'; a mutant has other ones.
	persistence quorum.Persistence
	maxTTL      time.Duration
	fences      Fences
	// delay is how long a message takes.
	delay func() time.Duration
	// unordered messages overtake each other, as those on several connections do.
	unordered bool
	// stop decides whether a message is the last one that gets through in its direction:
	// what follows is stuck until the connection is cut.
	stop func() bool
	// service is how long a server needs for a request: it executes one after the other.
	service time.Duration
	// window is the size of proxies' windows in the beginning; zero: as it is.
	window int
	// hasty proxies do not wait for a majority.
	hasty bool
}

// wire is a proxy's connection to a server, one after the other.
type wire struct {
	p      *proxy
	server *model
	*connection
	expect string
	looked bool // the proxy has seen the server's clock
	cut    bool // by a partition: no connection can be made
	down   string
}

type connection struct {
	// runs and runID say which process of the server's it is.
	runs   int
	runID  string
	killed bool
	// Messages of a direction arrive in their order. stuck ones do not.
	arrives [2]time.Duration
	stuck   [2]bool
	open    []*exchange
	watched bool // open is looked at when the first one is late
}

type exchange struct {
	to   quorum.Receiver // nil: answered
	late time.Duration   // by the proxy's monotonic clock: there is no answer any more
}

const connecting = "is unreachable"

// start has a proxy begin on a machine.
func (n *network) start(m *machine) *proxy {
	p := &proxy{machine: m, n: n}
	hash := fmt.Sprint(n.settings)
	hash = strconv.Itoa(len(hash))
	settings := quorum.Settings{
		Name: "safe", Persistence: n.persistence, Nodes: "nodes", Hash: hash, MaxTTL: n.maxTTL, Drift: 0.01,
		Timeout: n.settings.NodeTimeout, Clock: p, Link: p, Log: slog.New(slog.DiscardHandler),
		Random: func() string { return fmt.Sprintf("%016x", n.random.Uint64()) },
	}
	for i, s := range n.servers {
		settings.Servers = append(settings.Servers, fmt.Sprintf("s%d", i))
		p.lines = append(p.lines, &wire{p: p, server: s, down: connecting})
	}
	p.set = quorum.New(settings)
	p.engine = New(n.settings, p.set, p, rand.New(rand.NewPCG(n.random.Uint64(), n.random.Uint64())), n.fences)
	if n.window > 0 {
		p.engine.gate.turns.window = quorum.NewWindow(n.window)
	}
	if n.hasty {
		p.engine.gate.turns.briefly = 0
	}
	p.set.Start()
	for _, w := range p.lines {
		w.connect()
	}
	return p
}

// crash ends a proxy; what it has sent goes on.
func (p *proxy) crash() {
	p.gone = true
	for _, w := range p.lines {
		if c := w.connection; c != nil {
			p.n.after(p.n.delay(), func() { c.killed = c.killed || p.n.random.IntN(2) == 0 })
		}
	}
}

// Expect implements quorum.Link.
func (p *proxy) Expect(server int, runID string) { p.lines[server].expect = runID }

// Down implements quorum.Link.
func (p *proxy) Down(server int) string { return p.lines[server].down }

// Send implements quorum.Link.
func (p *proxy) Send(server int, request []byte, to quorum.Receiver) {
	w := p.lines[server]
	if w.down != "" {
		to.Failed(false, w.down)
		return
	}
	if w.expect != "" && w.expect != w.runID {
		to.Failed(false, "is another process than before")
		return
	}
	w.send(words(request), to)
}

// words are the arguments of a request.
func words(request []byte) []string {
	rest := string(request)
	header, rest, _ := strings.Cut(rest, "\r\n")
	n, _ := strconv.Atoi(header[1:])
	all := make([]string, 0, n)
	for range n {
		end := strings.IndexByte(rest, '\r')
		size, _ := strconv.Atoi(rest[1:end])
		all = append(all, rest[end+2:end+2+size])
		rest = rest[end+size+4:]
	}
	return all
}

// carry has f happen where a message arrives, unless it is stuck.
func (w *wire) carry(c *connection, direction int, f func()) {
	n := w.p.n
	if c.stuck[direction] {
		return
	}
	at := n.now + n.delay()
	if !n.unordered {
		at = max(at, c.arrives[direction])
		c.arrives[direction] = at
	}
	n.after(at-n.now, f)
	if n.stop != nil && n.stop() {
		c.stuck[direction] = true
		n.after(time.Duration(n.random.Int64N(int64(2*time.Second))), func() { w.p.do(func() { w.lose(c) }) })
	}
}

func (w *wire) send(args []string, to quorum.Receiver) {
	c := w.connection
	x := &exchange{to: to, late: w.p.Now().Monotonic + w.p.n.settings.NodeTimeout}
	c.open = append(c.open, x)
	w.watch(c)
	w.carry(c, 0, func() {
		w.server.toil(w.p.n.service, func() {
			if c.killed || c.runs != w.server.runs || w.cut && w.p.n.random.IntN(2) == 0 {
				return
			}
			reply := []byte(w.server.execute(args))
			if w.cut {
				return
			}
			w.carry(c, 1, func() {
				w.p.do(func() {
					if w.connection == c && x.to != nil {
						w.looked = w.looked || isVote(args)
						to := x.to
						x.to = nil
						to.Replied(reply)
					}
				})
			})
		})
	})
}

// isVote reports whether a request's answer tells the server's time.
func isVote(args []string) bool {
	if args[0] == "EVALSHA" {
		return byName(args[1], "").Kind == quorum.Vote
	}
	return args[0] == "EVAL" && strings.Contains(args[1], "'TIME'")
}

// watch ends exchanges that get no answer in time.
func (w *wire) watch(c *connection) {
	for len(c.open) > 0 && c.open[0].to == nil {
		c.open = c.open[1:]
	}
	if c.watched || len(c.open) == 0 {
		return
	}
	c.watched = true
	w.p.After(c.open[0].late-w.p.Now().Monotonic+time.Microsecond, func() {
		c.watched = false
		now := w.p.Now().Monotonic
		for len(c.open) > 0 && (c.open[0].to == nil || c.open[0].late <= now) {
			x := c.open[0]
			c.open = c.open[1:]
			x.fail("did not answer within " + w.p.n.settings.NodeTimeout.String())
		}
		w.watch(c)
	})
}

func (x *exchange) fail(reason string) {
	if to := x.to; to != nil {
		x.to = nil
		to.Failed(true, reason)
	}
}

// lose ends a connection, if it is the present one; another one is made.
func (w *wire) lose(c *connection) {
	if c == nil || w.connection != c {
		return
	}
	w.connection, w.down = nil, connecting
	for _, x := range c.open {
		x.fail("closed the connection")
	}
	w.p.n.after(time.Duration(w.p.n.random.Int64N(int64(100*time.Millisecond))), func() { w.p.do(func() { w.next(c) }) })
}

// connect makes the first connection.
func (w *wire) connect() { w.next(nil) }

// next makes a connection, and has the old one be killed before anything is sent on it.
func (w *wire) next(old *connection) {
	n := w.p.n
	if w.cut {
		n.after(100*time.Millisecond, func() { w.p.do(func() { w.next(old) }) })
		return
	}
	n.after(n.delay(), func() {
		w.server.do(func() {
			if old != nil {
				old.killed = true
			}
			runs := w.server.runs
			n.after(n.delay(), func() {
				w.p.do(func() {
					if runs != w.server.runs {
						w.next(old)
						return
					}
					w.connection, w.down = &connection{runs: runs, runID: w.server.runID}, ""
					if w.expect != "" && w.expect != w.server.runID {
						w.p.set.Changed(w.server.index)
						return
					}
					w.p.set.Connected(w.server.index)
				})
			})
		})
	})
}

// restart has another process take the server's place.
func (n *network) restart(s *model, keys map[string]entry, proxies []*proxy) {
	s.start(keys)
	s.resume()
	for _, p := range proxies {
		w := p.lines[s.index]
		c := w.connection
		n.after(n.delay(), func() { p.do(func() { w.lose(c) }) })
	}
}
