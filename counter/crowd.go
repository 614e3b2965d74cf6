package counter

import (
	"time"

	"ringmain/quorum"
)

// Clients that wait for each reply come back in step. Those of one round find the next one,
// with the commands of the others, under way already; so two crowds take turns, and each
// round carries half of what it could. Therefore a round of a busy register waits a moment
// for those who were just told an outcome, if it is seen to pay: it does where they all come
// back soon and hardly anybody comes beside them. Otherwise it is tried ever more seldom.

const (
	// gatherFor bounds the wait.
	gatherFor = 3 * time.Millisecond
	// leastCrowd is how many commands must be expected for it.
	leastCrowd = 4
	// mostSkips bounds how many rounds begin without waiting after it did not pay.
	mostSkips = 1024
)

// crowd is what a proposer expects of its clients.
type crowd struct {
	expected int            // commands: those told by the last round, and those waiting then
	since    quorum.Instant // when that was
	timer    quorum.Timer   // pending while the proposer waits for them
	full     bool           // the round under way has them all
	skips    int            // rounds that begin at once after the next wait that does not pay
	skip     int            // and that still do
}

// enough is how many commands a round waits for: nearly all.
func (c *crowd) enough() int { return c.expected - c.expected/8 }

// gathers reports whether the next round is to wait.
func (p *proposer) gathers() bool {
	c := &p.crowd
	switch n := len(p.queue); {
	case p.phase != ready || !p.holds || p.live > 0 || n == 0:
		return false
	case n >= min(c.enough(), p.pattern.MaxBatch):
		c.full = c.expected >= p.e.leastCrowd
		return false
	case c.timer != nil:
		return true
	case c.expected < p.e.leastCrowd || p.e.turn().Since(c.since) > gatherFor:
		return false
	case c.skip > 0:
		c.skip--
		return false
	}
	c.timer = p.e.clock.After(gatherFor, func() {
		c.timer = nil
		c.disappoints()
		p.advance()
	})
	return true
}

// begins tells that a round does.
func (c *crowd) begins() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// told tells that a round's commands have their outcome, and how many came meanwhile.
func (c *crowd) told(commands, waiting int, now quorum.Instant) {
	switch {
	case c.full && waiting > commands/4:
		c.disappoints() // they are others: waiting would only make them more
	case c.full:
		c.skips = 0
	}
	c.expected, c.since, c.full = commands+waiting, now, false
}

func (c *crowd) disappoints() {
	c.skips = min(max(1, 2*c.skips), mostSkips)
	c.skip, c.full = c.skips, false
}
