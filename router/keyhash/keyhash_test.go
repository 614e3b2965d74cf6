package keyhash

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

func byName(t *testing.T, name string) Func {
	t.Helper()
	for _, f := range All() {
		if f.Name == name {
			return f.Hash
		}
	}
	t.Fatalf("no function %s", name)
	return nil
}

// Published values, for functions that are the published ones for ASCII.
func TestPublishedVectors(t *testing.T) {
	for _, c := range []struct {
		name, key  string
		mask, want uint32
	}{
		// The test suite of FNV's authors; of 64 bits the lower half.
		{"fnv1_32", "a", 1<<32 - 1, 0x050c5d7e}, {"fnv1_32", "foobar", 1<<32 - 1, 0x31f0b262},
		{"fnv1a_32", "a", 1<<32 - 1, 0xe40c292c}, {"fnv1a_32", "foobar", 1<<32 - 1, 0xbf9cf968},
		{"fnv1_64", "a", 1<<32 - 1, 0x8601b7be}, {"fnv1_64", "foobar", 1<<32 - 1, 0xa4dda9c2},
		{"fnv1a_64", "a", 1<<32 - 1, 0x8601ec8c}, {"fnv1a_64", "foobar", 1<<32 - 1, 0xf73967e8},
		// The check values of the CRC catalogue: CRC-16/XMODEM, CRC-32/ISO-HDLC.
		{"crc16", "123456789", 0xffff, 0x31c3},
		{"crc32a", "123456789", 1<<32 - 1, 0xcbf43926},
		{"crc32", "123456789", 1<<32 - 1, 0xcbf43926 >> 16 & 0x7fff},
		// RFC 1321, A.5: 0cc175b9…, 900150983cd24fb0….
		{"md5", "a", 1<<32 - 1, 0xb975c10c}, {"md5", "abc", 1<<32 - 1, 0x98500190},
		// Wikipedia, "Jenkins hash function".
		{"one_at_a_time", "a", 1<<32 - 1, 0xca2e9442},
		{"one_at_a_time", "The quick brown fox jumps over the lazy dog", 1<<32 - 1, 0x519e91f5},
	} {
		if got := byName(t, c.name)([]byte(c.key)) & c.mask; got != c.want {
			t.Errorf("%s(%q) is %#x, want %#x", c.name, c.key, got, c.want)
		}
	}
}

func TestLookup3IsAsItsAuthorPrintsIt(t *testing.T) {
	for _, c := range []struct {
		key        string
		seed, want uint32
	}{
		{"", 0, 0xdeadbeef}, {"", 0xdeadbeef, 0xbd5b7dde},
		{"Four score and seven years ago", 0, 0x17770551}, {"Four score and seven years ago", 1, 0xcd628161},
	} {
		if got := lookup3([]byte(c.key), c.seed); got != c.want {
			t.Errorf("%q, seed %d: %#x, want %#x", c.key, c.seed, got, c.want)
		}
	}
}

// SMHasher sums a function up in one number: the hash of the hashes of the keys
// 0, 01, 012, …, each with another seed.
func TestMurmur2AndLookup3HaveTheSumOfSMHasher(t *testing.T) {
	for _, c := range []struct {
		name string
		hash func([]byte, uint32) uint32
		want uint32
	}{{"murmur2", murmur2, 0x27864c1e}, {"lookup3", lookup3, 0x3d83917a}} {
		var key, hashes []byte
		for i := range 256 {
			hashes = binary.LittleEndian.AppendUint32(hashes, c.hash(key, uint32(256-i)))
			key = append(key, byte(i))
		}
		if got := c.hash(hashes, 0); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
}

func TestTheEmptyKeyHashesToZeroAndNothingIsAllocated(t *testing.T) {
	key := []byte("a key that is longer than one block of any function")
	for _, f := range All() {
		if got := f.Hash(nil); got != 0 {
			t.Errorf("%s of nothing is %#x", f.Name, got)
		}
		if n := testing.AllocsPerRun(50, func() { f.Hash(key) }); n != 0 {
			t.Errorf("%s: %v allocations", f.Name, n)
		}
	}
}

func TestOnlyTheBytesOfTheKeyCountWhereverTheyLie(t *testing.T) {
	rng := rand.New(rand.NewPCG(50, 50))
	for _, f := range All() {
		seen := map[uint32]int{}
		for length := range 64 {
			key := make([]byte, length)
			for i := range key {
				key[i] = byte(rng.Uint32())
			}
			want := f.Hash(key)
			for shift := range 8 {
				around := bytes.Repeat([]byte{byte(rng.Uint32())}, length+16)
				copy(around[shift:], key)
				if got := f.Hash(around[shift : shift+length]); got != want {
					t.Fatalf("%s of %x is %#x, and %#x at %d in %x", f.Name, key, want, got, shift, around)
				}
			}
			seen[want]++
		}
		if len(seen) < 60 {
			t.Errorf("%s: 64 keys have %d hashes", f.Name, len(seen))
		}
	}
}
