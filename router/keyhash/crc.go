package keyhash

import "hash/crc32"

// ccittPolynomial is that of CRC-16/XMODEM: x^16 + x^12 + x^5 + 1, the highest
// power first.
const ccittPolynomial = 0x1021

// ccitt[b] is what a byte b that leaves the register adds to it.
var ccitt = func() (table [256]uint32) {
	for b := range table {
		r := uint16(b) << 8
		for range 8 {
			carry := r&0x8000 != 0
			r <<= 1
			if carry {
				r ^= ccittPolynomial
			}
		}
		table[b] = uint32(r)
	}
	return table
}()

// crc16 is CRC-16/XMODEM in its lower half. The register has 32 bits and is never
// cut to 16: the upper half is what earlier bytes shifted out, and counts.
func crc16(key []byte) uint32 {
	var r uint32
	for _, b := range key {
		r = r<<8 ^ ccitt[byte(r>>8)^b]
	}
	return r
}

// CRC16 is CRC-16/XMODEM, which gives a key its slot in a Redis Cluster.
func CRC16(key []byte) uint16 { return uint16(crc16(key)) }

// crc32Whole is the CRC-32 of zlib and Ethernet.
func crc32Whole(key []byte) uint32 { return crc32.ChecksumIEEE(key) }

// crc32Short is 15 bits from the upper half of it, as memcached clients have it.
// With ketama almost all keys fall to one server: its points are spread over 32
// bits.
func crc32Short(key []byte) uint32 { return crc32.ChecksumIEEE(key) >> 16 & 0x7fff }
