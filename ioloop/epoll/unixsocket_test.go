//go:build linux

package epoll

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ringmain/ioloop/driver"
	"ringmain/ioloop/looptest"
)

func mustListen(t testing.TB, address string) *Listener {
	t.Helper()
	l, err := Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// leaveStale leaves a socket at path on which nobody listens any more.
func leaveStale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestAUnixSocketIsForItsOwnerAndGroupWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o077, 0o777} {
		path := looptest.SocketPath(t)
		old := unix.Umask(mask)
		l, err := Listen("unix:" + path)
		unix.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != os.ModeSocket|0o660 {
			t.Errorf("umask %#o: %v, %v", mask, info.Mode(), err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAStaleSocketIsReplaced(t *testing.T) {
	path := looptest.SocketPath(t)
	leaveStale(t, path)
	l := mustListen(t, "unix:"+path)
	if l.Addr() != "unix:"+path {
		t.Errorf("the address is %q", l.Addr())
	}
	looptest.DialUnix(t, path)
}

func TestASocketInUseIsAnErrorAndStays(t *testing.T) {
	path := looptest.SocketPath(t)
	mustListen(t, "unix:"+path)
	if _, err := Listen("unix:" + path); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("the second Listen: %v", err)
	}
	looptest.DialUnix(t, path)
	if full := looptest.SilentUnix(t); full != "" {
		if _, err := Listen("unix:" + full); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("Listen where the queue is full: %v", err)
		}
	}
	packets := looptest.SocketPath(t)
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: packets})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := Listen("unix:" + packets); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("Listen at a datagram socket: %v", err)
	}
}

func TestWhatIsNoSocketIsNeverRemoved(t *testing.T) {
	path := looptest.SocketPath(t)
	dir := filepath.Dir(path)
	target := filepath.Join(dir, "target")
	leaveStale(t, target)
	for what, create := range map[string]func() error{
		"file":          func() error { return os.WriteFile(path, nil, 0o600) },
		"directory":     func() error { return os.Mkdir(path, 0o700) },
		"link":          func() error { return os.Symlink(target, path) },
		"dangling link": func() error { return os.Symlink(target+"x", path) },
	} {
		if err := create(); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen("unix:" + path); !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "not a socket") {
			t.Errorf("Listen at a %s: %v", what, err)
		}
		if !exists(path) || !exists(target) {
			t.Errorf("the %s or its target is gone", what)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCloseRemovesTheSocketOnlyWhileItIsItsOwn(t *testing.T) {
	path := looptest.SocketPath(t)
	l := mustListen(t, "unix:"+path)
	if err := l.Close(); err != nil || exists(path) {
		t.Errorf("Close: %v, the file exists: %v", err, exists(path))
	}
	l = mustListen(t, "unix:"+path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	successor := mustListen(t, "unix:"+path)
	if err := l.Close(); err != nil || !exists(path) {
		t.Errorf("Close: %v, the successor's file exists: %v", err, exists(path))
	}
	looptest.DialUnix(t, strings.TrimPrefix(successor.Addr(), "unix:"))
}

func TestOfSeveralThatListenAtAStaleSocketOneSucceedsAndIsReached(t *testing.T) {
	for range 20 {
		path := looptest.SocketPath(t)
		leaveStale(t, path)
		var mu sync.Mutex
		var won []*Listener
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				l, err := Listen("unix:" + path)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, l)
				} else if !errors.Is(err, unix.EADDRINUSE) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d listen", len(won))
		}
		looptest.DialUnix(t, path)
		if err := won[0].Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAnImpossibleUnixAddressIsNamed(t *testing.T) {
	long := "/" + strings.Repeat("x", driver.MaxUnixPath)
	for address, want := range map[string]string{
		"unix:":              "not absolute",
		"unix:run/x.sock":    "not absolute",
		"unix:@ringmain":     "abstract",
		"unix:\x00ringmain":  "abstract",
		"unix:/run/a\x00b":   "abstract",
		"unix:" + long:       "108 bytes, at most 107",
		"unix:/nowhere/sock": "no such file or directory",
	} {
		_, err := Listen(address)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen(%q): %v, want %q", address, err, want)
		}
		r := dialOnce(t, address)
		if r.openErr == nil || !strings.Contains(r.openErr.Error(), want) {
			t.Errorf("Dial(%q): %v, want %q", address, r.openErr, want)
		}
	}
}

func TestAPathOf107BytesIsPossible(t *testing.T) {
	dir := filepath.Dir(looptest.SocketPath(t))
	path := filepath.Join(dir, strings.Repeat("x", driver.MaxUnixPath-len(dir)-1))
	l := mustListen(t, "unix:"+path)
	r := dialOnce(t, l.Addr())
	if r.openErr != nil || r.remote != l.Addr() || r.local != l.Addr() {
		t.Errorf("opened with %v, remote %q, local %q", r.openErr, r.remote, r.local)
	}
}

func TestADialWaitsForRoomInAUnixSocketsQueue(t *testing.T) {
	path := looptest.SocketPath(t)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	raw, err := ln.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	looptest.DialUnix(t, path) // fills the queue
	h := newHarness()
	loop := h.NewLoop(t)
	r := newRecorder()
	h.Do(loop, func() { loop.Dial("unix:"+path, looptest.Patience, r) })
	h.Do(loop, func() {
		if r.done() {
			t.Errorf("the dial has ended with %v though the queue is full", r.openErr)
		}
	})
	for range 2 {
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	r.wait(t)
	if r.openErr != nil {
		t.Error(r.openErr)
	}
}
