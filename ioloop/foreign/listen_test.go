//go:build unix

package foreign

import (
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"

	"ringmain/ioloop/looptest"
)

func TestAListenerThatStopsTakesWhomTheSystemHasAccepted(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const clients = 20
	for range clients {
		looptest.DialTCP(t, l.Addr())
	}
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	taken := 0
	err = l.Serve(func(a *Accepted) { taken++; a.Refuse(nil) }, func(err error) { t.Error(err) })
	if err != nil || taken != clients {
		t.Errorf("%d of %d clients are taken, %v", taken, clients, err)
	}
}

func TestAClientThatIsRefusedReadsWhy(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		served <- l.Serve(func(a *Accepted) { a.Refuse([]byte("-ERR no\r\n")) }, func(error) {})
	}()
	if b, err := io.ReadAll(looptest.DialTCP(t, l.Addr())); string(b) != "-ERR no\r\n" || err != nil {
		t.Errorf("it reads %q, %v", b, err)
	}
	_ = l.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestAUnixSocketIsPrivateAndAStaleOneIsReplaced(t *testing.T) {
	path := looptest.SocketPath(t)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close()
	l, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Listen("unix:" + path); err == nil || !strings.Contains(err.Error(), "another process serves") {
		t.Errorf("a second listener: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket's file is left")
	}
}
