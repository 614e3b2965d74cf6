package topology

import (
	"fmt"
	"slices"

	"ringmain/router"
)

type walkSlot struct {
	server        int
	refuge, lease bool
}

type walkAbsence struct {
	keys                map[string]bool
	incomplete, flushed bool
}

// walkLoop is what a loop of the data path promises.
type walkLoop struct {
	p        *walkProxy
	snapshot *router.Snapshot
	down     [walkServers]bool
	held     [walkServers]bool
	runID    [walkServers]string
	conns    map[walkSlot]*walkConn
	absences [walkServers]*walkAbsence
	further  *router.Snapshot // what a mutant looks into for a key without a place
	posts    []func()
}

// turn does one of the things that it was told to do.
func (l *walkLoop) turn() {
	if len(l.posts) > 0 {
		f := l.posts[0]
		l.posts = l.posts[1:]
		f()
	}
}

// everywhere has each loop do something, and waits until all have.
func (p *walkProxy) everywhere(do func(*walkLoop)) {
	left := walkLoops
	for _, l := range p.loops {
		l.posts = append(l.posts, func() {
			do(l)
			left--
		})
	}
	if p.w.mutant != "no barrier between loops" {
		p.until(0, func() bool { return left == 0 })
	}
}

func (l *walkLoop) fall(server int) {
	l.down[server] = true
	if l.absences[server] == nil {
		l.absences[server] = &walkAbsence{keys: map[string]bool{}}
	}
	for slot, c := range l.conns {
		if slot.server == server {
			l.p.close(c)
		}
	}
}

func (p *walkProxy) Fall(server int, _ string) {
	p.everywhere(func(l *walkLoop) { l.fall(server) })
}

func (p *walkProxy) Hold(server int, prepared router.View, left []Left) {
	p.holding = true
	if p.w.mutant == "owing only what the last view used" {
		for k := range walkServers {
			used := slices.ContainsFunc(walkKeys, func(key string) bool {
				at := p.loops[0].snapshot.Pick(0, []byte(key))
				return at.Rerouted && int(at.Server) == k
			})
			p.controller.servers[k].owing = p.controller.servers[k].owing && used
		}
		prepared = p.controller.view()
	}
	if p.w.mutant == "markers before the barrier" {
		p.late = append(p.late, func() { p.hold(server, prepared, left) })
		return
	}
	p.hold(server, prepared, left)
}

func (p *walkProxy) hold(server int, prepared router.View, left []Left) {
	p.everywhere(func(l *walkLoop) {
		l.held[server] = true
		l.snapshot = l.snapshot.With(0, prepared)
	})
	if p.w.mutant == "no barrier between loops" {
		return
	}
	var at []*walkConn
	for _, l := range p.loops {
		for slot, c := range l.conns {
			if slices.ContainsFunc(left, func(x Left) bool { return x.Server == slot.server && (!x.Refuge || slot.refuge) }) {
				at = append(at, c)
			}
		}
	}
	busy := func(c *walkConn) bool {
		return slices.ContainsFunc(p.w.open, func(o *walkOp) bool { return o.conn == c && !o.done })
	}
	if !p.until(12, func() bool { return !slices.ContainsFunc(at, busy) }) {
		for _, c := range at {
			if busy(c) {
				p.close(c)
			}
		}
	}
}

func (p *walkProxy) Serve(view router.View, uses []Use) {
	p.holding = false
	late := p.late
	p.late = nil
	if p.w.mutant == "markers before the barrier" {
		for _, f := range late {
			f()
		}
		late = nil
	}
	p.serve(view, uses)
	for _, f := range late {
		f()
	}
}

func (p *walkProxy) serve(view router.View, uses []Use) {
	skipped := view.Owing
	switch p.w.mutant {
	case "refuges not owing":
		view.Owing = nil
	case "owing forgotten at a second fall":
		if view.Rerouted != nil {
			view.Owing = nil
		}
	case "plain fail":
		if view.Rerouted == nil {
			for i := range uses {
				if uses[i].Down != "" && uses[i].RunID == "" && p.controller.ended != "" && p.controller.servers[i].runID != "" {
					uses[i] = Use{RunID: p.controller.servers[i].runID}
				}
			}
		}
	}
	p.everywhere(func(l *walkLoop) {
		l.snapshot = l.snapshot.With(0, view)
		l.further = nil
		if p.w.mutant == "an owing substitute skipped" {
			v := view
			v.Out, v.Owing = router.NewServerSet(walkServers), nil
			for i := range walkServers {
				if view.Out.Has(i) || skipped.Has(i) {
					v.Out[0] |= 1 << i
				}
			}
			l.further = l.snapshot.With(0, v)
		}
		for i, u := range uses {
			if u.Down != "" {
				l.fall(i)
			} else {
				l.down[i], l.runID[i] = false, u.RunID
			}
			l.held[i] = false
		}
	})
}

func (p *walkProxy) Absence(server int) (whole Absence) {
	p.everywhere(func(l *walkLoop) {
		a := l.absences[server]
		if a == nil {
			return
		}
		for key := range a.keys {
			whole.Keys = append(whole.Keys, key)
		}
		clear(a.keys)
		incomplete := a.incomplete && !(p.w.mutant == "one loop's overflow ignored" && l == p.loops[1])
		whole.Incomplete, whole.Flushed = whole.Incomplete || incomplete, whole.Flushed || a.flushed
	})
	switch p.w.mutant {
	case "no record":
		whole.Keys = nil
	case "overflow ignored":
		whole.Incomplete = false
	case "flush ignored":
		whole.Flushed = false
	}
	return whole
}

func (p *walkProxy) Forget(server int) {
	p.everywhere(func(l *walkLoop) { l.absences[server] = nil })
}

// conn is a connection that carries clients' commands, nil if there is none now.
func (l *walkLoop) conn(slot walkSlot) *walkConn {
	c := l.conns[slot]
	switch {
	case c == nil:
		if c = l.p.dial(slot.server, slot.refuge); c != nil {
			l.conns[slot] = c
		}
		return nil
	case c.runID == "":
		return nil
	case c.runID != l.runID[slot.server] && l.p.w.mutant != "run id not compared":
		l.p.close(c)
		l.p.controller.Changed(slot.server)
		return nil
	}
	return c
}

func (l *walkLoop) client(key string, write bool) {
	w := l.p.w
	place := l.snapshot.Pick(0, []byte(key))
	if l.down[place.Server] && !place.Rerouted && l.further != nil {
		place = l.further.Pick(0, []byte(key))
	}
	server := int(place.Server)
	if l.down[server] || l.held[server] {
		return
	}
	c := l.conn(walkSlot{server, place.Rerouted, w.rng.IntN(4) == 0})
	if c == nil {
		return
	}
	o := &walkOp{key: key, write: write, start: w.now, conn: c}
	w.open = append(w.open, o)
	at := func(s *walkServer) map[string]int {
		if place.Rerouted {
			return s.data.refuge
		}
		return s.data.home
	}
	if !write {
		c.queue = append(c.queue, walkMessage{what: fmt.Sprint("GET ", key, place), op: o, do: func(s *walkServer) any { return at(s)[key] }, then: func(v any) {
			if !o.done {
				o.done = true
				w.check(o, v.(int))
			}
		}})
		return
	}
	if a := l.absences[l.snapshot.Home(0, []byte(key)).Server]; a != nil && place.Rerouted {
		if w.rng.IntN(60) == 0 {
			a.incomplete, a.keys = true, map[string]bool{}
		} else if !a.incomplete {
			a.keys[key] = true
		}
	}
	o.value = w.id()
	gone := w.rng.IntN(5) == 0 // it deletes
	w.writes[key] = append(w.writes[key], o)
	c.queue = append(c.queue, walkMessage{what: fmt.Sprint("SET ", key, o.value, place), op: o, do: func(s *walkServer) any {
		if at(s)[key] = o.value; gone {
			delete(at(s), key)
		}
		return 0
	}, then: func(any) {
		if !o.done {
			o.done, o.end = true, w.now
		}
		o.over = w.now
	}})
}

// flush is a client's FLUSHALL.
func (l *walkLoop) flush() {
	w := l.p.w
	f := l.snapshot.Flushed(0)
	var conns []*walkConn
	for i := range f.Count {
		server := int(f.Place(i).Server)
		c := (*walkConn)(nil)
		if !l.down[server] && !l.held[server] {
			c = l.conn(walkSlot{server, false, false})
		}
		if c == nil {
			return
		}
		conns = append(conns, c)
	}
	l.snapshot.Out(0, func(server int32) {
		if a := l.absences[server]; a != nil {
			a.flushed = true
		}
	})
	left := len(conns)
	var ops []*walkOp
	for _, key := range walkKeys {
		o := &walkOp{key: key, write: true, value: w.id(), start: w.now}
		ops = append(ops, o)
		w.writes[key] = append(w.writes[key], o)
	}
	for _, c := range conns {
		o := &walkOp{conn: c, start: w.now}
		w.open = append(w.open, o)
		c.queue = append(c.queue, walkMessage{what: "a client's FLUSHALL", op: o, do: func(s *walkServer) any {
			marker := s.data.marker
			s.data = noData()
			s.data.marker = marker
			return 0
		}, then: func(any) {
			if o.done {
				return
			}
			o.done = true
			if left--; left == 0 {
				for _, x := range ops {
					x.end, x.over = w.now, w.now
				}
			}
		}})
	}
}
