//go:build unix

package redistest_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// gross is a deadline that only a defect reaches.
const gross = 20 * time.Second

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(gross)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v, want %q", b, err, want)
	}
}

func link(t *testing.T, r *redistest.Relay, n int) *redistest.Link {
	t.Helper()
	l, err := r.Await(n, gross)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestARelayPassesBothDirections(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	c := dial(t, r.Addr())
	send(t, c, "PING\r\nECHO hi\r\n")
	expect(t, c, "+PONG\r\n$2\r\nhi\r\n")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the end: %d bytes, %v", n, err)
	}
	<-link(t, r, 0).Done()
}

// A held write is delivered after its sender has gone, and overwrites what was
// acknowledged in between: the very thing that proxies must guard against.
func TestAHeldWriteIsDeliveredAfterItsSenderHasGone(t *testing.T) {
	for name, leave := range map[string]func(*net.TCPConn) error{
		"close": (*net.TCPConn).Close,
		"reset": func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := redistest.Start(t)
			r := redistest.StartRelay(t, s.Addr())
			c := dial(t, r.Addr())
			send(t, c, "PING\r\n")
			expect(t, c, "+PONG\r\n")
			l := link(t, r, 0)
			l.Hold(redistest.ToServer)
			send(t, c, "SET k old\r\n")
			eventually(t, "the write is held", func() bool { return l.Held(redistest.ToServer) == 11 })
			if err := leave(c); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the relay sees the sender go", func() bool { return l.Ended(redistest.ToServer) })
			do(t, s, "SET", "k", "new")
			if got := do(t, s, "GET", "k"); got != "new" {
				t.Fatalf("k is %v while the old write is held", got)
			}
			l.Release(redistest.ToServer)
			eventually(t, "the held write shows", func() bool { return do(t, s, "GET", "k") == "old" })
		})
	}
}

func TestAKilledConnectionsHeldWriteIsNeverExecuted(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	c := dial(t, r.Addr())
	send(t, c, "CLIENT ID\r\n")
	reply, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	l := link(t, r, 0)
	l.Hold(redistest.ToServer)
	send(t, c, "SET k old\r\n")
	eventually(t, "the write is held", func() bool { return l.Held(redistest.ToServer) > 0 })
	c.Close()
	do(t, s, "CLIENT", "KILL", "ID", reply[1:len(reply)-2])
	do(t, s, "SET", "k", "new")
	l.Release(redistest.ToServer)
	<-l.Done()
	if got := do(t, s, "GET", "k"); got != "new" {
		t.Errorf("k is %v, want new", got)
	}
}

func TestRepliesCanBeHeldAlone(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	r.HoldNew(redistest.ToClient, true)
	c := dial(t, r.Addr())
	send(t, c, "SET k v\r\n")
	l := link(t, r, 0)
	eventually(t, "the reply is held", func() bool { return l.Held(redistest.ToClient) == 5 })
	if got := do(t, s, "GET", "k"); got != "v" {
		t.Errorf("k is %v, want v", got)
	}
	l.Release(redistest.ToClient)
	expect(t, c, "+OK\r\n")
}

func TestADelayPutsOffEveryByteThatLong(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	c := dial(t, r.Addr())
	const delay = 60 * time.Millisecond
	link(t, r, 0).Delay(redistest.ToServer, delay)
	for range 2 {
		start := time.Now()
		send(t, c, "PING\r\n")
		expect(t, c, "+PONG\r\n")
		if took := time.Since(start); took < delay {
			t.Errorf("the reply came after %v, want at least %v", took, delay)
		}
	}
}

func TestCutEndsAndResetBreaksAConnection(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	for i, end := range []func(*redistest.Link){(*redistest.Link).Cut, (*redistest.Link).Reset} {
		c := dial(t, r.Addr())
		send(t, c, "PING\r\n")
		expect(t, c, "+PONG\r\n")
		l := link(t, r, i)
		end(l)
		_, err := c.Read(make([]byte, 1))
		if want := []error{io.EOF, syscall.ECONNRESET}[i]; !errors.Is(err, want) {
			t.Errorf("the client saw %v, want %v", err, want)
		}
		<-l.Done()
	}
}

func TestARelayThatIsDownRefusesUntilItIsUp(t *testing.T) {
	s := redistest.Start(t)
	r := redistest.StartRelay(t, s.Addr())
	old := dial(t, r.Addr())
	link(t, r, 0)
	r.Down()
	if _, err := old.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the open connection saw %v", err)
	}
	if _, err := net.Dial("tcp", r.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection saw %v", err)
	}
	if err := r.Up(); err != nil {
		t.Fatal(err)
	}
	c := dial(t, r.Addr())
	send(t, c, "PING\r\n")
	expect(t, c, "+PONG\r\n")
}
