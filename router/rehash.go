package router

// maxRehashes bounds the search by rehashing. If half of the servers are down,
// one key in 2^32 is still without one after it.
const maxRehashes = 32

// rehash finds the server of a key whose first choice is down. Its further
// choices are the owners of its further hashes, mix64(hash, 0), mix64(hash, 1),
// …; after maxRehashes of them, the servers of order one after the other, from
// one that another such hash gives. So the choices of a key are in an order that
// is the key's own and never changes. A server that falls moves no key but its
// own, which are spread over the others in proportion to their weights; and when
// it comes back, it gets these keys and no other.
type rehash struct {
	// order is the servers' indexes, each once, in an order that depends on
	// nothing on which the distribution does not depend.
	order []uint16
}

// inOrder is a rehash for servers whose order decides the placement.
func inOrder(servers int) rehash {
	r := rehash{make([]uint16, servers)}
	for i := range r.order {
		r.order[i] = uint16(i)
	}
	return r
}

// owner is the first choice of hash after d's that is not in down, or -1.
func (r rehash) owner(d interface{ place(hash uint64) int }, hash uint64, down ServerSet) int {
	if down.hasAllBelow(len(r.order)) {
		return -1
	}
	for n := range uint64(maxRehashes) {
		if owner := d.place(mix64(hash, n)); !down.Has(owner) {
			return owner
		}
	}
	for at := mix64(hash, maxRehashes) % uint64(len(r.order)); ; at = (at + 1) % uint64(len(r.order)) {
		if owner := int(r.order[at]); !down.Has(owner) {
			return owner
		}
	}
}
