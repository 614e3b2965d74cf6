//go:build linux

package epoll

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

const (
	maxEvents = 512
	// readSize is how much one read takes.
	readSize = 64 << 10
	// maxPolls is how often an iteration looks for more events before it
	// flushes: larger batches mean fewer writes, which are most of the cost.
	maxPolls = 10
	// maxBehind is how many times in a row there may be maxEvents before timers are looked at.
	maxBehind = 32
	// maxBatch is how many connections with output end an iteration early, so
	// that none of them waits for long.
	maxBatch = 256
)

// Loop is an ioloop.Loop on epoll. New makes it, Run drives it.
type Loop struct {
	epfd, wakefd int
	noShortWait  bool // the kernel knows no waits in microseconds
	now, began   time.Time
	elapsed      time.Duration // from began to now
	iterations   uint64
	behind       int     // times in a row that there were maxEvents
	conns        []*conn // by file descriptor
	open         int
	events       [maxEvents]unix.EpollEvent
	readBuf      [readSize]byte
	plainBuf     []byte // what TLS has made of readBuf; nil until there is TLS
	buffers      driver.Buffers

	timers  driver.Timers
	atEnd   []func()
	dirty   []*conn  // have output that was not offered to the kernel
	again   []*conn  // have kept input to be delivered again
	drained []*conn  // have output that has fallen to the low-water mark
	batch   []*conn  // what deliverOld goes through
	dead    []*conn  // to be closed and told so
	failed  []func() // tell handlers of dials that have failed
	// delivering is the connection whose Data is under way.
	delivering *conn

	clients atomic.Int64 // accepted connections; read by the acceptor

	mu        sync.Mutex
	posted    []func()
	hasPosted atomic.Bool // posted is not empty
	stopped   bool
	running   []func() // the batch of posted that is being run

	lookup driver.Resolver
	work   sync.WaitGroup // goroutines that look up names and shake hands
	ctx    context.Context
	cancel context.CancelFunc
}

// Option changes what New makes.
type Option func(*Loop)

// WithResolver has names resolved by r, for tests that must not depend on name
// servers.
func WithResolver(r driver.Resolver) Option { return func(l *Loop) { l.lookup = r } }

// New makes a loop. It does nothing until Run, which also releases it.
func New(options ...Option) (*Loop, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	wakefd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epfd)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	l := &Loop{epfd: epfd, wakefd: wakefd, began: time.Now(), lookup: driver.LookUp}
	l.turn()
	for _, o := range options {
		o(l)
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if err := l.control(unix.EPOLL_CTL_ADD, wakefd, unix.EPOLLIN); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

// Run drives the loop until ctx ends, then aborts every connection and returns
// once their handlers know. It is called once. An error means that the kernel
// refused to wait for events.
func (l *Loop) Run(ctx context.Context) error {
	defer l.release()
	stop := context.AfterFunc(ctx, func() { l.Post(func() {}) })
	defer stop()
	for ctx.Err() == nil {
		if err := l.iterate(); err != nil {
			l.shutDown()
			return err
		}
	}
	l.shutDown()
	return nil
}

func (l *Loop) iterate() error {
	n, err := l.wait(l.timeout())
	if err != nil {
		return err
	}
	l.iterations++
	l.turn()
	l.deliverOld()
	l.serve(n)
	for polls := 0; polls < maxPolls && len(l.dirty) < maxBatch; polls++ {
		if n, err = l.poll(); err != nil {
			return err
		}
		if n == 0 {
			break
		}
		l.turn()
		if !l.serve(n) {
			break
		}
	}
	l.finish()
	return nil
}

// serve calls the handlers of n events and of timers. It reports whether the
// events were good for anything: input that must wait for the next iteration is
// reported by the kernel again and again.
func (l *Loop) serve(n int) (useful bool) {
	if l.hasPosted.Load() {
		// Before any input: what another loop posted before it answered a
		// client is known before that client's next command is served here.
		l.runPosted()
		useful = true
	}
	for i := range l.events[:n] {
		e := &l.events[i]
		if int(e.Fd) == l.wakefd {
			l.drainWake()
		} else if c := l.conns[e.Fd]; c != nil {
			useful = c.ready(e.Events) || useful
		}
	}
	// What has come in is known before those who wait for it are told that it has not; and there
	// may be more of it than one call tells of.
	if l.behind++; n < maxEvents || l.behind == maxBehind {
		l.behind = 0
		l.runTimers()
	}
	return useful
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

// bury closes what died in this iteration. Descriptors are closed only here, so
// that none is reused while events of its predecessor are still in the batch.
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

func (l *Loop) runTimers() {
	l.timers.Run(l.now)
}

func (l *Loop) drainWake() {
	var count [8]byte
	_, _ = unix.Read(l.wakefd, count[:])
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	l.running, l.posted = l.posted, l.running[:0]
	l.hasPosted.Store(false)
	l.mu.Unlock()
	for i, f := range l.running {
		f()
		l.running[i] = nil
	}
}

// timeout is how long to wait for events, in milliseconds, rounded up; -1: for
// ever.
func (l *Loop) timeout() int {
	// What is posted between serve's look and drainWake has no event any more.
	if l.hasPosted.Load() || len(l.again) > 0 || len(l.drained) > 0 || len(l.dirty) > 0 || len(l.dead) > 0 || len(l.atEnd) > 0 {
		return 0
	}
	d, ok := l.timers.Next()
	if !ok {
		return -1
	}
	return int(min((d+time.Millisecond-1)/time.Millisecond, 1<<30))
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

// Memory implements ioloop.Loop.
func (l *Loop) Memory() int { return l.buffers.Lent() }

// Clients is the number of accepted connections that the loop has or is about
// to have. Any goroutine may call it.
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
	l.hasPosted.Store(true)
	if len(l.posted) == 1 {
		one := [8]byte{0: 1}
		// It fails only when the counter is about to overflow, and then the
		// loop is awake.
		_, _ = unix.Write(l.wakefd, one[:])
	}
	return true
}

// shutDown refuses further posts, runs those that were accepted, and aborts all
// connections.
func (l *Loop) shutDown() {
	l.cancel()
	l.work.Wait()
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.runPosted()
	for l.open > 0 || len(l.failed) > 0 {
		l.tellFailed()
		for _, c := range l.conns {
			if c != nil {
				c.Abort()
			}
		}
		l.bury()
	}
}

func (l *Loop) release() {
	l.cancel()
	_ = unix.Close(l.epfd)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	_ = unix.Close(l.wakefd)
}

// wait blocks for events, at most ms milliseconds.
func (l *Loop) wait(ms int) (int, error) {
	if ms == 0 {
		return l.poll()
	}
	if n, err := l.waitShort(); n != 0 || err != nil {
		return n, err
	}
	n, err := unix.EpollWait(l.epfd, l.events[:], ms)
	if err == unix.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("epoll_wait: %w", err)
	}
	return n, nil
}

func (l *Loop) control(op, fd int, events uint32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(fd)}
	if err := unix.EpollCtl(l.epfd, op, fd, &e); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// add makes c known to the kernel and to the loop.
func (l *Loop) add(c *conn, events uint32) error {
	if err := l.control(unix.EPOLL_CTL_ADD, c.fd, events); err != nil {
		return err
	}
	c.interest = events
	l.enlist(c)
	return nil
}

// enlist makes c known to the loop, which closes its descriptor in the end.
func (l *Loop) enlist(c *conn) {
	for len(l.conns) <= c.fd {
		l.conns = append(l.conns, make([]*conn, len(l.conns)+64)...)
	}
	l.conns[c.fd] = c
	l.open++
}
