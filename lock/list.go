package lock

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ringmain/quorum"
)

// Listed is a lock that somebody holds.
type Listed struct {
	Key, Token string
	// Left is how much longer the holder may count on it, Fence the number that it was given
	// (0: none), Servers at how many servers it is.
	Left    time.Duration
	Fence   int64
	Servers int
	// Waiting is how many of this proxy's clients wait for it.
	Waiting int
}

// maxListed and maxListedBytes bound the locks of one listing, maxPages how often servers are
// asked: a server has some hundred keys on a page.
const (
	maxListed      = 10_000
	maxListedBytes = 64 << 20
	maxPages       = 100_000
)

// listing walks over the servers' keys, all servers at the same time. What comes and goes
// meanwhile may be missed.
type listing struct {
	e     *Engine
	match func(key string) bool
	found map[string][]sighting // by key, server
	// left is how many servers have yet to give pages, through how many have given all.
	left, through int
	pages, bytes  int
	tooMany       bool
	done          func(all []Listed, text string)
}

// sighting is what one server has of a key, and when it said so.
type sighting struct {
	reading
	at quorum.Instant
}

// List finds the locks that a majority of the servers has, whatever proxy they were taken
// through, sorted by their keys. match says which keys are meant. done is called exactly once,
// perhaps before List returns; text is that of an error reply, or "". There is one listing at
// a time.
func (e *Engine) List(match func(key string) bool, done func(all []Listed, text string)) {
	if e.listing {
		done(nil, "ERR the locks are being listed for another client; try again")
		return
	}
	if text := e.barred(quorum.Vote); text != "" {
		done(nil, text)
		return
	}
	e.listing = true
	n := e.servers.Len()
	l := &listing{e: e, match: match, found: map[string][]sighting{}, left: n, done: done}
	for i := range n {
		l.page(i, "0")
	}
}

// page asks a server for the next page of its locks.
func (l *listing) page(server int, cursor string) {
	call := quorum.Call{Server: server, Script: scanScript, Args: []string{cursor, companionPrefix}, Within: l.e.settings.NodeTimeout}
	l.e.servers.Call(call, func(a quorum.Answer) {
		next := l.take(server, a)
		switch next {
		case "0":
			l.through++
		case "":
		default:
			l.page(server, next)
			return
		}
		if l.left--; l.left == 0 {
			l.end()
		}
	})
}

// take takes a page. It returns the cursor of the next one: "0" after the last, "" if there is
// to be none before that.
func (l *listing) take(server int, a quorum.Answer) (next string) {
	if l.pages++; l.tooMany || l.pages > maxPages {
		l.tooMany = true
		return ""
	}
	if a.Outcome != quorum.Done || len(a.Values)%4 != 1 || a.Values[0].Text == "" {
		return ""
	}
	now := l.e.clock.Now()
	for lock := range slices.Chunk(a.Values[1:], 4) {
		key := lock[0].Text
		if !l.match(key) {
			continue
		}
		if l.found[key] == nil {
			if len(l.found) == maxListed {
				l.tooMany = true
				return ""
			}
			l.found[key] = make([]sighting, l.e.servers.Len())
			l.bytes += len(key)
		}
		if l.bytes += len(lock[1].Text); l.bytes > maxListedBytes {
			l.tooMany = true
			return ""
		}
		l.found[key][server] = sighting{readings(lock[1:], 1)[0], now}
	}
	return a.Values[0].Text
}

// end puts together what the servers have.
func (l *listing) end() {
	e := l.e
	e.listing = false
	switch {
	case l.tooMany:
		l.done(nil, fmt.Sprintf("ERR there are more than %d locks, or %d MiB of them: give a pattern that fewer match", maxListed, maxListedBytes>>20))
		return
	case l.through < e.quorum:
		l.done(nil, e.servers.Refusal(quorum.Vote))
		return
	}
	var all []Listed
	for key, seen := range l.found {
		if lock, held := e.listed(key, seen); held {
			all = append(all, lock)
		}
	}
	slices.SortFunc(all, func(a, b Listed) int { return strings.Compare(a.Key, b.Key) })
	l.done(all, "")
}

// listed is a lock as a majority of the servers has it; false if none does.
func (e *Engine) listed(key string, seen []sighting) (Listed, bool) {
	now := e.clock.Now()
	lefts := map[string][]time.Duration{}
	fences := map[string]int64{}
	for _, s := range seen {
		if left := s.left() - now.Since(s.at); s.held && left > 0 {
			lefts[s.token] = append(lefts[s.token], left)
			fences[s.token] = max(fences[s.token], s.companion.fence)
		}
	}
	for token, all := range lefts {
		if len(all) < e.quorum {
			continue
		}
		slices.Sort(all)
		lock := Listed{Key: key, Token: token, Left: all[len(all)-e.quorum], Fence: fences[token], Servers: len(all)}
		if line := e.waiters[key]; line != nil {
			lock.Waiting = len(line.all)
		}
		return lock, true
	}
	return Listed{}, false
}
