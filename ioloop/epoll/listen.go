//go:build linux

package epoll

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

// acceptPause is how long accepting rests when the process or the system has run
// out of descriptors or memory.
const acceptPause = 100 * time.Millisecond

// Listener accepts connections and hands them to loops.
type Listener struct {
	address string
	// file is not a net.Listener, which lets nobody wait on its descriptor:
	// accepting with it would register each client with Go's poller.
	file   *os.File
	raw    syscall.RawConn
	socket *socketFile // nil: TCP
	done   chan struct{}
	once   sync.Once
	// stopping is set before the deadline that ends Serve.
	stopping atomic.Bool
}

// Listen binds address: host:port, with the first address of a name, an IPv4 one
// if there is any; or unix: and an absolute path of at most 107 bytes, where the
// socket has mode 0660, and one on which nobody listens any more is replaced. An
// address that is in use gives EADDRINUSE.
func Listen(address string) (*Listener, error) {
	path, isUnix, err := driver.UnixPath(address)
	if err != nil {
		return nil, err
	}
	l := &Listener{address: address, done: make(chan struct{})}
	if isUnix {
		l.file, l.socket, err = listenUnix(path)
	} else {
		l.file, l.address, err = listenTCP(address)
	}
	if err != nil {
		return nil, err
	}
	if l.raw, err = l.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// listenTCP returns the listening socket and its address, with the port the
// system chose.
func listenTCP(address string) (*os.File, string, error) {
	network := "tcp"
	if ap, err := netip.ParseAddrPort(address); err == nil && ap.Addr().Is4() {
		network = "tcp4" // 0.0.0.0 does not mean [::]
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), network, address)
	if err != nil {
		return nil, "", err
	}
	file, err := ln.(*net.TCPListener).File()
	if err = errors.Join(err, ln.Close()); err != nil {
		return nil, "", err
	}
	return file, ln.Addr().String(), nil
}

// Addr is the address that is listened on, with the port the system chose.
func (l *Listener) Addr() string { return l.address }

// Stop ends Serve once it has taken the connections that the kernel has accepted so
// far: closing would reset them. Close is still to be called. Any goroutine may
// call Stop.
func (l *Listener) Stop() error {
	l.stopping.Store(true)
	return l.file.SetReadDeadline(time.Unix(1, 0))
}

// takeRest takes what the kernel has accepted so far.
func (l *Listener) takeRest(take func(*Accepted)) error {
	for {
		var fd int
		err := l.raw.Control(func(listenFD uintptr) { fd = l.acceptNow(int(listenFD)) })
		if err != nil || fd < 0 {
			return err
		}
		take(&Accepted{fd: fd, tcp: l.socket == nil})
	}
}

// acceptNow is a connection that waits to be accepted, -1 if there is none.
func (l *Listener) acceptNow(listenFD int) int {
	for {
		fd, _, err := unix.Accept4(listenFD, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			return fd
		case err != unix.EINTR && err != unix.ECONNABORTED && !transient(err):
			return -1
		}
	}
}

// Close ends Serve, and removes a Unix socket's file if it is still this
// listener's. It may be called from any goroutine, and again, which does nothing.
func (l *Listener) Close() (err error) {
	l.once.Do(func() {
		close(l.done)
		if l.socket != nil {
			err = l.socket.remove()
		}
		err = errors.Join(err, l.file.Close())
	})
	return err
}

// Serve calls take for each new connection until Stop or Close, and returns nil
// then.
// take owns the connection and must not block. pausing is called, with the
// reason, each time accepting has to rest.
func (l *Listener) Serve(take func(*Accepted), pausing func(error)) error {
	for {
		var fd int
		var err error
		readErr := l.raw.Read(func(listenFD uintptr) bool {
			fd, _, err = unix.Accept4(int(listenFD), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			return err != unix.EAGAIN
		})
		switch {
		case readErr != nil && l.stopping.Load() && errors.Is(readErr, os.ErrDeadlineExceeded):
			return l.takeRest(take)
		case readErr != nil: // closed
			select {
			case <-l.done:
				return nil
			default:
				return fmt.Errorf("accept on %s: %w", l.Addr(), readErr)
			}
		case err == nil:
			take(&Accepted{fd: fd, tcp: l.socket == nil})
		case exhausted(err):
			pausing(err)
			l.rest()
		case err == unix.EINTR || err == unix.ECONNABORTED || transient(err):
		default:
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
	}
}

func exhausted(err error) bool {
	return err == unix.EMFILE || err == unix.ENFILE || err == unix.ENOBUFS || err == unix.ENOMEM
}

// transient errors belong to the connection that would have been accepted
// (accept(2), "Error handling").
func transient(err error) bool {
	switch err {
	case unix.ENETDOWN, unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET,
		unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH, unix.EPERM, unix.ETIMEDOUT:
		return true
	}
	return false
}

func (l *Listener) rest() {
	t := time.NewTimer(acceptPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.done:
	}
}

// Accepted is a connection that no loop has yet. One of its methods is called,
// once.
type Accepted struct {
	fd  int
	tcp bool
	tls *session // nil: none
}

// RemoteAddr is where the client is, for people to read.
func (a *Accepted) RemoteAddr() string { return addressOf(a.fd, unix.Getpeername, true) }

// Attach gives the connection to a loop. It reports false, with the connection
// closed, if the loop takes no more.
func (a *Accepted) Attach(l *Loop, h ioloop.Handler) bool {
	l.clients.Add(1)
	if l.Post(func() { l.adopt(a, h) }) {
		return true
	}
	l.clients.Add(-1)
	_ = unix.Close(a.fd)
	return false
}

// Refuse sends what fits of message and closes.
func (a *Accepted) Refuse(message []byte) {
	if a.tls != nil {
		message = a.tls.last(message)
	}
	_, _ = write(a.fd, message)
	_ = unix.Shutdown(a.fd, unix.SHUT_WR)
	_ = unix.Close(a.fd)
}

func (l *Loop) adopt(a *Accepted, h ioloop.Handler) {
	if a.tcp {
		tune(a.fd, clientKeepAlive)
	}
	c := &conn{l: l, h: h, fd: a.fd, tls: a.tls, accepted: true}
	if err := l.add(c, unix.EPOLLIN); err != nil {
		_ = unix.Close(a.fd)
		l.clients.Add(-1)
		h.Opened(nil, err)
		return
	}
	c.opened()
}
