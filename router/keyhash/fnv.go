package keyhash

// Fowler, Noll and Vo's hashes, http://www.isthe.com/chongo/tech/comp/fnv, with
// signed bytes. Of the functions for 64 bits only the lower half is kept; as that
// depends on nothing but the lower halves of offset and prime, 32 bits do.
const (
	fnv32Offset = 0x811c9dc5
	fnv32Prime  = 0x01000193
	fnv64Offset = 0x84222325 // lower half of 0xcbf29ce484222325
	fnv64Prime  = 0x000001b3 // lower half of 0x00000100000001b3
)

func fnv1x64(key []byte) uint32  { return fnv1(key, fnv64Offset, fnv64Prime) }
func fnv1ax64(key []byte) uint32 { return fnv1a(key, fnv64Offset, fnv64Prime) }
func fnv1x32(key []byte) uint32  { return fnv1(key, fnv32Offset, fnv32Prime) }
func fnv1ax32(key []byte) uint32 { return fnv1a(key, fnv32Offset, fnv32Prime) }

func fnv1(key []byte, h, prime uint32) uint32 {
	for _, b := range key {
		h *= prime
		h ^= signed(b)
	}
	return h
}

func fnv1a(key []byte, h, prime uint32) uint32 {
	for _, b := range key {
		h ^= signed(b)
		h *= prime
	}
	return h
}
