package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/dnstest"
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

func TestNoLoopPlacesKeysByANewListWhileAnotherSendsByTheOldOne(t *testing.T) {
	first, dns := redistest.Start(t), dnstest.Start(t)
	_, port, _ := net.SplitHostPort(first.Addr())
	second := redistest.Start(t)
	relay, err := redistest.NewRelayAt("127.0.0.2:"+port, second.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	dns.Says("cache.test", "127.0.0.1")
	cfg, err := config.Parse("test", fmt.Appendf(nil, "listeners: [{address: '127.0.0.1:0'}]\nadmin: {address: ''}\nloops: 2\n"+
		"pools: {main: {discovery: dns, dns: {server: '%s', interval: 1s}, nodes: ['cache.test:%s']}}\n", dns.Addr, port))
	if err != nil {
		t.Fatal(err)
	}
	a := New(cfg, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, context.Background()) }()
	<-a.Ready()
	awaitConnections(t, first, 3) // of each loop, and of the health checks
	release := make(chan struct{})
	a.loops[1].loop.Post(func() { <-release })
	dns.Says("cache.test", "127.0.0.2")
	awaitConnections(t, first, 2) // nobody probes it any more, so the first step is under way
	for range 100 {
		turned := make(chan struct{})
		if !a.loops[0].loop.Post(func() { close(turned) }) {
			t.Fatal("the loop takes nothing")
		}
		<-turned
		if n := connections(t, second); n != 0 {
			t.Fatalf("the server that comes has %d connections already", n)
		}
	}
	close(release)
	awaitConnections(t, second, 3)
	awaitConnections(t, first, 0)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
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
