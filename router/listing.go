package router

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Some pools' servers come and go. Such a pool has slots, a fixed number of indexes in
// Snapshot.Servers, so that an index that somebody remembers never means a server of
// another pool; a Listing says which of them have servers.

// Slot is a server of a pool with slots.
type Slot struct {
	// Index is the slot's within the pool.
	Index int
	// Name decides placement, Address is kept for those who dial. The weight is 1.
	Name, Address string
}

// Listing is a pool's slots with the servers in them, made ready for look-ups. It never
// changes, and any number of snapshots of the pool may have it.
type Listing struct {
	slots  []Slot // by index
	listed *listed
}

// listed is a distribution over the servers in a pool's slots.
type listed struct {
	distribution
	slots []int32 // by the server's index in the distribution
}

// owner gives a slot; down has slots, too.
func (l *listed) owner(hash uint64, down ServerSet) int {
	if down == nil {
		return int(l.slots[l.distribution.owner(hash, nil)])
	}
	var out []int
	for i, slot := range l.slots {
		if down.Has(int(slot)) {
			out = append(out, i)
		}
	}
	i := l.distribution.owner(hash, NewServerSet(out...))
	if i < 0 {
		return i
	}
	return int(l.slots[i])
}

// List makes a listing for the pool of scope, which is one that ScopeOf gives, and has
// slots. Where keys live depends on the servers' names alone, not on their slots: proxies
// that have given them others agree.
func (s *Snapshot) List(scope Scope, slots []Slot) (*Listing, error) {
	return s.pools[scope].list(slots)
}

func (p *pool) list(slots []Slot) (*Listing, error) {
	sorted := slices.SortedFunc(slices.Values(slots), func(a, b Slot) int { return cmp.Compare(a.Name, b.Name) })
	l := &listed{}
	var servers []Server
	for _, slot := range sorted {
		if slot.Index < 0 || slot.Index >= int(p.count) {
			return nil, fmt.Errorf("slot %d: there are %d", slot.Index, p.count)
		}
		servers = append(servers, Server{Name: slot.Name, Weight: 1})
		l.slots = append(l.slots, int32(slot.Index))
	}
	err := errors.Join(checkServers(servers), p.kind.check(servers))
	if err != nil {
		return nil, err
	}
	if l.distribution, err = p.kind.build(servers); err != nil {
		return nil, err
	}
	slices.SortFunc(sorted, func(a, b Slot) int { return cmp.Compare(a.Index, b.Index) })
	return &Listing{slots: sorted, listed: l}, nil
}

// WithListing is the snapshot with other servers in the slots of the pool of scope.
func (s *Snapshot) WithListing(scope Scope, l *Listing) *Snapshot {
	made := *s
	made.Epoch++
	made.pools = slices.Clone(s.pools)
	made.Servers = slices.Clone(s.Servers)
	made.pools[scope].fill(made.Servers, l)
	if s.only != nil {
		made.only = &made.pools[0]
	}
	return &made
}

// fill puts servers into the slots. One without a server has no name.
func (p *pool) fill(servers []Server, l *Listing) {
	own := servers[p.first:][:p.count]
	for i := range own {
		own[i] = Server{Pool: p.name}
	}
	p.homes = nil
	for _, slot := range l.slots {
		own[slot.Index] = Server{Name: slot.Name, Address: slot.Address, Pool: p.name, Weight: 1}
		p.homes = append(p.homes, Place{Server: p.first + int32(slot.Index), Database: p.database})
	}
	p.distribution, p.ring = l.listed, nil
}

// has reports whether an index in Snapshot.Servers is that of a server of the pool.
func (p *pool) has(server int32) bool {
	if server < p.first || server >= p.first+p.count {
		return false
	}
	return p.homes == nil || slices.ContainsFunc(p.homes, func(home Place) bool { return home.Server == server })
}

// Has reports whether there is a server of that index: a slot may have none.
func (s *Snapshot) Has(server int32) bool { return s.Servers[server].Name != "" }
