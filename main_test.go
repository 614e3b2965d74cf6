package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringmain/app"
	"ringmain/cli"
	"ringmain/config"
)

func TestTheExitCodeAndTheMessageTellWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	typo := file("typo.yaml", "loops: 1\nlopps: 2\n")
	busy := file("busy.yaml", fmt.Sprintf("listeners: [{address: '%s'}]\npools: {main: {embedded: 1}}\n", taken.Addr()))
	for name, c := range map[string]struct {
		args []string
		code int
		want string // in what it writes to standard error
	}{
		"unknown command":     {[]string{"nosuch"}, cli.ExitUsage, `unknown command "nosuch"`},
		"unknown flag":        {[]string{"--nosuch"}, cli.ExitUsage, "flag provided but not defined: -nosuch"},
		"unknown flag, serve": {[]string{"serve", "--nosuch"}, cli.ExitUsage, "usage: ringmain"},
		"flag without value":  {[]string{"--config"}, cli.ExitUsage, "flag needs an argument"},
		"argument too many":   {[]string{"serve", "--config", typo, "more"}, cli.ExitUsage, `unexpected argument "more"`},
		"help, wrong command": {[]string{"help", "nosuch"}, cli.ExitUsage, `unknown command "nosuch"`},
		"version with more":   {[]string{"version", "more"}, cli.ExitUsage, `unexpected argument "more"`},
		"missing file":        {[]string{"--config", filepath.Join(dir, "none.yaml")}, cli.ExitError, "none.yaml: no such file"},
		"unknown key":         {[]string{"--config", typo}, cli.ExitError, "lopps"},
		"its line":            {[]string{"--config", typo}, cli.ExitError, "typo.yaml:2"},
		"address in use":      {[]string{"--config", busy}, cli.ExitError, "address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), t.Context(), c.args, &stdout, &stderr); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(stderr.String(), c.want) {
				t.Errorf("it says %q, want %q in it", stderr.String(), c.want)
			}
			if stdout.Len() > 0 {
				t.Errorf("it writes %q to standard output", stdout.String())
			}
		})
	}
}

func TestWhatIsAskedForIsWrittenToStandardOutput(t *testing.T) {
	version := "ringmain " + app.Version + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	for line, want := range map[string]string{
		"version": version, "--version": version, "-version": version,
		"help": "usage: ringmain [COMMAND]", "-h": "usage: ringmain [COMMAND]", "--help": "usage: ringmain [COMMAND]",
		"help help": "usage: ringmain [COMMAND]", "help serve": "usage: ringmain serve", "serve -h": "usage: ringmain serve",
		"--config x --help": "usage: ringmain serve", "version -h": "usage: ringmain version",
		"check --help": "usage: ringmain check", "help explain": "usage: ringmain explain",
		"import -h": "usage: ringmain import nutcracker", "drain -h": "usage: ringmain drain NODE", "help adopt": "usage: ringmain adopt POOL [--empty]", "check": "config.yaml is valid",
		"explain --config config.yaml key": "key ",
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), t.Context(), strings.Fields(line), &stdout, &stderr)
		if code != cli.ExitOK || !strings.HasPrefix(stdout.String(), want) || stderr.Len() > 0 {
			t.Errorf("%s: exit code %d, output %q, errors %q", line, code, stdout.String(), stderr.String())
		}
	}
}

func TestTheUsageTextListsEveryCommand(t *testing.T) {
	var stdout bytes.Buffer
	run(t.Context(), t.Context(), []string{"help"}, &stdout, &stdout)
	for _, name := range []string{"serve", "check", "explain", "import nutcracker FILE", "drain NODE", "undrain NODE", "adopt POOL", "version"} {
		if !strings.Contains(stdout.String(), "\n  ringmain "+name) {
			t.Errorf("%s is not in\n%s", name, stdout.String())
		}
	}
}

func TestTheLogHasTheLevelAndTheFormatOfTheConfiguration(t *testing.T) {
	for _, test := range []struct {
		cfg  config.Log
		want string
	}{
		{config.Log{Level: "info", Format: "text"}, "level=INFO msg=i\nlevel=WARN msg=w\n"},
		{config.Log{Level: "debug", Format: "text"}, "level=DEBUG msg=d\nlevel=INFO msg=i\nlevel=WARN msg=w\n"},
		{config.Log{Level: "error", Format: "text"}, ""},
		{config.Log{Level: "warn", Format: "json"}, `"level":"WARN","msg":"w"}` + "\n"},
	} {
		var out bytes.Buffer
		l, err := newLog(test.cfg, &out)
		if err != nil {
			t.Fatal(err)
		}
		l.Debug("d")
		l.Info("i")
		l.Warn("w")
		var got string
		for line := range strings.Lines(out.String()) { // each begins with the time
			_, rest, _ := strings.Cut(line, map[string]string{"text": " ", "json": ","}[test.cfg.Format])
			got += rest
		}
		if got != test.want {
			t.Errorf("%+v: got %q, want %q", test.cfg, got, test.want)
		}
	}
}

// log is a writer that a test reads while the program writes.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestItServesUntilItIsAskedToStopAndEndsWithoutAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\npools: {main: {embedded: 2}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout bytes.Buffer
	stderr := &log{}
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, context.Background(), []string{"serve", "--config", file}, &stdout, stderr) }()
	conn, err := net.Dial("tcp", addressIn(t, stderr, ended))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, len("+PONG\r\n"))
	if _, err := conn.Read(reply); err != nil || string(reply) != "+PONG\r\n" {
		t.Errorf("PING: %q, %v", reply, err)
	}
	cancel()
	select {
	case code := <-ended:
		if code != cli.ExitOK {
			t.Errorf("exit code %d\n%s", code, stderr)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it does not stop")
	}
	if _, err := conn.Read(reply); err == nil {
		t.Error("a client's connection is still open")
	}
}

// addressIn waits for the log line that says where the program listens.
func addressIn(t *testing.T, text fmt.Stringer, ended <-chan int) string {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		if _, after, found := strings.Cut(text.String(), "msg=listening address="); found {
			return strings.Fields(after)[0]
		}
		select {
		case code := <-ended:
			t.Fatalf("it ended with code %d\n%s", code, text)
		default:
		}
	}
	t.Fatalf("it does not say where it listens\n%s", text)
	return ""
}

func TestWhatIsStuckDoesNotKeepTheProcess(t *testing.T) {
	for name, signals := range map[string]int{"after drain.timeout": 1, "after the second signal": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, first := context.WithCancel(context.Background())
				atOnce, second := context.WithCancel(context.Background())
				release := make(chan struct{})
				first()
				if signals == 2 {
					second()
				}
				begin := time.Now()
				err := runUntil(ctx, atOnce, func(context.Context, context.Context) error {
					<-release
					return nil
				}, time.Minute)
				want := grace
				if signals == 1 {
					want += time.Minute
				}
				if took := time.Since(begin); err == nil || took != want {
					t.Errorf("%v after %v, want an error after %v", err, took, want)
				}
				close(release)
				second()
			})
		})
	}
}
