package topology

import "ringmain/router"

// returns takes a server back. It reports false if it has not succeeded: the server is out
// as before.
func (c *Controller) returns(i int) bool {
	s := &c.servers[i]
	emptied, err := c.tryReturn(i)
	switch {
	case err == nil:
	case s.stranger: // clients and the operator are to know
		c.serve()
		c.told(i)
		return false
	default:
		c.troubled(i, err)
		return false
	}
	s.trouble, s.retry = "", c.world.Now()
	log := c.log(i).With("epoch", c.epoch)
	if emptied != "" {
		log.Info("server is used again, and was emptied", "because", emptied)
	} else {
		log.Info("server is used again, and was cleaned of what was written meanwhile")
	}
	c.told(i)
	for k := range c.servers {
		if c.servers[k].owing && c.servers[k].state == up {
			c.pay(k)
		}
	}
	return true
}

// tryReturn is the protocol of a return. emptied says why all was deleted, "" if only what
// was recorded.
func (c *Controller) tryReturn(i int) (emptied string, err error) {
	s := &c.servers[i]
	before, owing := *s, c.owing()
	if err := c.clear(i); err != nil {
		return "", err
	}
	runID, err := c.runID(i)
	if err != nil {
		return "", err
	}
	c.collect(i)
	if s.runID == "" {
		emptied, err = c.firstLook(i)
	} else {
		emptied, err = c.clean(i, runID)
	}
	if err != nil {
		return "", err
	}
	c.world.Hold(i, c.comeBack(i, runID), c.refuges(i))
	if err := c.finish(i, &emptied); err != nil {
		c.goBack(i, before, owing)
		return "", err
	}
	switch got, err := c.acknowledge(c, i); got {
	case refused:
		c.goBack(i, before, owing)
		return "", err
	case unknown:
		c.goBackDistrusted(i, before, owing)
		return "", err
	}
	c.known[c.member(i)] = true
	c.world.Forget(i)
	s.record, s.flagged, s.adopted, s.stranger = nil, "", notAdopted, false
	c.serve()
	return emptied, nil
}

// acknowledgement is whether servers have taken the marker of a view.
type acknowledgement uint8

const (
	acknowledged acknowledgement = iota
	refused                      // not by the server that returns
	unknown                      // perhaps by that one
)

// markBack has all servers take the marker of the view in which one is back: that one
// last, as its marker makes a process that starts trust it.
func (c *Controller) markBack(i int) (acknowledgement, error) {
	if err := c.markOthers(i, c.epoch); err != nil {
		return refused, err
	}
	if err := c.mark(i, c.epoch); err != nil {
		return unknown, err
	}
	return acknowledged, nil
}

// firstLook takes a server over that was out of reach when the process began. Nothing of
// what it had before is left, unless it was adopted.
func (c *Controller) firstLook(i int) (emptied string, err error) {
	g, err := c.look(i)
	if err != nil {
		return "", err
	}
	if err := c.takeOver(i, g, false); err != nil {
		return "", err
	}
	if s := &c.servers[i]; s.adopted == adoptData {
		if s.flagged != "" {
			return s.flagged, c.empty(i)
		}
		return "", nil
	}
	return "it was out of reach when this program started", nil
}

const (
	// maxRecord bounds the keys that are remembered of a server, in bytes: what loops hand
	// over before each attempt to clean it adds up.
	maxRecord = 16 << 20
	// keyCost is what a key takes besides its own bytes, about.
	keyCost = 48
)

// collect takes over what loops have recorded for a server. Once a flag is up the server is
// emptied, and nothing more need be remembered.
func (c *Controller) collect(i int) {
	s := &c.servers[i]
	a := c.world.Absence(i)
	switch {
	case s.flagged != "":
	case a.Incomplete || !s.remember(a.Keys):
		s.flagged = "too many keys were written meanwhile to be remembered"
	case a.Flushed:
		s.flagged = "a flush has passed meanwhile"
	}
	if s.flagged != "" {
		s.record = nil
	}
}

// remember adds keys to the record. It reports false if that becomes too large.
func (s *server) remember(keys []string) bool {
	if s.record == nil {
		s.record = map[string]struct{}{}
	}
	size := 0
	for key := range s.record {
		size += len(key) + keyCost
	}
	for _, key := range keys {
		if _, known := s.record[key]; !known {
			s.record[key] = struct{}{}
			size += len(key) + keyCost
		}
	}
	return size <= maxRecord
}

// clean rids a server, which is known, of what may be old. It returns why all of it had to
// go, "" if only what was recorded.
func (c *Controller) clean(i int, runID string) (emptied string, err error) {
	mark, err := c.text(i, c.set.Refuge, "GET", MarkerKey)
	if err != nil {
		return "", err
	}
	s := &c.servers[i]
	if _, ours := readMarker(mark, c.set.Pool); mark != "" && !ours && s.adopted != adoptEmpty {
		return "", c.refuseStranger(i, &sighting{data: true, refuge: true}) // it was given to others meanwhile
	}
	if emptied = c.mustEmpty(i, runID, mark); emptied != "" {
		err = c.empty(i)
	} else {
		err = c.delete(i, s.record)
	}
	// Once rerouting has ended no refuge is used any more, and what is in one that never was
	// may be somebody else's.
	if err == nil && (c.ended == "" || s.used) {
		err = c.emptyRefuge(i, "")
	}
	return emptied, err
}

// mustEmpty is why all that a returning server holds is to be deleted, "" if it need not be.
func (c *Controller) mustEmpty(i int, runID, mark string) string {
	s := &c.servers[i]
	switch {
	case c.set.Flush:
		return "on_node_return is flush"
	case runID != s.runID:
		return "it has been restarted"
	case mark != s.marker:
		return "its marker is not what was last written there"
	case !s.complete:
		return "it is not known what was written meanwhile"
	}
	return s.flagged
}

// comeBack puts a server among those that are up, in a view that is not served yet. What
// refuges hold may be old from then on.
func (c *Controller) comeBack(i int, runID string) router.View {
	c.epoch++
	s := &c.servers[i]
	s.state, s.runID, s.since, s.reason = up, runID, c.world.Now(), "is back"
	s.owing, s.used = false, false
	for k := range c.servers {
		if k != i && c.servers[k].used {
			c.servers[k].owing = true
		}
	}
	return c.view()
}

// refuges are those that hold keys of server i, or may.
func (c *Controller) refuges(i int) (left []Left) {
	for k := range c.servers {
		if k != i && c.servers[k].state == up {
			left = append(left, Left{Server: k, Refuge: true})
		}
	}
	return left
}

// finish deletes what was recorded last.
func (c *Controller) finish(i int, emptied *string) error {
	s := &c.servers[i]
	known := s.flagged
	c.collect(i)
	if s.flagged != known {
		*emptied = s.flagged
		if err := c.empty(i); err != nil {
			return err
		}
		return c.emptyRefuge(i, "")
	}
	return c.delete(i, s.record)
}

// owing is which servers owe.
func (c *Controller) owing() (list []bool) {
	for i := range c.servers {
		list = append(list, c.servers[i].owing)
	}
	return list
}

// goBack leaves a server out after all, and has the view before served again. Nothing says
// otherwise: the server does not have the marker of its return.
func (c *Controller) goBack(i int, before server, owing []bool) {
	s := &c.servers[i]
	record, flagged, marker, cleared := s.record, s.flagged, s.marker, s.cleared
	*s = before
	s.record, s.flagged, s.marker, s.cleared = record, flagged, marker, cleared
	for k := range c.servers {
		c.servers[k].owing = owing[k]
	}
	c.serve()
}

// goBackDistrusted is goBack when the server may have the marker of its return. Before a
// refuge is used again, the others must say that it is out.
func (c *Controller) goBackDistrusted(i int, before server, owing []bool) {
	c.epoch++
	before.complete = false
	if err := c.markOthers(i, c.epoch); err != nil {
		before.state = stranded
	}
	c.goBack(i, before, owing)
	c.told(i)
}

// pay flushes the refuge of a server, which is used again then.
func (c *Controller) pay(i int) {
	s := &c.servers[i]
	if err := c.emptyRefuge(i, c.markerOf(i, c.epoch)); err != nil {
		c.log(i).Debug("the refuge of a server is not flushed yet", "cause", err)
		return
	}
	s.owing, s.used = false, false
	c.serve()
}
