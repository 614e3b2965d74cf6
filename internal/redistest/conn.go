package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Error is an error reply, as the server wrote it.
type Error string

func (e Error) Error() string { return string(e) }

// Conn is a plain RESP2 connection that sends exactly what it is told to: no
// greeting, no retries. That makes it fit for proxies that know few commands,
// and for tests of pipelines. One goroutine may send while another receives.
type Conn struct {
	net.Conn
	r *bufio.Reader
	w *bufio.Writer
}

// Dial connects to addr, host:port or unix:/path. Everything on the connection
// must be over within timeout; zero sets no limit.
func Dial(addr string, timeout time.Duration) (*Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	c, err := net.DialTimeout(network, addr, timeout)
	if err != nil {
		return nil, err
	}
	if timeout > 0 {
		if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return &Conn{Conn: c, r: bufio.NewReaderSize(c, 64<<10), w: bufio.NewWriterSize(c, 64<<10)}, nil
}

// Send queues one command; Flush or Do hands it to the network.
func (c *Conn) Send(args ...any) error {
	fmt.Fprintf(c.w, "*%d\r\n", len(args))
	for _, a := range args {
		s, ok := a.(string)
		if !ok {
			s = fmt.Sprint(a)
		}
		c.w.WriteByte('$')
		c.w.WriteString(strconv.Itoa(len(s)))
		c.w.WriteString("\r\n")
		c.w.WriteString(s)
		if _, err := c.w.WriteString("\r\n"); err != nil {
			return err // bufio keeps the first error for the last write
		}
	}
	return nil
}

// Flush hands the queued commands to the network.
func (c *Conn) Flush() error { return c.w.Flush() }

// Do sends one command and returns its reply as Receive does.
func (c *Conn) Do(args ...any) (any, error) {
	if err := c.Send(args...); err != nil {
		return nil, err
	}
	if err := c.Flush(); err != nil {
		return nil, err
	}
	return c.Receive()
}

// Receive reads one reply: a string, int64, []any, or nil. An error reply is an
// Error; inside an array it is an element.
func (c *Conn) Receive() (any, error) {
	v, err := c.receive()
	if e, ok := v.(Error); ok && err == nil {
		return nil, e
	}
	return v, err
}

func (c *Conn) receive() (any, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, errors.New("empty reply line")
	}
	kind, text := line[0], line[1:]
	switch kind {
	case '+':
		return text, nil
	case '-':
		return Error(text), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reply %q: %w", line, err)
	case kind == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case kind == '$':
		b := make([]byte, n+2)
		_, err := io.ReadFull(c.r, b)
		return string(b[:n]), err
	case kind == '*':
		return c.array(n)
	}
	return nil, fmt.Errorf("reply %q is not RESP2", line)
}

func (c *Conn) array(n int64) (any, error) {
	elements := make([]any, 0, min(n, 1024))
	for range n {
		v, err := c.receive()
		if err != nil {
			return nil, err
		}
		elements = append(elements, v)
	}
	return elements, nil
}
