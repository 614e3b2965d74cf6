package looptest

import (
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// Secrets are what the two ends of TLS connections need in a test.
type Secrets struct{ Server, Client *tls.Config }

// tlsPeer is a Peer with TLS on a real TCP socket.
type tlsPeer struct {
	*tls.Conn
	tcp *net.TCPConn
}

// DialTLS is DialPeer for drivers with TLS on real sockets.
func (s Secrets) DialTLS(t testing.TB, address string) Peer {
	t.Helper()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: Patience}, Config: s.Client}
	c, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	p := tlsPeer{Conn: c.(*tls.Conn)}
	p.tcp = p.NetConn().(*net.TCPConn)
	return p
}

// CloseWrite ends the stream of TLS, and that of the connection.
func (p tlsPeer) CloseWrite() error {
	if err := p.Conn.CloseWrite(); err != nil {
		return err
	}
	return p.tcp.CloseWrite()
}

func (p tlsPeer) Reset() error {
	if err := p.tcp.SetLinger(0); err != nil {
		return err
	}
	return p.tcp.Close()
}
