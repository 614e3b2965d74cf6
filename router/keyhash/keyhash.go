// Package keyhash has the hash functions of twemproxy, value for value as its
// version 0.5.0 computes them on x86: keys that it placed are found where they
// are. Several differ from the published function whose name they bear; the
// comments say how. All give 32 bits, are pure and allocate nothing.
package keyhash

import (
	"crypto/md5"
	"encoding/binary"
)

// Func hashes a key. key may hold any bytes and is not kept.
type Func func(key []byte) uint32

// Named is a function by its name.
type Named struct {
	Name string
	Hash Func
}

// All are the functions, in the order in which twemproxy documents them. The
// empty key has the hash 0 with each of them: twemproxy does not call its
// functions for it.
func All() []Named {
	all := []Named{
		{"one_at_a_time", oneAtATime}, {"md5", md5First}, {"crc16", crc16}, {"crc32", crc32Short}, {"crc32a", crc32Whole},
		{"fnv1_64", fnv1x64}, {"fnv1a_64", fnv1ax64}, {"fnv1_32", fnv1x32}, {"fnv1a_32", fnv1ax32},
		{"hsieh", hsieh}, {"murmur", murmur}, {"jenkins", jenkins},
	}
	for i, f := range all {
		all[i].Hash = func(key []byte) uint32 {
			if len(key) == 0 {
				return 0
			}
			return f.Hash(key)
		}
	}
	return all
}

// signed is a byte as C on x86 takes a char for a number: 0x80 and above are
// negative, and as 32 bits have all upper ones set.
func signed(b byte) uint32 { return uint32(int32(int8(b))) }

// oneAtATime is Bob Jenkins' hash of 1997 (Dr. Dobb's Journal, "Hash
// Functions"), with signed bytes.
func oneAtATime(key []byte) uint32 {
	var h uint32
	for _, b := range key {
		h += signed(b)
		h += h << 10
		h ^= h >> 6
	}
	h += h << 3
	h ^= h >> 11
	h += h << 15
	return h
}

// md5First is the first four bytes of the MD5 sum, the lowest first.
func md5First(key []byte) uint32 {
	sum := md5.Sum(key)
	return binary.LittleEndian.Uint32(sum[:])
}
