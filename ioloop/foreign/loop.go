package foreign

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

// Loop is an ioloop.Loop on net.Conns. New makes it, Run drives it.
type Loop struct {
	now, began time.Time
	elapsed    time.Duration // from began to now
	iterations uint64
	conns      map[*conn]struct{}
	buffers    driver.Buffers
	held       int // bytes of readers' buffers that wait for their handlers

	timers  driver.Timers
	atEnd   []func()
	dirty   []*conn  // have output that no writer has
	again   []*conn  // have kept input to be delivered again
	drained []*conn  // have output that has fallen to the low-water mark
	batch   []*conn  // what deliverOld goes through
	dead    []*conn  // to be closed and told so
	failed  []func() // tell handlers of dials that have failed
	// delivering is the connection whose Data is under way.
	delivering *conn

	clients atomic.Int64 // accepted connections; read by the acceptor

	wake chan struct{} // has one when something was posted or told
	mu   sync.Mutex    // guards what follows, down to stopped
	// posted is what Post was given, told what the goroutines of connections and
	// dials say.
	posted, told []func()
	stopped      bool
	// running and hearing are the batches of them that are being run.
	running, hearing []func()

	lookup driver.Resolver
	dials  sync.WaitGroup // goroutines that dial
	pumps  sync.WaitGroup // readers and writers
	ctx    context.Context
	cancel context.CancelFunc
}

// Option changes what New makes.
type Option func(*Loop)

// WithResolver has names resolved by r, for tests that must not depend on name
// servers.
func WithResolver(r driver.Resolver) Option { return func(l *Loop) { l.lookup = r } }

// New makes a loop. It does nothing until Run. The error is for drivers that need
// something of the system.
func New(options ...Option) (*Loop, error) {
	l := &Loop{began: time.Now(), conns: map[*conn]struct{}{}, wake: make(chan struct{}, 1), lookup: driver.LookUp}
	l.turn()
	for _, o := range options {
		o(l)
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l, nil
}

// Run drives the loop until ctx ends, then aborts every connection and returns once
// their handlers know and their goroutines have ended. It is called once, and has no
// errors.
func (l *Loop) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.rouse)
	defer stop()
	for ctx.Err() == nil {
		l.wait()
		l.iterate()
	}
	l.shutDown()
	return nil
}

func (l *Loop) iterate() {
	l.iterations++
	l.turn()
	l.deliverOld()
	l.hear()
	l.timers.Run(l.now)
	l.finish()
}

// wait returns when there is something to do.
func (l *Loop) wait() {
	if len(l.again) > 0 || len(l.drained) > 0 || len(l.dirty) > 0 || len(l.dead) > 0 || len(l.atEnd) > 0 {
		return
	}
	d, ok := l.timers.Next()
	if !ok {
		<-l.wake
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-l.wake:
	case <-timer.C:
	}
}

// rouse has wait return.
func (l *Loop) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// hear runs what was posted and told. Before any input comes what another loop posted
// before it answered a client: it is known before that client's next command is served
// here.
func (l *Loop) hear() {
	l.mu.Lock()
	l.running, l.posted = l.posted, l.running[:0]
	l.hearing, l.told = l.told, l.hearing[:0]
	l.mu.Unlock()
	for _, list := range [][]func(){l.running, l.hearing} {
		for i, f := range list {
			f()
			list[i] = nil
		}
	}
}

// finish ends the iteration: AtEnd, output, closings.
func (l *Loop) finish() {
	for i := 0; i < len(l.atEnd); i++ {
		l.atEnd[i]()
		l.atEnd[i] = nil
	}
	l.atEnd = l.atEnd[:0]
	l.bury() // before output: whoever has to know of a loss does before a client does
	for i := 0; i < len(l.dirty); i++ {
		c := l.dirty[i]
		c.dirty = false
		c.flush()
		l.dirty[i] = nil
	}
	l.dirty = l.dirty[:0]
	l.bury()
}

func (l *Loop) bury() {
	for i := 0; i < len(l.dead); i++ {
		l.dead[i].bury()
		l.dead[i] = nil
	}
	l.dead = l.dead[:0]
}

// deliverOld calls the handlers that earlier iterations have put off.
func (l *Loop) deliverOld() {
	l.drained, l.batch = l.batch, l.drained
	for i, c := range l.batch {
		c.tellDrained()
		l.batch[i] = nil
	}
	l.batch = l.batch[:0]
	l.again, l.batch = l.batch, l.again
	for i, c := range l.batch {
		c.again = false
		c.deliver()
		l.batch[i] = nil
	}
	l.batch = l.batch[:0]
}

// Now implements ioloop.Loop.
func (l *Loop) Now() time.Time { return l.now }

// Elapsed implements ioloop.Loop.
func (l *Loop) Elapsed() time.Duration { return l.elapsed }

// turn notes that it is later.
func (l *Loop) turn() {
	l.now = time.Now()
	l.elapsed = l.now.Sub(l.began) + 1
}

// Memory implements ioloop.Loop. It leaves out what readers are about to fill: up to
// bigRead bytes for a connection.
func (l *Loop) Memory() int { return l.buffers.Lent() + l.held }

// Clients is the number of accepted connections that the loop has or is about to
// have. Any goroutine may call it.
func (l *Loop) Clients() int { return int(l.clients.Load()) }

// Iterations is how many there have been. It is called on the loop.
func (l *Loop) Iterations() uint64 { return l.iterations }

// Posted is how many calls wait to be run. Any goroutine may call it.
func (l *Loop) Posted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.posted)
}

// After implements ioloop.Loop.
func (l *Loop) After(d time.Duration, f func()) ioloop.Timer {
	return l.timers.Add(l.now.Add(d), f)
}

// AtEnd implements ioloop.Loop.
func (l *Loop) AtEnd(f func()) { l.atEnd = append(l.atEnd, f) }

// Post implements ioloop.Loop.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || len(l.posted) >= ioloop.MaxPosted {
		return false
	}
	l.posted = append(l.posted, f)
	l.rouse()
	return true
}

// tell has f called on the loop, also if the queue of Post is full; not if the loop
// has stopped. A goroutine tells one thing at a time, and waits, or ends.
func (l *Loop) tell(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped {
		l.told = append(l.told, f)
		l.rouse()
	}
}

// shutDown refuses further posts, runs those that were accepted, and aborts all
// connections.
func (l *Loop) shutDown() {
	l.cancel()
	l.dials.Wait()
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.hear()
	for len(l.conns) > 0 || len(l.failed) > 0 {
		l.tellFailed()
		for c := range l.conns {
			c.Abort()
		}
		l.bury()
	}
	l.pumps.Wait()
}
