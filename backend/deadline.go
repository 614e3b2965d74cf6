package backend

import (
	"time"

	"ringmain/ioloop"
	"ringmain/metric"
)

// idlePing is how long a connection is silent before it is asked for a sign of
// life.
const idlePing = 30 * time.Second

// longestLook is the longest time between two looks at a connection: some requests may
// wait for ever.
const longestLook = 24 * time.Hour

// flow is the rate, in bytes a second, at which what a server sends takes it all the time
// that passes: no deadline comes nearer meanwhile. So a burst of large replies is not late
// because the link or this machine is slow, but a trickle is.
const flow = 8 << 20

// deadlines watches over a connection with one timer: not one for each request,
// and set anew only when it fires or an earlier deadline comes.
type deadlines struct {
	c     *Conn
	timer ioloop.Timer
	at    time.Duration // when timer fires, by the loop's Elapsed
	// Positions in the queue up to which ordinary and slow requests have been
	// judged. In each class deadlines do not decrease.
	ordinary, slow uint64
	// credit is for how long the server has been busy sending: the connection's clock is
	// the loop's Elapsed less that. stamped is when the clock was last read for a new
	// deadline, or set back: it never goes back behind that, so that deadlines do not
	// decrease.
	credit, stamped time.Duration
}

// stamp is what the clock shows now.
func (d *deadlines) stamp(now time.Duration) time.Duration {
	d.stamped = now
	return now - d.credit
}

// received takes note of n bytes that came together; few are no flow.
func (d *deadlines) received(now time.Duration, n int) {
	if n < flow/1000 {
		return
	}
	if passed := now - d.stamped; passed > 0 {
		d.credit += min(passed, time.Duration(n)*time.Second/flow)
		d.stamped = now
	}
}

// until is when, by the loop's Elapsed, the clock will show at if nothing is received
// until then.
func (d *deadlines) until(at time.Duration) time.Duration { return at + d.credit }

func (d *deadlines) init(c *Conn) { d.c = c }

// start looks at what is due and sets the timer.
func (d *deadlines) start() {
	d.stop()
	d.fire()
}

func (d *deadlines) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadlines) arm(at time.Duration) {
	d.stop()
	d.at = at
	d.timer = d.c.node.loop.After(min(at-d.c.node.loop.Elapsed(), longestLook), d.fire)
}

// added tells of a new request's deadline.
func (d *deadlines) added(at time.Duration) {
	at = d.until(at)
	if d.timer == nil || at < d.at {
		d.arm(at)
	}
}

// fire judges what is due and sets the timer for what comes next.
func (d *deadlines) fire() {
	d.timer = nil
	c := d.c
	now := c.node.loop.Elapsed()
	switch c.state {
	case waiting, dialling, handshaking:
		d.fireUnready(now)
	case ready:
		d.ordinary = d.expire(d.ordinary, false, now)
		d.slow = d.expire(d.slow, true, now)
		if d.silent(now) {
			d.late()
			c.giveUp("does not answer", nil)
			return
		}
		if c.lease != nil && c.lease.holder == nil && now-c.lastByte >= idlePing {
			c.lease.Drop()
		}
		if c.state == ready {
			d.arm(d.next(now))
		}
	}
}

// fireUnready fails what waits for a connection once the first of it is late;
// nothing of it was sent.
func (d *deadlines) fireUnready(now time.Duration) {
	c := d.c
	if c.state == handshaking && now >= c.hello.giveUpAt {
		c.giveUp("is unreachable", errHandshake)
		return
	}
	var first time.Duration
	if c.state == handshaking {
		first = c.hello.giveUpAt
	}
	for p := c.queue.head; p < c.queue.tail; p++ {
		if at := d.until(c.queue.at(p).deadline); first == 0 || at < first {
			first = at
		}
	}
	switch {
	case first == 0:
	case first > now:
		d.arm(first)
	default:
		c.failing = c.node.down("does not answer")
		c.pending = nil
		c.failAll(loss{certain: c.failing, uncertain: c.failing}, 0)
		c.node.wake()
		d.start()
	}
}

// late marks the server as one that does not answer.
func (d *deadlines) late() {
	c := d.c
	if c.failing != nil {
		return
	}
	n := c.node
	c.failing = n.down("does not answer")
	n.suspect(false)
	n.opt.Log.Warn("server does not answer in time", "pool", n.opt.Pool,
		"node", n.name, "address", n.address, "awaited", c.queue.len())
	n.wake() // what waits for room fails at once now
}

// expire fails the requests of one class whose deadline has passed, from
// position p on, and returns the position of the first that it has not.
func (d *deadlines) expire(p uint64, slow bool, now time.Duration) uint64 {
	c := d.c
	var why loss
	for p = max(p, c.queue.head); p < c.queue.tail; p++ {
		e := c.queue.at(p)
		if e.slow != slow || e.to == nil || e.begun || e.blocking {
			continue
		}
		if d.until(e.deadline) > now {
			break
		}
		if why.certain == nil {
			why = c.node.late(c.timeout(e))
		}
		to, seq, f := e.to, e.seq, why.of(e)
		c.node.stats.Errors[metric.ErrorDeadline]++
		e.to = nil
		c.uncount(e)
		d.late()
		to.Failed(seq, f)
	}
	return p
}

// silent reports whether the first awaited reply is past its deadline and
// nothing at all has come for as long.
func (d *deadlines) silent(now time.Duration) bool {
	c := d.c
	if c.queue.len() == 0 {
		return false
	}
	e := c.queue.at(c.queue.head)
	return d.until(e.deadline) <= now && now-c.lastByte >= c.timeout(e)
}

// next is when to look again.
func (d *deadlines) next(now time.Duration) time.Duration {
	c := d.c
	if c.queue.len() == 0 {
		return d.idle(now)
	}
	head := c.queue.at(c.queue.head)
	at := d.until(head.deadline)
	if at <= now { // late, but bytes have come
		at = c.lastByte + c.timeout(head)
	}
	for _, p := range []uint64{d.ordinary, d.slow} {
		if p = max(p, c.queue.head); p < c.queue.tail {
			if t := d.until(c.queue.at(p).deadline); t > now && t < at {
				at = t
			}
		}
	}
	return at
}

// idle asks a silent server for a sign of life, and says when to look again.
func (d *deadlines) idle(now time.Duration) time.Duration {
	c := d.c
	pause := idlePing
	if c.hub != nil {
		pause = hubPing
	}
	if due := c.lastByte + pause; due > now {
		return due
	}
	if c.failing == nil {
		c.send(&entry{to: discard{}, own: true, slow: c.hub != nil}, ping)
	}
	return now + c.node.opt.Request
}

var ping = []byte("*1\r\n$4\r\nPING\r\n")

// discard receives what nobody waits for.
type discard struct{}

func (discard) Reply(uint64, []byte, bool) {}
func (discard) Failed(uint64, *Failure)    {}
