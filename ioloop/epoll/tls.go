//go:build linux

package epoll

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"ringmain/ioloop"
	"ringmain/ioloop/driver"
)

// encryptAhead is how much is encrypted before the kernel was offered what was
// encrypted earlier.
const encryptAhead = 64 << 10

// maxOwn bounds what TLS itself has to say to a peer that does not read: one that asks
// for new keys again and again has an answer to each.
const maxOwn = 16 << 10

var errOwn = errors.New("the peer makes TLS answer, and reads none of it")

// session is the TLS of a connection. Hands are shaken on a goroutine of their own,
// because crypto/tls blocks there and the sums take long; from then on the loop has
// it, and nothing in it blocks.
type session struct {
	*tls.Conn
	wire     wire
	plain    driver.Output // what is yet to be encrypted
	notified bool          // close_notify is in the connection's output
	// Of the connection's output, since it was empty last: how many bytes of the
	// handler's are in it, and how many bytes the kernel has taken.
	ahead, sent int
}

// unsent is what Buffered tells: handler's bytes that the kernel has not taken. It is
// never too many: what is encrypted is longer than what was to be, so that what the
// kernel took may stand for as much.
func (s *session) unsent(out *driver.Output) int {
	left := max(0, s.ahead-s.sent)
	if left == 0 && s.ahead > 0 && out.Size() > s.wire.own {
		left = 1 // the end of a record is missing, and without it the rest is worth nothing
	}
	return left + s.plain.Size()
}

// noteSent notes that the kernel took n bytes of the output.
func (s *session) noteSent(n int, out *driver.Output) {
	if s.sent += n; out.Size() == 0 {
		s.ahead, s.sent, s.wire.own = 0, 0, 0
	}
}

// wire is what crypto/tls takes for the network.
type wire struct {
	socket *os.File // while hands are shaken: its reads and writes block
	// From then on:
	in      []byte // what the loop has read
	eof     bool
	out     *driver.Output // the connection's
	buffers *driver.Buffers
	// own is how many bytes at the end of out are neither the handler's nor their
	// wrapping; they come while nothing is encrypted.
	own        int
	encrypting bool
}

// noMore tells crypto/tls that what was read is used up. To it that is a deadline that
// has passed, after which a read may be tried again.
type noMore struct{}

func (noMore) Error() string   { return "no more input for the moment" }
func (noMore) Timeout() bool   { return true }
func (noMore) Temporary() bool { return true }

func (w *wire) Read(b []byte) (int, error) {
	switch {
	case w.socket != nil:
		return w.socket.Read(b)
	case len(w.in) > 0:
		n := copy(b, w.in)
		w.in = w.in[n:]
		return n, nil
	case w.eof:
		return 0, io.EOF
	}
	return 0, noMore{}
}

func (w *wire) Write(b []byte) (int, error) {
	if w.socket != nil {
		return w.socket.Write(b)
	}
	w.out.Append(w.buffers, b)
	if !w.encrypting {
		w.own += len(b)
	}
	return len(b), nil
}

func (w *wire) Close() error {
	if w.socket != nil {
		return w.socket.Close()
	}
	return nil
}

func (w *wire) LocalAddr() net.Addr                { return &net.TCPAddr{} }
func (w *wire) RemoteAddr() net.Addr               { return &net.TCPAddr{} }
func (w *wire) SetDeadline(time.Time) error        { return nil }
func (w *wire) SetReadDeadline(time.Time) error    { return nil }
func (w *wire) SetWriteDeadline(t time.Time) error { return nil }

// forHandshake is the socket fd as a file of its own, on which goroutines can block.
// fd must not be closed meanwhile: its number could be another connection's.
func forHandshake(fd int) (*os.File, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("dup: %w", err)
	}
	return os.NewFile(uintptr(own), "socket"), nil
}

// shakeHands makes TLS of a socket, and closes the file. It blocks, at most until ctx
// ends.
func shakeHands(ctx context.Context, file *os.File, cfg *tls.Config, role func(net.Conn, *tls.Config) *tls.Conn) (*session, error) {
	s := &session{wire: wire{socket: file}}
	defer func() { _ = file.Close(); s.wire.socket = nil }()
	s.Conn = role(&s.wire, cfg)
	if err := s.HandshakeContext(ctx); err != nil {
		driver.RefuseTLS(socket{file}, err)
		return nil, reason(err)
	}
	return s, nil
}

// socket is a file that is one.
type socket struct{ *os.File }

func (s socket) CloseWrite() error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
}

// reason is an error without the name of the file that the socket is to Go.
func reason(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// begin gives the session to the loop. What came right behind the handshake is kept
// for the handler.
func (s *session) begin(c *conn) {
	s.wire.out, s.wire.buffers = &c.out, &c.l.buffers
	plain, err := c.decrypt(nil)
	if len(plain) > 0 {
		c.keep(plain)
	}
	switch err {
	case nil:
	case io.EOF:
		c.eof = true
	default:
		c.die(err)
	}
}

// decrypt returns what TLS makes of b and of what it had before. The result is valid
// until the next call for any connection of the loop.
func (c *conn) decrypt(b []byte) (plain []byte, err error) {
	l, s := c.l, c.tls
	if l.plainBuf == nil {
		l.plainBuf = make([]byte, 2*readSize)
	}
	s.wire.in = b
	n := 0
	for {
		if n == len(l.plainBuf) {
			l.plainBuf = append(l.plainBuf, make([]byte, readSize)...)
		}
		m, err := s.Read(l.plainBuf[n:])
		n += m
		if err == nil {
			continue
		}
		s.wire.in = nil
		if c.out.Size() > 0 {
			c.markDirty() // TLS itself has something to say
		}
		if errors.As(err, new(noMore)) {
			err = nil
		}
		if err == nil && s.wire.own > maxOwn {
			err = errOwn
		}
		return l.plainBuf[:n], err
	}
}

// readTLS reads once and hands over what TLS makes of it.
func (c *conn) readTLS() {
	n, errno := read(c.fd, c.l.readBuf[:])
	switch {
	case errno == unix.EAGAIN:
		return
	case errno != 0:
		c.die(errno)
		return
	case n == 0:
		c.tls.wire.eof = true
	}
	plain, err := c.decrypt(c.l.readBuf[:n])
	if len(plain) > 0 {
		c.take(plain)
	}
	switch {
	case c.state >= dead || err == nil:
	case err == io.EOF:
		c.eof = true
		c.watch(c.interest &^ unix.EPOLLIN)
		c.afterData()
	case c.state == open:
		c.die(err)
	}
}

// take hands over b, which belongs behind what is kept.
func (c *conn) take(b []byte) {
	if c.Kept() > 0 {
		c.keep(b)
		c.deliver()
		return
	}
	if used := c.data(b); used < len(b) && c.state == open {
		c.keep(b[used:])
	}
	c.afterData()
}

// keep adds b to what is kept.
func (c *conn) keep(b []byte) {
	switch {
	case c.in == nil:
		c.in = c.l.buffers.Get(len(b))
	case cap(c.in)-len(c.in) < len(b):
		c.growInput(len(b))
	}
	c.in = append(c.in, b...)
}

// encrypt fills the output with what is to be sent, and with the end of the stream
// when that is due.
func (c *conn) encrypt() {
	s := c.tls
	s.wire.encrypting = true
	for s.plain.Size() > 0 && c.out.Size() < encryptAhead {
		b := s.plain.First()
		n, err := s.Write(b)
		if err != nil {
			c.die(err)
			return
		}
		s.ahead += n
		s.plain.Drop(&c.l.buffers, n)
	}
	s.wire.encrypting = false
	if c.state == flushing && s.plain.Size() == 0 && !s.notified {
		s.notified = true
		_ = s.CloseWrite() // which only writes close_notify
	}
}

// shake makes TLS of a connection that was dialled. Nothing is watched for
// meanwhile; the dial's timer goes on.
func (c *conn) shake() {
	file, err := forHandshake(c.fd)
	if err != nil {
		c.die(err)
		return
	}
	if err := c.l.control(unix.EPOLL_CTL_DEL, c.fd, 0); err != nil {
		_ = file.Close()
		c.die(err)
		return
	}
	c.state, c.interest = shaking, 0
	ctx, cancel := context.WithCancel(c.l.ctx)
	c.cancel = cancel
	c.l.work.Go(func() {
		s, err := shakeHands(ctx, file, c.secure(), tls.Client)
		c.l.mustPost(func() { c.shaken(s, err) })
	})
}

// shaken begins the connection's life, unless that has ended already.
func (c *conn) shaken(s *session, err error) {
	if c.state != shaking {
		return
	}
	switch {
	case c.l.ctx.Err() != nil:
		err = ioloop.ErrAborted
	case err != nil:
		err = fmt.Errorf("%w: %w", ioloop.ErrTLS, err)
	default:
		err = c.l.control(unix.EPOLL_CTL_ADD, c.fd, unix.EPOLLIN)
	}
	if err != nil {
		c.die(err)
		return
	}
	c.interest = unix.EPOLLIN
	c.tls = s
	c.cancel() // it is over, and would be remembered until the loop ends
	c.cancel, c.secure = nil, nil
	c.endDial()
	c.opened()
}

// Handshake makes TLS of the connection, as its server. It blocks until ctx ends at
// the latest, on any goroutine but a loop's; then Attach or Refuse is to be called.
// After an error the connection is closed, and nothing else may be called.
func (a *Accepted) Handshake(ctx context.Context, cfg *tls.Config) error {
	file, err := forHandshake(a.fd)
	var s *session
	if err == nil {
		s, err = shakeHands(ctx, file, cfg, tls.Server)
	}
	if err != nil {
		_ = unix.Close(a.fd)
		return err
	}
	a.tls = s
	return nil
}

// last is text as TLS sends it, for a connection that no loop gets.
func (s *session) last(text []byte) []byte {
	out := &driver.Output{}
	s.wire.out, s.wire.buffers = out, &driver.Buffers{}
	_, _ = s.Write(text)
	_ = s.CloseWrite()
	return out.First() // a line is less than a chunk
}
