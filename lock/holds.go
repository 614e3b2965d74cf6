package lock

import (
	"slices"
	"time"
)

// The engine remembers the locks that it has made or changed, so that it can change them
// again in one round trip. Whatever it has forgotten, or another proxy has changed since,
// takes two: the servers say what is there.
const (
	maxHolds    = 100_000
	maxHoldSize = 1024 // of key and token; longer ones are not remembered
	// maxOps bounds the ops that may be at one server, because it did not answer.
	maxOps = 8
	// sweepEvery is how often what has ended is forgotten.
	sweepEvery = 5 * time.Second
)

// hold is what is known of a lock.
type hold struct {
	token string
	// ops are, for each server, those of which one may be there.
	ops [][]string
	// until is when it has ended at all servers, by the monotonic clock.
	until time.Duration
}

// known are the ops that may be at the servers for all keys that the token holds; a
// server's are nil if nothing is known. The caller may change the outer slices.
func (e *Engine) known(keys []string, token string) [][]string {
	all := make([][]string, e.servers.Len())
	for _, k := range keys {
		h := e.holds[k]
		if h == nil || h.token != token {
			continue
		}
		for i, ops := range h.ops {
			all[i] = with(all[i], ops...)
		}
	}
	return all
}

// knows reports whether the token may hold one of the keys, as far as is known.
func (e *Engine) knows(keys []string, token string) bool {
	for _, k := range keys {
		if h := e.holds[k]; h != nil && h.token == token {
			return true
		}
	}
	return false
}

// remember notes the ops that may be at the servers from now on.
func (e *Engine) remember(keys []string, token string, ops [][]string, lease time.Duration) {
	until := e.clock.Now().Monotonic + 2*lease + time.Second
	for _, k := range keys {
		if len(k)+len(token) > maxHoldSize {
			continue
		}
		if h := e.holds[k]; h != nil && h.token == token {
			until = max(until, h.until)
		} else if h == nil && len(e.holds) >= maxHolds {
			for other := range e.holds {
				delete(e.holds, other)
				break
			}
		}
		e.holds[k] = &hold{token: token, ops: slices.Clone(ops), until: until}
	}
	e.sweepLater()
}

// settle notes what became of an op at a server, after it was remembered as one that may be
// there: it was written, so that no earlier one is there any more; or it never will be.
func (e *Engine) settle(keys []string, token string, server int, op string, written, never bool) {
	for _, k := range keys {
		h := e.holds[k]
		if h == nil || h.token != token {
			continue
		}
		if at := slices.Index(h.ops[server], op); at >= 0 && written {
			h.ops[server] = h.ops[server][at:]
		} else if at >= 0 && never {
			h.ops[server] = without(h.ops[server], op)
		}
	}
}

// has reports whether an op may be at a server, as far as is known.
func (e *Engine) has(keys []string, token string, server int, op string) bool {
	for _, k := range keys {
		if h := e.holds[k]; h != nil && h.token == token && slices.Contains(h.ops[server], op) {
			return true
		}
	}
	return false
}

// forget has nothing be known of what a token had; unless only is "", of what it had with that op alone.
func (e *Engine) forget(keys []string, token, only string) {
	for _, k := range keys {
		h := e.holds[k]
		if h == nil || h.token != token {
			continue
		}
		others := false
		for i := range h.ops {
			h.ops[i] = without(h.ops[i], only)
			others = others || len(h.ops[i]) > 0
		}
		if only == "" || !others {
			delete(e.holds, k)
		}
	}
}

func (e *Engine) sweepLater() {
	if e.sweeping || len(e.holds) == 0 {
		return
	}
	e.sweeping = true
	e.clock.After(sweepEvery, func() {
		e.sweeping = false
		now := e.clock.Now().Monotonic
		for k, h := range e.holds {
			if h.until < now {
				delete(e.holds, k)
			}
		}
		e.sweepLater()
	})
}

// with adds ops to a list that has each once, in a copy. A list that would become too long
// is nil: nothing is known.
func with(list []string, ops ...string) []string {
	list = slices.Clone(list)
	for _, op := range ops {
		if !slices.Contains(list, op) {
			list = append(list, op)
		}
	}
	if len(list) > maxOps {
		return nil
	}
	return list
}

// without takes an op out of a list, in a copy.
func without(list []string, op string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(other string) bool { return other == op })
}
