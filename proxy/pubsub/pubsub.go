// Package pubsub knows who listens to what. A Group has the clients of one loop that
// share a fleet, and a Line for each server of it: one subscription there stands for all
// of the loop's clients that listen to the same. Counts has the numbers of all loops.
//
// It is pure: requests to servers and messages to clients go out through interfaces.
package pubsub

import "ringmain/command"

// Kind is what is listened to. Names of different kinds have nothing to do with each
// other.
type Kind uint8

// The kinds.
const (
	Channel Kind = iota
	Pattern
	Shard
	kinds = iota
)

// words are those of the requests, and of their confirmations.
var words = [kinds]struct{ on, off string }{
	{"subscribe", "unsubscribe"},
	{"psubscribe", "punsubscribe"},
	{"ssubscribe", "sunsubscribe"},
}

// On is the name of the command that begins to listen, as in its confirmation; Off of
// the one that ends it.
func (k Kind) On() string  { return words[k].on }
func (k Kind) Off() string { return words[k].off }

// The longest names that can be listened to: comparing a pattern with a channel takes
// up to the product of their lengths.
const (
	MaxChannel = 16 << 10
	MaxPattern = 1 << 10
)

// TooLong reports whether a name is too long to be listened to.
func (k Kind) TooLong(name []byte) bool {
	if k == Pattern {
		return len(name) > MaxPattern
	}
	return len(name) > MaxChannel
}

// cost is about how many bytes it takes to keep one client's subscription.
func cost(name string) int { return len(name) + 256 }

// Cost is about how many bytes it takes to keep a client's subscription to name.
func Cost(name []byte) int { return len(name) + 256 }

// Match reports whether a pattern has messages of a channel sent to who listens to it.
func Match(pattern string, channel []byte) bool {
	return command.MatchGlob([]byte(pattern), channel, false)
}
