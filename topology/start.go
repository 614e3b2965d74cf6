package topology

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// start takes the pool over from whoever had it before. It reports false if it has to be
// tried again.
func (c *Controller) start() bool {
	seen := make([]*sighting, len(c.servers))
	reached := 0
	for i := range c.servers {
		c.servers[i].cleared = false
		if err := c.clear(i); err != nil {
			c.notReached(i, err)
			continue
		}
		g, err := c.look(i)
		if err != nil {
			c.notReached(i, err)
			continue
		}
		seen[i] = g
		reached++
	}
	if reached == 0 {
		return false
	}
	last, known := lastView(seen, c.quorum)
	c.known = knownFrom(seen)
	for _, g := range seen {
		if g != nil && g.marked {
			c.epoch = max(c.epoch, g.marker.Epoch)
		}
	}
	c.epoch++
	now := c.world.Now()
	for i, g := range seen {
		s := &c.servers[i]
		s.state, s.since, s.complete, s.stranger = stranded, now, false, false
		if g == nil {
			continue
		}
		trusted := known && g.valid() && g.marker.Epoch == last.Epoch && g.marker.Incarnation == last.Incarnation
		if err := c.takeOver(i, g, trusted); err != nil {
			c.notReached(i, err)
			continue
		}
		s.state, s.runID, s.reason = up, g.runID, "is in use"
		c.known[c.member(i)] = true
	}
	for i := range c.servers {
		if s := &c.servers[i]; s.state == up {
			s.adopted = notAdopted
			if err := c.mark(i, c.epoch); err != nil {
				c.notReached(i, err)
				return false
			}
		}
	}
	c.serve()
	for i := range c.servers {
		c.told(i)
	}
	return true
}

// notReached notes why a server cannot be taken over.
func (c *Controller) notReached(i int, err error) {
	s := &c.servers[i]
	if s.state, s.since = stranded, c.world.Now(); !s.stranger {
		s.reason = "could not be taken over: " + err.Error()
		c.troubled(i, err)
	}
}

// troubled tells of what keeps a server from being taken back, once.
func (c *Controller) troubled(i int, err error) {
	if errors.Is(err, context.Canceled) { // it is not the server
		return
	}
	if s, cause := &c.servers[i], err.Error(); cause != s.trouble {
		s.trouble = cause
		c.log(i).Warn("server is not in use yet, which is tried again", "cause", cause)
	}
}

// takeOver makes a server fit to be used, of which the process has known nothing.
func (c *Controller) takeOver(i int, g *sighting, trusted bool) error {
	s := &c.servers[i]
	log := c.log(i)
	foreign := !g.marked && g.data && !c.known[c.member(i)]
	switch {
	case foreign && (s.adopted == notAdopted || s.adopted == adoptData && g.refuge):
		return c.refuseStranger(i, g)
	case trusted, !g.marked && !g.data:
	case s.adopted == adoptData: // it may have our marker, of an attempt that has not succeeded
		log.Info("server is taken with the data that it has, as was asked for")
	default:
		log.Warn("server is emptied", "reason", "it "+notTrusted(g, s))
		if err := c.empty(i); err != nil {
			return err
		}
	}
	if err := c.emptyRefuge(i, ""); err != nil {
		return err
	}
	s.stranger, s.used, s.owing = false, false, false
	return nil
}

func notTrusted(g *sighting, s *server) string {
	switch {
	case s.adopted == adoptEmpty:
		return "is adopted empty, as was asked for"
	case !g.marked:
		return "has lost its marker, so that what it holds may be old"
	case !g.valid():
		return "has been restarted, so that what it holds may be old"
	}
	return "was out, or out of reach, when the pool was last served, so that what it holds may be old"
}

// refuseStranger leaves a server alone whose data may be anybody's.
func (c *Controller) refuseStranger(i int, g *sighting) error {
	s := &c.servers[i]
	s.adopted, s.since = notAdopted, c.world.Now()
	reason := fmt.Sprintf("holds data that is not known to be this pool's. Run: ringmain adopt %s (the data is good), or: ringmain adopt %s --empty (it is deleted)", c.set.Pool, c.set.Pool)
	if g.refuge {
		reason = fmt.Sprintf("holds foreign keys in database %d, the refuge_database. Choose another, or run: ringmain adopt %s --empty (all data is deleted)", c.set.Refuge, c.set.Pool)
	}
	if !s.stranger {
		c.log(i).Error("server is not used: it " + reason)
	}
	s.stranger, s.reason = true, reason
	return errors.New(reason)
}

// startRetry is the pause between two attempts to begin.
const startRetry = 100 * time.Millisecond
