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

// kind is the type, as TYPE calls it.
func (v *value) kind() string {
	if v.isList {
		return "list"
	}
	return "string"
}

func (v *value) expired(now time.Time) bool {
	return !v.expires.IsZero() && !now.Before(v.expires)
}

// database is one numbered database. Keys expire as they are looked at, never
// by themselves.
type database map[string]*value

// place is a key in its database.
type place struct {
	db  int
	key string
}

// lookup is the value at a place, nil if there is none or it has expired.
func (s *Server) lookup(p place) *value {
	v := s.dbs[p.db][p.key]
	if v != nil && v.expired(s.now()) {
		delete(s.dbs[p.db], p.key)
		s.changed(nil, p)
		return nil
	}
	return v
}

// changed tells those who watch or track a key that it is another now. by is
// nil if it expired.
func (s *Server) changed(by *client, p place) {
	for _, c := range s.clients {
		c.dirty = c.dirty || c.watched[p]
		c.invalidate(by, p.key)
	}
}

// flush empties a database.
func (s *Server) flush(db int) {
	for p := range s.dbs[db] {
		for _, c := range s.clients {
			c.dirty = c.dirty || c.watched[place{db, p}]
		}
	}
	s.dbs[db] = nil
}

func (d database) len(now time.Time) (n int) {
	for _, v := range d {
		if !v.expired(now) {
			n++
		}
	}
	return n
}

func (d database) withLifetime() (n int) {
	for _, v := range d {
		if !v.expires.IsZero() {
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
