package topology

import (
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringmain/router"
)

// A walk is one random course of events: model servers, two model loops that do what the
// data path promises, and a real Controller, which is killed now and then. Each message
// waits in its connection until the walk delivers it. Servers pause, crash, and restart
// empty or with an old dump; connections break, and what they carry arrives later; keys and
// markers are evicted; clients flush. A read that returns an older value than it may is a
// lie.
type walk struct {
	rng     *rand.Rand
	kind    walkRates
	mutant  string
	now     int // steps, which are what time there is
	nextID  int
	servers []*walkServer
	base    *router.Snapshot
	proxy   *walkProxy
	epochs  int // processes
	writes  map[string][]*walkOp
	open    []*walkOp // without an answer
	lie     string
	trace   func(string, ...any)
	reads   int
	hits    int
	returns int
}

const (
	walkServers = 3
	walkLoops   = 2
	walkRefuge  = 15
)

var walkKeys = []string{"a", "b", "c", "d"}

type walkData struct {
	home, refuge map[string]int
	marker       string
}

func (d walkData) clone() walkData {
	return walkData{maps.Clone(d.home), maps.Clone(d.refuge), d.marker}
}

func noData() walkData { return walkData{map[string]int{}, map[string]int{}, ""} }

type walkServer struct {
	name          string
	alive, paused bool
	runID         string
	data, dump    walkData
	conns         []*walkConn
}

// walkConn is a connection to a server.
type walkConn struct {
	id      int
	server  int
	refuge  bool
	name    string // of the incarnation
	runID   string // as the handshake has told; "": it has not
	queue   []walkMessage
	replies []func()
	closed  bool // by the proxy
	dead    bool // at the server
	control bool
}

type walkMessage struct {
	what string
	op   *walkOp
	do   func(*walkServer) any
	then func(any)
}

// walkOp is a client's command.
type walkOp struct {
	key        string // "": a flush
	write      bool
	value      int
	start, end int // end: acknowledged; 0: it is not
	over       int // when it can no longer take effect; 0: it still may
	conn       *walkConn
	done       bool // the client has an answer
}

func (w *walk) id() int { w.nextID++; return w.nextID }

func newWalk(seed uint64, mutant string) *walk {
	w := &walk{rng: rand.New(rand.NewPCG(seed, 1)), kind: walkKinds[seed%uint64(len(walkKinds))], mutant: mutant, writes: map[string][]*walkOp{}, trace: func(string, ...any) {}}
	p := router.Pool{Name: "main", Distribution: router.Distributions()[w.rng.IntN(4)]}
	for i := range walkServers {
		w.servers = append(w.servers, &walkServer{name: string(rune('x' + i)), alive: true, runID: "r" + strconv.Itoa(w.id()), data: noData(), dump: noData()})
		p.Servers = append(p.Servers, router.Server{Name: string(rune('x' + i)), Weight: 1})
	}
	var err error
	if w.base, err = router.New(1, []router.Pool{p}, nil); err != nil {
		panic(err)
	}
	return w
}

func (w *walk) run(steps int) {
	w.start()
	for w.now = 1; w.now <= steps && w.lie == ""; w.now++ {
		w.step()
	}
	w.proxy.stop()
}

// walkRates are how often events other than messages come, in 4,000 steps.
type walkRates struct{ breaks, suspects, returns, pauses, resumes, dumps, crashes, restarts, evicts, flushes, kills, operates int }

// walkKinds are courses of different kinds.
var walkKinds = []walkRates{
	{10, 12, 22, 6, 10, 5, 5, 15, 4, 4, 3, 1},  // of everything
	{20, 20, 40, 4, 12, 0, 0, 0, 0, 0, 0, 1},   // lost connections, and servers that were up all the time
	{10, 12, 22, 4, 10, 10, 4, 20, 1, 0, 6, 0}, // processes that are killed
	{20, 20, 40, 4, 12, 0, 0, 0, 0, 60, 0, 2},  // flushes
	{10, 20, 40, 8, 12, 0, 0, 0, 0, 0, 4, 0},   // processes that are killed beside servers that are not
	{4, 15, 60, 0, 0, 0, 0, 0, 0, 0, 5, 0},     // the same, of which nothing is lost but replies
}

func (w *walk) step() {
	r := w.rng
	s := w.servers[r.IntN(walkServers)]
	k := w.kind
	x := r.IntN(4000)
	is := func(rate int) bool {
		x -= rate
		return x < 0
	}
	switch {
	case is(1300):
		w.deliver()
	case is(800):
		w.answer()
	case is(800):
		w.proxy.resume()
	case is(600):
		w.proxy.loops[r.IntN(walkLoops)].client(walkKeys[r.IntN(len(walkKeys))], r.IntN(2) == 0)
	case is(300):
		w.proxy.loops[r.IntN(walkLoops)].turn()
	case is(k.breaks):
		w.proxy.breakOne()
	case is(k.suspects):
		w.proxy.suspect(r.IntN(walkServers))
	case is(k.returns):
		w.proxy.controller.Judge(r.IntN(walkServers), "")
	case is(k.pauses):
		s.paused = s.alive && !s.paused
		w.trace("%s paused: %v", s.name, s.paused)
	case is(k.resumes):
		s.paused = false
	case is(k.dumps):
		s.dump = s.data.clone()
	case is(k.crashes):
		w.crash(s)
	case is(k.restarts):
		w.restart(s)
	case is(k.evicts):
		w.evict(s)
	case is(k.flushes):
		w.proxy.loops[r.IntN(walkLoops)].flush()
	case is(k.kills):
		w.proxy.stop()
		w.start()
	case is(k.operates):
		w.proxy.operate(r.IntN(walkServers))
	}
}

func (w *walk) crash(s *walkServer) {
	s.alive, s.paused = false, false
	for _, c := range s.conns {
		c.dead = true
	}
	s.conns = nil
	w.trace("%s crashes", s.name)
}

func (w *walk) restart(s *walkServer) {
	if s.alive {
		return
	}
	s.alive, s.runID, s.data = true, "r"+strconv.Itoa(w.id()), s.dump.clone()
	if w.rng.IntN(3) == 0 {
		s.data = noData()
	}
	w.trace("%s starts with %v", s.name, s.data)
}

func (w *walk) evict(s *walkServer) {
	key := walkKeys[w.rng.IntN(len(walkKeys))]
	switch w.rng.IntN(3) {
	case 0:
		delete(s.data.home, key)
	case 1:
		delete(s.data.refuge, key)
	default:
		s.data.marker = ""
		w.trace("%s evicts its marker", s.name)
	}
}

// deliver has a server execute the first message of a connection.
func (w *walk) deliver() {
	var ready []*walkConn
	for _, s := range w.servers {
		for _, c := range s.conns {
			if len(c.queue) > 0 && s.alive && !s.paused {
				ready = append(ready, c)
			}
		}
	}
	if len(ready) == 0 {
		return
	}
	c := ready[w.rng.IntN(len(ready))]
	if c.closed && w.rng.IntN(8) > 0 {
		return // what a lost connection still carries comes late
	}
	m := c.queue[0]
	c.queue = c.queue[1:]
	v := m.do(w.servers[c.server])
	w.trace("%s executes %s on connection %d: %v", w.servers[c.server].name, m.what, c.id, v)
	if !c.closed && m.then != nil {
		c.replies = append(c.replies, func() { m.then(v) })
	}
}

// answer has a reply arrive, or the end of a connection be noticed.
func (w *walk) answer() {
	var ready []*walkConn
	for _, c := range w.proxy.conns {
		if len(c.replies) > 0 || c.dead {
			ready = append(ready, c)
		}
	}
	if len(ready) == 0 {
		return
	}
	c := ready[w.rng.IntN(len(ready))]
	if len(c.replies) == 0 {
		w.proxy.close(c)
		return
	}
	f := c.replies[0]
	c.replies = c.replies[1:]
	f()
}

// check takes the value that a read has returned, 0 for none.
func (w *walk) check(o *walkOp, value int) {
	if w.reads++; value == 0 {
		return
	}
	w.hits++
	var got *walkOp
	for _, x := range w.writes[o.key] {
		if x.value == value {
			got = x
		}
	}
	for _, x := range w.writes[o.key] {
		if got.over != 0 && x.end != 0 && x.end < o.start && x.start > got.over {
			w.lie = fmt.Sprintf("step %d: %q read %d (over at %d), though %d, begun at %d, was acknowledged at %d", w.now, o.key, value, got.over, x.value, x.start, x.end)
		}
	}
}

// drop ends a connection at its server: nothing of it is executed any more.
func (w *walk) drop(c *walkConn) {
	c.dead, c.queue = true, nil
	for _, s := range w.servers {
		s.conns = slices.DeleteFunc(s.conns, func(x *walkConn) bool { return x == c })
	}
	w.over(c)
}

// over has what a connection has carried be past.
func (w *walk) over(c *walkConn) {
	for _, list := range w.writes {
		for _, o := range list {
			if o.conn == c && o.over == 0 {
				o.over = w.now
			}
		}
	}
}

// walkProxy is a process. It implements World.
type walkProxy struct {
	w          *walk
	name       string
	controller *Controller
	loops      [walkLoops]*walkLoop
	conns      []*walkConn
	debts      [walkServers][]*walkConn
	control    map[[2]int]*walkConn
	resumed    func() (struct{}, bool)
	halt       func()
	yield      func(struct{}) bool
	stopped    bool
	holding    bool
	late       []func() // what a mutant does at the next Serve
}

type walkStop struct{}

func (w *walk) start() {
	w.epochs++
	p := &walkProxy{w: w, name: fmt.Sprint("p", w.epochs), control: map[[2]int]*walkConn{}}
	for i := range p.loops {
		p.loops[i] = &walkLoop{p: p, snapshot: w.base, conns: map[walkSlot]*walkConn{}}
		for s := range walkServers {
			p.loops[i].down[s] = true
			p.loops[i].absences[s] = &walkAbsence{keys: map[string]bool{}}
		}
	}
	set := Settings{Pool: "main", Refuge: walkRefuge, MostOut: 1, Incarnation: p.name, Interval: 300, Log: slog.New(slog.DiscardHandler),
		Told: func(i int, s Status) {
			if s.InUse && s.Reason == "is back" {
				w.returns++
			}
		}}
	for i := range walkServers {
		set.Nodes, set.Addresses = append(set.Nodes, string(rune('x'+i))), append(set.Addresses, "")
	}
	if w.rng.IntN(5) == 0 {
		set.Flush = true
	}
	p.controller = New(set, p)
	switch w.mutant {
	case "trust from too few servers":
		p.controller.quorum = 1
	case "the returning server's marker first":
		p.controller.acknowledge = func(c *Controller, i int) (acknowledgement, error) {
			if err := c.mark(i, c.epoch); err != nil {
				return unknown, err
			}
			if err := c.markOthers(i, c.epoch); err != nil {
				return refused, err
			}
			return acknowledged, nil
		}
	case "an unknown marker ignored":
		p.controller.acknowledge = func(c *Controller, i int) (acknowledgement, error) {
			got, err := c.markBack(i)
			return min(got, refused), err
		}
	}
	p.resumed, p.halt = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		defer func() {
			if r := recover(); r != nil && r != (walkStop{}) {
				panic(r)
			}
		}()
		p.controller.Run()
	})
	w.proxy = p
	w.trace("process %s", p.name)
}

func (p *walkProxy) resume() { p.resumed() }

// stop kills the process. What it has sent may still arrive.
func (p *walkProxy) stop() {
	p.stopped = true
	p.halt()
	for _, c := range p.conns {
		c.closed, c.replies = true, nil
	}
	p.w.open = nil
}

// until waits for a condition, for so many turns at most; 0: for ever.
func (p *walkProxy) until(turns int, condition func() bool) bool {
	for i := 0; turns == 0 || i < turns; i++ {
		if condition() {
			return true
		}
		if !p.yield(struct{}{}) {
			panic(walkStop{})
		}
	}
	return condition()
}

// suspect takes a server for down, mostly one that is.
func (p *walkProxy) suspect(i int) {
	if s := p.w.servers[i]; !s.alive || s.paused || p.w.rng.IntN(3) == 0 {
		p.controller.Judge(i, "does not answer")
	}
	if p.w.rng.IntN(400) == 0 {
		p.controller.request2(func(c *Controller) error { c.end("as the walk has it"); return nil })
	}
}

func (p *walkProxy) operate(i int) {
	p.controller.request2(func(c *Controller) error {
		if c.servers[i].drained {
			return c.undrain(i)
		}
		return c.drain(i)
	})
}

// request2 asks for something without waiting for it.
func (c *Controller) request2(do func(*Controller) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, &request{do, make(chan error, 1)})
}

func (p *walkProxy) Now() time.Time { return time.Unix(0, int64(p.w.now)) }

func (p *walkProxy) Wait(until time.Time) bool {
	first := true
	p.until(0, func() bool {
		was := first
		first = false
		return !was
	})
	return true
}

func (p *walkProxy) dial(server int, refuge bool) *walkConn {
	s := p.w.servers[server]
	if !s.alive {
		return nil
	}
	c := &walkConn{id: p.w.id(), server: server, refuge: refuge, name: p.name}
	s.conns = append(s.conns, c)
	p.conns = append(p.conns, c)
	owed := slices.Clone(p.debts[server])
	c.queue = append(c.queue, walkMessage{what: "handshake", do: func(s *walkServer) any {
		p.pay(server, owed)
		return s.runID
	}, then: func(v any) {
		c.runID = v.(string)
		p.settled(server, owed)
	}})
	return c
}

// pay has a server end connections that were given up.
func (p *walkProxy) pay(server int, owed []*walkConn) {
	for _, c := range owed {
		if p.w.mutant != "no fence" {
			p.w.drop(c)
		}
	}
}

func (p *walkProxy) settled(server int, owed []*walkConn) {
	p.debts[server] = slices.DeleteFunc(p.debts[server], func(c *walkConn) bool { return slices.Contains(owed, c) })
	for _, c := range owed {
		p.w.over(c)
	}
}

func (p *walkProxy) close(c *walkConn) {
	if c.closed {
		return
	}
	c.closed, c.replies = true, nil
	p.conns = slices.DeleteFunc(p.conns, func(x *walkConn) bool { return x == c })
	for _, o := range p.w.open {
		o.done = o.done || o.conn == c
	}
	lease := false
	for _, l := range p.loops {
		for slot, x := range l.conns {
			if x == c {
				delete(l.conns, slot)
				lease = slot.lease
			}
		}
	}
	for k, x := range p.control {
		if x == c {
			delete(p.control, k)
		}
	}
	if lease && p.w.mutant == "leases not fenced" {
		p.w.over(c)
		return
	}
	p.debts[c.server] = append(p.debts[c.server], c)
}

func (p *walkProxy) breakOne() {
	if len(p.conns) > 0 {
		p.close(p.conns[p.w.rng.IntN(len(p.conns))])
	}
}

func (p *walkProxy) Call(server, database int, args ...string) ([]byte, error) {
	if args[0] == "SET" && p.w.mutant == "markers after rerouting began" && !p.holding {
		p.late = append(p.late, func() { _, _ = p.call(server, database, args...) })
		return []byte("+OK\r\n"), nil
	}
	return p.call(server, database, args...)
}

func (p *walkProxy) call(server, database int, args ...string) ([]byte, error) {
	slot := [2]int{server, database}
	c := p.control[slot]
	if c == nil {
		if c = p.dial(server, database == walkRefuge); c == nil {
			return nil, fmt.Errorf("is unreachable")
		}
		c.control = true
		p.control[slot] = c
	}
	owed := slices.Clone(p.debts[server])
	var reply []byte
	done := false
	// Above all of what ends a return, and pays for it.
	lost := p.w.rng.IntN(40) == 0 || (args[0] == "SET" && p.holding || args[0] == "EVAL" && args[4] != "") && p.w.rng.IntN(4) == 0
	args = p.mutated(args)
	c.queue = append(c.queue, walkMessage{what: strings.Join(args, " "), do: func(s *walkServer) any {
		if p.w.mutant != "a clean-up does not pay" {
			p.pay(server, owed)
		}
		return s.execute(p.w, c, args)
	}, then: func(v any) {
		p.settled(server, owed)
		if lost {
			p.close(c)
			return
		}
		reply, done = []byte(v.(string)), true
	}})
	p.until(25, func() bool { return done || c.closed })
	if !done {
		p.close(c)
		return nil, fmt.Errorf("no reply")
	}
	return p.seen(server, args, reply), nil
}

// mutated changes what the controller asks for.
func (p *walkProxy) mutated(args []string) []string {
	out := ""
	switch {
	case p.w.mutant == "FLUSHALL for nothing" && args[0] == "FLUSHALL",
		p.w.mutant == "refuges not flushed" && args[0] == "EVAL" && args[4] != "",
		p.w.mutant == "own refuge not flushed" && args[0] == "EVAL" && args[4] == "":
		out = "ECHO"
		if args[0] == "EVAL" {
			out = "ONE"
		}
	default:
		return args
	}
	return []string{out}
}

// seen changes what the controller reads.
func (p *walkProxy) seen(server int, args []string, reply []byte) []byte {
	if args[0] != "GET" || len(reply) < 10 {
		return reply
	}
	text, _, _ := strings.Cut(string(reply), "\r\n")
	value := string(reply[len(text)+2 : len(reply)-2])
	m, ok := readMarker(value, "main")
	if !ok {
		return reply
	}
	switch p.w.mutant {
	case "no run id in the marker":
		m.RunID = p.w.servers[server].runID
	case "no incarnation in the marker":
		if m.Incarnation != p.name {
			m.Incarnation = "any"
		}
	default:
		return reply
	}
	return walkBulk(m.encode())
}

func walkBulk(text string) []byte { return fmt.Appendf(nil, "$%d\r\n%s\r\n", len(text), text) }

// execute is what a server does for a command of the controller's.
func (s *walkServer) execute(w *walk, c *walkConn, args []string) string {
	switch args[0] {
	case "ECHO":
		return "$0\r\n\r\n"
	case "ONE":
		return ":1\r\n"
	case "INFO":
		if args[1] == "server" {
			return string(walkBulk("run_id:" + s.runID + "\r\n"))
		}
		refuge := len(s.data.refuge)
		if s.data.marker != "" {
			refuge++
		}
		return string(walkBulk(fmt.Sprintf("db0:keys=%d,expires=0\r\ndb15:keys=%d,expires=0\r\n", len(s.data.home), refuge)))
	case "CLIENT":
		if args[1] == "LIST" {
			var list strings.Builder
			for _, x := range s.conns {
				fmt.Fprintf(&list, "id=%d name=ringmain-%s db=0\n", x.id, x.name)
			}
			return string(walkBulk(list.String()))
		}
		for _, x := range slices.Clone(s.conns) {
			if strconv.Itoa(x.id) == args[3] && w.mutant == "first connection not fenced" {
				w.over(x)
			} else if strconv.Itoa(x.id) == args[3] {
				w.drop(x)
			}
		}
		return ":0\r\n"
	case "GET":
		if s.data.marker == "" {
			return "$-1\r\n"
		}
		return string(walkBulk(s.data.marker))
	case "SET":
		s.data.marker = args[2]
		return "+OK\r\n"
	case "FLUSHALL":
		s.data = noData()
		return "+OK\r\n"
	case "EVAL":
		s.data.refuge = map[string]int{}
		if args[4] != "" {
			s.data.marker = args[4]
		}
		return ":1\r\n"
	case "UNLINK":
		for _, key := range args[1:] {
			delete(s.data.home, key)
		}
		return ":1\r\n"
	case "DBSIZE":
		n := len(s.data.refuge)
		if s.data.marker != "" {
			n++
		}
		return fmt.Sprintf(":%d\r\n", n)
	}
	panic("unknown: " + args[0])
}
