//go:build unix

package looptest

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// SocketPath is a fresh path that is short enough for a Unix socket.
func SocketPath(t testing.TB) string {
	t.Helper()
	// Not t.TempDir, which is as long as the test's name.
	dir, err := os.MkdirTemp("", "looptest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// unixPeer is a Peer on a Unix socket.
type unixPeer struct{ *net.UnixConn }

// DialUnix is DialPeer for drivers on Unix sockets.
func DialUnix(t testing.TB, path string) Peer {
	t.Helper()
	c, err := net.DialTimeout("unix", path, Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	return unixPeer{c.(*net.UnixConn)}
}

// Reset closes: Unix sockets know no reset.
func (p unixPeer) Reset() error { return p.Close() }

// RefusingUnix is the path of a socket that is bound and not listened on.
func RefusingUnix(t testing.TB) string {
	t.Helper()
	_, path := boundUnix(t)
	return path
}

// SilentUnix is the path of a socket that is listened on and whose queue is full.
func SilentUnix(t testing.TB) string {
	t.Helper()
	fd, path := boundUnix(t)
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 16 {
		c := unixSocket(t)
		err := syscall.Connect(c, &syscall.SockaddrUnix{Name: path})
		if errors.Is(err, syscall.EAGAIN) {
			return path
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("a listener that accepts nothing never gets full")
	return ""
}

func boundUnix(t testing.TB) (fd int, path string) {
	t.Helper()
	fd, path = unixSocket(t), SocketPath(t)
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	return fd, path
}

// unixSocket is a socket that does not block and lasts as long as the test.
func unixSocket(t testing.TB) (fd int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	return fd
}
