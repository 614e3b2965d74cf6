// Package certtest makes certificates for tests and measurements.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Authority issues certificates.
type Authority struct {
	Name string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Certificate is one with its key, in PEM.
type Certificate struct{ Cert, Key []byte }

// serials numbers the certificates.
var serials atomic.Int64

// NewAuthority makes one that nobody trusts yet.
func NewAuthority(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{Name: name, cert: cert, key: key}, err
}

// PEM is the authority's own certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Pool trusts the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Issue makes a certificate for clients and servers by a name: 127.0.0.1, ::1,
// localhost and the name itself are what it is for. It is valid from an hour ago
// for life, which may be negative: an expired one.
func (a *Authority) Issue(name string, life time.Duration) (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(min(0, life) - time.Hour), NotAfter: now.Add(life),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost", name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &Certificate{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}, nil
}

// TLS is the certificate as crypto/tls takes it.
func (c *Certificate) TLS() (tls.Certificate, error) { return tls.X509KeyPair(c.Cert, c.Key) }

// Write writes the certificate and its key into dir, as name.crt and name.key, and
// returns their paths.
func (c *Certificate) Write(dir, name string) (cert, key string, err error) {
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	if err := replace(cert, c.Cert); err != nil {
		return "", "", err
	}
	return cert, key, replace(key, c.Key)
}

// Write writes the authority's certificate into dir, as name.crt, and returns its
// path.
func (a *Authority) Write(dir, name string) (string, error) {
	path := filepath.Join(dir, name+".crt")
	return path, replace(path, a.PEM())
}

// replace never leaves a reader with half a file.
func replace(path string, data []byte) error {
	next := path + ".next"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return os.Rename(next, path)
}

// Mutual is TLS of two ends of which each asks for the other's certificate.
func Mutual() (server, client *tls.Config, err error) {
	a, err := NewAuthority("both")
	if err != nil {
		return nil, nil, err
	}
	issued, err := a.Issue("localhost", time.Hour)
	if err != nil {
		return nil, nil, err
	}
	cert, err := issued.TLS()
	if err != nil {
		return nil, nil, err
	}
	certs := []tls.Certificate{cert}
	return &tls.Config{Certificates: certs, ClientCAs: a.Pool(), ClientAuth: tls.RequireAndVerifyClientCert},
		&tls.Config{Certificates: certs, RootCAs: a.Pool(), ServerName: "127.0.0.1"}, nil
}
