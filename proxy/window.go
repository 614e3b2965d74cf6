package proxy

import "ringmain/ioloop"

const (
	// firstEstimate is what a client's replies are taken to be as long as none
	// has come. It bounds what an unknown client's first burst can cost.
	firstEstimate = 256 << 10
	// maxAwaited bounds how many replies a client may await.
	maxAwaited = 10_000
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
	return awaited < maxAwaited && s.inflight < maxInflight &&
		buffered+s.held+awaited*s.estimate < s.core.Limits.ClientOutput/2
}

// measure learns from the size of a reply. A large one counts at once, because
// many more may be under way; small ones bring the estimate down by and by.
func (s *Session) measure(size int) {
	switch {
	case !s.measured || size > s.estimate:
		s.estimate = size
		s.measured = true
	default:
		s.estimate -= (s.estimate - size + 7) / 8
	}
}

// owed is how many bytes of replies the client has not taken.
func (s *Session) owed() int { return s.conn.Buffered() + s.held }
