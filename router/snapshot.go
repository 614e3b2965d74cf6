// Package router places keys on servers: it extracts the hash tag, hashes with
// xxh64 and looks the hash up on a ring of points. Its product is an immutable
// Snapshot, which any number of goroutines may use at the same time.
package router

import (
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Server is one Redis server of a pool.
type Server struct {
	// Name alone decides placement: the address may change, the keys stay.
	// Unique within its pool.
	Name string
	// Address is host:port, kept for those who dial; it is not looked at here.
	Address string
	// Pool is the name of the server's pool. New sets it.
	Pool string
	// Weight is the server's share, relative to its pool's other servers: 1 to
	// MaxWeight.
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
	// Servers has at least one. Their order decides nothing but their index.
	Servers []Server
}

// Place is where a key lives. Places are comparable: two keys with the same
// Place can be asked for in one request.
type Place struct {
	// Server is an index into Snapshot.Servers.
	Server int32
	// Database is to be selected on that server.
	Database int32
}

// Snapshot is one placement of all keys. It never changes once built.
type Snapshot struct {
	// Epoch is what New was given: the version of the placement.
	Epoch uint64
	// Servers are those of all pools, in the order given. Not to be modified.
	Servers []Server

	catchAll pool
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
	first        int32 // index in Snapshot.Servers of the pool's first server
	distribution distribution
}

// New builds a snapshot. There must be exactly one pool, which takes all keys.
// The error names the pool and everything that is wrong with it.
func New(epoch uint64, pools []Pool) (*Snapshot, error) {
	if len(pools) != 1 {
		return nil, fmt.Errorf("%d pools: there must be exactly one", len(pools))
	}
	s := &Snapshot{Epoch: epoch}
	if err := s.add(&pools[0]); err != nil {
		return nil, fmt.Errorf("pool %q: %w", pools[0].Name, err)
	}
	return s, nil
}

// add makes p the pool that takes all keys.
func (s *Snapshot) add(p *Pool) error {
	tag, tagErr := newHashTag(p.HashTag)
	ring, ringErr := NewRing(p.Servers)
	if err := errors.Join(tagErr, ringErr); err != nil {
		return err
	}
	s.catchAll = pool{tag: tag, database: p.Database, first: int32(len(s.Servers)), distribution: ring}
	for _, server := range p.Servers {
		server.Pool = p.Name
		s.Servers = append(s.Servers, server)
	}
	return nil
}

// Pick is where key lives. key may be empty and hold any bytes; it is not kept.
// Nothing is allocated.
func (s *Snapshot) Pick(key []byte) Place {
	p := &s.catchAll
	hash := xxhash.Sum64(p.tag.of(key))
	return Place{p.first + int32(p.distribution.owner(hash, nil)), p.database}
}

// HashedPart is the part of key that decides its place: its hash tag, if it has
// one, else the whole key. The result is part of key.
func (s *Snapshot) HashedPart(key []byte) []byte { return s.catchAll.tag.of(key) }
