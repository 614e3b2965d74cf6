package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"ringmain/admin"
	"ringmain/backend"
	"ringmain/config"
	"ringmain/proxy"
	"ringmain/resp"
	"ringmain/router"
	"ringmain/topology"
)

// view carries out what the Controller of a pool that reroutes decides. It implements
// topology.World.
type view struct {
	app        *App
	controller *topology.Controller
	scope      router.Scope
	first      int // index of the pool's first server
	pool       string
	nodes      []string // the names of its servers
	addresses  []string // and where they are
	// loop is the one on which servers are asked, on connections of the view's own.
	loop    *netLoop
	control []*backend.Node
	ctx     context.Context // of Run
	wake    chan struct{}
	served  chan struct{}          // closed when the pool is served for the first time
	ended   atomic.Pointer[string] // why rerouting has ended; nil: it has not
}

// buildViews makes the controllers of the pools that reroute, once there are loops. They
// begin with their servers when the loops run.
func (a *App) buildViews(s *servers) {
	for name, pool := range a.cfg.Pools {
		if pool.Reroutes() {
			a.buildView(s, name, pool)
		}
	}
}

func (a *App) buildView(s *servers, name string, pool *config.Pool) {
	scope, _ := s.snapshot.ScopeOf(name)
	v := &view{app: a, pool: name, scope: scope, first: int(s.snapshot.Fleet(scope).First), loop: a.loops[0].loop,
		wake: make(chan struct{}, 1), served: make(chan struct{})}
	set := topology.Settings{
		Pool: name, Refuge: pool.RefugeDatabase, Flush: pool.OnNodeReturn == "flush", MostOut: pool.MaxDown(),
		Incarnation: a.incarnation, Interval: time.Duration(pool.Health.Interval), Log: a.log, Told: v.told,
		Ended: func(reason string) { v.ended.Store(&reason) },
	}
	for i, n := range pool.Nodes {
		opt := s.options[v.first+i]
		a.health.unused(v.first + i)
		v.addresses = append(v.addresses, opt.Address)
		v.nodes = append(v.nodes, n.Name)
		opt.Changed = func() {
			v.controller.Changed(i)
			v.awake()
		}
	}
	set.Nodes, set.Addresses = v.nodes, v.addresses
	v.controller = topology.New(set, v)
	a.views[name], a.rerouters[name] = v, v
	a.later = append(a.later, v.run)
}

// run keeps the view until ctx ends.
func (v *view) run(ctx context.Context) error {
	v.ctx = ctx
	made := make(chan struct{})
	options := v.app.loops[0].core.Servers[v.first:][:len(v.addresses)]
	if !post(ctx, v.loop, func() {
		for _, opt := range options {
			v.control = append(v.control, backend.NewNode(v.loop, controlOptions(opt)))
		}
		close(made)
	}) {
		return nil
	}
	<-made
	v.controller.Run()
	late, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	ended := make(chan struct{})
	if post(late, v.loop, func() {
		for _, n := range v.control {
			n.Close()
		}
		close(ended)
	}) {
		<-ended
	}
	return nil
}

// controlOptions are those of the connections on which the view asks a server. What they
// meet says nothing of the one in use.
func controlOptions(opt *backend.Options) *backend.Options {
	own := *opt
	own.Suspect, own.Changed = nil, nil
	return &own
}

func (v *view) awake() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// firstView is how long the start waits for the pools that reroute to be served. After that
// clients are let in, and told why their keys cannot be.
const firstView = 3 * time.Second

func (a *App) awaitViews() {
	patience := time.After(firstView)
	for _, v := range a.views {
		select {
		case <-v.served:
		case <-patience:
			return
		}
	}
}

// judge takes a verdict of the health checks. What the controller awaits of a server that is
// down ends first: others may fall meanwhile.
func (v *view) judge(ctx context.Context, server int, down string) {
	k := server - v.first
	post(ctx, v.loop, func() {
		if v.control != nil {
			v.control[k].Judge(down)
		}
	})
	v.controller.Judge(k, down)
	v.awake()
}

// told makes known how a server is used.
func (v *view) told(server int, s topology.Status) {
	v.app.health.used(v.first+server, s)
}

// trouble is why the pool does not reroute any more, and what to do; "" if it does, or
// never did.
func (v *view) trouble() string {
	if v == nil || v.ended.Load() == nil {
		return ""
	}
	return "rerouting has ended: " + *v.ended.Load() + "; when that is mended, start Ringmain anew"
}

// Drain implements rerouter.
func (v *view) Drain(ctx context.Context, server int) error {
	return v.said(server, v.controller.Drain(ctx, server, v.awake))
}

// Undrain implements rerouter.
func (v *view) Undrain(ctx context.Context, server int) error {
	return v.said(server, v.controller.Undrain(ctx, server, v.awake))
}

// Adopt implements rerouter.
func (v *view) Adopt(ctx context.Context, empty bool) error {
	err := v.controller.Adopt(ctx, empty, v.awake)
	if refusal := (topology.Refusal{}); errors.As(err, &refusal) {
		return admin.Refused("pool %q: %s", v.pool, refusal.Reason)
	}
	return err
}

// said is what the controller says of a server, for the operator.
func (v *view) said(server int, err error) error {
	if refusal := (topology.Refusal{}); errors.As(err, &refusal) {
		return admin.Refused("node %q of pool %q %s", v.nodes[server], v.pool, refusal.Reason)
	}
	return err
}

// Now implements topology.World.
func (v *view) Now() time.Time { return time.Now() }

// Wait implements topology.World.
func (v *view) Wait(until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-v.wake:
	case <-timer.C:
	case <-v.ctx.Done():
	}
	return v.ctx.Err() == nil
}

// maxAnswer bounds a server's reply to the view: CLIENT LIST has some 300 bytes a
// connection.
const maxAnswer = 32 << 20

var errAnswer = errors.New("the reply is too long")

// Call implements topology.World.
func (v *view) Call(server, database int, args ...string) ([]byte, error) {
	a := &answer{pool: v.pool, done: make(chan struct{})}
	sent := post(v.ctx, v.loop, func() {
		v.control[server].Conn(2, database).Send(a, 0, resp.AppendCommand(nil, args...), true, false)
	})
	if sent {
		select {
		case <-a.done:
			return a.reply, a.err
		case <-v.ctx.Done():
		}
	}
	return nil, v.ctx.Err()
}

// answer receives a server's reply.
type answer struct {
	pool  string
	reply []byte
	err   error
	done  chan struct{}
}

// Reply implements backend.Receiver.
func (a *answer) Reply(_ uint64, b []byte, last bool) {
	if len(a.reply)+len(b) > maxAnswer {
		a.err = errAnswer
	} else {
		a.reply = append(a.reply, b...)
	}
	if last {
		close(a.done)
	}
}

// Failed implements backend.Receiver.
func (a *answer) Failed(_ uint64, f *backend.Failure) {
	text := f.Text
	if _, what, ok := strings.Cut(text, "of pool "+strconv.Quote(a.pool)+" "); ok {
		text = what // which server it is, whoever asked knows
	}
	a.err = errors.New(text)
	close(a.done)
}

// Fall implements topology.World.
func (v *view) Fall(server int, reason string) {
	v.app.everywhere(v.ctx, func(c *proxy.Core) { c.Fall(v.first+server, reason) })()
}

// Hold implements topology.World.
func (v *view) Hold(server int, prepared router.View, left []topology.Left) {
	var places []router.Place
	for _, l := range left {
		places = append(places, router.Place{Server: int32(v.first + l.Server), Database: prepared.Refuge, Rerouted: l.Refuge})
	}
	settled := make(chan struct{}, len(v.app.loops))
	for _, w := range v.app.loops {
		post(v.ctx, w.loop, func() {
			w.core.Hold(v.scope, v.first+server, prepared, places, func() { settled <- struct{}{} })
		})
	}
	for range v.app.loops {
		select {
		case <-settled:
		case <-v.ctx.Done():
		}
	}
}

// Serve implements topology.World. In the end nothing is served any more: that all loops have
// done what comes before is not known.
func (v *view) Serve(next router.View, uses []topology.Use) {
	if v.ctx.Err() != nil {
		return
	}
	servers := make([]proxy.ServerView, len(uses))
	for i, u := range uses {
		servers[i] = proxy.ServerView{Down: u.Down, RunID: u.RunID, Address: v.addresses[i]}
	}
	v.app.everywhere(v.ctx, func(c *proxy.Core) { c.Serve(v.scope, next, v.first, servers) })()
	select {
	case <-v.served:
	default:
		close(v.served)
	}
}

// Absence implements topology.World.
func (v *view) Absence(server int) topology.Absence {
	parts := make(chan proxy.Absence, len(v.app.loops))
	v.app.everywhere(v.ctx, func(c *proxy.Core) { parts <- c.TakeAbsence(v.first + server) })()
	var whole topology.Absence
	for range len(parts) {
		p := <-parts
		whole.Keys = append(whole.Keys, p.Keys...)
		whole.Incomplete, whole.Flushed = whole.Incomplete || p.Incomplete, whole.Flushed || p.Flushed
	}
	return whole
}

// Forget implements topology.World.
func (v *view) Forget(server int) {
	v.app.everywhere(v.ctx, func(c *proxy.Core) { c.ForgetAbsence(v.first + server) })()
}

// unserved are the servers that are not used until a view says how.
func (a *App) unserved(s *servers) (list []int32) {
	for i, server := range s.snapshot.Servers {
		if a.cfg.Pools[server.Pool].Reroutes() {
			list = append(list, int32(i))
		}
	}
	return list
}
