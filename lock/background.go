package lock

import (
	"time"

	"ringmain/quorum"
)

const (
	// maxChores and maxChoreBytes bound what is still to be taken back at servers: what there
	// is no room for ends with its TTL.
	maxChores     = 10_000
	maxChoreBytes = 32 << 20
	choreFirst    = 50 * time.Millisecond
	choreMost     = 2 * time.Second
	// strayMost is how long a request may be under way that was not answered in time: then its
	// connection has been given up, and has been ended at the server.
	strayMost = time.Second
)

// chore is a release that is to be carried out at one server though nobody waits for it.
// It names the ops that were known when somebody did: what has come to be there since is
// not touched.
type chore struct {
	server int
	keys   []string // of the script
	args   []string
	until  time.Duration // by the monotonic clock: the lock has ended by then
	delay  time.Duration
	size   int
	// stray: what is to be taken back may come to be there yet.
	stray bool
}

// takeBack releases at one server what has one of the ops, and the grant if it is not "",
// again and again until the server says that it is done, or until the lock has ended. stray:
// what is to be released may be under way yet.
func (e *Engine) takeBack(server int, keys []string, token, grant string, ops []string, lease time.Duration, stray bool) {
	c := &chore{
		server: server, keys: scriptKeys(keys), args: append([]string{token, grant}, ops...),
		until: e.clock.Now().Monotonic + 2*lease + time.Second, delay: choreFirst, size: len(token) + 512,
		stray: stray,
	}
	for _, k := range keys {
		c.size += 2 * len(k) // as it is, and behind the companion's prefix
	}
	if len(ops) == 0 || e.chores >= maxChores || e.choreBytes+c.size > maxChoreBytes {
		return
	}
	e.chores++
	e.choreBytes += c.size
	e.work(c)
}

func (e *Engine) worked(c *chore) {
	e.chores--
	e.choreBytes -= c.size
}

func (e *Engine) work(c *chore) {
	if e.servers.Barred(c.server, quorum.Owned) != "" {
		e.workLater(c)
		return
	}
	call := quorum.Call{Server: c.server, Script: releaseScript, Keys: c.keys, Args: c.args, Within: e.settings.NodeTimeout}
	e.servers.Call(call, func(a quorum.Answer) {
		switch {
		case a.Outcome != quorum.Done:
		case c.stray && len(a.Values) > 0 && a.Values[0].Int == 0:
			c.stray = false
			e.clock.After(strayMost, func() { e.work(c) })
			return
		default:
			e.worked(c)
			return
		}
		e.workLater(c)
	})
}

func (e *Engine) workLater(c *chore) {
	if e.clock.Now().Monotonic+c.delay > c.until {
		e.worked(c)
		return
	}
	e.clock.After(c.delay+time.Duration(e.random.Int64N(int64(c.delay))), func() { e.work(c) })
	c.delay = min(2*c.delay, choreMost)
}
