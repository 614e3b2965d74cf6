package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"
)

// maxPEM is the largest file of certificates or keys.
const maxPEM = MiB

// CertificateFiles are the files that one end of TLS connections needs, in PEM. An
// empty path means that there is none.
type CertificateFiles struct {
	Cert, Key, CA string
	// keyOfCA is the key of the configuration that names CA.
	keyOfCA string
}

// PEM is what the files hold. It can be compared.
type PEM struct{ Cert, Key, CA string }

// Credentials are what the files say. They are not changed.
type Credentials struct {
	// Certificates has the one that is presented, if there is one.
	Certificates []tls.Certificate
	// CAs are the authorities that are trusted: nil without a file.
	CAs *x509.CertPool
}

// CertificateError tells which of the files cannot be used. Its text never shows what
// is in them.
type CertificateError struct {
	// Key is the configuration's for the file, such as key_file.
	Key string
	Err error
}

func (e *CertificateError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap gives the file system's error, or that of crypto/tls.
func (e *CertificateError) Unwrap() error { return e.Err }

// Files are those of a listener.
func (t *ListenerTLS) Files() CertificateFiles {
	return CertificateFiles{t.CertFile, t.KeyFile, t.ClientCAFile, "client_ca_file"}
}

// Files are those of a pool.
func (t *PoolTLS) Files() CertificateFiles {
	return CertificateFiles{t.CertFile, t.KeyFile, t.CAFile, "ca_file"}
}

// Read reads the files. The error is a CertificateError.
func (f CertificateFiles) Read() (p PEM, err error) {
	for _, file := range []struct {
		key, name string
		text      *string
	}{{"cert_file", f.Cert, &p.Cert}, {"key_file", f.Key, &p.Key}, {f.keyOfCA, f.CA, &p.CA}} {
		if file.name == "" {
			continue
		}
		data, err := smallFile(file.name, maxPEM)
		if err != nil {
			return PEM{}, &CertificateError{file.key, err}
		}
		*file.text = string(data)
	}
	return p, nil
}

// Credentials makes sense of what the files hold. The error is a CertificateError.
func (f CertificateFiles) Credentials(p PEM) (*Credentials, error) {
	c := &Credentials{}
	if f.Cert != "" {
		pair, err := tls.X509KeyPair([]byte(p.Cert), []byte(p.Key))
		if err != nil {
			return nil, &CertificateError{f.guilty(p), fmt.Errorf("%q with %q: %w", clip(f.Cert), clip(f.Key), err)}
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if f.CA != "" {
		c.CAs = x509.NewCertPool()
		if !c.CAs.AppendCertsFromPEM([]byte(p.CA)) {
			return nil, &CertificateError{f.keyOfCA, fmt.Errorf("%q has no certificate in PEM", clip(f.CA))}
		}
	}
	return c, nil
}

// guilty is the key of the file that keeps a certificate and its key from being a
// pair.
func (f CertificateFiles) guilty(p PEM) string {
	if !x509.NewCertPool().AppendCertsFromPEM([]byte(p.Cert)) {
		return "cert_file"
	}
	return "key_file"
}

// Certificate is one that the program presents.
type Certificate struct {
	// Path is where the configuration names it.
	Path string
	// Name is whom it is for.
	Name string
	// NotBefore and NotAfter are when it is valid.
	NotBefore, NotAfter time.Time
}

// readCertificates reads all certificates and keys, so that what is wrong with them
// is known before anything serves.
func (c *Config) readCertificates() Faults {
	v := &validator{}
	for i := range c.Listeners {
		if t := &c.Listeners[i].Secure; t.On && t.CertFile != "" {
			c.readCertificate(v, fmt.Sprintf("listeners[%d].tls", i), t.Files())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		if t := &c.Pools[name].Secure; t.On {
			c.readCertificate(v, join("pools", name)+".tls", t.Files())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Quorums)) {
		if t := &c.Quorums[name].Secure; t.On {
			c.readCertificate(v, join("quorums", name)+".tls", t.Files())
		}
	}
	return v.faults
}

func (c *Config) readCertificate(v *validator, path string, f CertificateFiles) {
	if (f.Cert == "") != (f.Key == "") {
		return // that is the fault
	}
	p, err := f.Read()
	var loaded *Credentials
	if err == nil {
		loaded, err = f.Credentials(p)
	}
	if bad := (*CertificateError)(nil); errors.As(err, &bad) {
		v.fault(path+"."+bad.Key, "%v", bad.Err)
		return
	}
	for _, pair := range loaded.Certificates {
		leaf := pair.Leaf
		c.Certificates = append(c.Certificates, Certificate{path + ".cert_file", nameOf(leaf), leaf.NotBefore, leaf.NotAfter})
	}
}

// nameOf is whom a certificate is for.
func nameOf(leaf *x509.Certificate) string {
	switch {
	case len(leaf.DNSNames) > 0:
		return clip(leaf.DNSNames[0])
	case leaf.Subject.CommonName != "":
		return clip(leaf.Subject.CommonName)
	case len(leaf.IPAddresses) > 0:
		return leaf.IPAddresses[0].String()
	}
	return "nobody"
}

// certificateWarnings are those of certificates that are not valid now.
func (c *Config) certificateWarnings(now time.Time) []Fault {
	w := &validator{}
	for _, cert := range c.Certificates {
		switch {
		case now.After(cert.NotAfter):
			w.fault(cert.Path, "the certificate for %q has expired on %s: who checks it refuses it", cert.Name, cert.NotAfter.UTC().Format(time.DateTime))
		case now.Before(cert.NotBefore):
			w.fault(cert.Path, "the certificate for %q is not valid before %s: who checks it refuses it", cert.Name, cert.NotBefore.UTC().Format(time.DateTime))
		}
	}
	return w.faults
}

// smallFile reads a regular file of at most so many bytes. A pipe or device could
// block for ever or never end.
func smallFile(name string, most Size) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", clip(name))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, fileError(name, err)
	}
	if Size(len(data)) > most {
		return nil, fmt.Errorf("%q is longer than %v", clip(name), most)
	}
	return data, nil
}
