package app

import (
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ringmain/config"
)

// lookEvery is how often the files of certificates are looked at, while hands are
// shaken.
const lookEvery = time.Second

// certificates follow the files of one end of TLS connections. Any goroutine may use
// them.
type certificates struct {
	place string // in the configuration
	files config.CertificateFiles
	make  func(*config.Credentials) *tls.Config
	log   *slog.Logger

	current atomic.Pointer[tls.Config]

	// looking is held by whoever looks at the files; the others go on with what is
	// current.
	looking sync.Mutex
	looked  time.Time
	have    config.PEM
	said    string // the last complaint, "" after the files were good
}

// newCertificates reads the files for the first time.
func newCertificates(place string, files config.CertificateFiles, log *slog.Logger,
	make func(*config.Credentials) *tls.Config) (*certificates, error) {
	c := &certificates{place: place, files: files, make: make, log: log, looked: time.Now()}
	if _, err := c.read(); err != nil {
		return nil, wrap(place, err)
	}
	return c, nil
}

// config is what the files say, or what they said when they were good last. It may
// block for as long as reading them takes.
func (c *certificates) config() *tls.Config {
	if c.looking.TryLock() {
		defer c.looking.Unlock()
		if now := time.Now(); now.Sub(c.looked) >= lookEvery {
			c.looked = now
			c.look()
		}
	}
	return c.current.Load()
}

func (c *certificates) look() {
	changed, err := c.read()
	switch {
	case err == nil:
		c.said = ""
		if changed {
			c.log.Info("certificates have changed: new connections use them", "of", c.place)
		}
	case err.Error() != c.said:
		c.said = err.Error()
		c.log.Error("certificates have changed, but cannot be used: the earlier ones stay", "of", c.place, "cause", err)
	}
}

// read makes the files' contents current, if they are new and good.
func (c *certificates) read() (changed bool, err error) {
	p, err := c.files.Read()
	if err != nil || p == c.have && c.current.Load() != nil {
		return false, err
	}
	credentials, err := c.files.Credentials(p)
	if err != nil {
		return false, err
	}
	c.have = p
	c.current.Store(c.make(credentials))
	return true, nil
}

// forClients is TLS as a listener speaks it.
func forClients(c *config.Credentials) *tls.Config {
	cfg := baseTLS(c)
	if c.CAs != nil {
		cfg.ClientCAs, cfg.ClientAuth = c.CAs, tls.RequireAndVerifyClientCert
	}
	return cfg
}

// forServers is TLS as a pool speaks it; whom it speaks to is added to it.
func forServers(c *config.Credentials) *tls.Config {
	cfg := baseTLS(c)
	cfg.RootCAs = c.CAs
	return cfg
}

func baseTLS(c *config.Credentials) *tls.Config {
	return &tls.Config{
		Certificates: c.Certificates, MinVersion: tls.VersionTLS12,
		// Small records at the beginning of a connection would only show the first
		// bytes of a web page sooner.
		DynamicRecordSizingDisabled: true,
	}
}
