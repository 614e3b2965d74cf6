package router

// MaxModulaWeight bounds all weights of a pool together for modula.
const MaxModulaWeight = MaxPoints

// modula places keys as twemproxy 0.5.0 does with `distribution: modula`: on a list
// that has each server, in the order given, as often as its weight says, the key
// has the place of its hash modulo the list's length. Any change of servers or
// weights moves most keys.
type modula struct {
	owners []uint16
	rehash rehash
}

func newModula(servers []Server) (distribution, error) {
	m := &modula{rehash: inOrder(len(servers))}
	for i, s := range servers {
		for range s.Weight {
			m.owners = append(m.owners, uint16(i))
		}
	}
	return m, nil
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
