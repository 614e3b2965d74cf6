package router

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// hashNames is in the order in which they are documented.
var hashNames = []string{"xxh64", "one_at_a_time", "md5", "crc16", "crc32", "crc32a", "fnv1_64", "fnv1a_64", "fnv1_32",
	"fnv1a_32", "hsieh", "murmur", "jenkins"}

// Hashes are the names of all hash functions, in the order in which they are
// documented. The first is the default.
func Hashes() []string { return slices.Clone(hashNames) }

// keyHash is one hash function.
type keyHash struct {
	name string
	// of32 is nil for xxh64.
	of32 func([]byte) uint32
}

var hashes = map[string]keyHash{"xxh64": {name: "xxh64"}}

func (h keyHash) is64() bool { return h.of32 == nil }

// raw is the value of the function.
func (h keyHash) raw(b []byte) uint64 {
	if h.of32 == nil {
		return xxhash.Sum64(b)
	}
	return uint64(h.of32(b))
}

// of is what distributions are given.
func (h keyHash) of(b []byte) uint64 { return h.raw(b) }
