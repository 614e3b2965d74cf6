package backend

import "time"

// Backoff says how reconnection waits: Min after the first failure, twice as long after
// each further one, Max at most, less up to half of it by chance, so that
// many proxies do not come back in step. A connection that was ready for less
// than Max counts as a failure: a server that accepts and closes is not
// dialled without a pause.
type Backoff struct{ Min, Max time.Duration }

const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = time.Second
)

func (o *Options) backoff() Backoff {
	if o.Backoff == (Backoff{}) {
		return Backoff{minBackoff, maxBackoff}
	}
	return o.Backoff
}

func (c *Conn) reconnect() {
	n := c.node
	if n.closed {
		c.state = stopped
		return
	}
	if c.attempt.address != n.address {
		c.afresh()
	}
	pause := n.opt.backoff()
	if lived := n.loop.Elapsed() - c.readySince; c.readySince != 0 && lived >= pause.Max {
		c.attempts = 0
	} else if c.readySince != 0 {
		c.attempts++
	}
	c.readySince = 0
	c.state = waiting
	if c.attempts > 0 && c.failing == nil {
		c.failing = n.down("is unreachable")
	}
	c.redial = n.loop.After(pause.after(c.attempts, n.opt.Rand), c.dial)
}

// after is the pause before an attempt that follows on failures in a row.
func (b Backoff) after(failures int, random func() float64) time.Duration {
	if failures == 0 {
		return 0
	}
	d := b.Max
	if failures < 10 {
		d = min(b.Max, b.Min<<(failures-1))
	}
	return d - time.Duration(float64(d)*random()/2)
}
