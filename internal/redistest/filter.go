package redistest

import "ringmain/resp"

// Filter sees each message of one direction of a link: a whole request (an array of
// strings) or a whole reply. It returns what is delivered instead: the message, which it
// may change in place, other bytes, or none. It is called by one goroutine.
type Filter func(message []byte) []byte

// Filter has each connection made from now on pass direction d through one more filter,
// which make makes for it. What is no message, such as an inline command, ends the
// filtering of its direction.
func (r *Relay) Filter(d Direction, make func(l *Link) Filter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filters[d] = append(r.filters[d], make)
}

// messages cuts a stream into messages.
type messages struct {
	framer resp.Framer
	begun  []byte // of a message that is not complete
	raw    bool   // the stream does not consist of messages
}

// filtered is what becomes of bytes of the stream. Of what is incomplete nothing passes
// until the rest has come, or the end of the stream.
func (m *messages) filtered(b []byte, last bool, filters []Filter) (out []byte) {
	for len(b) > 0 && !m.raw {
		n, done, err := m.framer.Scan(b)
		if err != nil {
			m.raw = true
			break
		}
		m.begun = append(m.begun, b[:n]...)
		b = b[n:]
		if !done {
			break
		}
		message := m.begun
		m.begun = nil
		for _, f := range filters {
			message = f(message)
		}
		out = append(out, message...)
	}
	if m.raw || last {
		out = append(append(out, m.begun...), b...)
		m.begun = nil
	}
	return out
}
