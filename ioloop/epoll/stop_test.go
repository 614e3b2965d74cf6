//go:build linux

package epoll

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAListenerThatStopsTakesWhomTheKernelHasAccepted(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	const clients = 20
	for range clients {
		c, err := net.DialTimeout("tcp", l.Addr(), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	taken := 0
	err = l.Serve(func(a *Accepted) {
		taken++
		_ = unix.Close(a.fd)
	}, func(error) {})
	if err != nil || taken != clients {
		t.Errorf("%d of %d clients are taken, %v", taken, clients, err)
	}
}
