package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/redistest"
	"ringmain/internal/sentineltest"
)

// connections is how many a server has of Ringmain.
func connections(t *testing.T, s *redistest.Server) int {
	t.Helper()
	list, err := s.Client().ClientList(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(list, " name=ringmain-")
}

func awaitConnections(t *testing.T, s *redistest.Server, want int) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); connections(t, s) != want; <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%d connections, want %d", connections(t, s), want)
		}
	}
}

func TestNoLoopUsesANewPrimaryWhileAnotherUsesTheOldOne(t *testing.T) {
	former, next, sentinel := redistest.Start(t), redistest.Start(t), sentineltest.NewFake(t)
	sentinel.Says("one", former.Addr(), 1, false)
	cfg, err := config.Parse("test", fmt.Appendf(nil, "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\nloops: 2\n"+
		"pools: {main: {discovery: sentinel, sentinel: {addresses: ['%s']}, nodes: [{master: one}]}}\n", sentinel.Address))
	if err != nil {
		t.Fatal(err)
	}
	a := New(cfg, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, context.Background()) }()
	<-a.Ready()
	awaitConnections(t, former, 3) // of each loop, and of the health checks
	release := make(chan struct{})
	a.loops[1].loop.Post(func() { <-release })
	sentinel.Says("one", next.Addr(), 2, true)
	awaitConnections(t, former, 2) // the first loop has left
	for range 100 {
		turned := make(chan struct{})
		if !a.loops[0].loop.Post(func() { close(turned) }) {
			t.Fatal("the loop takes nothing")
		}
		<-turned
		if n := connections(t, next); n != 0 {
			t.Fatalf("the new primary has %d connections already", n)
		}
	}
	close(release)
	awaitConnections(t, next, 3)
	awaitConnections(t, former, 0)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
