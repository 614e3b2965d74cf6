package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// contained is one run of the image's program, as a container runtime would run
// it: as the first process of a process namespace, in a mount namespace where
// the image is a root that cannot be written to, without rights, and unable to
// gain any. The network is the machine's.
type contained struct {
	pid  int
	done chan struct{} // closed at its end
	err  error         // how it ended; after done
	mu   sync.Mutex
	buf  bytes.Buffer
}

// Write takes what the program says.
func (c *contained) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

// said is everything that the program has written so far.
func (c *contained) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

// plant writes the image, and what is mounted into it, into a directory.
func plant(t *testing.T, w workload) string {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "root")
	put := func(name string, data []byte, mode os.FileMode) {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range mustImage(t).files {
		if f.data != nil {
			put(name, f.data, os.FileMode(f.mode).Perm())
		}
	}
	for name, text := range w.files {
		put(name, []byte(text), 0o444)
	}
	return tree
}

// run starts the image's program in tree, until the end of the test.
func run(t *testing.T, tree string, w workload, args ...string) *contained {
	t.Helper()
	entry := mustImage(t).config.Config
	cmd := exec.Command(entry.Entrypoint[0], append(slices.Clone(entry.Entrypoint[1:]), args...)...)
	cmd.Env = slices.Clone(entry.Env)
	for _, name := range slices.Sorted(maps.Keys(w.env)) {
		cmd.Env = append(cmd.Env, name+"="+w.env[name])
	}
	c := &contained{done: make(chan struct{})}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = "/", c, c, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: tree, Credential: &syscall.Credential{Uid: w.uid, Gid: w.gid},
		Cloneflags: unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL, Setpgid: true,
	}
	started := make(chan error)
	go func() {
		defer close(c.done)
		// The namespaces are this thread's and its child's. It is never unlocked,
		// so that they end with it.
		runtime.LockOSThread()
		err := isolate(tree)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			c.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting the image's program: %v", err)
	}
	c.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-c.done
		if t.Failed() {
			t.Logf("%q said:\n%s", args, c.said())
		}
	})
	return c
}

// isolate gives the calling thread a mount namespace in which tree is read-only,
// and what it starts no way to gain rights.
func isolate(tree string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount(tree, tree, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting the image: %w", err)
	}
	flags := uintptr(unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV)
	if err := unix.Mount("", tree, "", flags, ""); err != nil {
		return fmt.Errorf("making the image read-only: %w", err)
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// wait waits for its end and returns the exit code.
func (c *contained) wait(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(within):
		t.Fatalf("it has not ended within %v\n%s", within, c.said())
	}
	var exit *exec.ExitError
	if c.err != nil && !errors.As(c.err, &exit) {
		t.Fatal(c.err)
	}
	if exit != nil {
		return exit.ExitCode()
	}
	return 0
}

// eventually waits for a condition while the program runs.
func (c *contained) eventually(t *testing.T, what string, within time.Duration, condition func() error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(within)
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-c.done:
			t.Fatalf("it ended (%v) before %s\n%s", c.err, what, c.said())
		case <-deadline:
			t.Fatalf("not within %v: %s: %v\n%s", within, what, err, c.said())
		case <-tick.C:
		}
	}
}

// checkIsolation sees to it that the program runs as it was to be run, so that
// what is seen of it holds in a container.
func (c *contained) checkIsolation(t *testing.T, w workload) {
	t.Helper()
	status := map[string]string{}
	for line := range strings.Lines(read(t, "/proc", fmt.Sprint(c.pid), "status")) {
		name, value, _ := strings.Cut(line, ":")
		status[name] = strings.Join(strings.Fields(value), " ")
	}
	four := func(id uint32) string { return strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d ", id), 4)) }
	for name, want := range map[string]string{
		"Uid": four(w.uid), "Gid": four(w.gid), "Groups": "", "NoNewPrivs": "1",
		"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000",
		"NSpid": fmt.Sprintf("%d 1", c.pid),
	} {
		if status[name] != want {
			t.Errorf("%s of the program is %q, want %q", name, status[name], want)
		}
	}
	for line := range strings.Lines(read(t, "/proc", fmt.Sprint(c.pid), "mountinfo")) {
		if f := strings.Fields(line); f[4] == "/" && strings.HasPrefix(f[5], "ro,") {
			return
		}
	}
	t.Error("the program's root file system can be written to")
}
