package lock

import (
	"math"
	"time"

	"ringmain/quorum"
)

// Settings are those of the patterns whose locks one quorum keeps.
type Settings struct {
	// NodeTimeout is how long one server's answer is awaited at most.
	NodeTimeout time.Duration
	Patterns    []Pattern
}

// Pattern is the settings of the keys that match one pattern.
type Pattern struct {
	// Name tells people which pattern it is: `locks[0], "lock:*"`.
	Name string
	// MinTTL and MaxTTL bound the TTLs that clients may ask for.
	MinTTL, MaxTTL time.Duration
	// DefaultTTL is for clients that give none. Zero: they must.
	DefaultTTL time.Duration
	// DriftFactor is how much faster one machine's clock may run than another's, as a part
	// of the time that passes.
	DriftFactor float64
	// NodeTimeoutFactor is how long one server's answer is awaited, as a part of the TTL;
	// at least minTimeout, at most Settings.NodeTimeout.
	NodeTimeoutFactor float64
	// SplitRetries is how often an acquisition is tried again when the votes were split.
	SplitRetries int
	// PadTTL makes the servers keep a lock for longer than the client asked, so that it
	// has its whole TTL from the reply on. Without it a lock's validity is shorter than its
	// TTL, which clients have to know.
	PadTTL bool
	// Fencing says that numbers may be had, where there are Fences.
	Fencing bool
	// AllowDel makes DEL a forced release, which breaks exclusion for its key.
	AllowDel bool
	// MaxHold is how long a lock may be extended after it was acquired. Zero: for ever.
	MaxHold time.Duration
}

const (
	// minTimeout is the least that one server's answer is awaited.
	minTimeout = 5 * time.Millisecond
	// driftSlack is what is allowed for clocks beside the part that drifts: the servers'
	// count whole milliseconds.
	driftSlack = 2 * time.Millisecond
)

// terms are what a TTL means under a pattern's settings.
type terms struct {
	// ttl is what the client asked for, lease what the servers are told.
	ttl, lease time.Duration
	// pad is the part of the lease that is not the client's, at any time.
	pad time.Duration
	// timeout is how long one server is awaited, budget how long the whole operation may
	// take if the client is to have its TTL.
	timeout, budget time.Duration
	padded          bool
}

// terms works out what a TTL of whole milliseconds means.
//
// A server counts the lease from when it executes the vote, which is after the operation
// began, on a clock that is faster by at most the drift factor. Hence it keeps the key
// for at least (lease-driftSlack)/(1+drift) from the beginning on: ttl+budget with
// padding, so that an operation that took no more than its budget leaves the whole TTL.
func (s *Settings) terms(p *Pattern, ttl time.Duration) terms {
	t := terms{ttl: ttl, lease: ttl, padded: p.PadTTL}
	t.timeout = min(max(time.Duration(float64(ttl)*p.NodeTimeoutFactor), minTimeout), max(s.NodeTimeout, time.Millisecond))
	t.budget = 2 * t.timeout
	if t.padded {
		t.lease = wholeMillis(ttl + t.budget + p.allowance(ttl+t.budget))
		t.pad = t.lease - ttl
	} else {
		t.pad = wholeMillis(p.allowance(ttl))
	}
	return t
}

// allowance is for the drift of clocks while d passes.
func (p *Pattern) allowance(d time.Duration) time.Duration {
	return time.Duration(math.Ceil(float64(d)*p.DriftFactor)) + driftSlack
}

// wholeMillis rounds up.
func wholeMillis(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1) / time.Millisecond * time.Millisecond
}

// validity is how much longer the client may count on the lock, elapsed after the
// operation began: at most the TTL. Nothing or less: the operation took too long.
func (t terms) validity(elapsed time.Duration) time.Duration {
	if t.padded {
		return min(t.ttl, t.ttl+t.budget-elapsed)
	}
	return t.ttl - t.pad - elapsed
}

// handOver is for the way of a reply that tells how much validity is left, from the engine's loop to the
// client's.
const handOver = 5 * time.Millisecond

// grant is what the client gets of an operation that began then, elapsed ago. told says that it
// is told the validity, and so may get less than the TTL. inTime is false if it gets nothing.
func (t terms) grant(began quorum.Instant, elapsed time.Duration, told bool) (result Result, inTime bool) {
	whole := t.ttl - t.pad
	if t.padded {
		whole = t.ttl + t.budget
	}
	validity := t.validity(elapsed)
	latest := whole // from the beginning on: of a client that knows that its lock is shorter than the TTL
	switch {
	case told:
		validity = min(validity, whole-elapsed-handOver)
		latest = whole - validity
	case !t.enough(validity):
		return Result{}, false
	case t.padded:
		latest = t.budget
	}
	return Result{Verdict: Yes, Validity: validity, latest: began.Plus(latest)}, validity > 0
}

// enough reports whether a validity may be told to a client that is not told how long
// it is.
func (t terms) enough(validity time.Duration) bool {
	if t.padded {
		return validity >= t.ttl
	}
	return validity > 0
}
