package backend

import "time"

// Reconnection waits minBackoff after the first failure, twice as long after
// each further one, maxBackoff at most, less up to half of it by chance, so that
// many proxies do not come back in step. A connection that was ready for less
// than maxBackoff counts as a failure: a server that accepts and closes is not
// dialled without a pause.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = time.Second
)

func (c *Conn) reconnect() {
	n := c.node
	if n.closed {
		c.state = stopped
		return
	}
	if c.attempt.address != n.address {
		c.afresh()
	}
	if lived := n.loop.Elapsed() - c.readySince; c.readySince != 0 && lived >= maxBackoff {
		c.attempts = 0
	} else if c.readySince != 0 {
		c.attempts++
	}
	c.readySince = 0
	c.state = waiting
	if c.attempts > 0 && c.failing == nil {
		c.failing = n.down("is unreachable")
	}
	c.redial = n.loop.After(backoff(c.attempts, n.opt.Rand), c.dial)
}

// backoff is the pause before an attempt that follows on failures in a row.
func backoff(failures int, random func() float64) time.Duration {
	if failures == 0 {
		return 0
	}
	d := maxBackoff
	if failures < 10 {
		d = min(maxBackoff, minBackoff<<(failures-1))
	}
	return d - time.Duration(float64(d)*random()/2)
}
