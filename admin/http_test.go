package admin

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestEachListenerHasItsRoutes(t *testing.T) {
	a := newAdmin()
	a.SetReady()
	for path, want := range map[string][2]int{ // on the local listener, and on the one for probes
		"/livez": {200, 200}, "/readyz": {200, 200}, "/metrics": {200, 200},
		"/": {200, 404}, "/version": {200, 404},
		"/nosuch": {404, 404}, "/livez/": {404, 404}, "//livez": {404, 404}, "/%6civez": {200, 200}, "/debug/pprof/": {404, 404},
	} {
		for i, h := range []http.Handler{a.all, a.open} {
			for _, method := range []string{"GET", "HEAD"} {
				if w := request(h, method, "127.0.0.1:9380", path); w.Code != want[i] {
					t.Errorf("%s %s on listener %d: %d, want %d", method, path, i, w.Code, want[i])
				}
			}
		}
	}
}

func TestTheIndexNamesTheRoutes(t *testing.T) {
	text := ask(newAdmin(), "/").Body.String()
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/version"} {
		if !strings.Contains(text, path+" ") {
			t.Errorf("%s is missing in\n%s", path, text)
		}
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	a := newAdmin()
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"} {
		w := request(a.all, method, "localhost", "/livez")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow: %s", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestEveryAnswerHasTheHeadersThatKeepBrowsersFromMisusingIt(t *testing.T) {
	a := newAdmin()
	for _, path := range []string{"/", "/livez", "/readyz", "/metrics", "/version", "/nosuch", "http://evil.example/livez"} {
		host := "localhost"
		if path[0] != '/' {
			host = "evil.example"
		}
		h := request(a.all, http.MethodGet, host, path).Header()
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if h.Get("Content-Type") == "" {
			t.Errorf("%s: no Content-Type", path)
		}
	}
}

func TestANamedHostIsRefusedOnTheLocalListenerOnly(t *testing.T) {
	a := newAdmin()
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:9380": true, "127.0.0.1": true, "127.0.0.1:9380": true, "[::1]:9380": true, "[::1]": true, "::1": true,
		"10.1.2.3:80": true, "": true, "evil.example": false, "evil.example:9380": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false,
		"127.0.0.1:9380:evil.example": false, "evil.example:127.0.0.1": false, "[evil.example]": false, "2130706433": false,
	} {
		if w := request(a.all, "GET", host, "/livez"); (w.Code == http.StatusOK) != ok || !ok && w.Code != http.StatusMisdirectedRequest {
			t.Errorf("Host %q: %d", host, w.Code)
		}
		if w := request(a.open, "GET", host, "/livez"); w.Code != http.StatusOK {
			t.Errorf("Host %q on the listener for probes: %d", host, w.Code)
		}
	}
}

func TestAConnectionLastsNoLongerThanItIsOfUse(t *testing.T) {
	for what, c := range map[string]struct {
		text string
		want time.Duration
	}{
		"nothing":        {"", headerTimeout},
		"half a header":  {"GET /livez HTTP/1.1\r\nHost: loc", headerTimeout},
		"idle":           {"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", idleTimeout},
		"body withheld":  {"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n", readTimeout},
		"closed at once": {"GET /livez HTTP/1.0\r\n\r\n", 0},
		"not HTTP":       {"*1\r\n$4\r\nPING\r\n", 0},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, stop := serving(t, newAdmin())
				defer stop()
				// The library lingers for half a second so that a reset does not
				// overtake the answer.
				if took := lifetime(t, p, c.text); took < c.want || took > c.want+time.Second {
					t.Errorf("it lasted %v, want %v", took, c.want)
				}
			})
		})
	}
}

func TestWhoDoesNotReadTheAnswerIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := serving(t, newAdmin())
		defer stop()
		c, err := p.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		pass(writeTimeout + time.Second)
		if got, _ := io.ReadAll(c); len(got) > 0 {
			t.Errorf("it was, and has now got %d bytes", len(got))
		}
	})
}

func TestARequestForTheWholeServerFindsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := serving(t, newAdmin())
		defer stop()
		c, err := p.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || r.StatusCode != http.StatusNotFound {
			t.Errorf("%v %v", r, err)
		}
	})
}

func TestARequestWithTooLongAHeaderIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := serving(t, newAdmin())
		defer stop()
		c, err := p.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		go func() {
			_, _ = fmt.Fprintf(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n", strings.Repeat("x", 64<<10))
		}()
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%v %v", r, err)
		}
	})
}

func TestWhoComesWhenAllPlacesAreTakenGetsThatOfTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := serving(t, newAdmin())
		defer stop()
		start := time.Now()
		open := make([]net.Conn, maxConnections+3)
		for i := range open {
			c, err := p.dial()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			open[i] = c
		}
		synctest.Wait() // until the last one has its place
		for i, c := range open {
			closed := i < 3
			if _, err := io.WriteString(c, "GET /livez HTTP/1.0\r\n\r\n"); (err != nil) != closed {
				t.Errorf("connection %d: %v", i, err)
			}
			if text, _ := io.ReadAll(c); (len(text) == 0) != closed {
				t.Errorf("connection %d was answered %q", i, text)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("they waited for %v", took)
		}
	})
}

func TestAClosedConnectionLeavesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := serving(t, newAdmin())
		defer stop()
		first, err := p.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = first.Close() }()
		for range 2 * maxConnections {
			if took := lifetime(t, p, "GET /livez HTTP/1.0\r\n\r\n"); took != 0 {
				t.Fatalf("it took %v", took)
			}
		}
		if _, err := io.WriteString(first, "GET /livez HTTP/1.0\r\n\r\n"); err != nil {
			t.Errorf("the first one had to leave: %v", err)
		}
		_, _ = io.Copy(io.Discard, first)
	})
}

func TestServeEndsSoonAlthoughAReaderDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := serving(t, newAdmin())
		c, err := p.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		stop()
		if took := time.Since(start); took > lastAnswers {
			t.Errorf("it took %v", took)
		}
	})
}

func TestServeTellsWhyItCannotGoOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := newAdmin().Serve(t.Context(), l); err == nil {
		t.Error("no error")
	}
}

func TestServeAnswersOverTCPUntilItEnds(t *testing.T) {
	for name, serve := range map[string]func(*Admin, context.Context, net.Listener) error{
		"admin": (*Admin).Serve, "probes": (*Admin).ServeProbes,
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			a := newAdmin()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- serve(a, ctx, l) }()
			client := &http.Client{Timeout: 10 * time.Second}
			r, err := client.Get("http://" + l.Addr().String() + "/livez")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != http.StatusOK || string(body) != "ok\n" {
				t.Errorf("%d %q %v", r.StatusCode, body, err)
			}
			_ = r.Body.Close()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if r, err := client.Get("http://" + l.Addr().String() + "/livez"); err == nil {
				_ = r.Body.Close()
				t.Error("it still answers")
			}
		})
	}
}
