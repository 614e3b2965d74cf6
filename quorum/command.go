package quorum

// Command is a client's command on keys of one pattern, as an engine (of locks or of
// counters) gets it.
type Command struct {
	// Name is the command's in lower case, such as "set"; with its container's if it has
	// one, "client|id".
	Name string
	// Args is the whole request, Keys the positions of its keys in Args: at least one. Both
	// belong to the engine from now on.
	Args [][]byte
	Keys []int
	// Text is the text of the script that EVALSHA names, if the proxy has met it; nil
	// otherwise.
	Text []byte
	// Protocol is the version that the reply is to be in, 2 or 3.
	Protocol int
	// Pattern is the index of the keys' pattern in the settings of the engine.
	Pattern int
	// Promise is for whoever does not hand replies over at once, but takes them to another
	// loop; nil: nobody does. The engine sets it before it calls done.
	Promise *Promise
}

// Promise bounds how late a reply may be handed over that promises the client so much time
// from then on.
type Promise struct {
	// Latest is the last moment; zero: nothing is promised.
	Latest Instant
	// Instead is the reply that is handed over after that.
	Instead []byte
}

// Broken reports whether it is too late for the reply.
func (p *Promise) Broken(now Instant) bool { return p.Latest != (Instant{}) && now.Since(p.Latest) > 0 }

// Engine carries out commands. It is used on one loop.
type Engine interface {
	// Do carries out a command, which the engine may refuse. done is called exactly once, on
	// the loop, perhaps before Do returns, with the whole encoded reply, which then belongs
	// to the callee. Commands of one client on one key are carried out in the order of
	// their Do.
	//
	// cancel tells that nobody is told of the outcome: the client has gone, or the reply was too
	// late for what it promised. A command that waits for its turn need not go on, and what it gets,
	// or has got, it gives back.
	// done is called all the same. It is nil where there is nothing to give up; it may be called
	// at any time, also after done.
	Do(c Command, done func(reply []byte)) (cancel func())
}
