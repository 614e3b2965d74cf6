package app

import (
	"context"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// drain lets the clients have what they are owed: for drain.delay nothing changes
// but readiness, so that whoever balances load can turn away; then no more clients
// are taken, and each ends as soon as it has its replies. It returns when all are
// gone, at the latest after drain.timeout or when atOnce ends.
func (a *App) drain(atOnce context.Context) {
	a.admin.SetDraining()
	a.log.Info("stopping", "clients", a.clients(), "delay", a.cfg.Drain.Delay, "timeout", a.cfg.Drain.Timeout)
	a.notify(daemon.SdNotifyStopping)
	begin := time.Now()
	sleep(atOnce, time.Duration(a.cfg.Drain.Delay))
	a.stopListening()
	ctx, cancel := context.WithTimeout(atOnce, time.Duration(a.cfg.Drain.Timeout))
	defer cancel()
	gone := make(chan struct{})
	a.drainLoops(ctx, gone)
	select {
	case <-gone:
	case <-ctx.Done():
		why := "drain.timeout is over"
		if atOnce.Err() != nil {
			why = "it was asked to stop at once"
		}
		a.log.Warn("some clients are closed before they have their replies", "why", why, "clients", a.clients(), "after", time.Since(begin))
		return
	}
	a.log.Info("all clients are gone", "after", time.Since(begin))
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stopListening has the loops take the clients that the system has accepted, and
// no others.
func (a *App) stopListening() {
	for i, l := range a.listeners {
		if err := l.Stop(); err != nil {
			a.log.Warn("clients that are just connecting may be reset", "address", l.Addr(), "cause", err)
			continue
		}
		<-a.accepting[i]
	}
	a.handshakes.finish()
	for _, l := range a.listeners {
		if err := l.Close(); err != nil {
			a.log.Warn("closing a listener", "address", l.Addr(), "cause", err)
		}
	}
}

// drainLoops ends the loops' clients, and closes gone when none is left.
func (a *App) drainLoops(ctx context.Context, gone chan struct{}) {
	var left sync.WaitGroup
	for _, w := range a.loops {
		left.Add(1)
		a.work.Go(func() {
			if !post(ctx, w.loop, func() { w.core.Drain(left.Done) }) {
				left.Done() // it is too late to wait for anybody
			}
		})
	}
	a.work.Go(func() {
		left.Wait()
		close(gone)
	})
}

// postAgain is how long to wait for a loop that has no room for a call.
const postAgain = 5 * time.Millisecond

// post has f called on a loop, also if that has no room at first. It reports false
// if it had none until ctx ended.
func post(ctx context.Context, loop interface{ Post(func()) bool }, f func()) bool {
	for !loop.Post(f) {
		sleep(ctx, postAgain)
		if ctx.Err() != nil {
			return false
		}
	}
	return true
}
