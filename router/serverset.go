package router

// ServerSet is a set of servers by their index: bit i%64 of word i/64. nil is the
// empty set; what lies behind its end is not in it.
type ServerSet []uint64

// NewServerSet makes a set of indexes, which must not be negative.
func NewServerSet(indexes ...int) ServerSet {
	var s ServerSet
	for _, i := range indexes {
		for len(s) <= i/64 {
			s = append(s, 0)
		}
		s[i/64] |= 1 << (i % 64)
	}
	return s
}

// Has reports whether i, which must not be negative, is in the set.
func (s ServerSet) Has(i int) bool {
	w := i / 64
	return w < len(s) && s[w]>>(uint(i)%64)&1 != 0
}

// hasAllBelow reports whether all of 0 … n-1 are in the set.
func (s ServerSet) hasAllBelow(n int) bool {
	for i := range n {
		if !s.Has(i) {
			return false
		}
	}
	return true
}
