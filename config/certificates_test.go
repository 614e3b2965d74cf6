package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringmain/internal/certtest"
)

func authority(t *testing.T) *certtest.Authority {
	t.Helper()
	a, err := certtest.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// issue writes a certificate, and returns the paths of it and its key.
func issue(t *testing.T, a *certtest.Authority, name string, life time.Duration) (cert, key string) {
	t.Helper()
	c, err := a.Issue(name, life)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err = c.Write(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func withListenerTLS(address, cert, key, ca string) string {
	return fmt.Sprintf("listeners:\n  - address: %s\n    tls:\n      cert_file: %s\n      key_file: %s\n      client_ca_file: %s\n"+
		"pools: {main: {nodes: [{name: a, address: 'h:1'}]}}\n", address, cert, key, ca)
}

func TestFilesThatAreNoCertificatesAreNamed(t *testing.T) {
	a := authority(t)
	cert, key := issue(t, a, "one", time.Hour)
	_, otherKey := issue(t, a, "other", time.Hour)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"a key of another":     {withListenerTLS("127.0.0.1:1", cert, otherKey, ""), "f:5: listeners[0].tls.key_file: "},
		"a key that is none":   {withListenerTLS("127.0.0.1:1", cert, secret, ""), "f:5: listeners[0].tls.key_file: "},
		"no certificate":       {withListenerTLS("127.0.0.1:1", secret, key, ""), "f:4: listeners[0].tls.cert_file: "},
		"no authority":         {withListenerTLS("127.0.0.1:1", cert, key, secret), "f:6: listeners[0].tls.client_ca_file: "},
		"no authority's file":  {withListenerTLS("127.0.0.1:1", cert, key, secret+"-not"), "f:6: listeners[0].tls.client_ca_file: "},
		"of servers":           {"pools:\n  main:\n    nodes: ['h:1']\n    tls:\n      ca_file: " + secret, "f:5: pools.main.tls.ca_file: "},
		"of servers, no pair":  {"pools:\n  main:\n    nodes: ['h:1']\n    tls:\n      cert_file: " + cert + "\n      key_file: " + otherKey, "f:6: pools.main.tls.key_file: "},
		"a key in its place":   {withListenerTLS("127.0.0.1:1", key, key, ""), "f:4: listeners[0].tls.cert_file: "},
		"an open address only": {withListenerTLS("0.0.0.0:1", cert, key, ""), "f:2: listeners[0].address: "},
	} {
		_, err := Parse("f", []byte(test.text))
		var faults Faults
		if !errors.As(err, &faults) || len(faults) != 1 || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestAnAddressWhoseClientsPresentCertificatesNeedNotBeLocal(t *testing.T) {
	a := authority(t)
	cert, key := issue(t, a, "one", time.Hour)
	ca, err := a.Write(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	c := mustParse(t, withListenerTLS("0.0.0.0:1", cert, key, ca))
	if len(c.Warnings) > 0 || !c.Listeners[0].Secure.On || c.Pools["main"].Secure.On {
		t.Errorf("got %+v", c)
	}
	if len(c.Certificates) != 1 || c.Certificates[0].Path != "listeners[0].tls.cert_file" || c.Certificates[0].Name != "localhost" {
		t.Errorf("certificates: %+v", c.Certificates)
	}
}

func TestACertificateThatHasExpiredIsWarnedOf(t *testing.T) {
	cert, key := issue(t, authority(t), "old", -time.Minute)
	c := mustParse(t, withListenerTLS("127.0.0.1:1", cert, key, ""))
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Error(), `:4: listeners[0].tls.cert_file: the certificate for "localhost" has expired on `) {
		t.Errorf("got %v", c.Warnings)
	}
}

func TestAPoolSpeaksTLSAsSoonAsItsMappingIsThere(t *testing.T) {
	for text, want := range map[string]bool{"": false, "tls:": false, "tls: {}": true, "tls: {server_name: redis.internal}": true} {
		c := mustParse(t, "pools:\n  main:\n    nodes: [{name: a, address: 'h:1'}]\n    "+text+"\n")
		if got := c.Pools["main"].Secure.On; got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
