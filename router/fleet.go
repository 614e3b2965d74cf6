package router

// Fleet is the places that a command for all servers touches.
type Fleet struct {
	Pool string
	// First is the index in Snapshot.Servers of the pool's first server.
	First int32
	// Count is how many places there are.
	Count int
	// Span is how many indexes the pool has, from First on: its servers, or slots for them.
	Span int
	// Database is to be selected on each.
	Database int32
	// Refuge is the pool's; 0: it has none.
	Refuge int32
	// Partial says that keys of the scope live in other pools, too.
	Partial bool

	places []Place // nil: the home of each server in turn
}

// Fleet is all servers of the pool of scope; for ByRoutes the catch-all.
func (s *Snapshot) Fleet(scope Scope) Fleet {
	i := int32(scope)
	if i < 0 {
		i = s.catchAll
	}
	p := &s.pools[i]
	f := Fleet{Pool: p.name, First: p.first, Count: int(p.count), Span: int(p.count), Database: p.database, Refuge: p.refuge}
	if p.homes != nil {
		f.places, f.Count = p.homes, len(p.homes)
	}
	if scope < 0 && s.routes != nil {
		for _, other := range s.routes.pools {
			f.Partial = f.Partial || other != i
		}
	}
	return f
}

// Explanation is how a key finds its server.
type Explanation struct {
	Pool string
	// Route is the prefix of the route that chose the pool. It is empty for the
	// catch-all, and where the scope, not a route, chose.
	Route string
	// HashedPart is what was hashed: the hash tag, or the whole key. It is part
	// of the key.
	HashedPart []byte
	// HashName is the name of the hash function, and Hash its value.
	HashName     string
	Hash         uint64
	Distribution string
	// Choices are indexes into Snapshot.Servers: the owner, then the server that
	// has the key if all before it are down. Each server of the pool is there
	// once.
	Choices []int32
}

// Explain tells why Pick gives what it gives. It may be slow and allocates.
func (s *Snapshot) Explain(scope Scope, key []byte) Explanation {
	p := s.poolOf(scope, key)
	part := p.tag.of(key)
	e := Explanation{Pool: p.name, HashedPart: part, HashName: p.hash.name, Hash: p.hash.value(part), Distribution: p.kind.name}
	if scope < 0 && s.routes != nil {
		e.Route = s.routes.prefixes[s.routes.find(key)]
	}
	hash := p.hashOf(part)
	down := make(ServerSet, (p.count+63)/64)
	for owner := p.distribution.owner(hash, down); owner >= 0; owner = p.distribution.owner(hash, down) {
		e.Choices = append(e.Choices, p.first+int32(owner))
		down[owner/64] |= 1 << (owner % 64)
	}
	return e
}

// Keys is the fleet of the places that hold keys of scope: those in use. homes leaves out
// the refuges, for databases that are not rerouted.
func (s *Snapshot) Keys(scope Scope, homes bool) Fleet {
	return s.limited(scope, func(v *view) []Place {
		if homes {
			return v.homes
		}
		return v.used
	})
}

// Flushed is the fleet of the homes that a flush empties: those in use, and those of
// servers whose keys live nowhere, as these would come back.
func (s *Snapshot) Flushed(scope Scope) Fleet {
	return s.limited(scope, func(v *view) []Place { return v.flushed })
}

func (s *Snapshot) limited(scope Scope, places func(*view) []Place) Fleet {
	f := s.Fleet(scope)
	i := int32(scope)
	if i < 0 {
		i = s.catchAll
	}
	if v := s.pools[i].view; v != nil {
		f.places = places(v)
		f.Count = len(f.places)
	}
	return f
}

// Out calls do with each server of the pool of scope, given by its index, that is out.
func (s *Snapshot) Out(scope Scope, do func(server int32)) {
	i := int32(scope)
	if i < 0 {
		i = s.catchAll
	}
	p := &s.pools[i]
	for k := range p.count {
		if p.view != nil && p.view.Out.Has(int(k)) {
			do(p.first + k)
		}
	}
}

// Refuges calls do with each refuge that is used for keys of scope.
func (s *Snapshot) Refuges(scope Scope, do func(Place)) {
	s.some(scope, func(p *pool) bool {
		p.refuges(do)
		return false
	})
}

// EachRefuge calls do with each refuge that is used.
func (s *Snapshot) EachRefuge(do func(Place)) {
	for i := range s.pools {
		s.pools[i].refuges(do)
	}
}

func (p *pool) refuges(do func(Place)) {
	if v := p.view; v != nil {
		for _, place := range v.used[len(v.homes):] {
			do(place)
		}
	}
}

// Place is the fleet's place number i, from 0.
func (f Fleet) Place(i int) Place {
	if f.places != nil {
		return f.places[i]
	}
	return Place{Server: f.First + int32(i), Database: f.Database}
}

// Reaches reports whether keys of scope may live on a server, given by its index.
func (s *Snapshot) Reaches(scope Scope, server int32) bool {
	return s.some(scope, func(p *pool) bool { return p.has(server) })
}

// DatabaseOf is the database that holds the keys of a server's pool.
func (s *Snapshot) DatabaseOf(server int32) int32 { return s.poolAt(server).database }

// RefugeOf is the database that a server's pool keeps rerouted keys in; 0: the pool does not
// reroute.
func (s *Snapshot) RefugeOf(server int32) int32 { return s.poolAt(server).refuge }

// poolAt is the pool of a server.
func (s *Snapshot) poolAt(server int32) *pool {
	i := 0
	for server >= s.pools[i].first+s.pools[i].count {
		i++
	}
	return &s.pools[i]
}

// OwnDatabase reports whether a pool of scope keeps its keys in another database than
// the servers' first.
func (s *Snapshot) OwnDatabase(scope Scope) bool {
	return s.some(scope, func(p *pool) bool { return p.database != 0 })
}

// some reports whether f is true of a pool where keys of scope may live.
func (s *Snapshot) some(scope Scope, f func(*pool) bool) bool {
	switch {
	case scope >= 0:
		return f(&s.pools[scope])
	case s.routes == nil:
		return f(&s.pools[s.catchAll])
	}
	for _, i := range s.routes.pools {
		if f(&s.pools[i]) {
			return true
		}
	}
	return false
}
