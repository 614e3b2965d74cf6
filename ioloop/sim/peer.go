package sim

import (
	"io"
	"syscall"
	"time"
)

// patience is the virtual time after which a Peer's blocking call gives up.
const patience = 5 * time.Minute

// Peer is a bare socket with blocking calls, for the test itself to play a
// client. Its calls run the world, so they must not be made from handlers. Its
// buffers are read only when Read is called.
type Peer struct {
	w *World
	s *socket
}

// DialPeer connects to address from a host.
func (w *World) DialPeer(host, address string) (*Peer, error) {
	p := &Peer{w: w}
	err := error(syscall.ETIMEDOUT)
	d := w.connect(host, address, func(s *socket, e error) { p.s, err = s, e })
	w.RunUntil(func() bool { return p.s != nil || err != syscall.ETIMEDOUT }, patience)
	d.canceled = true
	if err != nil {
		return nil, err
	}
	return p, nil
}

// LocalAddr is the host:port of this end.
func (p *Peer) LocalAddr() string { return p.s.local }

// Write sends all of b, waiting for room.
func (p *Peer) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if p.s.closed || p.s.fin || p.s.reset {
			return n, syscall.ECONNRESET
		}
		if k := p.s.send(b[n:]); k > 0 {
			n += k
		} else if !p.w.RunUntil(func() bool { return p.s.room() > 0 || p.s.reset }, patience) {
			return n, syscall.ETIMEDOUT
		}
	}
	return n, nil
}

// Read waits for input and returns what there is, up to len(b).
func (p *Peer) Read(b []byte) (int, error) {
	s := p.s
	if !p.w.RunUntil(func() bool { return len(s.in) > 0 || s.eof || s.reset || s.closed }, patience) {
		return 0, syscall.ETIMEDOUT
	}
	switch {
	case len(s.in) > 0:
		return copy(b, s.take(min(len(b), len(s.in)))), nil
	case s.reset || s.closed:
		return 0, syscall.ECONNRESET
	}
	return 0, io.EOF
}

// CloseWrite sends FIN behind what was written; reading goes on.
func (p *Peer) CloseWrite() error {
	p.s.shutdownWrite()
	return nil
}

// Close closes the socket: with a reset if input is unread, else with FIN.
func (p *Peer) Close() error {
	p.s.close(false)
	return nil
}

// Reset closes the socket with a reset.
func (p *Peer) Reset() error {
	p.s.close(true)
	return nil
}

// Pending reports whether Read would return at once.
func (p *Peer) Pending() bool { return len(p.s.in) > 0 || p.s.eof || p.s.reset || p.s.closed }
