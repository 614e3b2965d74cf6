package integration

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/certtest"
	"ringmain/internal/redistest"
)

func TestClientsAndServersSpeakTLSAndAskForCertificates(t *testing.T) {
	s := newSecrets(t)
	a, b := redistest.StartTLS(t, s.files()), redistest.StartTLS(t, s.files())
	r := startFrom(t, s.listener(true)+s.pool(a, b))
	w := dialTLS(t, r.addr, s.client(t, s.cert, s.key))
	for i := range 100 {
		expect(t, "SET", w.do("SET", fmt.Sprint("key", i), "value"), "+OK\r\n")
	}
	for name, server := range map[string]*redistest.TLSServer{"a": a, "b": b} {
		if n, err := server.Do("DBSIZE"); err != nil || n.(int64) < 10 {
			t.Errorf("server %s has %v keys, %v", name, n, err)
		}
	}
	expect(t, "MGET", w.do("MGET", "key1", "key2", "none"), "*3\r\n$5\r\nvalue\r\n$5\r\nvalue\r\n$-1\r\n")
	for _, server := range []*redistest.TLSServer{a, b} {
		clients, err := server.Do("CLIENT", "LIST")
		if err != nil || !strings.Contains(fmt.Sprint(clients), fmt.Sprint("laddr=", server.Addr())) {
			t.Errorf("nobody is connected to %s: %v, %v", server.Addr(), clients, err)
		}
	}
}

func TestRedisCliAndRedisBenchmarkSpeakTLSWithUs(t *testing.T) {
	s := newSecrets(t)
	r := startFrom(t, s.listener(true)+plainPool(servers(startRedis(t, 2)...)...))
	host, port := hostPort(r.addr)
	secure := []string{"-h", host, "-p", port, "--tls", "--cacert", s.ca, "--cert", s.cert, "--key", s.key}
	for _, version := range []string{"-2", "-3"} {
		expect(t, "redis-cli SET", run(t, gross, nil, "redis-cli", append(secure, version, "SET", "k", "v")...), "OK\n")
		expect(t, "redis-cli GET", run(t, gross, nil, "redis-cli", append(secure, version, "GET", "k")...), "v\n")
	}
	out := run(t, gross, strings.NewReader(repeat(1000, array("INCR", "counter"))), "redis-cli", append(secure, "--pipe")...)
	if !strings.Contains(out, "errors: 0, replies: 1000") {
		t.Errorf("redis-cli --pipe says %q", out)
	}
	out = run(t, 2*time.Minute, nil, "redis-benchmark", append(secure, "-q", "-n", "5000", "-P", "16", "-r", "1000")...)
	if strings.Contains(out, "Error") || !strings.Contains(out, "MSET (10 keys)") {
		t.Errorf("redis-benchmark says\n%s", out)
	}
}

func TestManyLargeValuesPassThroughTLSOnBothSidesUnchanged(t *testing.T) {
	const values = 100
	s := newSecrets(t)
	a, b := redistest.StartTLS(t, s.files()), redistest.StartTLS(t, s.files())
	cfg := parse(t, s.listener(true)+s.pool(a, b))
	requestTimeout(gross)(cfg) // the race detector slows the ciphers down
	r := serve(t, cfg)
	w := dialTLS(t, r.addr, s.client(t, s.cert, s.key))
	value := func(i int) string { return repeat(mebibyte/16, fmt.Sprintf("%016d", i*7919)) }
	var sender sync.WaitGroup
	sender.Go(func() {
		for i := range values {
			if err := w.write([]byte(array("SET", fmt.Sprint("big", i), value(i)))); err != nil {
				t.Error(err)
				return
			}
		}
		for i := range values {
			if err := w.write([]byte(array("GET", fmt.Sprint("big", i)))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i, reply := range w.replies(values) {
		expect(t, fmt.Sprint("SET ", i), reply, "+OK\r\n")
	}
	for i := range values {
		expect(t, fmt.Sprint("GET ", i), w.next(), fmt.Sprintf("$%d\r\n%s\r\n", mebibyte, value(i)))
	}
	sender.Wait()
}

func TestAClientWithTLSThatDoesNotReadIsBoundedAndCutOff(t *testing.T) {
	s := newSecrets(t)
	a := redistest.StartTLS(t, s.files())
	cfg := parse(t, s.listener(false)+s.pool(a))
	cfg.Timeouts.ClientStall = config.Duration(500 * time.Millisecond)
	cfg.Limits.ClientOutput = config.Size(4 * mebibyte)
	r := serve(t, cfg)
	w := dialTLS(t, r.addr, s.client(t, "", ""))
	expect(t, "SET", w.do("SET", "k", repeat(mebibyte, "x")), "+OK\r\n")
	other := dialTLS(t, r.addr, s.client(t, "", ""))
	go func() { _ = w.write([]byte(repeat(2000, array("GET", "k")))) }()
	eventually(t, "it is cut off", func() bool { return r.log.contains("took no byte of its replies") })
	expect(t, "another client", other.do("GET", "none"), "$-1\r\n")
	expect(t, "and its list", fmt.Sprint(strings.Count(other.do("CLIENT", "LIST"), "id=")), "1")
}

func TestWhatAClientPipelinesBeforeItEndsItsStreamIsAnswered(t *testing.T) {
	s := newSecrets(t)
	r := startFrom(t, s.listener(false)+plainPool(servers(startRedis(t, 1)...)...))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := s.client(t, "", "")
		cfg.MinVersion, cfg.MaxVersion = version, version
		w := dialTLS(t, r.addr, cfg)
		w.send(repeat(1000, array("PING")) + array("QUIT"))
		if err := w.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		expect(t, tls.VersionName(version), w.rest(), repeat(1000, "+PONG\r\n")+"+OK\r\n")
	}
}

func TestTLSOlderThan12IsRefused(t *testing.T) {
	s := newSecrets(t)
	r := startFrom(t, s.listener(false)+plainPool(servers(startRedis(t, 1)...)...))
	cfg := s.client(t, "", "")
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := tryTLS(t, r.addr, cfg); err == nil {
		t.Error("version 1.1 is accepted")
	}
	eventually(t, "the log says why", func() bool {
		return r.log.contains("a client did not get past the TLS handshake", "client=127.0.0.1:", "unsupported versions")
	})
}

func TestClientsWithoutAFitCertificateAreRefusedWithAReason(t *testing.T) {
	s, strangers := newSecrets(t), newSecrets(t)
	r := startFrom(t, s.listener(true)+plainPool(servers(startRedis(t, 1)...)...))
	good := dialTLS(t, r.addr, s.client(t, s.cert, s.key))
	expiredCert, expiredKey := s.issue(t, "expired", -time.Minute)
	for name, test := range map[string]struct{ cert, key, alert, logged string }{
		"none":            {"", "", "certificate required", "client didn't provide a certificate"},
		"expired":         {expiredCert, expiredKey, "certificate", "expired"},
		"of a stranger's": {strangers.cert, strangers.key, "certificate", "certificate"},
	} {
		w, err := tryTLS(t, r.addr, s.client(t, test.cert, test.key))
		if err == nil { // in version 1.3 the client learns of it when it reads
			_ = w.write([]byte(array("PING")))
			_, err = w.receive()
		}
		if err == nil || !strings.Contains(err.Error(), test.alert) {
			t.Errorf("%s: the client sees %v", name, err)
		}
		if name == "of a stranger's" {
			continue // logged as the expired one, or not again
		}
		eventually(t, "the log says why: "+name, func() bool {
			return r.log.contains("a client did not get past the TLS handshake", "client=127.0.0.1:", test.logged) ||
				name == "expired" && r.log.contains("a client did not get past the TLS handshake", "failed to verify certificate")
		})
	}
	expect(t, "another client", good.do("PING"), "+PONG\r\n")
}

func TestPlainTextOnATLSPortIsAnsweredInPlainTextAndLoggedSeldom(t *testing.T) {
	s := newSecrets(t)
	r := startFrom(t, s.listener(false)+plainPool(servers(startRedis(t, 1)...)...))
	for range 20 {
		w := dial(t, r.addr)
		w.send(array("PING"))
		expect(t, "the answer", w.rest(), "-ERR this address speaks TLS only\r\n")
	}
	eventually(t, "it is logged", func() bool { return r.log.contains("it does not speak TLS") })
	if n := strings.Count(r.log.String(), "it does not speak TLS"); n != 1 {
		t.Errorf("it is logged %d times:\n%s", n, r.log)
	}
}

func TestSlowHandshakesEndAndKeepNobodyOut(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newSecrets(t)
	r := startFrom(t, s.listener(false)+plainPool(servers(startRedis(t, 1)...)...))
	var idle []*wire
	for range 200 {
		w := dial(t, r.addr)
		w.send("\x16\x03\x01") // the beginning of a record
		idle = append(idle, w)
	}
	for range 50 {
		expect(t, "PING", dialTLS(t, r.addr, s.client(t, "", "")).do("PING"), "+PONG\r\n")
	}
	for _, w := range idle {
		expect(t, "a slow client gets", w.rest(), "")
	}
	eventually(t, "the log says why", func() bool { return r.log.contains("it did not shake hands within 10s") })
}

func TestAServerWithTheWrongCertificateIsNotUsedAndTheLogSaysWhy(t *testing.T) {
	ours, theirs := newSecrets(t), newSecrets(t)
	good, stranger := redistest.StartTLS(t, ours.files()), redistest.StartTLS(t, theirs.files())
	plain := redistest.Start(t)
	r := startFrom(t, "listeners: [{address: '127.0.0.1:0'}]\n"+ours.pool(good, stranger, plain)+
		"    timeouts: {connect: 2s}\n") // the plain one waits for the end of a line
	w := dial(t, r.addr)
	keys := map[string]bool{}
	for i := range 100 {
		reply := w.do("GET", fmt.Sprint("key", i))
		switch {
		case reply == "$-1\r\n":
			keys["good"] = true
		case strings.HasPrefix(reply, "-CLUSTERDOWN node \"b\"") && strings.HasSuffix(reply, "is unreachable\r\n"):
			keys["stranger"] = true
		case strings.HasPrefix(reply, "-CLUSTERDOWN node \"c\"") && strings.HasSuffix(reply, "is unreachable\r\n"):
			keys["plain"] = true
		default:
			t.Errorf("reply %q", reply)
		}
	}
	if len(keys) != 3 {
		t.Errorf("answered: %v", keys)
	}
	eventually(t, "the log says why b is not used", func() bool {
		return r.log.contains("server is unreachable", "node=b", "TLS handshake failed", "x509")
	})
	eventually(t, "the log says why c is not used", func() bool { return r.log.contains("server is unreachable", "node=c", "TLS handshake failed") })
}

func TestAServerThatWantsACertificateWeDoNotHaveIsNamed(t *testing.T) {
	s := newSecrets(t)
	server := redistest.StartTLS(t, s.files())
	r := startFrom(t, "listeners: [{address: '127.0.0.1:0'}]\npools:\n  main:\n    tls: {ca_file: '"+s.ca+"'}\n"+nodes(servers(server)))
	if reply := dial(t, r.addr).do("GET", "k"); !strings.HasPrefix(reply, "-CLUSTERDOWN node \"a\"") {
		t.Errorf("reply %q", reply)
	}
	eventually(t, "the log says why", func() bool { return r.log.contains("node=a", "certificate required") })
}

func TestAServersNameIsCheckedAsConfigured(t *testing.T) {
	s := newSecrets(t)
	server := redistest.StartTLS(t, s.files(), "tls-auth-clients", "no")
	for name, want := range map[string]string{"everyone": "$-1\r\n", "someone.else": "-CLUSTERDOWN"} {
		r := startFrom(t, "listeners: [{address: '127.0.0.1:0'}]\npools:\n  main:\n    tls: {ca_file: '"+s.ca+"', server_name: "+name+"}\n"+nodes(servers(server)))
		if reply := dial(t, r.addr).do("GET", "k"); !strings.HasPrefix(reply, want) {
			t.Errorf("with server_name %s: %q", name, reply)
		}
	}
}

func TestAServerThatComesBackWithTLSIsUsedAgain(t *testing.T) {
	s := newSecrets(t)
	server := redistest.StartTLS(t, s.files())
	r := startFrom(t, s.listener(false)+s.pool(server))
	w := dialTLS(t, r.addr, s.client(t, "", ""))
	expect(t, "SET", w.do("SET", "k", "v"), "+OK\r\n")
	server.Kill()
	eventually(t, "it is down", func() bool { return strings.HasPrefix(w.do("GET", "k"), "-CLUSTERDOWN") })
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool { return w.do("GET", "k") == "$-1\r\n" })
}

func TestCertificatesAreReadAgainWithoutDroppingAConnection(t *testing.T) {
	s := newSecrets(t)
	next, err := certtest.NewAuthority("next")
	if err != nil {
		t.Fatal(err)
	}
	r := startFrom(t, s.listener(false)+plainPool(servers(startRedis(t, 1)...)...))
	early := dialTLS(t, r.addr, s.client(t, "", ""))
	expect(t, "before", early.do("PING"), "+PONG\r\n")

	// A key that does not belong to the certificate: the earlier pair stays.
	issued, err := next.Issue("next", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := issued.Write(t.TempDir(), "next")
	if err != nil {
		t.Fatal(err)
	}
	copyOver(t, s.key, key)
	eventually(t, "the log tells of the mismatch", func() bool {
		expect(t, "meanwhile", dialTLS(t, r.addr, s.client(t, "", "")).do("PING"), "+PONG\r\n")
		return r.log.contains("certificates have changed, but cannot be used", "key_file")
	})
	copyOver(t, s.cert, cert)
	trustsNext := &tls.Config{RootCAs: next.Pool(), ServerName: "127.0.0.1"}
	eventually(t, "new connections get the new certificate", func() bool {
		w, err := tryTLS(t, r.addr, trustsNext)
		return err == nil && w.do("PING") == "+PONG\r\n"
	})
	expect(t, "an early connection", early.do("PING"), "+PONG\r\n")
	if n := strings.Count(r.log.String(), "cannot be used"); n != 1 {
		t.Errorf("the mismatch is logged %d times", n)
	}
}

func TestClientsWithTLSGetWhatTheyAreOwedWhenTheProxyStops(t *testing.T) {
	s := newSecrets(t)
	server := redistest.StartTLS(t, s.files())
	r := startFrom(t, s.listener(false)+s.pool(server))
	w, half := dialTLS(t, r.addr, s.client(t, "", "")), dial(t, r.addr)
	half.send("\x16\x03\x01")
	expect(t, "SET", w.do("SET", "k", repeat(mebibyte, "x")), "+OK\r\n")
	w.send(repeat(20, array("GET", "k")))
	first := w.next()
	r.drain()
	whole := 1
	for rest := w.rest(); strings.HasPrefix(rest, first); rest = rest[len(first):] {
		whole++
	}
	if whole < 2 {
		t.Errorf("%d replies came", whole)
	}
	began := time.Now()
	r.stop()
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v to stop", d)
	}
}

func TestClientsBeyondTheLimitAreToldSoOverTLS(t *testing.T) {
	s := newSecrets(t)
	cfg := parse(t, s.listener(false)+plainPool(servers(startRedis(t, 1)...)...))
	cfg.Limits.Clients = 1
	r := serve(t, cfg)
	expect(t, "the first", dialTLS(t, r.addr, s.client(t, "", "")).do("PING"), "+PONG\r\n")
	expect(t, "the second", dialTLS(t, r.addr, s.client(t, "", "")).rest(), "-ERR max number of clients reached\r\n")
}

func TestACertificateThatHasExpiredDoesNotStopTheStart(t *testing.T) {
	s := newSecrets(t)
	s.cert, s.key = s.issue(t, "expired", -time.Minute)
	r := startFrom(t, s.listener(false)+plainPool(servers(startRedis(t, 1)...)...))
	if !r.log.contains("listeners[0].tls.cert_file", "has expired") {
		t.Error("the log does not warn")
	}
	if _, err := tryTLS(t, r.addr, s.client(t, "", "")); err == nil {
		t.Error("a client takes it")
	}
}

// TestTLSPassesBytesThatCrossEveryBoundary sends requests cut at every place into
// records of their own.
func TestTLSPassesBytesThatCrossEveryBoundary(t *testing.T) {
	s := newSecrets(t)
	r := startFrom(t, s.listener(false)+plainPool(servers(startRedis(t, 1)...)...))
	w := dialTLS(t, r.addr, s.client(t, "", ""))
	request := array("SET", "k", "value") + array("GET", "k")
	for cut := range len(request) {
		w.send(request[:cut])
		w.send(request[cut:])
		expect(t, fmt.Sprint("cut at ", cut), w.next()+w.next(), "+OK\r\n$5\r\nvalue\r\n")
	}
}

func TestALostEndOfATLSConnectionEndsIt(t *testing.T) {
	s := newSecrets(t)
	r := startFrom(t, s.listener(false)+plainPool(servers(startRedis(t, 1)...)...))
	w, other := dialTLS(t, r.addr, s.client(t, "", "")), dialTLS(t, r.addr, s.client(t, "", ""))
	expect(t, "PING", w.do("PING"), "+PONG\r\n")
	tcp := w.stream.(tlsStream).NetConn().(*net.TCPConn)
	if _, err := tcp.Write([]byte("\x17\x03\x03\x00\x20" + repeat(32, "?"))); err != nil { // a record that nobody has encrypted
		t.Fatal(err)
	}
	if _, err := io.ReadAll(tcp); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	expect(t, "another client", other.do("PING"), "+PONG\r\n")
	expect(t, "the list", fmt.Sprint(strings.Count(other.do("CLIENT", "LIST"), "id=")), "1")
}
