package simredis

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// slot is where SCAN meets a key: never at 0, which is its beginning.
func slot(key string) uint64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return uint64(h.Sum32()>>1) + 1
}

// keys are those of a database that have not expired, in the order of SCAN.
func (s *Server) keys(db int) []string {
	var all []string
	for key, v := range s.dbs[db] {
		if !v.expired(s.now()) {
			all = append(all, key)
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(slot(a), slot(b)), strings.Compare(a, b))
	})
	return all
}

// scanOptions are the words behind SCAN cursor.
type scanOptions struct {
	pattern, kind string
	count         int
}

func (c *client) scanOptions(words [][]byte) (o scanOptions, fault string) {
	o = scanOptions{pattern: "*", count: 10}
	if len(words)%2 != 0 {
		return o, errSyntax
	}
	for ; len(words) > 0; words = words[2:] {
		switch strings.ToLower(string(words[0])) {
		case "match":
			o.pattern = string(words[1])
		case "type":
			o.kind = strings.ToLower(string(words[1]))
		case "count":
			n, ok := integer(words[1])
			if !ok {
				return o, errInteger
			}
			if n < 1 {
				return o, errSyntax
			}
			o.count = int(min(n, 1<<20))
		default:
			return o, errSyntax
		}
	}
	return o, ""
}

// runScan's cursor is the slot to go on with.
func runScan(c *client, args [][]byte) {
	cursor, err := strconv.ParseUint(string(args[1]), 10, 64)
	if err != nil {
		c.fail("ERR invalid cursor")
		return
	}
	o, fault := c.scanOptions(args[2:])
	if fault != "" {
		c.fail(fault)
		return
	}
	var found []string
	next, seen := uint64(0), 0
	for _, key := range c.s.keys(c.db) {
		at := slot(key)
		if at < cursor {
			continue
		}
		if seen >= o.count && at > next {
			next++
			c.scanned(next, found)
			return
		}
		next = at
		seen++
		if matches(o.pattern, key) && (o.kind == "" || o.kind == c.s.dbs[c.db][key].kind()) {
			found = append(found, key)
		}
	}
	c.scanned(0, found)
}

func (c *client) scanned(cursor uint64, keys []string) {
	c.array(2)
	c.text(strconv.FormatUint(cursor, 10))
	c.array(len(keys))
	for _, key := range keys {
		c.text(key)
	}
}

func runKeys(c *client, args [][]byte) {
	found := slices.DeleteFunc(c.s.keys(c.db), func(key string) bool { return !matches(string(args[1]), key) })
	c.array(len(found))
	for _, key := range found {
		c.text(key)
	}
}

func runRandomKey(c *client, _ [][]byte) {
	if key, ok := c.s.randomKey(c.db); ok {
		c.text(key)
	} else {
		c.null()
	}
}

func (s *Server) randomKey(db int) (key string, ok bool) {
	all := s.keys(db)
	if len(all) == 0 {
		return "", false
	}
	return all[s.rng.IntN(len(all))], true
}

// Evict removes a random key, of any database, as a server does that is out of
// memory. It reports false if there is none.
func (s *Server) Evict() (db int, key string, ok bool) {
	first := s.rng.IntN(databases)
	for i := range databases {
		db = (first + i) % databases
		if key, ok = s.randomKey(db); ok {
			s.Remove(db, key)
			return db, key, true
		}
	}
	return 0, "", false
}

// Remove removes a key past the protocol.
func (s *Server) Remove(db int, key string) {
	delete(s.dbs[db], key)
	s.changed(nil, place{db, key})
}
