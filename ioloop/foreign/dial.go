package foreign

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

// How long connections may be idle before they are probed.
const (
	serverKeepAlive = 30 * time.Second
	clientKeepAlive = 300 * time.Second
)

func keepAlive(idle time.Duration) net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: idle, Interval: idle / 3, Count: 3}
}

// Dial implements ioloop.Loop.
func (l *Loop) Dial(address string, timeout time.Duration, h ioloop.Handler) {
	l.dial(address, timeout, h, nil)
}

// DialTLS is Dial with TLS, whose handshake is part of what timeout bounds. cfg is
// called on a goroutine other than the loop's, and may block for a moment; what it
// returns names the server.
//
// Where the server asks for certificates in version 1.3, its refusal comes after
// Opened, as Closed's error.
func (l *Loop) DialTLS(address string, timeout time.Duration, cfg func() *tls.Config, h ioloop.Handler) {
	l.dial(address, timeout, h, cfg)
}

func (l *Loop) dial(address string, timeout time.Duration, h ioloop.Handler, secure func() *tls.Config) {
	path, isUnix, err := driver.UnixPath(address)
	var to driver.HostPort
	if err == nil && !isUnix {
		to, err = driver.ParseHostPort(address)
	}
	if err != nil {
		l.fail(h, err)
		return
	}
	l.dials.Go(func() {
		ctx, cancel := context.WithTimeout(l.ctx, timeout)
		defer cancel()
		var c net.Conn
		var err error
		if isUnix {
			c, err = new(net.Dialer).DialContext(ctx, "unix", path)
		} else {
			c, err = l.dialTCP(ctx, to, timeout)
		}
		if err == nil && secure != nil {
			c, err = shakeHands(ctx, tls.Client(c, secure()))
		}
		l.tell(func() { l.dialled(c, err, h) })
	})
}

func (l *Loop) dialTCP(ctx context.Context, to driver.HostPort, timeout time.Duration) (net.Conn, error) {
	ip := to.IP
	if !ip.IsValid() {
		var err error
		if ip, err = driver.Resolve(ctx, l.lookup, to.Host, timeout); err != nil {
			return nil, err
		}
	}
	d := &net.Dialer{KeepAliveConfig: keepAlive(serverKeepAlive)}
	c, err := d.DialContext(ctx, "tcp", netip.AddrPortFrom(ip, to.Port).String())
	if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
		err = ioloop.ErrDialTimeout
	}
	return c, err
}

// shakeHands closes c if it fails.
func shakeHands(ctx context.Context, c *tls.Conn) (net.Conn, error) {
	if err := c.HandshakeContext(ctx); err != nil {
		_ = c.NetConn().Close()
		if ctx.Err() == context.DeadlineExceeded {
			err = ioloop.ErrDialTimeout
		}
		return nil, fmt.Errorf("%w: %w", ioloop.ErrTLS, err)
	}
	return c, nil
}

// dialled tells h how a dial has ended.
func (l *Loop) dialled(c net.Conn, err error, h ioloop.Handler) {
	switch {
	case l.ctx.Err() != nil:
		if err == nil {
			_ = socketOf(c).Close()
		}
		h.Opened(nil, ioloop.ErrAborted)
	case err == nil:
		l.begin(c, h, false)
	default:
		h.Opened(nil, err)
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
