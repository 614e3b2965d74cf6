package keyhash

import (
	"encoding/binary"
	"math/bits"
)

// jenkinsSeed is the initval that twemproxy passes.
const jenkinsSeed = 13

func jenkins(key []byte) uint32 { return lookup3(key, jenkinsSeed) }

// lookup3 is Bob Jenkins' lookup3 (2006, public domain), hashlittle: 12 bytes at a
// time are added to three words and mixed; the last 1 to 12 bytes, filled up with
// zeros, are mixed in another way.
func lookup3(key []byte, seed uint32) uint32 {
	a := 0xdeadbeef + uint32(len(key)) + seed
	b, c := a, a
	if len(key) == 0 {
		return c
	}
	for ; len(key) > 12; key = key[12:] {
		a, b, c = jenkinsMix(a+binary.LittleEndian.Uint32(key),
			b+binary.LittleEndian.Uint32(key[4:]),
			c+binary.LittleEndian.Uint32(key[8:]))
	}
	var last [12]byte
	copy(last[:], key)
	return jenkinsFinal(a+binary.LittleEndian.Uint32(last[:]),
		b+binary.LittleEndian.Uint32(last[4:]),
		c+binary.LittleEndian.Uint32(last[8:]))
}

// jenkinsMix mixes reversibly.
func jenkinsMix(a, b, c uint32) (uint32, uint32, uint32) {
	for _, r := range [2][3]int{{4, 6, 8}, {16, 19, 4}} {
		a = a - c ^ bits.RotateLeft32(c, r[0])
		c += b
		b = b - a ^ bits.RotateLeft32(a, r[1])
		a += c
		c = c - b ^ bits.RotateLeft32(b, r[2])
		b += a
	}
	return a, b, c
}

// jenkinsFinal is c after the last round.
func jenkinsFinal(a, b, c uint32) uint32 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}
