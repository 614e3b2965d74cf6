// Package deploy holds the ways of running Ringmain that are shipped: a container
// image, Kubernetes manifests, a compose file and a systemd unit. Its tests check
// them, and run the program as they say.
package deploy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// gross is how long something may take that takes no time: only a test that has
// failed waits for it.
const gross = 30 * time.Second

// root is the top of the sources.
const root = ".."

// scratch holds what several tests share, for the length of the test run.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ringmain-deploy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// workload is one container, as a manifest describes it.
type workload struct {
	args     []string // of the image's entry point
	env      map[string]string
	files    map[string]string // mounted, by absolute path
	uid, gid uint32
	readOnly bool          // the root file system
	stop     time.Duration // from SIGTERM to SIGKILL
	memory   int64         // bytes
}

// configFile is the file that the program is told to read.
func (w *workload) configFile(t *testing.T) string {
	t.Helper()
	for i, a := range w.args {
		if a != "--config" || i+1 == len(w.args) {
			continue
		}
		if text, ok := w.files[w.args[i+1]]; ok {
			return text
		}
		t.Fatalf("%s is not mounted, only %v", w.args[i+1], w.files)
	}
	t.Fatalf("no --config among %q", w.args)
	return ""
}

// command runs a program to its end. Compiling everything may take a while.
func command(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.WaitDelay = append(os.Environ(), env...), time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %q: %w\n%s", name, args, err, out)
	}
	return string(out), err
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// renumber puts free ports in the place of the shipped ones, wherever they stand
// in text, so that tests get along with whoever else is on the machine.
type renumber struct {
	replacer *strings.Replacer
	port     map[string]string
}

func newPorts(t *testing.T) *renumber {
	t.Helper()
	r := &renumber{port: map[string]string{}}
	var pairs []string
	for _, shipped := range []string{"6380", "9380", "9381"} {
		l := listenBelow(t)
		defer l.Close() // all three are held until each is known
		_, r.port[shipped], _ = net.SplitHostPort(l.Addr().String())
		pairs = append(pairs, shipped, r.port[shipped])
	}
	r.replacer = strings.NewReplacer(pairs...)
	return r
}

// listenBelow takes a port that neither systems choose by themselves nor other
// tests do, so that it is still free when the program takes it.
func listenBelow(t *testing.T) net.Listener {
	t.Helper()
	const first, last = 10_000, 12_000
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(last-first))); err == nil {
			return l
		}
	}
	t.Fatal(err)
	return nil
}

func (r *renumber) in(text string) string { return r.replacer.Replace(text) }

// addr is where the shipped port is found.
func (r *renumber) addr(shipped string) string { return "127.0.0.1:" + r.port[shipped] }

// startRedis starts the three servers of the manifests, and tells the variables
// that name them.
func startRedis(t *testing.T, options ...string) (servers []*redistest.Server, env map[string]string) {
	t.Helper()
	env = map[string]string{}
	for _, name := range []string{"REDIS_A", "REDIS_B", "REDIS_C"} {
		s := redistest.Start(t, options...)
		servers = append(servers, s)
		env[name] = s.Addr()
	}
	return servers, env
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
