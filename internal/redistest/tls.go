package redistest

import (
	"fmt"
	"strconv"
	"testing"
)

// TLSFiles are the files of a server's TLS, in PEM.
type TLSFiles struct{ Cert, Key, CA string }

// TLSServer is a redis-server that speaks TLS on a port of its own, and plain text on
// another one, for the test to look behind.
type TLSServer struct {
	*Server
	tlsPort int
}

// Addr is where the server speaks TLS.
func (s *TLSServer) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.tlsPort) }

// StartTLS is Start with TLS. The server asks its clients for certificates that
// files.CA has signed, unless options say otherwise (tls-auth-clients no).
func StartTLS(t testing.TB, files TLSFiles, options ...string) *TLSServer {
	t.Helper()
	s := &TLSServer{}
	p, err := Redis(append([]string{"tls-cert-file", files.Cert, "tls-key-file", files.Key, "tls-ca-cert-file", files.CA}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	plain := p.Args
	p.Args = func(port int, dir string) ([]string, error) {
		args, err := plain(port, dir)
		if err == nil && s.Server == nil { // once it has started, it keeps its port
			s.tlsPort, err = freePort()
		}
		return append(args, "--tls-port", strconv.Itoa(s.tlsPort)), err
	}
	s.Server = StartProgram(t, p)
	return s
}
