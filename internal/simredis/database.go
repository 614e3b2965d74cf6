package simredis

import (
	"bytes"
	"slices"
	"time"
)

// value is what a key holds: a string or a list.
type value struct {
	text    []byte
	list    [][]byte
	isList  bool
	expires time.Time // zero: never
}

func (v *value) expired(now time.Time) bool {
	return !v.expires.IsZero() && !now.Before(v.expires)
}

// database is one numbered database. It expires keys as they are looked at.
type database map[string]*value

// lookup is the value at a key, nil if there is none or it has expired.
func (d database) lookup(key []byte, now time.Time) *value {
	v := d[string(key)]
	if v != nil && v.expired(now) {
		delete(d, string(key))
		return nil
	}
	return v
}

func (d database) put(key []byte, v *value) { d[string(key)] = v }

func (d database) remove(key []byte, now time.Time) bool {
	found := d.lookup(key, now) != nil
	delete(d, string(key))
	return found
}

func (d database) len(now time.Time) (n int) {
	for _, v := range d {
		if !v.expired(now) {
			n++
		}
	}
	return n
}

func copyAll(from [databases]database) (to [databases]database) {
	for i, d := range from {
		if len(d) == 0 {
			continue
		}
		to[i] = make(database, len(d))
		for key, v := range d {
			w := *v
			w.text = bytes.Clone(v.text)
			w.list = slices.Clone(v.list) // elements are never changed in place
			to[i][key] = &w
		}
	}
	return to
}
