package integration

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringmain/internal/certtest"
	"ringmain/internal/redistest"
)

// secrets are the files of one authority and what it has issued.
type secrets struct {
	authority *certtest.Authority
	dir       string
	ca        string
	cert, key string // of servers, Ringmain and clients alike
}

func newSecrets(t testing.TB) *secrets {
	t.Helper()
	s := &secrets{dir: t.TempDir()}
	var err error
	if s.authority, err = certtest.NewAuthority("of the test"); err != nil {
		t.Fatal(err)
	}
	if s.ca, err = s.authority.Write(s.dir, "ca"); err != nil {
		t.Fatal(err)
	}
	s.cert, s.key = s.issue(t, "everyone", time.Hour)
	return s
}

// issue writes a certificate and its key.
func (s *secrets) issue(t testing.TB, name string, life time.Duration) (cert, key string) {
	t.Helper()
	issued, err := s.authority.Issue(name, life)
	if err != nil {
		t.Fatal(err)
	}
	if cert, key, err = issued.Write(s.dir, name); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (s *secrets) files() redistest.TLSFiles {
	return redistest.TLSFiles{Cert: s.cert, Key: s.key, CA: s.ca}
}

// client is TLS of a client that trusts the authority, with the certificate of these
// files unless they are empty.
func (s *secrets) client(t testing.TB, cert, key string) *tls.Config {
	t.Helper()
	cfg := &tls.Config{RootCAs: s.authority.Pool(), ServerName: "127.0.0.1"}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg
}

// listener is a configuration's listener with TLS; mutual asks for certificates.
func (s *secrets) listener(mutual bool) string {
	text := fmt.Sprintf("listeners:\n  - address: '127.0.0.1:0'\n    tls: {cert_file: '%s', key_file: '%s'", s.cert, s.key)
	if mutual {
		text += fmt.Sprintf(", client_ca_file: '%s'", s.ca)
	}
	return text + "}\n"
}

// pool is a configuration's pool of servers that speak TLS.
func (s *secrets) pool(servers ...addresser) string {
	return "pools:\n  main:\n    tls: {ca_file: '" + s.ca + "', cert_file: '" + s.cert + "', key_file: '" + s.key + "'}\n" + nodes(servers)
}

// plainPool is one of servers that speak plain text.
func plainPool(servers ...addresser) string { return "pools:\n  main:\n" + nodes(servers) }

func nodes(servers []addresser) string {
	var b strings.Builder
	b.WriteString("    nodes:\n")
	for i, s := range servers {
		fmt.Fprintf(&b, "    - {name: %s, address: '%s'}\n", nodeName(i), s.Addr())
	}
	return b.String()
}

// dialTLS is dial with TLS.
func dialTLS(t testing.TB, addr string, cfg *tls.Config) *wire {
	t.Helper()
	w, err := tryTLS(t, addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// tryTLS is dialTLS that may fail.
func tryTLS(t testing.TB, addr string, cfg *tls.Config) (*wire, error) {
	t.Helper()
	c, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: gross}, Config: cfg}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	return &wire{stream: tlsStream{c.(*tls.Conn)}, t: t}, nil
}

// tlsStream is a stream with TLS.
type tlsStream struct{ *tls.Conn }

func (s tlsStream) SetReadBuffer(bytes int) error {
	return s.NetConn().(*net.TCPConn).SetReadBuffer(bytes)
}

// copyOver puts one file in another's place, in one step.
func copyOver(t testing.TB, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(filepath.Dir(to), "next")
	if err := os.WriteFile(next, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, to); err != nil {
		t.Fatal(err)
	}
}
