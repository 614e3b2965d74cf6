package counter

import (
	"time"

	"ringmain/quorum"
)

// Clients that wait for each reply come back in step. Those of one round find the next one,
// with the commands of the others, under way already; so two crowds take turns, and each
// round carries half of all. Therefore a round of a busy register waits a moment for some of
// those who were just told an outcome.
//
// It waits for most of the clients: whoever it does not wait for comes while it is under way, and
// would be a second crowd if there were many. Those who come back in step do so one closely behind
// the other. Others may take their time: so the wait ends early once nobody has come for as long as
// a round takes, since in that time those who are there could have had replies. Where commands come
// at their own pace rather than in reply, what has come in a wait and a round is taken for the crowd, and
// a part of it would take ever longer to come; so it waits no longer than three rounds take.
const (
	waitedFor, ofAll = 7, 8
	// gatherRounds and gatherFor bound the wait, by what rounds take on average and in all.
	gatherRounds = 3
	gatherFor    = 3 * time.Millisecond
	// leastCrowd is how many commands must be expected for it.
	leastCrowd = 4
	// mostSkips bounds how many rounds begin without waiting after it was in vain.
	mostSkips = 1024
)

// crowd is what a proposer expects of its clients.
type crowd struct {
	// expected is how many commands the last rounds have told and left waiting: the most of
	// them, and a little less with each round, since some clients are always on their way.
	expected int
	since    quorum.Instant // when a round ended last
	timer    quorum.Timer   // pending while the proposer waits
	waits    quorum.Instant // since when it does
	came     quorum.Instant // when somebody came last meanwhile
	skips    int            // rounds that begin at once after the next wait in vain
	skip     int            // and that still do
}

// enough is how many commands a round waits for.
func (c *crowd) enough() int { return (c.expected*waitedFor + ofAll - 1) / ofAll }

// gathers reports whether the next round is to wait.
func (p *proposer) gathers() bool {
	c, n := &p.crowd, len(p.queue)
	switch waits := c.timer != nil; {
	case p.phase != ready || !p.holds || p.live > 0 || n == 0 || c.expected < p.e.leastCrowd:
		return false
	case n >= min(c.enough(), p.pattern.MaxBatch):
		if waits {
			c.skips = 0
		}
		return false
	case waits:
		return true
	case p.e.turn().Since(c.since) > gatherFor: // they have gone
		c.expected = 0
		return false
	case c.skip > 0:
		c.skip--
		return false
	}
	c.waits, c.came = p.e.turn(), p.e.turn()
	p.gather(c.came)
	return true
}

// gather goes on waiting, or ends that.
func (p *proposer) gather(now quorum.Instant) {
	c, each := &p.crowd, p.e.thrift.rounds()
	more := each - now.Since(c.came)
	if left := min(more, min(gatherFor, gatherRounds*each)-now.Since(c.waits)); left > 0 {
		c.timer = p.e.clock.After(left, func() { p.gather(p.e.clock.Now()) })
		return
	}
	c.timer = nil
	gone := 2*len(p.queue) < c.expected
	if gone {
		c.expected = 0
	}
	if gone || more <= 0 { // in vain
		c.skips = min(max(1, 2*c.skips), mostSkips)
		c.skip = c.skips
	}
	p.advance()
}

// comes tells that a command did.
func (c *crowd) comes(now quorum.Instant) {
	// Not only once the next round is looked at: the timer comes before, if there was much to send.
	if c.timer != nil {
		c.came = now
	}
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
	c.expected, c.since = max(commands+waiting, c.expected-(c.expected+31)/32), now
}
