// Package discovery finds out where servers are: from Redis Sentinel, where the primaries are,
// or from DNS, which servers a pool has. Where a primary is
// follows from what the sentinels answer, and a Watcher asks them; Names looks names up.
package discovery

// Answer is what a sentinel says of a primary.
type Answer struct {
	// Address is host:port; empty: the sentinel does not know, or does not answer.
	Address string
	// Epoch is the version of what it says: each failover has a higher one, on which a
	// majority of the sentinels has agreed.
	Epoch uint64
}

// next is where a primary is, given what was known of it and the latest answers of all
// the sentinels there are.
//
// The newest epoch decides, not the majority: right after a failover one sentinel alone
// may know of it, and one that was cut off together with the former primary goes on
// telling of that, with an older epoch. What is known gives way to an older epoch only if
// all sentinels answer, and answer the same: they have begun anew.
func next(known Answer, answers []Answer) Answer {
	var best Answer
	votes := 0
	for _, a := range answers {
		if a.Address == "" || a.Epoch < best.Epoch {
			continue
		}
		same := 0
		for _, other := range answers {
			if other == a {
				same++
			}
		}
		// Addresses that differ within an epoch are none of a failover: what is known
		// stays, if anybody still says it.
		if best.Address == "" || a.Epoch > best.Epoch || best != known && (a == known || same > votes) {
			best, votes = a, same
		}
	}
	if best.Address == "" || best.Epoch < known.Epoch && votes < len(answers) {
		return known
	}
	return best
}
