//go:build linux

package epoll

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// unixMode lets the owner and the group connect.
	unixMode = 0o660
	// lockWait bounds the wait for another process that begins to listen in the
	// same directory, which takes it a moment.
	lockWait = 2 * time.Second
)

// socketFile is the name of a listening Unix socket in the file system.
type socketFile struct {
	path string
	made os.FileInfo // of the file that bind made
}

// listenUnix binds path and listens. What is there already is removed only if it
// is a socket on which nobody listens.
//
// The mode is set between bind and listen: until it listens, a socket refuses
// everyone. The umask would do too, but belongs to the whole process; a private
// directory from which the socket is moved would need a longer path, and the
// move could not tell a socket in use from a stale one.
func listenUnix(path string) (*os.File, *socketFile, error) {
	unlock, err := lockDirectory(filepath.Dir(path))
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	if err := removeStale(path); err != nil {
		return nil, nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), path)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("bind: %w", err), file.Close())
	}
	s := &socketFile{path: path}
	if s.made, err = os.Lstat(path); err == nil {
		err = os.Chmod(path, unixMode)
	}
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, unix.SOMAXCONN))
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.remove(), file.Close())
	}
	return file, s, nil
}

// lockDirectory keeps two processes that begin to listen at the same path from
// taking each other's socket, bound a moment ago, for a stale one. The lock is
// on the directory itself, so it leaves no file behind.
func lockDirectory(dir string) (unlock func(), err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	for end := time.Now().Add(lockWait); ; {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = unix.Close(fd) }, nil
		}
		if err != unix.EINTR && err != unix.EWOULDBLOCK || time.Now().After(end) {
			_ = unix.Close(fd)
			return nil, &fs.PathError{Op: "lock", Path: dir, Err: err}
		}
		time.Sleep(time.Millisecond)
	}
}

// removeStale makes way for a socket at path.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is not a socket, and is not removed: %w", path, unix.EADDRINUSE)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	switch err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err {
	case unix.ECONNREFUSED:
		return os.Remove(path)
	case nil, unix.EAGAIN, unix.EPROTOTYPE: // served, its queue is full, or of another type
		return fmt.Errorf("another process serves %s: %w", path, unix.EADDRINUSE)
	default:
		return fmt.Errorf("%s: who serves it cannot be told: %w", path, err)
	}
}

// remove removes the file if it is still the one that bind made. The socket must
// still be open: that keeps the inode's number from being given to a successor's.
func (s *socketFile) remove() error {
	now, err := os.Lstat(s.path)
	if err != nil || s.made == nil || !os.SameFile(s.made, now) {
		return nil // gone, or someone else's
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, syscall.ENOENT) {
		return err
	}
	return nil
}
