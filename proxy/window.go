package proxy

import "ringmain/ioloop"

const (
	// firstEstimate is what a client's replies are taken to be before any has
	// come. It bounds what an unknown client's first burst can cost.
	firstEstimate = 256 << 10
	// maxAwaited bounds how many replies a client may await: enough to keep
	// servers busy over a round trip. More would let a burst of requests for
	// large values fill a server's memory before the first of them has come.
	maxAwaited = 128
	// maxExpected bounds the bytes that the awaited replies are taken to have
	// together, so that they can come within their deadlines.
	maxExpected = 8 << 20
	// maxInflight bounds the bytes of a client's requests that await their
	// reply. What is sent to a server is behind it in buffers of the kernel,
	// where others' commands would wait too, so a flood is kept short.
	maxInflight = 256 << 10
)

// windowOpen reports whether one more command may be executed: what the client
// is owed, and may come to be owed for what it awaits, must stay under half of
// its bound.
func (s *Session) windowOpen() bool {
	if s.drain && !s.replies.empty() {
		return false
	}
	awaited := s.replies.len()
	buffered := s.conn.Buffered()
	if awaited == 0 {
		return buffered <= max(ioloop.LowWater, s.core.Limits.ClientOutput/2)
	}
	expected := awaited * s.estimate
	return awaited < maxAwaited && expected < maxExpected && s.inflight < maxInflight &&
		buffered+s.held+expected < s.core.Limits.ClientOutput/2
}

// measure learns from the size of a server's reply. A large one counts at once,
// because many more may be under way; small ones bring the estimate down slowly,
// so that large ones among them are not forgotten. What the proxy answers itself
// says nothing of what servers will.
func (s *Session) measure(size int) {
	if size > s.estimate {
		s.estimate = size
	} else {
		s.estimate -= int(uint(s.estimate-size+255) / 256)
	}
}

// owed is how many bytes of replies the client has not taken.
func (s *Session) owed() int { return s.conn.Buffered() + s.held }
