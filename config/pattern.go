package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	ownerMode   = "owner"
	fsyncAlways = "fsync_always"
	// hashDigits is how much of a hash is compared: it tells settings apart that differ by
	// mistake, not by intent.
	hashDigits = 16
)

// Pattern is one of the patterns of locks and counters.
type Pattern struct {
	// Path is where it stands: locks[0]. Index is its place in that list.
	Path  string
	Index int
	// Kind is what its keys are: lock or counter.
	Kind string
	// Keys is the pattern, Mode its mode, Quorum its quorum's name: none with mode: owner.
	Keys, Mode, Quorum string
}

// Name is what people are told of a pattern: locks[0] "lock:*".
func (p Pattern) Name() string { return fmt.Sprintf("%s %q", p.Path, p.Keys) }

// Owner reports whether the keys are plain ones after all.
func (p Pattern) Owner() bool { return p.Mode == ownerMode }

// Patterns are those of locks and counters in the order in which keys are compared with
// them: the first one that matches decides.
func (c *Config) Patterns() []Pattern {
	var all []Pattern
	for i, l := range c.Locks {
		all = append(all, Pattern{fmt.Sprintf("locks[%d]", i), i, "lock", l.Keys, l.Mode, l.Quorum})
	}
	for i, n := range c.Counters {
		all = append(all, Pattern{fmt.Sprintf("counters[%d]", i), i, "counter", n.Keys, n.Mode, n.Quorum})
	}
	return all
}

// Persistent reports whether the quorum keeps what it has acknowledged as long as it is
// meant to live.
func (q *Quorum) Persistent() bool { return q.Embedded != 0 || q.Persistence == fsyncAlways }

// Servers is how many servers the quorum has.
func (q *Quorum) Servers() int { return len(q.Nodes) + q.Embedded }

// Repairs reports whether a server of a quorum that has lost its data may get it back
// from the others.
func (c *Config) Repairs(quorum string) bool {
	return !slices.ContainsFunc(c.Counters, func(n Counter) bool { return n.Quorum == quorum && n.Repair == "off" })
}

// MaxTTL is the longest TTL that a lock on a quorum can have, and the largest of the drift
// factors that go with it. Zero: it keeps no locks.
func (c *Config) MaxTTL(quorum string) (longest Duration, drift float64) {
	for _, l := range c.Locks {
		if l.Quorum == quorum {
			longest, drift = max(longest, l.MaxTTL), max(drift, l.DriftFactor)
		}
	}
	return longest, drift
}

// SetHash is the same for all proxies with the same list of servers, however they write
// their addresses.
func (q *Quorum) SetHash() string {
	var b strings.Builder
	fmt.Fprintf(&b, "set 1\nembedded %d\n", q.Embedded)
	for _, text := range q.Nodes {
		if a, err := splitAddress(text); err == nil {
			text = a.String()
		}
		fmt.Fprintf(&b, "node %q\n", text)
	}
	return shortHash(b.String())
}

// SettingsHash is the same for all proxies that may use a quorum together: which keys are
// locks and counters there, in which order the patterns are compared, and what decides
// how long a lock is one. What only says what a proxy does for its own clients, such as
// how long it waits, does not count.
func (c *Config) SettingsHash(quorum string) string {
	q := c.Quorums[quorum]
	if q == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "settings 1\npersistent %v\n", q.Persistent())
	patterns := c.Patterns()
	for i, p := range patterns {
		switch {
		case p.Quorum != quorum || p.Owner():
			// The keys that it takes from a later pattern of this quorum.
			takes := func(later Pattern) bool {
				return later.Quorum == quorum && !later.Owner() && mayOverlap(p.Keys, later.Keys)
			}
			if slices.ContainsFunc(patterns[i+1:], takes) {
				fmt.Fprintf(&b, "not %q\n", p.Keys)
			}
		case p.Kind == "lock":
			l := c.Locks[p.Index]
			fmt.Fprintf(&b, "lock %q ttl %d %d drift %v pad %v\n", l.Keys, l.MinTTL, l.MaxTTL, l.DriftFactor, l.PadTTL)
		default:
			fmt.Fprintf(&b, "counter %q\n", p.Keys)
		}
	}
	return shortHash(b.String())
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:hashDigits]
}

// literal is the text that all keys of a pattern begin with, and what follows it in the
// pattern.
func literal(pattern string) (prefix, rest string) {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '*', '?', '[':
			return b.String(), pattern[i:]
		case '\\':
			if i+1 < len(pattern) {
				i++
			}
		}
		b.WriteByte(pattern[i])
	}
	return b.String(), ""
}

// mayOverlap reports whether a key may match both patterns, as far as their beginnings
// tell.
func mayOverlap(a, b string) bool {
	prefixA, restA := literal(a)
	prefixB, restB := literal(b)
	switch {
	case restA == "" && restB == "":
		return prefixA == prefixB
	case restA == "":
		return strings.HasPrefix(prefixA, prefixB)
	case restB == "":
		return strings.HasPrefix(prefixB, prefixA)
	}
	return strings.HasPrefix(prefixA, prefixB) || strings.HasPrefix(prefixB, prefixA)
}

// covers reports whether every key of b is known to match a: of patterns in general that
// is not asked.
func covers(a, b string) bool {
	prefixA, restA := literal(a)
	prefixB, restB := literal(b)
	if restA == "" {
		return restB == "" && prefixA == prefixB
	}
	return strings.Trim(restA, "*") == "" && strings.HasPrefix(prefixB, prefixA)
}
