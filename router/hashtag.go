package router

import (
	"bytes"
	"fmt"
)

// hashTag are the characters around the part of a key that is hashed.
type hashTag struct {
	enabled     bool
	open, close byte
}

// newHashTag reads a pool's setting: two ASCII characters, or nothing.
func newHashTag(s string) (hashTag, error) {
	switch {
	case s == "":
		return hashTag{}, nil
	case len(s) != 2 || s[0] >= 0x80 || s[1] >= 0x80:
		return hashTag{}, fmt.Errorf("hash tag %q: must be two ASCII characters like %q, or empty", s, "{}")
	}
	return hashTag{true, s[0], s[1]}, nil
}

// of is the part of key to hash, as Redis Cluster has it: what lies between the
// first opening character and the first closing one after it. If either is
// missing or nothing lies between them, the whole key.
func (t hashTag) of(key []byte) []byte {
	if !t.enabled {
		return key
	}
	from := bytes.IndexByte(key, t.open) + 1
	if from == 0 {
		return key
	}
	n := bytes.IndexByte(key[from:], t.close)
	if n <= 0 {
		return key
	}
	return key[from : from+n]
}
