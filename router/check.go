package router

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxServers bounds the servers of a pool.
const MaxServers = 3125

// distributionKind is one way of placing hashes on servers.
type distributionKind struct {
	// check tells what is wrong with the servers' weights.
	check func([]Server) error
	build func([]Server) (distribution, error)
}

// distributions are all of them by name.
var distributions = map[string]distributionKind{
	"ring": {checkRing, func(s []Server) (distribution, error) { return NewRing(s) }},
}

// distributionNames is in the order in which they are documented.
var distributionNames = []string{"ring", "ketama", "modula", "jump", "maglev"}

// Distributions are the names of all distributions, in the order in which they
// are documented. The first is the default.
func Distributions() []string { return slices.Clone(distributionNames) }

func (p *Pool) distribution() string {
	if p.Distribution == "" {
		return distributionNames[0]
	}
	return p.Distribution
}

func (p *Pool) hash() string {
	if p.Hash == "" {
		return hashNames[0]
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
	kind, ok := distributions[p.distribution()]
	if !ok {
		errs = append(errs, fmt.Errorf("distribution %q: must be one of %s", p.Distribution, strings.Join(distributionNames, ", ")))
	}
	errs = append(errs, checkServers(p.Servers))
	if ok {
		errs = append(errs, kind.check(p.Servers))
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
func checkWeights(servers []Server, most, mostTogether int, why string) error {
	var errs []error
	together := 0
	for _, s := range servers {
		if s.Weight < 1 || s.Weight > most {
			errs = append(errs, fmt.Errorf("server %q: weight %d: must be 1 to %d", s.Name, s.Weight, most))
		} else {
			together += s.Weight
		}
	}
	if together > mostTogether {
		errs = append(errs, fmt.Errorf("all weights together are %d: at most %d, as %s", together, mostTogether, why))
	}
	return errors.Join(errs...)
}
