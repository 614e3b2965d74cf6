package simtest

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// torture multiplies the seeds of a test.
func torture() bool { return os.Getenv("RINGMAIN_TORTURE") != "" }

// budget is how many seeds a test runs: ci, or under torture more, and under the
// race detector a part of them.
func budget(ci, more int) int {
	if torture() {
		ci = more
	}
	return max(1, ci/raceShare)
}

// oneSeed is the seed to replay, and where its trace goes.
func oneSeed(t testing.TB) (seed uint64, trace io.Writer, replay bool) {
	text := os.Getenv("RINGMAIN_SEED")
	if text == "" {
		return 0, nil, false
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("RINGMAIN_SEED: %v", err)
	}
	return seed, os.Stderr, true
}

// explore calls run for the seeds from 1 to n, on all CPUs, and fails the test
// with the lowest seed whose run returns an error. run must share nothing with
// its other calls.
func explore(t *testing.T, n int, run func(seed uint64, trace io.Writer) error) {
	t.Helper()
	if seed, trace, replay := oneSeed(t); replay {
		if err := guarded(run, seed, trace); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		return
	}
	began := time.Now()
	if seed, err := firstFailure(n, run); err != nil {
		t.Fatalf("seed %d of %d: %v\nto replay: RINGMAIN_SEED=%d go test -run '^%s$' ./proxy/simtest",
			seed, n, err, seed, t.Name())
	}
	t.Logf("%d seeds in %v", n, time.Since(began).Round(time.Millisecond))
}

// firstFailure runs the seeds from 1 to n, or to the first that fails, and
// returns that; nil if none does.
func firstFailure(n int, run func(uint64, io.Writer) error) (uint64, error) {
	var (
		next  atomic.Uint64
		mu    sync.Mutex
		first uint64
		fault error
		all   sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for seed := next.Add(1); seed <= uint64(n); seed = next.Add(1) {
				err := guarded(run, seed, nil)
				if err == nil {
					continue
				}
				mu.Lock()
				if fault == nil || seed < first {
					first, fault = seed, err
				}
				mu.Unlock()
				next.Store(uint64(n)) // lower seeds are all under way
			}
		})
	}
	all.Wait()
	return first, fault
}

// guarded makes an error of a panic, so that it does not hide its seed.
func guarded(run func(uint64, io.Writer) error, seed uint64, trace io.Writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			stack := make([]byte, 16<<10)
			err = fmt.Errorf("panic: %v\n%s", p, stack[:runtime.Stack(stack, false)])
		}
	}()
	return run(seed, trace)
}

// TestMain lets garbage pile up higher than usual: the heaps here are tiny and
// the allocations many.
func TestMain(m *testing.M) {
	debug.SetGCPercent(1600)
	os.Exit(m.Run())
}
