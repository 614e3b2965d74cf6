package integration

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"ringmain/resp"
)

// wire is a client's connection on which a test sees each byte. One goroutine
// may send while another receives.
type wire struct {
	stream
	t      testing.TB
	framer resp.Framer
	buf    []byte // received, not taken yet
	reply  []byte // the beginning of the next reply, if the framer has taken it
}

// dial connects to addr for the length of the test; all that is waited for on
// the connection must come within gross.
func dial(t testing.TB, addr string) *wire {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, gross)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &wire{stream: c.(*net.TCPConn), t: t}
}

// stream is a *net.TCPConn, or one with TLS.
type stream interface {
	net.Conn
	CloseWrite() error
	SetReadBuffer(bytes int) error
}

// send sends bytes as they are. It is the test's own goroutine that may call it.
func (w *wire) send(s string) {
	w.t.Helper()
	if err := w.write([]byte(s)); err != nil {
		w.t.Fatalf("sending: %v", err)
	}
}

func (w *wire) write(b []byte) error {
	if err := w.SetWriteDeadline(time.Now().Add(gross)); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// command sends one command as an array.
func (w *wire) command(args ...string) {
	w.t.Helper()
	w.send(array(args...))
}

// do sends one command and returns its reply byte for byte.
func (w *wire) do(args ...string) string {
	w.t.Helper()
	w.command(args...)
	return w.next()
}

// array is a command as clients send it.
func array(args ...string) string { return string(resp.AppendCommand(nil, args...)) }

// next returns the next reply byte for byte.
func (w *wire) next() string {
	w.t.Helper()
	s, err := w.receive()
	if err != nil {
		w.t.Fatalf("receiving: %v (after %q)", err, clip(s))
	}
	return s
}

// replies returns the next n replies.
func (w *wire) replies(n int) []string {
	w.t.Helper()
	out := make([]string, 0, n)
	for range n {
		s, err := w.receive()
		if err != nil {
			w.t.Fatalf("receiving reply %d of %d: %v (after %q)", len(out)+1, n, err, clip(s))
		}
		out = append(out, s)
	}
	return out
}

// receive is next for any goroutine. With an error it returns the bytes that
// came of the reply. A reply that does not come in time is an error too.
func (w *wire) receive() (string, error) {
	for {
		n, done, err := w.framer.Scan(w.buf)
		if err != nil {
			return string(append(w.reply, w.buf...)), err
		}
		w.reply = append(w.reply, w.buf[:n]...)
		w.buf = w.buf[n:]
		if done {
			s := string(w.reply)
			w.reply = w.reply[:0]
			return s, nil
		}
		if err := w.fill(); err != nil {
			return string(w.reply), err
		}
	}
}

func (w *wire) fill() error {
	if err := w.SetReadDeadline(time.Now().Add(gross)); err != nil {
		return err
	}
	b := make([]byte, 64<<10)
	n, err := w.Read(b)
	if n > 0 {
		w.buf, err = b[:n], nil
	}
	return err
}

// rest returns everything up to the end of the stream, which the other side has
// to bring about. A reset counts as the end.
func (w *wire) rest() string {
	w.t.Helper()
	out := append([]byte(nil), w.reply...)
	for {
		out = append(out, w.buf...)
		w.buf = nil
		err := w.fill()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.t.Fatalf("the connection stays open (after %q)", clip(string(out)))
		}
		if err != nil {
			return string(out)
		}
	}
}

// clip shortens a text for a message.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most/2] + "…" + s[len(s)-most/2:]
}

// expect compares two replies.
func expect(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, clip(got), clip(want))
	}
}

// repeat is strings.Repeat with the count first, as it reads in pipelines.
func repeat(n int, s string) string { return strings.Repeat(s, n) }
