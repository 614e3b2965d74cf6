package router

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Sizes of Maglev's table, prime, and the bound of the weights that follows: there
// are at least slotsPerWeight slots for each unit of weight, for which the paper
// promises shares within 1 %.
const (
	maglevSlots     = 65537
	maglevManySlots = 655373
	slotsPerWeight  = 100
	// MaxMaglevWeight bounds all weights of a pool together for maglev.
	MaxMaglevWeight = maglevManySlots / slotsPerWeight
)

// maglev is the consistent hashing of Google's load balancer (Eisenbud et al.,
// "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section
// 3.4): a table of slots, and a key has the slot of its hash modulo the table's
// size. Each server prefers the slots in an order of its own,
//
//	(offset + i*skip) modulo size, i = 0, 1, 2, …
//	offset = xxh64(name) modulo size, skip = xxh64(name, seed 1) modulo (size-1) + 1
//
// and takes the first free one when its turn comes. Turns go round in the order of
// the names, by bytes. In round r, from 1, a server of weight w has a turn if
// r*w/heaviest, rounded down, is more than in the round before: so the shares are
// the weights' to within a slot.
//
// The table has 65537 slots if all weights together are at most 655, else 655373.
// Going from one size to the other moves nearly every key. Otherwise, when the
// servers change, a few more keys move than must.
type maglev struct {
	owners []uint16 // by slot
	rehash rehash
}

func newMaglev(servers []Server) (distribution, error) {
	weights := 0
	for _, s := range servers {
		weights += s.Weight
	}
	slots := maglevSlots
	if weights*slotsPerWeight > slots {
		slots = maglevManySlots
	}
	m := &maglev{rehash: inOrder(len(servers))}
	slices.SortFunc(m.rehash.order, func(a, b uint16) int { return cmp.Compare(servers[a].Name, servers[b].Name) })
	m.owners = fillMaglev(preferences(servers, uint64(slots)), m.rehash.order, slots)
	return m, nil
}

// preference is the order in which a server prefers slots: slot, slot + skip, ….
type preference struct {
	slot, skip uint64
	weight     int
}

// preferences are those of all servers, by their index.
func preferences(servers []Server, slots uint64) []preference {
	all := make([]preference, len(servers))
	for i, s := range servers {
		seeded := xxhash.NewWithSeed(1)
		_, _ = seeded.WriteString(s.Name) // it never fails
		all[i] = preference{xxhash.Sum64String(s.Name) % slots, seeded.Sum64()%(slots-1) + 1, s.Weight}
	}
	return all
}

// fillMaglev gives every slot an owner, using the preferences up; order is the
// order of turns.
func fillMaglev(all []preference, order []uint16, slots int) []uint16 {
	const free = math.MaxUint16 // more than any server's index
	owners := slices.Repeat([]uint16{free}, slots)
	heaviest := 0
	for _, p := range all {
		heaviest = max(heaviest, p.weight)
	}
	left := slots
	for round := 1; ; round++ {
		for _, i := range order {
			p := &all[i]
			if round*p.weight/heaviest == (round-1)*p.weight/heaviest {
				continue
			}
			for owners[p.slot] != free {
				p.slot = (p.slot + p.skip) % uint64(slots)
			}
			owners[p.slot] = i
			if left--; left == 0 {
				return owners
			}
		}
	}
}

func (m *maglev) place(hash uint64) int { return int(m.owners[hash%uint64(len(m.owners))]) }

func (m *maglev) owner(hash uint64, down ServerSet) int {
	if owner := m.place(hash); !down.Has(owner) {
		return owner
	}
	return m.rehash.owner(m, hash, down)
}

func checkMaglev(servers []Server) error {
	return checkWeights(servers, MaxWeight, MaxMaglevWeight,
		fmt.Sprintf("each unit needs %d slots of a table of at most %d", slotsPerWeight, maglevManySlots))
}
