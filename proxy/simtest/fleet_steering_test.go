package simtest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"ringmain/backend"
	"ringmain/proxy"
	"ringmain/resp"
	"ringmain/router"
	"ringmain/topology"
)

// steering runs the controller of a pool as a coroutine: what takes time is begun on the
// proxy's loops, and the controller goes on when it is done. It implements topology.World.
type steering struct {
	p          *incarnation
	name       string // of the incarnation
	controller *topology.Controller
	control    []*backend.Node
	resume     func() (struct{}, bool)
	stop       func()
	yield      func(struct{}) bool
	stopped    bool
	scheduled  bool // it will go on soon
	told       bool // since Wait returned last

	served bool
	// changing: places are about to change, since change.
	changing bool
	change   time.Duration
	// behind is, of a mutant, when each loop has made all steps so far.
	behind [2]time.Duration
	// overflown is, by server, of which loops the record has overflown.
	overflown map[int]map[int]bool
	// epoch is the newest of which a marker was sent.
	epoch uint64
	// returning: a server is held, which is to come back.
	returning bool
	held      int
}

var errStopped = errors.New("the proxy is gone")

func newSteering(p *incarnation, name string, cfg *proxy.Config) *steering {
	s := &steering{p: p, name: name, changing: true, change: p.f.gone, overflown: map[int]map[int]bool{}}
	set := topology.Settings{
		Pool: "main", Refuge: refuge, Flush: p.f.kind.flush, MostOut: p.f.kind.mostOut, Incarnation: name,
		Interval: watchInterval, Log: p.f.log,
		Told: func(server int, status topology.Status) { p.status[server] = status },
	}
	for _, opt := range cfg.Servers {
		set.Nodes, set.Addresses = append(set.Nodes, opt.Name), append(set.Addresses, opt.Address)
	}
	var world topology.World = s
	if p.f.mutant.world != nil {
		world = p.f.mutant.world(s)
	}
	s.controller = topology.New(set, world)
	s.resume, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		s.yield = yield
		s.controller.Run()
	})
	for _, opt := range cfg.Servers {
		own := *opt
		own.Suspect, own.Changed, own.Learned = nil, nil, &backend.Facts{}
		s.control = append(s.control, backend.NewNode(tapped{p.f.loops[0], p.f.tap(p.f.mutant.control)}, &own))
	}
	return s
}

func (s *steering) begin() { s.goOn() }

// halt ends the coroutine with its process.
func (s *steering) halt() {
	s.stopped = true
	s.stop()
}

// goOn has the controller go on soon.
func (s *steering) goOn() {
	if s.scheduled || s.stopped {
		return
	}
	s.scheduled = true
	f := s.p.f
	soon := f.between(0, 200*time.Microsecond)
	if f.mutant.dawdles && f.w.Rand().IntN(5) == 0 {
		soon = f.between(0, 100*time.Millisecond)
	}
	f.control().After(soon, func() {
		s.scheduled = false
		s.resume()
	})
}

// await gives way until a condition holds. It reports false if the proxy is gone.
func (s *steering) await(cond func() bool) bool {
	for !s.stopped && !cond() {
		if !s.yield(struct{}{}) {
			s.stopped = true
		}
	}
	return !s.stopped
}

func (s *steering) judge(server int, down string) {
	s.controller.Judge(server, down)
	s.told = true
	s.goOn()
}

func (s *steering) changed(server int) {
	s.controller.Changed(server)
	s.told = true
	s.goOn()
}

// drain asks for it, and does not wait.
func (s *steering) drain(server int) {
	s.ask(func(ctx context.Context, wake func()) { _ = s.controller.Drain(ctx, server, wake) })
}

func (s *steering) undrain(server int) {
	s.ask(func(ctx context.Context, wake func()) { _ = s.controller.Undrain(ctx, server, wake) })
}

func (s *steering) adopt() {
	s.ask(func(ctx context.Context, wake func()) { _ = s.controller.Adopt(ctx, true, wake) })
}

func (s *steering) ask(request func(ctx context.Context, wake func())) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	request(ctx, func() {
		s.told = true
		s.goOn()
	})
}

// Now implements topology.World.
func (s *steering) Now() time.Time { return s.p.f.control().Now() }

// Wait implements topology.World.
func (s *steering) Wait(until time.Time) bool {
	if s.stopped {
		return false
	}
	due := false
	timer := s.p.f.control().After(until.Sub(s.Now()), func() {
		due = true
		s.goOn()
	})
	ok := s.await(func() bool { return due || s.told })
	timer.Stop()
	s.told = false
	return ok
}

// Call implements topology.World.
func (s *steering) Call(server, database int, args ...string) ([]byte, error) {
	if s.stopped {
		return nil, errStopped
	}
	if args[0] == "UNLINK" {
		args = slices.Clone(args)
		slices.Sort(args[1:]) // so that a run follows from its seed
	}
	f := s.p.f
	a := &answer{then: s.goOn}
	f.loops[0].Post(func() {
		s.control[server].Conn(2, database).Send(a, 0, resp.AppendCommand(nil, args...), true, false)
	})
	if !s.await(func() bool { return a.done }) {
		return nil, errStopped
	}
	if args[0] == "SET" && args[1] == topology.MarkerKey {
		s.epoch = max(s.epoch, epochOf(args[2]))
	}
	if args[0] == "FLUSHALL" && s.served {
		f.happened.emptied++
	}
	f.w.Logf("controller", "%d %.100q: %.100q %v", server, args, a.reply, a.err)
	return a.reply, a.err
}

// answer receives the reply to a Call.
type answer struct {
	reply []byte
	err   error
	done  bool
	then  func()
}

func (a *answer) Reply(_ uint64, b []byte, last bool) {
	if a.reply = append(a.reply, b...); last {
		a.end(nil)
	}
}

func (a *answer) Failed(_ uint64, f *backend.Failure) { a.end(errors.New(f.Text)) }

func (a *answer) end(err error) {
	a.done, a.err = true, err
	a.then()
}

// everywhere calls do on each loop, and returns when all have.
func (s *steering) everywhere(do func(*proxy.Core)) {
	if s.stopped {
		return
	}
	left := len(s.p.cores)
	for i, core := range s.p.cores {
		s.post(i, func() {
			do(core)
			left--
			s.goOn()
		})
	}
	s.barrier(func() bool { return left == 0 })
}

// post calls do on a loop.
func (s *steering) post(loop int, do func()) {
	f := s.p.f
	if f.mutant.noBarrier {
		s.behind[loop] = max(s.behind[loop], f.w.Now()) + f.between(0, 200*time.Millisecond)
		f.loops[loop].After(s.behind[loop]-f.w.Now(), do)
		return
	}
	f.loops[loop].Post(do)
}

// barrier awaits that all loops are where they are to be.
func (s *steering) barrier(there func() bool) {
	if !s.p.f.mutant.noBarrier {
		s.await(there)
	}
}

// Fall implements topology.World.
func (s *steering) Fall(server int, reason string) {
	s.p.f.w.Logf("controller", "Fall %d %s", server, reason)
	s.begun()
	s.p.f.happened.falls++
	s.everywhere(func(c *proxy.Core) { c.Fall(server, reason) })
}

// Hold implements topology.World.
func (s *steering) Hold(server int, prepared router.View, left []topology.Left) {
	if s.stopped {
		return
	}
	s.returning, s.held = !prepared.Out.Has(server), server
	s.p.f.w.Logf("controller", "Hold %d %+v %+v", server, prepared, left)
	s.begun()
	var places []router.Place
	for _, l := range left {
		p := router.Place{Server: int32(l.Server)}
		if l.Refuge {
			p.Database, p.Rerouted = refuge, true
		}
		places = append(places, p)
	}
	awaited := len(s.p.cores)
	for i, core := range s.p.cores {
		s.post(i, func() {
			core.Hold(0, server, prepared, places, func() {
				awaited--
				s.goOn()
			})
		})
	}
	s.barrier(func() bool { return awaited == 0 })
}

// begun notes that places begin to change.
func (s *steering) begun() {
	if !s.changing && !s.stopped {
		s.changing, s.change = true, s.p.f.w.Now()
	}
}

// Serve implements topology.World.
func (s *steering) Serve(view router.View, uses []topology.Use) {
	if s.stopped {
		return
	}
	f := s.p.f
	f.w.Logf("controller", "Serve %+v %+v", view, uses)
	servers := make([]proxy.ServerView, len(uses))
	for i, u := range uses {
		servers[i] = proxy.ServerView{Down: u.Down, RunID: u.RunID, Address: f.servers[i].Address()}
	}
	s.begun()
	next := placement{f.snapshot.With(0, view), view.Out}
	f.before = append(f.before, next) // until it is served, either holds
	s.everywhere(func(c *proxy.Core) { c.Serve(0, view, 0, servers) })
	if s.stopped {
		return
	}
	if s.returning {
		f.happened.returns++
	}
	if slices.ContainsFunc(f.keys, func(key string) bool { return next.home(key).place.Rerouted }) {
		f.happened.rerouted++
	}
	s.returning = false
	f.moved(s.change, next)
	s.changing, s.served, f.epoch = false, true, s.epoch
}

// Absence implements topology.World. Now and then a loop's record has overflown: it has no
// keys any more, and says so.
func (s *steering) Absence(server int) topology.Absence {
	var whole topology.Absence
	if s.stopped {
		return whole
	}
	f := s.p.f
	for loop := range s.p.cores {
		if f.w.Rand().IntN(16) == 0 {
			if s.overflown[server] == nil {
				s.overflown[server] = map[int]bool{}
			}
			s.overflown[server][loop] = true
		}
	}
	left := len(s.p.cores)
	for i, core := range s.p.cores {
		s.post(i, func() {
			p := core.TakeAbsence(server)
			if s.overflown[server][i] {
				p.Keys, p.Incomplete = nil, !f.mutant.overflow
			}
			whole.Keys = append(whole.Keys, p.Keys...)
			whole.Incomplete, whole.Flushed = whole.Incomplete || p.Incomplete, whole.Flushed || p.Flushed
			left--
			s.goOn()
		})
	}
	s.await(func() bool { return left == 0 })
	return whole
}

// Forget implements topology.World.
func (s *steering) Forget(server int) {
	delete(s.overflown, server)
	s.everywhere(func(c *proxy.Core) { c.ForgetAbsence(server) })
}

// placement is where keys live in a view.
type placement struct {
	*router.Snapshot
	out router.ServerSet
}

func (p placement) home(key string) home {
	place := p.Pick(0, []byte(key))
	if !place.Rerouted && p.out.Has(int(place.Server)) {
		return home{}
	}
	return home{place, true}
}

// moved tells the history of the keys whose place has changed since a time.
func (f *fleet) moved(since time.Duration, next placement) {
	for _, key := range f.keys {
		for _, before := range f.before {
			if before.home(key) != next.home(key) {
				f.history.Forget(since, f.w.Now(), key)
				break
			}
		}
	}
	f.before = []placement{next}
}
