package keyhash

import "encoding/binary"

const murmurFactor = 0x5bd1e995

// murmur is murmur2 with a seed made of the key's length.
func murmur(key []byte) uint32 { return murmur2(key, 0xdeadbeef*uint32(len(key))) }

// murmur2 is Austin Appleby's MurmurHash2 for 32 bits (2008, public domain).
func murmur2(key []byte, seed uint32) uint32 {
	h := seed ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * murmurFactor
		k ^= k >> 24
		h = h*murmurFactor ^ k*murmurFactor
	}
	if len(key) > 0 {
		h = (h ^ littleEndian(key)) * murmurFactor
	}
	h ^= h >> 13
	h *= murmurFactor
	h ^= h >> 15
	return h
}

// littleEndian is up to four bytes as a number, the lowest first.
func littleEndian(b []byte) uint32 {
	var n uint32
	for i := len(b) - 1; i >= 0; i-- {
		n = n<<8 | uint32(b[i])
	}
	return n
}
