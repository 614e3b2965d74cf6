//go:build linux

package epoll

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

// Keep-alive and user timeout of connections to servers, and keep-alive of
// clients' connections, in seconds.
const (
	serverKeepAlive = 30
	clientKeepAlive = 300
)

// unixRetry is the pause between two attempts to connect to a Unix socket whose
// queue is full: the kernel does not tell when it has room again.
const unixRetry = 10 * time.Millisecond

// Dial implements ioloop.Loop.
func (l *Loop) Dial(address string, timeout time.Duration, h ioloop.Handler) {
	l.dial(address, timeout, h, nil)
}

// DialTLS is Dial with TLS, whose handshake is part of what timeout bounds. cfg is
// called on a goroutine other than the loop's, and may block for a moment; what it
// returns names the server. An error of Opened's may be one of crypto/tls.
//
// Where the server asks for certificates in version 1.3, its refusal comes after
// Opened, as Closed's error.
func (l *Loop) DialTLS(address string, timeout time.Duration, cfg func() *tls.Config, h ioloop.Handler) {
	l.dial(address, timeout, h, cfg)
}

func (l *Loop) dial(address string, timeout time.Duration, h ioloop.Handler, secure func() *tls.Config) {
	path, isUnix, err := driver.UnixPath(address)
	switch {
	case err != nil:
		l.fail(h, err)
	case isUnix:
		l.dialUnix(path, timeout, h, secure)
	default:
		l.dialTCP(address, timeout, h, secure)
	}
}

func (l *Loop) dialTCP(address string, timeout time.Duration, h ioloop.Handler, secure func() *tls.Config) {
	to, err := driver.ParseHostPort(address)
	switch {
	case err != nil:
		l.fail(h, err)
	case to.IP.IsValid():
		l.dialTo(netip.AddrPortFrom(to.IP, to.Port), timeout, h, secure)
	default:
		l.lookUp(to.Host, to.Port, timeout, h, secure)
	}
}

// lookUp resolves a name on a goroutine of its own, which shutDown waits for.
func (l *Loop) lookUp(host string, port uint16, timeout time.Duration, h ioloop.Handler, secure func() *tls.Config) {
	deadline := l.now.Add(timeout)
	l.work.Go(func() {
		ip, err := driver.Resolve(l.ctx, l.lookup, host, timeout)
		l.mustPost(func() {
			switch left := deadline.Sub(l.now); {
			case l.ctx.Err() != nil:
				h.Opened(nil, ioloop.ErrAborted)
			case err != nil:
				h.Opened(nil, err)
			case left <= 0:
				h.Opened(nil, ioloop.ErrDialTimeout)
			default:
				l.dialTo(netip.AddrPortFrom(ip, port), left, h, secure)
			}
		})
	})
}

// mustPost posts f even if it has to wait until the queue has room, unless the
// loop stops.
func (l *Loop) mustPost(f func()) {
	for !l.Post(f) {
		select {
		case <-l.ctx.Done():
			l.Post(f) // the loop still runs what was posted before it stops
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// fail tells h of a failure later, never from inside Dial.
func (l *Loop) fail(h ioloop.Handler, err error) {
	l.failed = append(l.failed, func() { h.Opened(nil, err) })
	l.After(0, l.tellFailed)
}

func (l *Loop) tellFailed() {
	failed := l.failed
	l.failed = nil
	for _, tell := range failed {
		tell()
	}
}

func (l *Loop) dialTo(ap netip.AddrPort, timeout time.Duration, h ioloop.Handler, secure func() *tls.Config) {
	family, sa, err := sockaddr(ap)
	if err != nil {
		l.fail(h, err)
		return
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		l.fail(h, fmt.Errorf("socket: %w", err))
		return
	}
	tune(fd, serverKeepAlive)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, serverKeepAlive*1000)
	if err := unix.Connect(fd, sa); err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		l.fail(h, err)
		return
	}
	c := &conn{l: l, h: h, fd: fd, state: dialling, secure: secure}
	if err := l.add(c, unix.EPOLLOUT); err != nil {
		_ = unix.Close(fd)
		l.fail(h, err)
		return
	}
	c.timer = l.After(timeout, c.tooLate)
}

func (l *Loop) dialUnix(path string, timeout time.Duration, h ioloop.Handler, secure func() *tls.Config) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		l.fail(h, fmt.Errorf("socket: %w", err))
		return
	}
	c := &conn{l: l, h: h, fd: fd, state: dialling, secure: secure}
	l.enlist(c)
	c.timer = l.After(timeout, c.tooLate)
	l.After(0, func() { c.connectUnix(&unix.SockaddrUnix{Name: path}) })
}

// connectUnix tries to connect, which succeeds or fails at once.
func (c *conn) connectUnix(sa *unix.SockaddrUnix) {
	if c.state != dialling {
		return
	}
	err := unix.Connect(c.fd, sa)
	if err == unix.EAGAIN {
		c.l.After(unixRetry, func() { c.connectUnix(sa) })
		return
	}
	if err == nil {
		err = c.l.control(unix.EPOLL_CTL_ADD, c.fd, unix.EPOLLIN)
	}
	if err != nil {
		c.die(err)
		return
	}
	c.interest = unix.EPOLLIN
	c.connected()
}

// finishDial tells the handler how a TCP dial ended.
func (c *conn) finishDial() {
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err == nil && c.LocalAddr() == c.RemoteAddr() {
		// A port in the ephemeral range where nobody listens: the kernel may
		// choose it as our own.
		err = unix.ECONNREFUSED
	}
	if err != nil {
		c.die(err)
		return
	}
	c.connected()
}

// connected goes on with a socket that is connected.
func (c *conn) connected() {
	if c.secure != nil {
		c.shake()
		return
	}
	c.endDial()
	c.opened()
}

// tooLate ends a dial whose time is over.
func (c *conn) tooLate() {
	if c.state == shaking {
		c.die(fmt.Errorf("%w: %w", ioloop.ErrTLS, ioloop.ErrDialTimeout))
		return
	}
	c.die(ioloop.ErrDialTimeout)
}

func (c *conn) endDial() {
	c.timer.Stop()
	c.timer = nil
}

// opened begins a connection's life.
func (c *conn) opened() {
	c.state = open
	c.watch(unix.EPOLLIN)
	if c.tls != nil && c.state == open {
		c.tls.begin(c)
	}
	if c.state != open {
		c.h.Opened(nil, c.err)
		c.h = nil
		return
	}
	c.h.Opened(c, nil)
	if c.state == open && !c.again && (c.Kept() > 0 || c.eof) {
		c.again = true
		c.l.again = append(c.l.again, c)
	}
}

func tune(fd, keepAlive int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAlive)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, max(1, keepAlive/3))
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3)
}

func sockaddr(ap netip.AddrPort) (family int, sa unix.Sockaddr, err error) {
	addr := ap.Addr().Unmap()
	if addr.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(ap.Port()), Addr: addr.As4()}, nil
	}
	sa6 := &unix.SockaddrInet6{Port: int(ap.Port()), Addr: addr.As16()}
	if zone := addr.Zone(); zone != "" {
		i, err := net.InterfaceByName(zone)
		if err != nil {
			return 0, nil, fmt.Errorf("zone %q of %s: %w", zone, addr, err)
		}
		sa6.ZoneId = uint32(i.Index)
	}
	return unix.AF_INET6, sa6, nil
}
