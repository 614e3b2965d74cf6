package router

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// MaxRoutes bounds the routes of a snapshot.
const MaxRoutes = 10_000

// Route sends the keys that begin with Prefix to a pool. Of several that match a
// key the longest decides. The prefix is compared with the key as the client
// wrote it, with the characters of a hash tag, should it have one.
type Route struct {
	// Prefix is unique. The route with the empty one, the catch-all, takes the
	// keys that no other matches; there must be one.
	Prefix string
	// Pool is a pool's name.
	Pool string
}

// Scope says which pools a listener's keys go to: ByRoutes, or one pool, which
// ScopeOf gives.
type Scope int32

// ByRoutes is the scope in which routes decide.
const ByRoutes Scope = -1

// ScopeOf is the scope in which every key goes to the pool of that name; for the
// empty name it is ByRoutes. It reports false if there is no such pool, or if
// there are several pools and no routes to choose by.
func (s *Snapshot) ScopeOf(pool string) (Scope, bool) {
	if pool == "" {
		return ByRoutes, s.catchAll >= 0
	}
	for i := range s.pools {
		if s.pools[i].name == pool {
			return Scope(i), true
		}
	}
	return ByRoutes, false
}

// Narrow is scope for keys that begin with prefix: that of one pool, if it has them all.
func (s *Snapshot) Narrow(scope Scope, prefix []byte) Scope {
	if scope >= 0 || s.routes == nil {
		return scope
	}
	at := s.routes.find(prefix)
	for i, other := range s.routes.prefixes {
		if len(other) > len(prefix) && strings.HasPrefix(other, string(prefix)) && s.routes.pools[i] != s.routes.pools[at] {
			return scope
		}
	}
	return Scope(s.routes.pools[at])
}

// poolOf is the pool that key goes to.
func (s *Snapshot) poolOf(scope Scope, key []byte) *pool {
	if s.only != nil {
		return s.only
	}
	return s.choosePool(scope, key)
}

func (s *Snapshot) choosePool(scope Scope, key []byte) *pool {
	switch {
	case scope >= 0:
		return &s.pools[scope]
	case s.routes != nil:
		return &s.pools[s.routes.pool(key)]
	}
	return &s.pools[s.catchAll]
}

// routes finds the longest prefix of a key. The prefixes are sorted. All strings
// that sort between a prefix of a key and the key begin with that prefix. So the
// greatest prefix that is not greater than the key, or one that it begins with,
// is the longest match.
type routes struct {
	prefixes []string // ascending; the first is the empty one
	pools    []int32
	// shorter[i] is the longest of the other prefixes that prefixes[i] begins
	// with; the first one's is itself.
	shorter []int32
}

func newRoutes(sorted []Route, poolIndex map[string]int32) *routes {
	r := &routes{}
	for i, route := range sorted {
		up := int32(max(0, i-1))
		for !strings.HasPrefix(route.Prefix, sorted[up].Prefix) {
			up = r.shorter[up]
		}
		r.prefixes = append(r.prefixes, route.Prefix)
		r.pools = append(r.pools, poolIndex[route.Pool])
		r.shorter = append(r.shorter, up)
	}
	return r
}

// find is the index of the longest prefix of key.
func (r *routes) find(key []byte) int {
	low, high := 0, len(r.prefixes) // of the first prefix that is greater than key
	for low < high {
		if middle := (low + high) / 2; r.prefixes[middle] <= string(key) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	i := low - 1
	for p := r.prefixes[i]; len(p) > len(key) || p != string(key[:len(p)]); p = r.prefixes[i] {
		i = int(r.shorter[i])
	}
	return i
}

func (r *routes) pool(key []byte) int32 { return r.pools[r.find(key)] }

// setRoutes checks the routes and makes them ready.
func (s *Snapshot) setRoutes(pools []Pool, given []Route) error {
	s.catchAll = -1
	if len(given) == 0 {
		if len(pools) == 1 {
			s.catchAll = 0
		}
		return nil
	}
	index := map[string]int32{}
	for i, p := range pools {
		index[p.Name] = int32(i)
	}
	sorted := slices.SortedStableFunc(slices.Values(given), func(a, b Route) int { return strings.Compare(a.Prefix, b.Prefix) })
	if err := checkRoutes(sorted, index); err != nil {
		return err
	}
	s.catchAll = index[sorted[0].Pool]
	if len(sorted) > 1 {
		s.routes = newRoutes(sorted, index)
	}
	return nil
}

func checkRoutes(sorted []Route, poolIndex map[string]int32) error {
	var errs []error
	if len(sorted) > MaxRoutes {
		return fmt.Errorf("%d routes: at most %d", len(sorted), MaxRoutes)
	}
	if sorted[0].Prefix != "" {
		errs = append(errs, errors.New("no route takes the keys that no prefix matches: add one without a prefix"))
	}
	for i, r := range sorted {
		if i > 0 && r.Prefix == sorted[i-1].Prefix {
			errs = append(errs, fmt.Errorf("route with prefix %q: there are two, to the pools %q and %q", r.Prefix, sorted[i-1].Pool, r.Pool))
		}
		if _, ok := poolIndex[r.Pool]; !ok {
			errs = append(errs, fmt.Errorf("route with prefix %q: there is no pool %q, only %s", r.Prefix, r.Pool, quotedNames(poolIndex)))
		}
	}
	return errors.Join(errs...)
}

func quotedNames(index map[string]int32) string {
	names := slices.Sorted(maps.Keys(index))
	for i, name := range names {
		names[i] = strconv.Quote(name)
	}
	return strings.Join(names, ", ")
}
