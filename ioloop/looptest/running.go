package looptest

import (
	"context"
	"runtime"
	"testing"
	"time"

	"ringmain/ioloop"
)

// Running are loops that run on goroutines of their own: what the harnesses of all
// drivers on real sockets have in common.
type Running struct{ stops map[ioloop.Loop]func() }

// Start runs a loop until Stop, at the latest until the test's cleanup.
func (r *Running) Start(t testing.TB, loop ioloop.Loop, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	if r.stops == nil {
		r.stops = map[ioloop.Loop]func(){}
	}
	r.stops[loop] = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { r.Stop(loop) })
}

// Stop is that of Harness.
func (r *Running) Stop(loop ioloop.Loop) {
	if stop := r.stops[loop]; stop != nil {
		delete(r.stops, loop)
		stop()
	}
}

// Do is that of Harness.
func (r *Running) Do(loop ioloop.Loop, f func()) {
	done := make(chan struct{})
	loop.Post(func() { f(); close(done) })
	<-done
}

// Wait is that of Harness.
func (r *Running) Wait(loop ioloop.Loop, cond func() bool) bool {
	for end := time.Now().Add(Patience); time.Now().Before(end); runtime.Gosched() {
		met := make(chan bool, 1)
		if !loop.Post(func() { met <- cond() }) {
			if r.stops[loop] == nil {
				return cond()
			}
			continue // the queue is full
		}
		if <-met {
			return true
		}
	}
	return false
}
