// Package lockcheck checks what clients of locks were told: no two of them held a lock at
// once, and its fencing numbers rose with its holders.
//
// What counts is what each client believes, by one clock that all of them share (which may
// be a simulated one): it holds the lock from the moment that the reply is there, and for
// its TTL. The TTL counts from the reply, as naive clients count, but for a request that
// took long: then from the time at which a prompt reply would have come, for the promise is
// of so much time from the decision, and of a little more that covers a prompt reply.
// It ceases to hold the lock before it sends the release. An answer that is an error, or
// none, is not believed: it neither gives a lock nor prolongs one.
package lockcheck

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Log is all that clients believed. Any goroutine may use it.
type Log struct {
	prompt func(ttl time.Duration) time.Duration

	mu    sync.Mutex
	holds []*Hold
}

// New is an empty log. prompt is how long after the request a reply may come for its TTL
// to count from then.
func New(prompt func(ttl time.Duration) time.Duration) *Log { return &Log{prompt: prompt} }

// Hold is one client's belief that it has a lock. The client's goroutine alone uses it.
type Hold struct {
	log         *Log
	key, client string
	from, until time.Duration // it holds it in from <= t < until
	fence       int64         // 0: it has none
}

// Granted tells of a grant: when its request was sent and its reply received, and its TTL.
func (l *Log) Granted(key, client string, sent, received, ttl time.Duration) *Hold {
	h := &Hold{log: l, key: key, client: client, from: received, until: l.until(sent, received, ttl)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds = append(l.holds, h)
	return h
}

func (l *Log) until(sent, received, ttl time.Duration) time.Duration {
	return min(received, sent+l.prompt(ttl)) + ttl
}

// Until is when the client ceases to hold the lock.
func (h *Hold) Until() time.Duration { return h.until }

// Extended tells that the lock was extended, as Granted. An extension that comes after the
// lock was lost does not count.
func (h *Hold) Extended(sent, received, ttl time.Duration) {
	if received < h.until {
		h.set(func() { h.until = h.log.until(sent, received, ttl) })
	}
}

// Ended tells that the client gives the lock up, or was told that it has it no more.
func (h *Hold) Ended(at time.Duration) { h.set(func() { h.until = min(h.until, at) }) }

// Numbered tells of the fencing number that the client got for its grant.
func (h *Hold) Numbered(fence int64) { h.set(func() { h.fence = fence }) }

func (h *Hold) set(change func()) {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	change()
}

func (h *Hold) String() string {
	return fmt.Sprintf("%s by %s from %v to %v with number %d", h.key, h.client, h.from, h.until, h.fence)
}

// Grants is how many grants clients were told of.
func (l *Log) Grants() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.holds)
}

// Overlaps are the pairs of holds of one key that are valid at once.
func (l *Log) Overlaps() (found []string) {
	var longest *Hold // of the key, so far
	for _, h := range l.ordered() {
		if h.until <= h.from {
			continue // lost before it was told of
		}
		if longest != nil && longest.key == h.key {
			if h.from < longest.until {
				found = append(found, fmt.Sprintf("%v overlaps %v", h, longest))
			}
			if h.until < longest.until {
				continue
			}
		}
		longest = h
	}
	return found
}

// Disorder are the fencing numbers that are not above all those of the key's earlier
// holders.
func (l *Log) Disorder() (found []string) {
	var highest *Hold // of the key, so far
	for _, h := range l.ordered() {
		if h.fence == 0 {
			continue
		}
		if highest != nil && highest.key == h.key && h.fence <= highest.fence {
			found = append(found, fmt.Sprintf("%v is not above %v", h, highest))
			continue
		}
		highest = h
	}
	return found
}

// ordered are the holds by their keys, and in the order of their beginnings.
func (l *Log) ordered() []*Hold {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(l.holds)
	slices.SortStableFunc(list, func(a, b *Hold) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.from, b.from))
	})
	return list
}
