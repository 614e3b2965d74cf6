package looptest

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"ringmain/internal/certtest"
)

// Secrets are what the two ends of TLS connections need in a test.
type Secrets struct{ Server, Client *tls.Config }

// NewSecrets makes new ones: each end asks for the other's certificate.
func NewSecrets(t testing.TB) Secrets {
	t.Helper()
	authority, err := certtest.NewAuthority("looptest")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := authority.Issue("localhost", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := issued.TLS()
	if err != nil {
		t.Fatal(err)
	}
	certs := []tls.Certificate{cert}
	return Secrets{
		Server: &tls.Config{Certificates: certs, ClientCAs: authority.Pool(), ClientAuth: tls.RequireAndVerifyClientCert},
		Client: &tls.Config{Certificates: certs, RootCAs: authority.Pool(), ServerName: "127.0.0.1"},
	}
}

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
