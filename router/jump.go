package router

import (
	"errors"
	"fmt"

	"github.com/dgryski/go-jump"
)

// jumpHash is jump consistent hashing (Lamping and Veach, "A Fast, Minimal Memory,
// Consistent Hash Algorithm", 2014, arXiv:1406.2294). The servers are its buckets
// in the order given: so servers can be added to and removed from the end only,
// which moves no more keys than it must. The share of each is the same, up to
// chance. Names decide nothing.
type jumpHash struct{ rehash rehash }

func newJump(servers []Server) (distribution, error) {
	return &jumpHash{inOrder(len(servers))}, nil
}

func (j *jumpHash) place(hash uint64) int { return int(jump.Hash(hash, len(j.rehash.order))) }

func (j *jumpHash) owner(hash uint64, down ServerSet) int {
	if owner := j.place(hash); !down.Has(owner) {
		return owner
	}
	return j.rehash.owner(j, hash, down)
}

func checkJump(servers []Server) error {
	var errs []error
	for _, s := range servers {
		if s.Weight != 1 {
			errs = append(errs, fmt.Errorf("server %q: weight %d: must be 1, as jump gives all servers the same share", s.Name, s.Weight))
		}
	}
	return errors.Join(errs...)
}
