package lock

import (
	"fmt"
	"time"
)

// checker sees what clients believe, by the world's time, and finds two of them who hold a
// lock at once, and numbers out of order.
type checker struct {
	w     *world
	locks map[string]*watched
	found []string
	// What was seen, so that a test can tell that something was.
	grants, fenced, extended int
}

// watched is one lock.
type watched struct {
	holds []*belief // that are valid, or were lately
	// highest is the largest number of each client's that has held the lock.
	highest map[*client]int64
}

// belief is a client's that it has a lock.
type belief struct {
	c     *client
	key   string
	until time.Duration
	// fence is the last number; 0: none. before is the largest number that others had when the
	// lock was taken.
	fence, before int64
}

func (b *belief) valid(now time.Duration) bool { return now < b.until }

func (k *checker) lock(key string) *watched {
	l := k.locks[key]
	if l == nil {
		l = &watched{highest: map[*client]int64{}}
		k.locks[key] = l
	}
	return l
}

// granted has a client believe that it has a lock until then.
func (k *checker) granted(c *client, key string, until time.Duration) *belief {
	l, b := k.lock(key), &belief{c: c, key: key, until: until}
	keep := l.holds[:0]
	for _, other := range l.holds {
		if !other.valid(k.w.now) {
			continue
		}
		keep = append(keep, other)
		if other.c != c && b.valid(k.w.now) {
			k.fail("%s: client %d has the lock for another %v, and client %d gets it", key, other.c.index, other.until-k.w.now, c.index)
		}
	}
	l.holds = append(keep, b)
	for other, n := range l.highest {
		if other != c {
			b.before = max(b.before, n)
		}
	}
	k.grants++
	return b
}

// numbered gives a belief its number.
func (k *checker) numbered(b *belief, n int64) {
	if !b.valid(k.w.now) {
		return
	}
	if n <= b.before {
		k.fail("%s: client %d has the number %d, another one has had %d before", b.key, b.c.index, n, b.before)
	}
	l := k.lock(b.key)
	l.highest[b.c] = max(l.highest[b.c], n)
	b.fence = n
	k.fenced++
}

func (k *checker) fail(format string, args ...any) {
	k.found = append(k.found, fmt.Sprintf("%v: ", k.w.now)+fmt.Sprintf(format, args...))
}
