package proxy

import (
	"ringmain/backend"
	"ringmain/router"
)

// The view of a pool that reroutes changes in steps, each of which every loop makes before
// the next: Fall or Hold has nobody use the old places of the keys that move, and Serve
// has the new ones used. All are called on the loop; servers are given by their index.

// Absence is what a loop has done, while a server was out, that the server does not know
// of.
type Absence struct {
	// Keys were written elsewhere, or may have been. Each comes once from a loop.
	Keys []string
	// Incomplete: the keys are not all. Flushed: a FLUSHALL or FLUSHDB has passed.
	Incomplete, Flushed bool
}

// absence is an Absence in the making.
type absence struct {
	keys                map[string]struct{}
	incomplete, flushed bool
}

const (
	// maxRecorded bounds the keys that all loops together record, in bytes.
	maxRecorded = 16 << 20
	// keyCost is what a recorded key takes besides its own bytes, about.
	keyCost = 48
)

// Fall ends the use of a server: what is under way there ends, what comes gets an error, a
// clause such as "does not answer" says why. From now on the loop records the keys that it
// writes elsewhere for it.
func (c *Core) Fall(server int, reason string) {
	n := c.nodes[server]
	n.Judge(reason)
	n.Leave("is out")
	if c.absences == nil {
		c.absences = map[int32]*absence{}
	}
	if c.absences[int32(server)] == nil {
		c.absences[int32(server)] = &absence{keys: map[string]struct{}{}}
	}
}

// Hold prepares for a planned change: commands for a server's keys wait from now on, as
// prepared, the view to come or the present one, places them. settled is called when
// nothing is under way any more at the places that are left.
func (c *Core) Hold(pool router.Scope, server int, prepared router.View, left []router.Place, settled func()) {
	c.nodes[server].Hold()
	c.snapshot = c.snapshot.With(pool, prepared)
	awaited := len(left) + 1
	one := func() {
		if awaited--; awaited == 0 {
			settled()
		}
	}
	for _, p := range left {
		database := int(p.Database)
		if !p.Rerouted {
			database = backend.AllDatabases
		}
		c.nodes[p.Server].Settle(database, one)
	}
	one()
}

// ServerView is how a server is to be used.
type ServerView struct {
	// Down, a clause, says why the server is not used; "": it is.
	Down string
	// Address and RunID are of the process that is to be used.
	Address, RunID string
}

// Serve has the loop use a pool's view. servers are all of its servers, the first of which
// has the index first. What waits goes on.
func (c *Core) Serve(pool router.Scope, view router.View, first int, servers []ServerView) {
	before := c.snapshot
	c.snapshot = before.With(pool, view)
	for i, v := range servers {
		n := c.nodes[first+i]
		switch {
		case v.Down != "":
			c.Fall(first+i, v.Down)
		case n.Address() != v.Address || n.RunID() != v.RunID:
			n.Move(v.Address, v.RunID)
		}
		n.Release()
	}
	c.leaveRefuges(before)
	c.trackAnew()
}

// leaveRefuges ends the leases to refuges that are not used any more.
func (c *Core) leaveRefuges(before *router.Snapshot) {
	used := map[router.Place]bool{}
	c.snapshot.EachRefuge(func(p router.Place) { used[p] = true })
	before.EachRefuge(func(p router.Place) {
		if !used[p] {
			c.nodes[p.Server].Settle(int(p.Database), func() {})
		}
	})
}

// TakeAbsence hands over what was recorded of a server that is out. The flags stay up until
// ForgetAbsence.
func (c *Core) TakeAbsence(server int) Absence {
	a := c.absences[int32(server)]
	if a == nil {
		return Absence{}
	}
	taken := Absence{Incomplete: a.incomplete, Flushed: a.flushed}
	for key := range a.keys {
		taken.Keys = append(taken.Keys, key)
		c.Peers.recorded.Add(-int64(len(key) + keyCost))
	}
	clear(a.keys)
	return taken
}

// ForgetAbsence ends the record of a server, which is back.
func (c *Core) ForgetAbsence(server int) {
	c.TakeAbsence(server)
	delete(c.absences, int32(server))
}

// wrote records a key that is about to be written for the server that is its home, which is
// out.
func (c *Core) wrote(home int32, key []byte) {
	a := c.absences[home]
	if a == nil || a.incomplete {
		return
	}
	if _, known := a.keys[string(key)]; known {
		return
	}
	cost := int64(len(key) + keyCost)
	if c.Peers.recorded.Add(cost) > maxRecorded {
		c.Peers.recorded.Add(-cost)
		c.TakeAbsence(int(home))
		a.incomplete = true
		return
	}
	a.keys[string(key)] = struct{}{}
}
