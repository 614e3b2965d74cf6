package app

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringmain/config"
	"ringmain/internal/certtest"
)

func TestASlowHandshakeMakesWayForANewcomerOnlyWhenThereIsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandshakes(2, nil)
		enter := func() (own *handshake, ended *error, ok bool) {
			var cause error
			own = &handshake{time.Now(), func(err error) { cause = err }}
			return own, &cause, h.enter(own)
		}
		first, firstEnd, _ := enter()
		time.Sleep(slowHandshake / 2) // synctest's clock
		second, secondEnd, ok := enter()
		if !ok {
			t.Fatal("the second is refused")
		}
		if _, _, ok := enter(); ok || *firstEnd != nil {
			t.Errorf("a third is let in: %v, the first ends with %v", ok, *firstEnd)
		}
		time.Sleep(slowHandshake / 2)
		third, _, ok := enter()
		if !ok || *firstEnd != errHandshakeSlow || *secondEnd != nil {
			t.Errorf("a third is let in: %v, the first ends with %v, the second with %v", ok, *firstEnd, *secondEnd)
		}
		for _, own := range []*handshake{first, second, third} {
			h.leave(own)
		}
		if len(h.underWay) != 0 {
			t.Errorf("%d are left", len(h.underWay))
		}
	})
}

func TestEveryKindOfFailedHandshakeIsPutInWords(t *testing.T) {
	for want, err := range map[string]error{
		"it does not speak TLS, which this address expects": tls.RecordHeaderError{},
		"it closed the connection":                          io.EOF,
		"it did not shake hands within 10s":                 errHandshakeTime,
		"tls: failed to verify certificate: too old":        &tls.CertificateVerificationError{Err: errors.New("too old")},
		"it ended the handshake, probably because it does not trust our certificate (local error: tls: bad record MAC)": errors.New("local error: tls: bad record MAC"),
		"anything else": errors.New("anything else"),
	} {
		if _, text := kindOf(err); text != want {
			t.Errorf("%v: %q, want %q", err, text, want)
		}
	}
}

func TestAnAlertOfTheClientIsAKindByItself(t *testing.T) {
	s := httptest.NewTLSServer(nil) // for its certificate, which the client does not trust
	defer s.Close()
	near, far := net.Pipe()
	var client sync.WaitGroup
	client.Go(func() {
		_ = tls.Client(far, &tls.Config{ServerName: "example.com"}).Handshake()
		_ = far.Close()
	})
	defer client.Wait()
	defer func() { _ = near.Close() }()
	err := tls.Server(near, &tls.Config{Certificates: s.TLS.Certificates}).Handshake()
	if kind, text := kindOf(err); kind != text || text != "remote error: tls: bad certificate" {
		t.Errorf("%q, %q", kind, text)
	}
}

func TestFailedHandshakesAreLoggedSeldomAndEachKindByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		a := &App{log: slog.New(slog.NewTextHandler(&log, nil))}
		c := &complaints{app: a, said: map[string]time.Time{}}
		for range 30 {
			c.refused("peer", "here", errHandshakeTime)
			c.refused("peer", "here", io.EOF)
			c.refused("peer", "here", errors.New("other"))
			time.Sleep(time.Second) // synctest's clock
		}
		if n := strings.Count(log.String(), "\n"); n != 6 {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
		if n := a.refusedTLS.Load(); n != 90 {
			t.Errorf("%d are counted", n)
		}
	})
}

func TestHandshakesEndWhenTheProgramDoes(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var mu sync.Mutex
	var causes []error
	h := newHandshakes(10, func(_, _ string, err error) {
		mu.Lock()
		defer mu.Unlock()
		causes = append(causes, err)
	})
	var serving sync.WaitGroup
	begun := make(chan struct{})
	serving.Go(func() {
		take := func(c *netClient) {
			h.begin(c, "here", func() *tls.Config { return &tls.Config{} }, func(*netClient) { t.Error("a silent client is taken") })
			begun <- struct{}{}
		}
		if err := l.Serve(take, func(err error) { t.Error(err) }); err != nil {
			t.Error(err)
		}
	})
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-begun
	began := time.Now()
	h.finish()
	if d := time.Since(began); d < finishHandshakes || d > 9*time.Second {
		t.Errorf("it took %v", d)
	}
	if len(causes) != 1 || causes[0] != errStopping {
		t.Errorf("refused because of %v", causes)
	}
	_ = l.Close()
	serving.Wait()
}

func TestCertificatesAreLookedAtOnceASecondAndTheGoodOnesStay(t *testing.T) {
	authority, err := certtest.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string) {
		t.Helper()
		issued, err := authority.Issue(name, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := issued.Write(dir, "pair"); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	var log strings.Builder
	place := config.ListenerTLS{CertFile: filepath.Join(dir, "pair.crt"), KeyFile: filepath.Join(dir, "pair.key")}
	c, err := newCertificates("here", place.Files(), slog.New(slog.NewTextHandler(&log, nil)), forClients)
	if err != nil {
		t.Fatal(err)
	}
	name := func() string { return c.config().Certificates[0].Leaf.Subject.CommonName }
	later := func() { c.looked = c.looked.Add(-lookEvery) }
	write("two")
	if got := name(); got != "one" {
		t.Errorf("right away it is %s", got)
	}
	if later(); name() != "two" {
		t.Errorf("a second later it is %s", name())
	}
	if err := os.WriteFile(place.KeyFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		later()
		if got := name(); got != "two" {
			t.Errorf("without a key it is %s", got)
		}
	}
	write("three")
	if later(); name() != "three" {
		t.Errorf("in the end it is %s", name())
	}
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("the fault is logged %d times:\n%s", n, log.String())
	}
	if c.config().MinVersion != tls.VersionTLS12 || c.config().ClientAuth != tls.NoClientCert {
		t.Error("the version or the certificates of clients are not as configured")
	}
}
