package router

import (
	"cmp"
	"slices"
)

// MaxModulaWeight bounds all weights of a pool together for modula.
const MaxModulaWeight = MaxPoints

// modula places keys as twemproxy 0.5.0 does with `distribution: modula`: on a list
// that has each server as often as its weight says, in the order of twemproxy, the
// key has the place of its hash modulo the list's length. Any change of servers or
// weights moves most keys.
type modula struct {
	owners []uint16
	rehash rehash
}

func newModula(servers []Server) (distribution, error) {
	m := &modula{rehash: rehash{twemproxyOrder(servers)}}
	for _, i := range m.rehash.order {
		for range servers[i].Weight {
			m.owners = append(m.owners, i)
		}
	}
	return m, nil
}

// twemproxyOrder is the servers' indexes in the order in which twemproxy has them,
// which is not that of its configuration: shorter names first, names of one length
// by their bytes.
func twemproxyOrder(servers []Server) []uint16 {
	order := inOrder(len(servers)).order
	slices.SortFunc(order, func(a, b uint16) int {
		x, y := servers[a].Name, servers[b].Name
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
	return order
}

// place is the owner of the lower 32 bits of hash.
func (m *modula) place(hash uint64) int { return int(m.owners[uint32(hash)%uint32(len(m.owners))]) }

func (m *modula) owner(hash uint64, down ServerSet) int {
	if owner := m.place(hash); !down.Has(owner) {
		return owner
	}
	return m.rehash.owner(m, hash, down)
}

func checkModula(servers []Server) error {
	return checkWeights(servers, MaxModulaWeight, MaxModulaWeight, "that is how long modula's list of servers may get")
}
