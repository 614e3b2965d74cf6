package app

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"ringmain/config"
)

// TestTheServiceManagerIsToldOfTheStartOfEveryTurnAndOfTheEnd stands in for systemd.
func TestTheServiceManagerIsToldOfTheStartOfEveryTurnAndOfTheEnd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = manager.Close() }()
	_ = manager.SetReadDeadline(time.Now().Add(30 * time.Second))
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "40000")
	told := func() string {
		b := make([]byte, 100)
		n, err := manager.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	cfg, err := config.Parse("test", []byte("listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\npools: {main: {embedded: 1}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	a := New(cfg, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, context.Background()) }()
	count := map[string]int{}
	for count["READY=1"] == 0 || count["WATCHDOG=1"] < 3 {
		count[told()]++
	}
	cancel()
	for count["STOPPING=1"] == 0 {
		count[told()]++
	}
	if err := <-ended; err != nil || count["READY=1"] != 1 {
		t.Errorf("%v; told: %v", err, count)
	}
}
