package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"ringmain/admin"
)

const token = "0123456789abcdef"

// fakeOperator is what a running Ringmain would do.
type fakeOperator struct {
	asked []string
	err   error
}

func (f *fakeOperator) Pools() []admin.PoolState {
	nodes := func(names ...string) (list []admin.ServerState) {
		for _, name := range names {
			list = append(list, admin.ServerState{Node: name, State: "up"})
		}
		return list
	}
	return []admin.PoolState{{Name: "main", Servers: nodes("a", "b", "unix:/run/x y.sock", "rest/b", "..")}, {Name: "rest", Servers: nodes("b", "c")}}
}

func (f *fakeOperator) Drain(_ context.Context, pool, node string) error {
	f.asked = append(f.asked, "drain "+pool+" "+node)
	return f.err
}

func (f *fakeOperator) Undrain(_ context.Context, pool, node string) error {
	f.asked = append(f.asked, "undrain "+pool+" "+node)
	return f.err
}

func (f *fakeOperator) Adopt(_ context.Context, pool string, empty bool) error {
	f.asked = append(f.asked, fmt.Sprintf("adopt %s %v", pool, empty))
	return f.err
}

// running serves a Ringmain's API for the length of the test, and writes the
// configuration that it has, with the token that is given there.
func running(t *testing.T, f *fakeOperator, itsToken, configured string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := admin.New(admin.Options{Operator: f, Token: itsToken, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- a.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	configure(t, l.Addr().String(), configured)
}

// configure writes a configuration with nothing but an admin that is valid.
func configure(t *testing.T, address, token string) {
	t.Helper()
	t.Chdir(t.TempDir())
	text := "admin: {address: '" + address + "', token_file: token}\nloops: many\n"
	if token == "" {
		text = strings.Replace(text, ", token_file: token", "", 1)
	}
	for name, content := range map[string]string{"config.yaml": text, "token": token + "\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOperatorsCommandsAskTheRunningProgram(t *testing.T) {
	for _, c := range []struct {
		args          []string
		asked, stdout string
	}{
		{[]string{"drain", "a"}, "drain main a", "main/a is drained: its keys live on the other servers\n"},
		{[]string{"undrain", "a"}, "undrain main a", "main/a is back: its keys live there again\n"},
		{[]string{"drain", "main/b"}, "drain main b", "main/b is drained: its keys live on the other servers\n"},
		{[]string{"drain", "rest/b"}, "drain rest b", "rest/b is drained: its keys live on the other servers\n"},
		{[]string{"drain", "main/rest/b"}, "drain main rest/b", "main/rest/b is drained: its keys live on the other servers\n"},
		{[]string{"drain", "c"}, "drain rest c", "rest/c is drained: its keys live on the other servers\n"},
		{[]string{"drain", "unix:/run/x y.sock"}, "drain main unix:/run/x y.sock", "main/unix:/run/x y.sock is drained: its keys live on the other servers\n"},
		{[]string{"drain", ".."}, "drain main ..", "main/.. is drained: its keys live on the other servers\n"},
		{[]string{"adopt", "main"}, "adopt main false", "pool main is adopted\n"},
		{[]string{"adopt", "main", "--empty"}, "adopt main true", "pool main is adopted\n"},
		{[]string{"adopt", "--empty", "a/b?empty=false"}, "adopt a/b?empty=false true", "pool a/b?empty=false is adopted\n"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			f := &fakeOperator{}
			running(t, f, token, token)
			code, stdout, stderr := callHere(t, c.args...)
			if code != ExitOK || stdout != c.stdout || stderr != "" {
				t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
			}
			if len(f.asked) != 1 || f.asked[0] != c.asked {
				t.Errorf("it was asked %q, want %q", f.asked, c.asked)
			}
		})
	}
}

// fails runs a command, which is to fail with one line that has want in it.
func fails(t *testing.T, want string, args ...string) {
	t.Helper()
	code, stdout, stderr := callHere(t, args...)
	if code != ExitError || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, %q, %q; want %q", code, stdout, stderr, want)
	}
	if strings.Contains(stderr, token) {
		t.Errorf("the token is shown: %q", stderr)
	}
}

func TestOperatorsCommandsSayWhyNothingWasDone(t *testing.T) {
	for _, c := range []struct {
		err        error
		args, want string
	}{
		{nil, "drain b", `several pools have a node "b": say main/b or rest/b`},
		{nil, "drain nosuch", `there is no node "nosuch"`},
		{nil, "drain main/c", `there is no node "main/c"`},
		{admin.Refused(`pool "main" fails, it does not reroute`), "drain a", `ringmain drain: pool "main" fails, it does not reroute`},
		{admin.NotFound(`there is no pool "x"`), "adopt x", `ringmain adopt: there is no pool "x"`},
		{errors.New("node \"b\" does not answer\n\x1b[31m"), "undrain a", `ringmain undrain: node "b" does not answer??[31m`},
		{errors.New(strings.Repeat("ü", 5000)), "undrain a", strings.Repeat("ü", maxRefusal/2) + "\n"},
	} {
		running(t, &fakeOperator{err: c.err}, token, token)
		fails(t, c.want, strings.Fields(c.args)...)
	}
}

func TestOperatorsCommandsSayWhatIsWrongWithTheToken(t *testing.T) {
	f := &fakeOperator{}
	running(t, f, token, "another")
	fails(t, "the token is not the one that the running Ringmain was started with", "drain", "a")
	running(t, f, "", token)
	fails(t, "was started without a token", "drain", "a")
	running(t, f, token, "")
	fails(t, "config.yaml has no token: set admin.token_file or admin.token_env", "adopt", "main")
	configure(t, "127.0.0.1:1", token)
	if err := os.Remove("token"); err != nil {
		t.Fatal(err)
	}
	fails(t, `admin.token_file: "token": no such file`, "adopt", "main")
	if len(f.asked) > 0 {
		t.Errorf("it was done all the same: %q", f.asked)
	}
}

func TestOperatorsCommandsSayThatNothingRuns(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	for address, want := range map[string]string{
		l.Addr().String(): "no Ringmain answers at admin.address: dial tcp " + l.Addr().String(),
		"":                "has no admin.address",
		"localhost:0":     "leaves the port to the system (localhost:0): give admin.address a port",
		"10.0.0.1:9380":   "config.yaml:1: admin.address: ",
	} {
		configure(t, address, token)
		fails(t, want, "drain", "a")
		fails(t, want, "adopt", "main")
	}
}

func TestTheTokenIsNotGivenToWhoeverIsAskedForTheNodes(t *testing.T) {
	port := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" {
			t.Errorf("it was asked %s %v", r.Method, r.Header)
		}
		_, _ = fmt.Fprint(w, "<html>")
	})
	configure(t, "127.0.0.1:"+port, token)
	fails(t, "what answers there is no Ringmain", "drain", "a")
}

func TestAnotherProgramIsNotTakenForRingmain(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusFound, http.StatusNotFound} {
		port := answering(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "go away", status) })
		configure(t, "127.0.0.1:"+port, token)
		fails(t, fmt.Sprintf("%d %s: what answers there is no Ringmain", status, http.StatusText(status)), "adopt", "main")
	}
}

func TestAnOperatorsCommandThatIsInterruptedSaysThatItGoesOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	port := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	configure(t, "127.0.0.1:"+port, token)
	var stdout, stderr bytes.Buffer
	code := adopt(ctx, []string{"main"}, &stdout, &stderr)
	if want := "ringmain adopt: interrupted; what has begun goes on\n"; code != ExitError || stderr.String() != want {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}
