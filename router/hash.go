package router

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"ringmain/router/keyhash"
)

const defaultHash = "xxh64"

// keyHash is one hash function.
type keyHash struct {
	name string
	// of32 is nil for xxh64, which is called directly: it is the default and on
	// the way of every command.
	of32 keyhash.Func
}

// hashNames is in the order in which they are documented; hashes are by name.
var hashNames, hashes = func() ([]string, map[string]keyHash) {
	names, byName := []string{defaultHash}, map[string]keyHash{defaultHash: {name: defaultHash}}
	for _, f := range keyhash.All() {
		names, byName[f.Name] = append(names, f.Name), keyHash{f.Name, f.Hash}
	}
	return names, byName
}()

// Hashes are the names of all hash functions, in the order in which they are
// documented: xxh64, which is the default, with seed 0, then those of twemproxy,
// exactly, see package keyhash.
func Hashes() []string { return slices.Clone(hashNames) }

// value is that of the function.
func (h keyHash) value(b []byte) uint64 {
	if h.of32 == nil {
		return xxhash.Sum64(b)
	}
	return uint64(h.of32(b))
}

// golden is 2^64 divided by the golden ratio, made odd: the step of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// mix64 is what SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) gives as number n,
// from 0, when seeded with x. For one n it is a bijection: values of 32 bits that
// differ are spread evenly over 64 bits, and stay different.
func mix64(x, n uint64) uint64 {
	x += (n + 1) * golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
