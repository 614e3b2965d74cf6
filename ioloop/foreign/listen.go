package foreign

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

const (
	// acceptPause is how long accepting rests after an error, such as that the system
	// has run out of descriptors.
	acceptPause = 100 * time.Millisecond
	// stopTime is how long a listener that stops still takes clients that the system
	// has accepted.
	stopTime = 50 * time.Millisecond
	// refuseTime is how long a client that is not let in may hold up accepting.
	refuseTime = 10 * time.Millisecond
)

// Listener accepts connections and hands them to loops.
type Listener struct {
	address  string
	net      deadliner
	done     chan struct{}
	once     sync.Once
	stopping atomic.Bool
}

type deadliner interface {
	net.Listener
	SetDeadline(time.Time) error
}

// Listen binds address: host:port, with the first address of a name; or unix: and an
// absolute path, where the socket has mode 0660, and one on which nobody listens any
// more is replaced.
func Listen(address string) (*Listener, error) {
	path, isUnix, err := driver.UnixPath(address)
	if err != nil {
		return nil, err
	}
	l := &Listener{address: address, done: make(chan struct{})}
	if isUnix {
		l.net, err = listenUnix(path)
	} else {
		l.net, l.address, err = listenTCP(address)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func listenTCP(address string) (deadliner, string, error) {
	network := "tcp"
	if ap, err := netip.ParseAddrPort(address); err == nil && ap.Addr().Is4() {
		network = "tcp4" // 0.0.0.0 does not mean [::]
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, "", err
	}
	return l.(*net.TCPListener), l.Addr().String(), nil
}

func listenUnix(path string) (deadliner, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if c, err := net.Dial("unix", path); err == nil {
			_ = c.Close()
			return nil, fmt.Errorf("another process serves %s", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l.(*net.UnixListener), nil
}

// Addr is the address that is listened on, with the port the system chose.
func (l *Listener) Addr() string { return l.address }

// Stop ends Serve soon, once it has taken the connections that the system has accepted
// so far. Close is still to be called. Any goroutine may call Stop.
func (l *Listener) Stop() error {
	l.stopping.Store(true)
	return l.net.SetDeadline(time.Now().Add(stopTime))
}

// Close ends Serve. It may be called from any goroutine, and again, which does
// nothing.
func (l *Listener) Close() (err error) {
	l.once.Do(func() {
		close(l.done)
		err = l.net.Close()
	})
	return err
}

// Serve calls take for each new connection until Stop or Close, and returns nil then.
// take owns the connection and must not block. pausing is called, with the reason,
// each time accepting has to rest.
func (l *Listener) Serve(take func(*Accepted), pausing func(error)) error {
	for {
		c, err := l.net.Accept()
		switch {
		case err == nil:
			take(&Accepted{c})
		case l.stopping.Load() && errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return nil
		default:
			pausing(err)
			l.rest()
		}
	}
}

func (l *Listener) rest() {
	t := time.NewTimer(acceptPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.done:
	}
}

// Accepted is a connection that no loop has yet. Attach or Refuse is called, once.
type Accepted struct{ net net.Conn }

// RemoteAddr is where the client is, for people to read.
func (a *Accepted) RemoteAddr() string { return addressOf(a.net, a.net.RemoteAddr, true) }

// Handshake makes TLS of the connection, as its server. It blocks until ctx ends at
// the latest, on any goroutine but a loop's; then Attach or Refuse is to be called.
// After an error the connection is closed, and nothing else may be called.
func (a *Accepted) Handshake(ctx context.Context, cfg *tls.Config) error {
	c := tls.Server(a.net, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		if half, ok := a.net.(driver.HalfCloser); ok {
			driver.RefuseTLS(half, err)
		}
		_ = a.net.Close()
		return err
	}
	a.net = c
	return nil
}

// Attach gives the connection to a loop. It reports false, with the connection
// closed, if the loop takes no more.
func (a *Accepted) Attach(l *Loop, h ioloop.Handler) bool {
	if tcp, ok := socketOf(a.net).(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive(clientKeepAlive))
	}
	l.clients.Add(1)
	if l.Post(func() { l.begin(a.net, h, true) }) {
		return true
	}
	l.clients.Add(-1)
	_ = socketOf(a.net).Close()
	return false
}

// Refuse sends what fits of message and closes.
func (a *Accepted) Refuse(message []byte) {
	_ = a.net.SetWriteDeadline(time.Now().Add(refuseTime))
	_, _ = a.net.Write(message)
	_ = endStream(a.net)
	_ = socketOf(a.net).Close()
}
