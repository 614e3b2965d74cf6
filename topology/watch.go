package topology

import "strconv"

// watch looks at every server that is up: whether it is the same process, has its marker
// still, and is nobody else's.
func (c *Controller) watch() {
	for i := range c.servers {
		if c.servers[i].state == up {
			c.inspect(i)
		}
	}
}

// wrote reports whether a marker is of this process.
func (c *Controller) wrote(mark string) bool {
	m, ok := readMarker(mark, c.set.Pool)
	return ok && m.Incarnation == c.set.Incarnation
}

// inspect looks at one server. What cannot be found out is left to the health checks.
func (c *Controller) inspect(i int) {
	s := &c.servers[i]
	runID, err := c.runID(i)
	if err != nil {
		return
	}
	if runID != s.runID {
		c.wanted[i].changed = true
		return
	}
	if ids, err := c.strangers(i); err != nil {
		return
	} else if len(ids) > 0 {
		c.end("another proxy is connected to node " + strconv.Quote(s.name) + ", although topology.sole_proxy says that there is none")
		return
	}
	mark, err := c.text(i, c.set.Refuge, "GET", MarkerKey)
	switch {
	case err != nil:
	case mark == c.markerOf(i, c.epoch):
		s.marker = mark
	case mark != "" && !c.wrote(mark):
		c.end("the marker on node " + strconv.Quote(s.name) + " is not this program's: the server is used by others, too")
	default: // it was lost, or a change of view has not come to its end
		err = c.mark(i, c.epoch)
	}
	if err != nil || s.used || c.ended != "" {
		return
	}
	if keys, err := c.number(i, c.set.Refuge, "DBSIZE"); err == nil && keys > 1 {
		c.end("database " + strconv.Itoa(c.set.Refuge) + " of node " + strconv.Quote(s.name) + ", the refuge_database, holds keys of others")
	}
}
