package cli

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// answering serves the probes as h does, and returns their port.
func answering(t *testing.T, h http.HandlerFunc) (port string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// living is a Ringmain that lives, but takes no clients.
func living(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path != "/livez" || r.Host != "localhost" {
		http.Error(w, "draining", http.StatusServiceUnavailable)
	}
}

func TestProbeAsksWhereTheConfigurationSays(t *testing.T) {
	port := answering(t, living)
	const pools = "\npools: {main: {embedded: 1}}\n"
	for _, text := range []string{
		"admin: {address: 127.0.0.1:" + port + "}" + pools,
		"admin: {address: localhost:" + port + "}" + pools,
		"admin: {address: 127.0.0.1:1, probe_address: 127.0.0.1:" + port + "}" + pools,
		"admin: {address: '', probe_address: 0.0.0.0:" + port + "}" + pools,
		"admin: {address: '', probe_address: ':" + port + "'}" + pools,
		"admin: {address: '', probe_address: '[::]:" + port + "'}" + pools,
		"admin: {address: '127.0.0.1:${NO_SUCH_PORT:-" + port + "}'}" + pools,
		// What else is wrong is of no concern here.
		"admin: {address: 127.0.0.1:" + port + "}\nloops: -1\nbogus: 1\npools: {main: {nodes: [a:1], auth: {password_file: /no/such/file}}}\n",
	} {
		t.Run(text, func(t *testing.T) {
			code, stdout, stderr := call(t, text, "probe", "live")
			if code != ExitOK || stdout != "ok\n" || stderr != "" {
				t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
			}
			code, stdout, stderr = callHere(t, "probe", "ready")
			if code != ExitError || stdout != "" || !strings.HasSuffix(stderr, ":"+port+": 503 Service Unavailable: draining\n") {
				t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

func TestProbeAsksAnAddressWithoutAConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	port := answering(t, living)
	if code, _, stderr := callHere(t, "probe", "live", "--address", "127.0.0.1:"+port); code != ExitOK {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestProbeTakesNoProxyOfTheEnvironment(t *testing.T) {
	proxy := answering(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+proxy)
	t.Setenv("http_proxy", "http://127.0.0.1:"+proxy)
	if code, _, stderr := callHere(t, "probe", "live", "--address", "127.0.0.1:"+answering(t, living)); code != ExitOK {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestProbeSaysInOneLineWhyItFails(t *testing.T) {
	redirect := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }
	garbage := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprint(w, "\x1b[31m\nline two "+strings.Repeat("x", 10_000))
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	_, closedPort, _ := net.SplitHostPort(closed.Addr().String())
	for what, c := range map[string]struct{ text, want string }{
		"nobody there":      {"admin: {address: 127.0.0.1:" + closedPort + "}", "connection refused"},
		"a redirect":        {"admin: {address: 127.0.0.1:" + answering(t, redirect) + "}", "302 Found"},
		"something else":    {"admin: {address: 127.0.0.1:" + answering(t, garbage) + "}", `418 I'm a teapot: \x1b[31m\nline two xxx`},
		"no address":        {"admin: {address: ''}", "neither admin.probe_address nor admin.address"},
		"a port not known":  {"admin: {address: 127.0.0.1:0}", "give --address"},
		"a bad address":     {"admin: {address: 10.0.0.1:80}", "config.yaml:1: admin.address: "},
		"a bad key":         {"admin: {adress: x}", "config.yaml:1:9: admin.adress: unknown key"},
		"no YAML":           {"admin: {", "config.yaml:"},
		"a missing setting": {"admin: {address: '${NO_SUCH_ADDRESS}'}", "NO_SUCH_ADDRESS"},
	} {
		t.Run(what, func(t *testing.T) {
			code, stdout, stderr := call(t, c.text+"\npools: {main: {embedded: 1}}\n", "probe", "live")
			if code != ExitError || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || len(stderr) > 500 {
				t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

func TestProbeGivesUpAfterTwoSeconds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	asked := make(chan string, 1)
	go func() { // takes the request, and never answers
		c, err := l.Accept()
		if err != nil {
			return
		}
		line, _ := bufio.NewReader(c).ReadString('\n')
		asked <- line
	}()
	start := time.Now()
	code, _, stderr := callHere(t, "probe", "live", "--address", l.Addr().String())
	if took := time.Since(start); code != ExitError || took < probeTimeout || took > 10*time.Second || !strings.Contains(stderr, "no answer within 2s") {
		t.Errorf("exit code %d after %v, %q", code, took, stderr)
	}
	if line := <-asked; line != "GET /livez HTTP/1.1\r\n" {
		t.Errorf("it asked %q", line)
	}
}
