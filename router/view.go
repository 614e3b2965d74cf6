package router

import "math/bits"

// View says how the servers of a pool are used for now. Sets are of indexes within the
// pool.
type View struct {
	// Out are the servers that are not used. Rerouted are those of them whose keys live
	// elsewhere meanwhile: each in the refuge of the next choice that is not out. The keys
	// of the others live nowhere.
	Out, Rerouted ServerSet
	// Owing are the servers whose refuge may hold something old, and is not used.
	Owing ServerSet
	// Refuge is the database of a server that holds the keys of others.
	Refuge int32
}

// view is a View made ready for look-ups. A pool has none while no server is out.
type view struct {
	View
	// homes are those that are in use, used the refuges too, and flushed also the homes of
	// servers whose keys live nowhere.
	homes, used, flushed []Place
}

// With is the snapshot with another view of the pool of scope, which is one that ScopeOf gives.
func (s *Snapshot) With(scope Scope, v View) *Snapshot {
	made := *s
	made.Epoch++
	made.pools = append([]pool(nil), s.pools...)
	p := &made.pools[scope]
	p.view = nil
	if v.Out.any() {
		p.view = p.ready(v)
	}
	if s.only != nil {
		made.only = &made.pools[0]
	}
	return &made
}

func (p *pool) ready(v View) *view {
	made := &view{View: v}
	for i := range int(p.count) {
		home := Place{Server: p.first + int32(i), Database: p.database}
		if !v.Out.Has(i) {
			made.homes = append(made.homes, home)
		} else if v.Rerouted.Has(i) {
			continue
		}
		made.flushed = append(made.flushed, home)
	}
	made.used = append(made.used, made.homes...)
	if v.Rerouted.any() {
		for i := range int(p.count) {
			if !v.Out.Has(i) && !v.Owing.Has(i) {
				made.used = append(made.used, Place{Server: p.first + int32(i), Database: v.Refuge, Rerouted: true})
			}
		}
	}
	return made
}

// place is where a hash lives while servers are out. If that is nowhere it is the owner's
// home, which is not used.
func (p *pool) place(hash uint64) Place {
	v := p.view
	owner := p.distribution.owner(hash, nil)
	if v.Rerouted.Has(owner) {
		// Never further than the first that is in use: the key would move when that
		// one's refuge is clean again.
		if next := p.distribution.owner(hash, v.Out); next >= 0 && !v.Owing.Has(next) {
			return Place{Server: p.first + int32(next), Database: v.Refuge, Rerouted: true}
		}
	}
	return Place{Server: p.first + int32(owner), Database: p.database}
}

// Home is where key lives when no server is out.
func (s *Snapshot) Home(scope Scope, key []byte) Place {
	p := s.poolOf(scope, key)
	return Place{Server: p.first + int32(p.distribution.owner(p.hashOf(p.tag.of(key)), nil)), Database: p.database}
}

func (s ServerSet) any() bool {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n > 0
}
