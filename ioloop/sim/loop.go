package sim

import (
	"time"

	"ringmain/ioloop"
)

// Loop is one event loop of a World. It implements ioloop.Loop; as everything
// in a World, it is used from one goroutine only.
//
// Methods of a loop and its connections may also be called from outside an
// iteration, between two Steps; the loop then wakes for what is to be done.
type Loop struct {
	w         *World
	name      string
	host      string
	listeners []*listener
	conns     []*Conn // in no particular, but repeatable order
	memory    int

	turn      int       // counts iterations
	now       time.Time // of the iteration under way
	running   bool
	scheduled bool          // an iteration is in the world's queue
	busyUntil time.Duration // when the last iteration's work is done
	paused    bool
	stopping  bool
	stopped   bool

	ready  []*Conn // with something to serve
	dirty  []*Conn // with output to flush
	gone   []*Conn // whose handler must yet be told
	posted []func()
	atEnd  []func()
	timers timerQueue
}

var _ ioloop.Loop = (*Loop)(nil)

// NewLoop adds a loop. Its host is name up to the first slash, so "proxy/0" and
// "proxy/1" are two loops of one host; a server's loop is best called by the
// address at which it listens.
func (w *World) NewLoop(name string) *Loop {
	return &Loop{w: w, name: name, host: hostOf(name)}
}

// Name is the name given to NewLoop.
func (l *Loop) Name() string { return l.name }

// Host is the loop's host, as Partition and Slow know it.
func (l *Loop) Host() string { return l.host }

// World is the world of the loop.
func (l *Loop) World() *World { return l.w }

// Now is the time at which the iteration under way began; outside of one, the
// world's.
func (l *Loop) Now() time.Time {
	if l.running {
		return l.now
	}
	return epoch.Add(l.w.now)
}

// Elapsed implements ioloop.Loop.
func (l *Loop) Elapsed() time.Duration { return l.Now().Sub(epoch) + 1 }

// After implements ioloop.Loop. Timers of one time are called in the order in
// which they were made.
func (l *Loop) After(d time.Duration, f func()) ioloop.Timer {
	t := l.timers.push(l.Now().Add(d), f)
	l.w.at(t.when.Sub(epoch), l.touch)
	return t
}

// AtEnd implements ioloop.Loop. What an AtEnd function registers is called in
// the same iteration.
func (l *Loop) AtEnd(f func()) {
	l.atEnd = append(l.atEnd, f)
	l.touch()
}

// Post implements ioloop.Loop, for the world's goroutine only.
func (l *Loop) Post(f func()) bool {
	if l.stopping || len(l.posted) >= ioloop.MaxPosted {
		return false
	}
	l.posted = append(l.posted, f)
	l.touch()
	return true
}

// Memory implements ioloop.Loop.
func (l *Loop) Memory() int { return l.memory }

// Dial implements ioloop.Loop. Besides the errors named there, Opened is given
// syscall.ECONNREFUSED.
func (l *Loop) Dial(address string, timeout time.Duration, h ioloop.Handler) {
	c := &Conn{l: l, h: h, state: dialing, remote: address}
	l.add(c)
	if l.stopping {
		c.finish(ioloop.ErrAborted)
		return
	}
	if err := resolve(address); err != nil {
		c.err = err
		c.mark()
		return
	}
	c.timer = l.After(timeout, func() {
		if c.state == dialing {
			c.finish(ioloop.ErrDialTimeout)
		}
	})
	c.dial = l.w.connect(l.host, address, c.dialled)
}

// touch makes sure that an iteration comes.
func (l *Loop) touch() {
	if l.running || l.scheduled || l.paused || l.stopped {
		return
	}
	l.scheduled = true
	l.w.at(max(l.w.now, l.busyUntil)+l.w.between(0, l.w.char.latency), l.iterate)
}

// iterate is one turn of the loop: what was posted, timers, connections, the
// AtEnd functions and closings, output. A loop paused or crashed meanwhile
// stops where it is.
func (l *Loop) iterate() {
	l.scheduled = false
	if l.paused || l.stopped {
		return
	}
	l.now = epoch.Add(l.w.now)
	l.turn++
	l.running = true
	l.runPosted()
	l.runTimers()
	l.serve()
	l.end()
	l.flush()
	l.running = false
	l.busyUntil = l.w.now + l.w.between(0, l.w.char.latency)
	if l.stopping {
		l.shutdown()
	}
	if len(l.ready)+len(l.dirty)+len(l.gone)+len(l.posted)+len(l.atEnd) > 0 {
		l.touch()
	}
}

func (l *Loop) runPosted() {
	for n := len(l.posted); n > 0 && len(l.posted) > 0 && !l.paused; n-- {
		f := l.posted[0]
		l.posted[0] = nil
		l.posted = l.posted[1:]
		f()
	}
}

func (l *Loop) runTimers() {
	for made := l.timers.seq; !l.paused; {
		f := l.timers.due(l.now, made)
		if f == nil {
			return
		}
		f()
	}
}

// serve calls the handlers of connections that are ready, as a rule all of
// them, in an order that is often that of their events.
func (l *Loop) serve() {
	batch := l.ready
	if len(batch) == 0 {
		return
	}
	if l.w.chance(0.3) {
		l.w.rng.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	}
	n := len(batch)
	if l.w.chance(0.1) {
		n = 1 + l.w.rng.IntN(n)
	}
	l.ready = nil
	for i, c := range batch[:n] {
		if l.paused {
			n = i
			break
		}
		c.ready = false
		c.serve()
	}
	if n < len(batch) {
		l.ready = append(batch[n:len(batch):len(batch)], l.ready...)
	}
}

// end calls the AtEnd functions and tells handlers of connections that are
// gone, until neither makes more of them.
func (l *Loop) end() {
	for !l.paused {
		switch {
		case len(l.atEnd) > 0:
			f := l.atEnd[0]
			l.atEnd[0] = nil
			l.atEnd = l.atEnd[1:]
			f()
		case len(l.gone) > 0:
			c := l.gone[0]
			l.gone[0] = nil
			l.gone = l.gone[1:]
			c.tell()
		default:
			return
		}
	}
}

func (l *Loop) flush() {
	if l.paused {
		return
	}
	batch := l.dirty
	l.dirty = nil
	for _, c := range batch {
		c.dirty = false
		c.flush()
	}
}

func (l *Loop) add(c *Conn) {
	c.index = len(l.conns)
	l.conns = append(l.conns, c)
}

func (l *Loop) remove(c *Conn) {
	last := len(l.conns) - 1
	moved := l.conns[last]
	l.conns[c.index], moved.index = moved, c.index
	l.conns[last] = nil
	l.conns = l.conns[:last]
}

// Stop ends the loop for good: its listeners close, what was posted is called,
// and its handlers are given ErrAborted. Called from a handler it takes effect at
// the end of the iteration.
func (l *Loop) Stop() {
	if l.stopped {
		return
	}
	l.stopping, l.paused = true, false
	if !l.running {
		l.shutdown()
	}
}

func (l *Loop) shutdown() {
	l.now, l.running = epoch.Add(l.w.now), true
	l.runPosted()
	l.end()
	for len(l.listeners) > 0 {
		l.closeListeners()
	}
	for round := 0; len(l.conns)+len(l.gone)+len(l.atEnd) > 0; round++ {
		if round == 1000 {
			panic("sim: handlers of loop " + l.name + " go on dialling while it stops")
		}
		for len(l.conns) > 0 {
			l.conns[0].finish(ioloop.ErrAborted)
		}
		l.end()
	}
	l.running, l.stopped = false, true
	l.ready, l.dirty, l.posted, l.timers.heap = nil, nil, nil, nil
}

func (l *Loop) closeListeners() {
	listeners := l.listeners
	l.listeners = nil
	for _, listener := range listeners {
		listener.close()
	}
}
