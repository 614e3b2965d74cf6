package topology

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Controller is the view of one pool, and what changes it. Its methods other than Run may be
// called by any goroutine.
type Controller struct {
	set   Settings
	world World

	mu       sync.Mutex
	wishes   []wish // by server
	requests []*request
	stopped  bool // Run has ended

	// The rest belongs to Run.
	servers []server
	wanted  []wish          // as taken over last
	known   map[string]bool // by member, those that have been in use
	epoch   uint64
	ended   string // why rerouting has ended; "": it has not
	ending  bool   // and is to be carried out
	tick    time.Time
	// quorum is how many servers must have the marker of a view for a process that starts to
	// trust it.
	quorum int
	// acknowledge is markBack, but in tests of what it prevents.
	acknowledge func(*Controller, int) (acknowledgement, error)
}

// wish is what others have found of a server.
type wish struct {
	down    string // why it is down; "": it is up
	changed bool   // another process was met than the one in use
}

// request is what the operator asks for.
type request struct {
	do   func(*Controller) error
	done chan error
}

// New makes a controller; Run begins with what the servers hold.
func New(set Settings, world World) *Controller {
	c := &Controller{set: set, world: world, wishes: make([]wish, len(set.Nodes)), wanted: make([]wish, len(set.Nodes)), known: map[string]bool{}}
	c.quorum, c.acknowledge = set.MostOut+1, (*Controller).markBack
	for _, name := range set.Nodes {
		c.servers = append(c.servers, server{name: name, state: stranded, reason: "is not in use yet"})
	}
	return c
}

// Judge tells what the health checks find of a server: why it is down, or "". World.Wait is
// to return then.
func (c *Controller) Judge(server int, down string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wishes[server].down = down
}

// Changed tells that a server is another process than the one in use. World.Wait is to
// return then.
func (c *Controller) Changed(server int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wishes[server].changed = true
}

// Refusal is an error that says why something is not done, in which nothing has failed.
type Refusal struct{ Reason string }

func (r Refusal) Error() string { return r.Reason }

func refusal(reason string) error { return Refusal{reason} }

var errStopping = errors.New("the program is stopping")

// Drain takes a server out, for planned work: what is under way there ends first, and its
// keys are rerouted. It returns when nothing goes there any more. World.Wait is to return
// meanwhile: wake is called for that.
func (c *Controller) Drain(ctx context.Context, server int, wake func()) error {
	return c.request(ctx, wake, func(c *Controller) error { return c.drain(server) })
}

// Undrain has a drained server come back. It returns when it is back.
func (c *Controller) Undrain(ctx context.Context, server int, wake func()) error {
	return c.request(ctx, wake, func(c *Controller) error { return c.undrain(server) })
}

// Adopt takes all servers whose data no marker shows to be the pool's as what they are, or
// deletes it.
func (c *Controller) Adopt(ctx context.Context, empty bool, wake func()) error {
	return c.request(ctx, wake, func(c *Controller) error { return c.adopt(empty) })
}

func (c *Controller) request(ctx context.Context, wake func(), do func(*Controller) error) error {
	r := &request{do, make(chan error, 1)}
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return errStopping
	}
	c.requests = append(c.requests, r)
	c.mu.Unlock()
	wake()
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Controller) adopt(empty bool) error {
	adopted, failed := 0, error(nil)
	for i := range c.servers {
		s := &c.servers[i]
		if !s.stranger {
			continue
		}
		adopted++
		if s.adopted = adoptData; empty {
			s.adopted = adoptEmpty
		}
		if !c.returns(i) {
			failed = errors.New("node " + s.name + " is not in use yet: it " + s.reason)
		}
	}
	if adopted == 0 {
		return refusal("no server holds data that is not known to be this pool's")
	}
	return failed
}

// Run keeps the view until World.Wait reports false.
func (c *Controller) Run() {
	defer c.stops()
	for !c.start() {
		if !c.world.Wait(c.world.Now().Add(startRetry)) {
			return
		}
	}
	c.tick = c.world.Now().Add(c.set.Interval)
	for {
		c.step()
		if !c.world.Wait(c.next()) {
			return
		}
	}
}

// stops tells those who wait for what they have asked for that it is too late.
func (c *Controller) stops() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	for r := c.nextRequest(); r != nil; r = c.nextRequest() {
		r.done <- errStopping
	}
}

// next is when there is something to do at the latest.
func (c *Controller) next() time.Time {
	at := c.tick
	for i := range c.servers {
		if s := &c.servers[i]; c.pending(i) && s.retry.Before(at) {
			at = s.retry
		}
	}
	return at
}

// step does all that is to be done now. Servers that fall come first, whatever else is
// under way.
func (c *Controller) step() {
	c.fallen()
	if now := c.world.Now(); !now.Before(c.tick) {
		c.watch()
		c.tick = c.world.Now().Add(c.set.Interval)
		c.fallen()
	}
	for r := c.nextRequest(); r != nil; r = c.nextRequest() {
		r.done <- r.do(c)
		c.fallen()
	}
	if c.ending {
		c.strand()
	}
	for i := range c.servers {
		c.settle(i)
		c.fallen()
	}
}

func (c *Controller) nextRequest() *request {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.requests) == 0 {
		return nil
	}
	r := c.requests[0]
	c.requests = c.requests[1:]
	return r
}

// fallen takes out what others have found to be down, or to be another process.
func (c *Controller) fallen() {
	c.mu.Lock()
	for i, w := range c.wishes {
		c.wanted[i].down = w.down
		c.wanted[i].changed = c.wanted[i].changed || w.changed
		c.wishes[i].changed = false
	}
	c.mu.Unlock()
	for i := range c.servers {
		s, w := &c.servers[i], &c.wanted[i]
		switch {
		case s.state != up:
		case w.down != "":
			c.falls(i, w.down)
		case w.changed:
			c.falls(i, "has been restarted")
		}
		w.changed = false
	}
}

// settle brings a server closer to what it should be: back, rerouted, owing nothing.
func (c *Controller) settle(i int) {
	s := &c.servers[i]
	if !c.pending(i) || c.world.Now().Before(s.retry) {
		return
	}
	s.retry = c.world.Now().Add(c.set.Interval) // if it does not succeed
	if s.state == up {
		c.pay(i)
		return
	}
	if c.mayReturn(i) {
		if c.returns(i) {
			return
		}
		c.fallen() // what has kept it from that
	}
	if c.mayReroute(i) {
		if err := c.reroutes(i); err != nil {
			c.log(i).Debug("keys cannot be rerouted yet", "cause", err)
		}
	}
}

// pending reports whether a server is not as it should be, and that can be changed.
func (c *Controller) pending(i int) bool {
	s := &c.servers[i]
	return s.state == up && s.owing || c.mayReturn(i) || c.mayReroute(i)
}

func (c *Controller) mayReturn(i int) bool {
	s := &c.servers[i]
	return s.state != up && c.wanted[i].down == "" && !s.drained && (!s.stranger || s.adopted != notAdopted)
}

func (c *Controller) mayReroute(i int) bool {
	s := &c.servers[i]
	return s.state == stranded && !s.stranger && c.ended == "" && c.out() <= c.set.MostOut
}

func (c *Controller) log(i int) *slog.Logger {
	return c.set.Log.With("pool", c.set.Pool, "node", c.set.Nodes[i], "address", c.set.Addresses[i])
}

func (c *Controller) told(i int) {
	s := &c.servers[i]
	c.set.Told(i, Status{InUse: s.state == up, Rerouted: s.state == rerouted, Since: s.since, Reason: s.reason})
}
