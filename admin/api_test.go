package admin

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const rightToken = "correct horse"

// fakeOperator notes what it is asked for, and answers with err, once wait has passed.
type fakeOperator struct {
	asked []string
	err   error
	wait  time.Duration
}

func (f *fakeOperator) Pools() []PoolState {
	return []PoolState{
		{Name: "main", OnNodeDown: "reroute", Trouble: "run: ringmain adopt main", Servers: []ServerState{
			{Node: "a", State: "up", Since: time.Unix(5, 0).UTC()},
			{Node: "b", State: "down", Since: time.Unix(6, 0).UTC(), Reason: "loads its data", Falls: 2},
		}},
		{Name: "rest", OnNodeDown: "fail"},
	}
}

func (f *fakeOperator) note(ctx context.Context, what ...string) error {
	f.asked = append(f.asked, strings.Join(what, " "))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(f.wait):
		return f.err
	}
}

func (f *fakeOperator) Drain(ctx context.Context, pool, node string) error {
	return f.note(ctx, "drain", pool, node)
}

func (f *fakeOperator) Undrain(ctx context.Context, pool, node string) error {
	return f.note(ctx, "undrain", pool, node)
}

func (f *fakeOperator) Adopt(ctx context.Context, pool string, empty bool) error {
	if empty {
		return f.note(ctx, "adopt", pool, "empty")
	}
	return f.note(ctx, "adopt", pool)
}

// operated is an Admin with an operator whose token is token, and its log.
func operated(f *fakeOperator, token string) (*Admin, *strings.Builder) {
	var log strings.Builder
	return New(Options{Operator: f, Token: token, Log: slog.New(slog.NewTextHandler(&log, nil))}), &log
}

// post asks the local listener to change something, with a token.
func post(a *Admin, path, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, nil)
	r.Host = "127.0.0.1:9380"
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	a.all.ServeHTTP(w, r)
	return w
}

func TestWhatAnOperatorAsksForIsDone(t *testing.T) {
	for path, want := range map[string]string{
		"/api/pools/main/nodes/a/drain":                      "drain main a",
		"/api/pools/main/nodes/a/undrain":                    "undrain main a",
		"/api/pools/main/nodes/unix:%2Frun%2F%2Fa%20b/drain": "drain main unix:/run//a b",
		"/api/pools/main/nodes/%2e%2e/drain":                 "drain main ..",
		"/api/pools/main/adopt":                              "adopt main",
		"/api/pools/main/adopt?empty=true":                   "adopt main empty",
		"/api/pools/main/adopt?empty=false":                  "adopt main",
		"/api/pools/drain/nodes/adopt/undrain":               "undrain drain adopt",
		"/api/pools/" + strings.Repeat("x", 5000) + "/adopt": "adopt " + strings.Repeat("x", 5000),
		"/api/pools/main/nodes/%E2%98%83%0a/drain":           "drain main \u2603\n",
	} {
		f := &fakeOperator{}
		a, log := operated(f, rightToken)
		w := post(a, path, "Bearer "+rightToken)
		if w.Code != 200 || w.Body.String() != "{\"done\":true}\n" || len(f.asked) != 1 || f.asked[0] != want {
			t.Errorf("%s: %d %s, asked %q", path, w.Code, w.Body, f.asked)
		}
		if strings.Count(log.String(), "\n") != 1 || strings.Contains(log.String(), rightToken) {
			t.Errorf("%s: the log says %s", path, log)
		}
	}
}

func TestPoolsAreToldWithoutAToken(t *testing.T) {
	a, _ := operated(&fakeOperator{}, rightToken)
	w := ask(a, "/api/pools")
	want := `{"pools":[{"name":"main","on_node_down":"reroute","trouble":"run: ringmain adopt main","servers":[` +
		`{"node":"a","state":"up","since":"1970-01-01T00:00:05Z","falls":0},` +
		`{"node":"b","state":"down","since":"1970-01-01T00:00:06Z","reason":"loads its data","falls":2}]},` +
		`{"name":"rest","on_node_down":"fail","servers":null}]}` + "\n"
	if w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestNothingIsChangedWithoutTheRightToken(t *testing.T) {
	for authorization, ok := range map[string]bool{
		"": false, rightToken: false, "Bearer": false, "Bearer ": false, "Bearer wrong": false, "Bearer correct horse ": false,
		"Bearer  correct horse": false, "Basic " + rightToken: false, "Bearer correct hors": false, "Bearer correct horse2": false,
		"Bearer " + rightToken: true, "bearer " + rightToken: true,
	} {
		f := &fakeOperator{}
		a, log := operated(f, rightToken)
		w := post(a, "/api/pools/main/adopt", authorization)
		if (w.Code == 200) != ok || len(f.asked) > 0 != ok {
			t.Errorf("%q: %d %s", authorization, w.Code, w.Body)
		}
		if !ok && (w.Code != 401 || w.Header().Get("WWW-Authenticate") != "Bearer" || !isOneError(w.Body.String())) {
			t.Errorf("%q: %d %v %s", authorization, w.Code, w.Header(), w.Body)
		}
		if strings.Contains(w.Body.String()+log.String(), rightToken) {
			t.Errorf("%q: the token is shown: %s %s", authorization, w.Body, log)
		}
	}
	f := &fakeOperator{}
	a, _ := operated(f, rightToken)
	r := httptest.NewRequest(http.MethodPost, "/api/pools/main/adopt", nil)
	r.Host = "localhost"
	r.Header["Authorization"] = []string{"Bearer wrong", "Bearer " + rightToken}
	w := httptest.NewRecorder()
	if a.all.ServeHTTP(w, r); w.Code != 401 || len(f.asked) > 0 {
		t.Errorf("two tokens, of which one is right: %d", w.Code)
	}
}

func TestNothingIsChangedWhereNoTokenIsConfigured(t *testing.T) {
	for _, authorization := range []string{"", "Bearer ", "Bearer x"} {
		f := &fakeOperator{}
		a, _ := operated(f, "")
		w := post(a, "/api/pools/main/nodes/a/drain", authorization)
		if w.Code != 403 || len(f.asked) > 0 || !strings.Contains(w.Body.String(), "set admin.token_file or admin.token_env") || !isOneError(w.Body.String()) {
			t.Errorf("%q: %d %s", authorization, w.Code, w.Body)
		}
	}
}

func TestWhatIsAskedForOtherwiseThanItShouldBeIsRefused(t *testing.T) {
	for what, c := range map[string]struct {
		method, host, path, body string
		want                     int
	}{
		"reading a change":       {"GET", "localhost", "/api/pools/main/adopt", "", 405},
		"changing the list":      {"POST", "localhost", "/api/pools", "", 405},
		"another method":         {"DELETE", "localhost", "/api/pools/main/nodes/a/drain", "", 405},
		"a named host":           {"POST", "evil.example", "/api/pools/main/adopt", "", 421},
		"a body":                 {"POST", "localhost", "/api/pools/main/adopt", "empty=true", 400},
		"an unknown parameter":   {"POST", "localhost", "/api/pools/main/adopt?emty=true", "", 400},
		"a parameter twice":      {"POST", "localhost", "/api/pools/main/adopt?empty=true&empty=false", "", 400},
		"neither true nor false": {"POST", "localhost", "/api/pools/main/adopt?empty=1", "", 400},
		"a parameter of another": {"POST", "localhost", "/api/pools/main/nodes/a/drain?empty=true", "", 400},
		"no query":               {"POST", "localhost", "/api/pools/main/adopt?empty=%zz", "", 400},
		"nothing":                {"POST", "localhost", "/api/", "", 404},
		"no such thing":          {"POST", "localhost", "/api/pools/main/nodes/a/kill", "", 404},
		"a slash too many":       {"POST", "localhost", "/api/pools/main/nodes/a/drain/", "", 404},
		"two in the middle":      {"POST", "localhost", "/api/pools//main/adopt", "", 404},
		"pools that are others":  {"POST", "localhost", "/api/pool/main/adopt", "", 404},
	} {
		f := &fakeOperator{}
		a, _ := operated(f, rightToken)
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.Host = c.host
		r.Header.Set("Authorization", "Bearer "+rightToken)
		w := httptest.NewRecorder()
		a.all.ServeHTTP(w, r)
		if w.Code != c.want || len(f.asked) > 0 || w.Code != 421 && !isOneError(w.Body.String()) {
			t.Errorf("%s: %d, want %d: %s", what, w.Code, c.want, w.Body)
		}
	}
}

func TestTheListenerForProbesHasNoAPI(t *testing.T) {
	f := &fakeOperator{}
	a, _ := operated(f, rightToken)
	for _, path := range []string{"/api/pools", "/api/pools/main/adopt"} {
		if w := request(a.open, "GET", "localhost", path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestTheStatusTellsWhatCameOfIt(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{NotFound("there is no pool %q", "x"), 404},
		{Refused("pool %q fails", "x"), 409},
		{errors.New("node a does not answer"), 500},
	} {
		a, log := operated(&fakeOperator{err: c.err}, rightToken)
		w := post(a, "/api/pools/x/adopt", "Bearer "+rightToken)
		if w.Code != c.want || !strings.Contains(w.Body.String(), strings.ReplaceAll(c.err.Error(), `"`, `\"`)) || !isOneError(w.Body.String()) {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		if strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("%v: the log says %s", c.err, log)
		}
	}
}

// isOneError reports whether an answer is one line of JSON that tells an error.
func isOneError(body string) bool {
	return strings.HasPrefix(body, `{"error":"`) && strings.Count(body, "\n") == 1 && strings.HasSuffix(body, "\"}\n")
}

// postOn sends a change over a pipe, and returns the answer's status.
func postOn(t *testing.T, p *pipes) int {
	t.Helper()
	c, err := p.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "POST /api/pools/main/adopt HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+rightToken+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	return r.StatusCode
}

func TestAChangeMayTakeLongerThanOtherAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for wait, want := range map[time.Duration]int{
			readTimeout + writeTimeout: 200, changeTimeout - time.Second: 200, changeTimeout + time.Second: 504,
		} {
			a, _ := operated(&fakeOperator{wait: wait}, rightToken)
			p, stop := serving(t, a)
			if got := postOn(t, p); got != want {
				t.Errorf("one of %v: %d, want %d", wait, got, want)
			}
			stop()
		}
	})
}
