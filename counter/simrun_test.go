package counter

import (
	"slices"
	"strings"
	"time"

	"ringmain/quorum"
)

// misfortune is what befalls servers and proxies.
func (s *sim) misfortune() {
	if s.settled {
		return
	}
	s.in(2*s.pause(), s.misfortune)
	v := s.servers[s.rng.IntN(len(s.servers))]
	if s.frail && s.rng.IntN(4) > 0 {
		s.wipe(v)
		return
	}
	switch s.rng.IntN(8) {
	case 0, 1: // a restart: what was under way to it is lost, what it keeps is not
		v.restart(s)
	case 2, 3:
		if !v.paused && !v.down {
			v.paused = true
			s.in(2*s.pause(), v.resume)
		}
	case 4:
		s.wipe(v)
		if s.rng.IntN(2) == 0 { // and another one, when that is whole again
			other := s.servers[s.rng.IntN(len(s.servers))]
			s.in(s.pause(), func() { s.wipe(other) })
		}
	case 5: // a proxy is killed
		i := s.rng.IntN(len(s.proxies))
		s.trace("proxy %d is killed", s.proxies[i].name)
		s.proxies[i].dead = true
		s.proxies[i] = s.newProxy()
	}
}

// repairs has proxies look for servers without an identity.
func (s *sim) repairs() {
	if s.settled {
		return
	}
	if s.frail {
		s.in(s.pause()/4, s.repairs)
	} else {
		s.in(5*time.Millisecond+s.pause(), s.repairs)
	}
	for _, v := range s.servers {
		if v.generation == 0 {
			s.repair(s.proxies[s.rng.IntN(len(s.proxies))], v)
		}
	}
}

func (v *simServer) restart(s *sim) {
	if v.down {
		return
	}
	s.trace("server %d restarts", v.index)
	v.down, v.paused, v.kept = true, false, nil
	s.in(s.pause(), func() { v.down = false })
}

func (v *simServer) resume() {
	if !v.paused {
		return
	}
	v.paused = false
	kept := v.kept
	v.kept = nil
	for _, f := range kept {
		f()
	}
}

// wipe empties a server, if a majority is left of those that were not.
func (s *sim) wipe(v *simServer) {
	whole := 0
	for _, other := range s.servers {
		if other.generation > 0 && other != v {
			whole++
		}
	}
	if whole < len(s.servers)/2+1 {
		return
	}
	s.trace("server %d is emptied", v.index)
	s.wipes += int(oneIf(v.generation > 0))
	v.keys = map[string]string{}
	v.generation, v.mark = 0, ""
}

// run lets the world go on until all is answered, and then looks at what has come of it.
func (s *sim) run() string {
	for (s.left > 0 || s.open > 0) && s.now < 20*time.Second && s.fault == "" {
		s.step()
	}
	if s.fault != "" {
		return s.fault
	}
	s.settle()
	s.check()
	return s.fault
}

func (s *sim) step() {
	e := s.next()
	s.now = e.at
	e.f()
}

// settle ends all misfortune, and reads every counter.
func (s *sim) settle() {
	s.settled = true
	s.loss, s.double, s.slow = 0, 0, 0
	for _, v := range s.servers {
		v.down = false
		v.resume()
	}
	p := s.newProxy()
	s.trace("the end: proxy %d", p.name)
	for _, key := range s.keys {
		s.last(p, key)
	}
}

// last reads a counter, with as much patience as it takes.
func (s *sim) last(p *simProxy, key string) {
	d := &deed{key: key, sent: s.now, read: true, line: "get"}
	name, fence := cutPrefix(key, fenceRegister)
	if fence {
		d.line, d.read = "next", false
	} else {
		name, _ = cutPrefix(key, clientRegister)
	}
	for range 20 {
		over := false
		if fence {
			p.engine.Next(3, func(n int64, err error) { d.n, d.answered, over = n, err == nil, true })
		} else {
			if s.mixed {
				d.call = s.log.Send(s.now, 99, "get", name, 0)
			}
			p.engine.Do(quorum.Command{Name: "get", Args: [][]byte{[]byte("get"), []byte(name)}, Keys: []int{1}, Protocol: 2},
				func(reply []byte) { over = true; s.replied(d, string(reply)) })
		}
		for !over {
			s.step()
		}
		if d.answered {
			d.ended = s.now
			s.trace("the end: %s is %d", key, d.n)
			s.deeds = append(s.deeds, d)
			return
		}
	}
	s.fail("%s cannot be read at the end", key)
}

// check holds what clients were told against what counters promise.
func (s *sim) check() {
	if s.fault != "" {
		return
	}
	if s.mixed {
		if s.log.Counts().Unknown > 5 {
			return // too many for an answer in time
		}
		err := s.log.Check(5 * time.Second)
		switch s.told = true; {
		case err == nil:
		case strings.Contains(err.Error(), "not told within"):
			s.told = false
		default:
			s.fail("%v", err)
		}
		return
	}
	for _, key := range s.keys {
		s.checkKey(key)
	}
}

// checkKey checks a counter that was changed by INCR alone: no number was drawn twice, none is
// lower than what was known before, none was lost, and none came from nowhere.
func (s *sim) checkKey(key string) {
	var deeds, ends []*deed
	acknowledged, uncertain := int64(0), int64(0)
	drawn := map[int64]bool{}
	for _, d := range s.deeds {
		if d.key != key {
			continue
		}
		if !d.answered {
			if !d.read && !d.refused {
				uncertain++
			}
			continue
		}
		deeds = append(deeds, d)
		if d.read {
			continue
		}
		acknowledged++
		if drawn[d.n] {
			s.fail("%s: %d was drawn twice", key, d.n)
		}
		drawn[d.n] = true
	}
	ends = slices.Clone(deeds)
	slices.SortStableFunc(ends, func(a, b *deed) int { return int(a.ended - b.ended) })
	slices.SortStableFunc(deeds, func(a, b *deed) int { return int(a.sent - b.sent) })
	known, i := int64(0), 0
	for _, d := range deeds {
		for ; i < len(ends) && ends[i].ended < d.sent; i++ {
			known = max(known, ends[i].n)
		}
		if d.n < known || d.n == known && !d.read {
			s.fail("%s: %d at %v, after %d", key, d.n, d.ended, known)
		}
		begun := int64(0)
		for _, o := range s.deeds {
			if o.key == key && !o.read && !o.refused && o.sent <= d.ended {
				begun++
			}
		}
		if d.n > begun {
			s.fail("%s: %d at %v, of %d increments so far", key, d.n, d.ended, begun)
		}
	}
	last := ends[len(ends)-1]
	if last.n < acknowledged || last.n > acknowledged+uncertain {
		s.fail("%s: %d in the end, of %d acknowledged and %d uncertain increments", key, last.n, acknowledged, uncertain)
	}
}
