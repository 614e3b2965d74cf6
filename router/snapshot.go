// Package router places keys on servers: a route, the longest prefix of the key,
// chooses the pool; the key's hash tag is hashed, and the pool's distribution
// turns the hash into a server. Its product is an immutable Snapshot, which any
// number of goroutines may use at the same time.
package router

import (
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Server is one Redis server of a pool.
type Server struct {
	// Name alone decides placement: the address may change, the keys stay.
	// Unique within its pool. To place keys as twemproxy does, it is what
	// twemproxy calls the server: its alias; without one host:port as written
	// there, but only host if the port is 11211.
	Name string
	// Address is host:port, kept for those who dial; it is not looked at here.
	Address string
	// Pool is the name of the server's pool. New sets it.
	Pool string
	// Weight is the server's share, relative to its pool's other servers: 1 to
	// what its distribution allows, see Check.
	Weight int
}

// Pool is a set of servers over which keys are spread.
type Pool struct {
	Name string
	// HashTag is the opening and the closing character, as in "{}"; empty: keys
	// have no tags.
	HashTag string
	// Database is the one on its servers that holds the pool's keys.
	Database int32
	// Refuge is the database on each server that holds keys of others while those are out;
	// 0: keys of this pool are never rerouted.
	Refuge int32
	// Distribution is one of Distributions; empty: ring.
	Distribution string
	// Hash is one of Hashes; empty: xxh64.
	Hash string
	// Servers has at least one. Their order decides nothing but their index,
	// except with jump, where it decides the placement.
	Servers []Server
	// Slots is how many servers the pool may have at a time, if they come and go: see
	// WithListing. Servers are in the first of them, all of weight 1. 0: they stay.
	Slots int
}

// Place is where a key lives. Places are comparable: two keys with the same
// Place can be asked for in one request.
type Place struct {
	// Server is an index into Snapshot.Servers.
	Server int32
	// Database is to be selected on that server.
	Database int32
	// Rerouted says that it is a refuge: the server holds the key for one that is out.
	Rerouted bool
}

// Snapshot is one placement of all keys. It never changes once built; With and WithListing make others.
type Snapshot struct {
	// Epoch is what New was given: the version of the placement.
	Epoch uint64
	// Servers are those of all pools, in the order given; a slot without a server has no
	// name. Not to be modified.
	Servers []Server

	pools    []pool
	only     *pool   // the first, if there is no other
	routes   *routes // nil: one pool takes all keys, or there are no routes
	catchAll int32   // index in pools; -1: several pools and no routes
}

// distribution places the hashes of a pool's keys on its servers.
type distribution interface {
	// owner is the index in the pool of the first choice for hash that is not
	// in down; -1 if all are.
	owner(hash uint64, down ServerSet) int
}

// pool is a Pool made ready for look-ups.
type pool struct {
	tag          hashTag
	database     int32
	refuge       int32
	first        int32 // index in Snapshot.Servers of the pool's first server
	ring         *Ring // the distribution, if it is one, and the hash is xxh64
	distribution distribution
	hash         keyHash
	spread       bool // the hash has 32 bits and the distribution needs 64
	view         *view

	name  string
	kind  *distributionKind
	count int32 // of servers, or of slots
	// homes are those of the servers there are, if the pool has slots.
	homes []Place
}

// hashOf is the hash of part for the distribution.
func (p *pool) hashOf(part []byte) uint64 {
	h := p.hash.value(part)
	if p.spread {
		h = mix64(h, 0)
	}
	return h
}

// New builds a snapshot of pools, and of routes that choose among them: see
// Route. One pool needs no routes. Several pools without any are reached by
// their scopes only.
// The error names every pool and route that is wrong, and how.
func New(epoch uint64, pools []Pool, routes []Route) (*Snapshot, error) {
	if len(pools) == 0 {
		return nil, errors.New("no pools: there must be at least one")
	}
	s := &Snapshot{Epoch: epoch}
	var errs []error
	seen := map[string]bool{}
	for i := range pools {
		err := s.add(&pools[i])
		if seen[pools[i].Name] {
			err = errors.Join(err, errors.New("there are two of that name"))
		}
		seen[pools[i].Name] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("pool %q: %w", pools[i].Name, err))
		}
	}
	if err := errors.Join(append(errs, s.setRoutes(pools, routes))...); err != nil {
		return nil, err
	}
	if len(s.pools) == 1 {
		s.only = &s.pools[0]
	}
	return s, nil
}

// add appends p to the pools.
func (s *Snapshot) add(p *Pool) error {
	if err := Check(*p); err != nil {
		return err
	}
	tag, err := newHashTag(p.HashTag)
	if err != nil {
		return err
	}
	made := pool{
		tag: tag, database: p.Database, refuge: p.Refuge, first: int32(len(s.Servers)), count: int32(len(p.Servers)),
		name: p.Name, kind: p.kind(), hash: hashes[p.hash()],
	}
	made.spread = made.kind.even && made.hash.of32 != nil
	if p.Slots > 0 {
		return s.addSlots(made, p)
	}
	if made.distribution, err = made.kind.build(p.Servers); err != nil {
		return err
	}
	if ring, ok := made.distribution.(*Ring); ok && !made.spread {
		made.ring = ring
	}
	s.pools = append(s.pools, made)
	for _, server := range p.Servers {
		server.Pool = p.Name
		s.Servers = append(s.Servers, server)
	}
	return nil
}

// addSlots appends a pool whose servers come and go.
func (s *Snapshot) addSlots(made pool, p *Pool) error {
	made.count = int32(p.Slots)
	var slots []Slot
	for i, server := range p.Servers {
		slots = append(slots, Slot{Index: i, Name: server.Name, Address: server.Address})
	}
	l, err := made.list(slots)
	if err != nil {
		return err
	}
	s.Servers = append(s.Servers, make([]Server, p.Slots)...)
	made.fill(s.Servers, l)
	s.pools = append(s.pools, made)
	return nil
}

// Pick is where key lives, for a client of scope. If it lives nowhere for now, that is
// its home, on a server that is out. key may be empty and hold any bytes; it is not kept.
// Nothing is allocated.
func (s *Snapshot) Pick(scope Scope, key []byte) Place {
	p := s.poolOf(scope, key)
	part := p.tag.of(key)
	if p.view != nil {
		return p.place(p.hashOf(part))
	}
	if p.ring != nil {
		return Place{Server: p.first + int32(p.ring.Owner(xxhash.Sum64(part), nil)), Database: p.database}
	}
	return Place{Server: p.first + int32(p.distribution.owner(p.hashOf(part), nil)), Database: p.database}
}

// HashedPart is the part of key that decides its place within its pool: its hash
// tag, if it has one, else the whole key. The result is part of key.
func (s *Snapshot) HashedPart(scope Scope, key []byte) []byte {
	return s.poolOf(scope, key).tag.of(key)
}
