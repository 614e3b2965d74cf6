package topology

import (
	"errors"
	"fmt"
	"slices"

	"ringmain/router"
)

// out is how many servers are out.
func (c *Controller) out() (n int) {
	for i := range c.servers {
		if c.servers[i].state != up {
			n++
		}
	}
	return n
}

// view is the servers' states as loops take it.
func (c *Controller) view() router.View {
	v := router.View{Refuge: int32(c.set.Refuge)}
	var out, away, owing []int
	for i := range c.servers {
		s := &c.servers[i]
		if s.state != up {
			out = append(out, i)
		}
		if s.state == rerouted {
			away = append(away, i)
		}
		if s.owing {
			owing = append(owing, i)
		}
	}
	v.Out, v.Rerouted, v.Owing = router.NewServerSet(out...), router.NewServerSet(away...), router.NewServerSet(owing...)
	return v
}

// serve has every loop use the states as they are.
func (c *Controller) serve() {
	anyAway := slices.ContainsFunc(c.servers, func(s server) bool { return s.state == rerouted })
	uses := make([]Use, len(c.servers))
	for i := range c.servers {
		s := &c.servers[i]
		s.used = s.used || anyAway && s.state == up && !s.owing
		if uses[i] = (Use{RunID: s.runID}); s.state != up {
			uses[i] = Use{Down: s.reason}
		}
	}
	c.world.Serve(c.view(), uses)
}

// falls takes a server out. Its keys are rerouted if all that stay have acknowledged the
// marker of the new epoch first: a process that starts would trust the server else.
func (c *Controller) falls(i int, reason string) {
	s := &c.servers[i]
	c.epoch++
	next := rerouted
	why := ""
	switch {
	case c.ended != "":
		next, why = stranded, c.ended
	case c.out() >= c.set.MostOut:
		next, why = stranded, c.tooMany()
	default:
		if err := c.markOthers(i, c.epoch); err != nil {
			next, why = stranded, err.Error()
		}
	}
	c.world.Fall(i, reason)
	s.state, s.reason, s.since = next, reason, c.world.Now()
	s.complete, s.record, s.flagged, s.retry = true, nil, "", s.since
	c.serve()
	if next == rerouted {
		c.log(i).Warn("server is out, its keys are rerouted", "reason", "it "+reason, "epoch", c.epoch)
	} else {
		c.log(i).Warn("server is out, its keys are not rerouted", "reason", "it "+reason, "because", why)
	}
	c.told(i)
}

func (c *Controller) tooMany() string {
	return fmt.Sprintf("%d of %d servers are out, and max_down_percent lets keys of %d be rerouted", c.out(), len(c.servers), c.set.MostOut)
}

// reroutes gives the keys of a server that is out a place, now that they may have one.
func (c *Controller) reroutes(i int) error {
	s := &c.servers[i]
	c.epoch++
	if err := c.markOthers(i, c.epoch); err != nil {
		return err
	}
	s.state = rerouted
	c.serve()
	c.log(i).Warn("the keys of a server that is out are rerouted", "reason", "it "+s.reason, "epoch", c.epoch)
	c.told(i)
	return nil
}

// drain is a fall that is planned: nothing is lost that is under way.
func (c *Controller) drain(i int) error {
	s := &c.servers[i]
	switch {
	case s.drained:
		return refusal("is drained already")
	case s.state != up:
		return refusal("is out already: it " + s.reason)
	case c.ended != "":
		return refusal("cannot be drained: " + c.ended)
	case c.out() >= c.set.MostOut:
		return refusal("cannot be drained: " + c.tooMany())
	}
	c.epoch++
	if err := c.markOthers(i, c.epoch); err != nil {
		return err
	}
	c.world.Hold(i, c.view(), []Left{{Server: i}})
	s.state, s.reason, s.since = rerouted, "is drained", c.world.Now()
	s.complete, s.record, s.flagged, s.drained = true, nil, "", true
	c.serve()
	c.log(i).Info("server is drained, its keys are rerouted", "epoch", c.epoch)
	c.told(i)
	return nil
}

// undrain has a drained server come back.
func (c *Controller) undrain(i int) error {
	s := &c.servers[i]
	if !s.drained {
		return refusal("is not drained")
	}
	s.drained, s.reason = false, "is not drained any more, and has yet to be taken back"
	if down := c.wanted[i].down; down != "" {
		s.reason = down
	}
	c.told(i)
	if c.wanted[i].down != "" {
		return refusal("is not drained any more, and stays out: it " + s.reason)
	}
	if !c.returns(i) {
		return errors.New("is not drained any more, but is not yet taken back: that is tried again")
	}
	return nil
}

// end ends rerouting for good: no further fall moves keys, and those that have been moved
// are nowhere until their servers are back. To go on as a pool that fails would read values
// that are old.
func (c *Controller) end(reason string) {
	if c.ended != "" {
		return
	}
	c.ended = reason
	c.set.Log.Error("rerouting has ended: servers that fall are out until they are back, and restarting this program begins anew",
		"pool", c.set.Pool, "reason", reason)
	if c.set.Ended != nil {
		c.set.Ended(reason)
	}
	c.ending = true
}

// strand takes the places away from the keys of all servers that are out.
func (c *Controller) strand() {
	c.ending = false
	moved := false
	for i := range c.servers {
		if s := &c.servers[i]; s.state == rerouted {
			s.state, s.complete, moved = stranded, false, true
			c.told(i)
		}
	}
	if moved {
		c.serve()
	}
}
