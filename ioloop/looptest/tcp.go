//go:build unix

package looptest

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// tcpPeer is a Peer on a real TCP socket.
type tcpPeer struct{ *net.TCPConn }

// DialTCP is DialPeer for drivers on real sockets.
func DialTCP(t testing.TB, address string) Peer {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	return tcpPeer{c.(*net.TCPConn)}
}

func (p tcpPeer) Reset() error {
	if err := p.SetLinger(0); err != nil {
		return err
	}
	return p.Close()
}

// RefusingTCP is Refusing for drivers on real sockets: a port that is bound and
// not listened on, so that no one else gets it.
func RefusingTCP(t testing.TB) string {
	t.Helper()
	fd, address := bound(t)
	t.Cleanup(func() { syscall.Close(fd) })
	return address
}

// SilentTCP is Silent for drivers on real sockets: a listener whose queue is
// full, so that the kernel drops further attempts.
func SilentTCP(t testing.TB) string {
	t.Helper()
	fd, address := bound(t)
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 16 {
		c, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("a listener that accepts nothing never gets full")
	return ""
}

// bound is a socket bound to a free port of the loopback address.
func bound(t testing.TB) (fd int, address string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := sa.(*syscall.SockaddrInet4).Port
	return fd, (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String()
}
