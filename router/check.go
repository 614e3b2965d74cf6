package router

import (
	"errors"
	"fmt"
	"strings"
)

// MaxServers bounds the servers of a pool.
const MaxServers = 3125

// distributionKind is one way of placing hashes on servers.
type distributionKind struct {
	name string
	// check tells what is wrong with the servers' weights, and with their names
	// beyond what checkServers tells.
	check func([]Server) error
	// build is for servers that pass the checks.
	build func([]Server) (distribution, error)
	// even says that it needs hashes that are even over 64 bits.
	even bool
}

// distributionKinds is in the order in which they are documented.
var distributionKinds = []distributionKind{
	{"ring", checkRing, func(s []Server) (distribution, error) { return NewRing(s) }, true},
	{"ketama", checkKetama, newKetama, false},
	{"modula", checkModula, newModula, false},
	{"jump", checkJump, newJump, true},
	{"maglev", checkMaglev, newMaglev, true},
}

// Distributions are the names of all distributions, in the order in which they
// are documented. The first, ring, is the default.
//
// Any hash goes with any of them. ketama and modula take its lower 32 bits, as
// twemproxy does. ring, jump and maglev need 64 even ones: a hash of 32 is
// spread by SplitMix64's function, seeded with it.
func Distributions() []string {
	var names []string
	for _, k := range distributionKinds {
		names = append(names, k.name)
	}
	return names
}

// kind is the pool's distribution, or nil.
func (p *Pool) kind() *distributionKind {
	for i := range distributionKinds {
		if k := &distributionKinds[i]; p.Distribution == k.name || p.Distribution == "" {
			return k
		}
	}
	return nil
}

// hash is the name of the pool's hash function.
func (p *Pool) hash() string {
	if p.Hash == "" {
		return defaultHash
	}
	return p.Hash
}

// Check is what New would say of one pool: nil, or everything that is wrong with
// it, joined. The pool's own name is not in it.
func Check(p Pool) error {
	_, tagErr := newHashTag(p.HashTag)
	errs := []error{tagErr}
	if _, ok := hashes[p.hash()]; !ok {
		errs = append(errs, fmt.Errorf("hash %q: must be one of %s", p.Hash, strings.Join(hashNames, ", ")))
	}
	errs = append(errs, checkServers(p.Servers))
	if kind := p.kind(); kind != nil {
		errs = append(errs, kind.check(p.Servers))
	} else {
		errs = append(errs, fmt.Errorf("distribution %q: must be one of %s", p.Distribution, strings.Join(Distributions(), ", ")))
	}
	return errors.Join(errs...)
}

// checkServers tells what is wrong with the number and the names of servers.
func checkServers(servers []Server) error {
	if len(servers) == 0 {
		return errors.New("no servers")
	}
	if len(servers) > MaxServers {
		return fmt.Errorf("%d servers: at most %d", len(servers), MaxServers)
	}
	var errs []error
	seen := make(map[string]bool, len(servers))
	for i, s := range servers {
		switch {
		case s.Name == "":
			errs = append(errs, fmt.Errorf("server number %d has no name", i+1))
		case seen[s.Name]:
			errs = append(errs, fmt.Errorf("server %q: there are two of that name", s.Name))
		}
		seen[s.Name] = true
	}
	return errors.Join(errs...)
}

// checkWeights tells which weights are not 1 to most, and whether all together are
// more than mostTogether, for the reason why.
func checkWeights(servers []Server, most int, mostTogether int64, why string) error {
	var errs []error
	var together int64
	for _, s := range servers {
		if s.Weight < 1 || s.Weight > most {
			errs = append(errs, fmt.Errorf("server %q: weight %d: must be 1 to %d", s.Name, s.Weight, most))
		} else {
			together += int64(s.Weight)
		}
	}
	if together > mostTogether {
		errs = append(errs, fmt.Errorf("all weights together are %d: at most %d, as %s", together, mostTogether, why))
	}
	return errors.Join(errs...)
}
