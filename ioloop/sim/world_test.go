package sim_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"ringmain/ioloop/sim"
)

// story is a run with all kinds of events, as a trace.
func story(t *testing.T, seed int, trace bool) (text []byte, end time.Duration, draw uint64) {
	s := newScene(t, seed)
	var out bytes.Buffer
	if trace {
		s.w.Trace(&out)
	}
	s.onData = func(r *recorder, b []byte) { r.conn.Write(b) }
	for i := range 5 {
		client, _ := s.connect()
		for range 20 {
			client.conn.Write(make([]byte, s.w.Rand().IntN(5000)))
			s.pass(time.Duration(s.w.Rand().Int64N(1e6)))
		}
		switch i {
		case 1:
			s.w.Partition(serverAddress, "proxy", true)
		case 2:
			s.w.Partition(serverAddress, "proxy", false)
			s.w.Reset("proxy", serverAddress)
		case 3:
			s.server.Crash()
			s.listen()
		}
		if i == 1 {
			client.conn.Abort()
			s.pass(time.Second)
			s.w.Partition(serverAddress, "proxy", false)
		}
	}
	s.pass(time.Second)
	return out.Bytes(), s.w.Now(), s.w.Rand().Uint64()
}

func TestSameSeedIsTheSameRun(t *testing.T) {
	for seed := range seeds(20, 500) {
		a, endA, drawA := story(t, seed, true)
		b, endB, drawB := story(t, seed, true)
		if !bytes.Equal(a, b) || endA != endB || drawA != drawB {
			t.Fatalf("seed %d: two runs differ", seed)
		}
		if lines := bytes.Count(a, []byte("\n")); lines < 100 {
			t.Fatalf("seed %d: a trace of %d lines", seed, lines)
		}
		if _, endC, drawC := story(t, seed, false); endC != endA || drawC != drawA {
			t.Fatalf("seed %d: tracing changes the run", seed)
		}
	}
	a, _, _ := story(t, 1, true)
	b, _, _ := story(t, 2, true)
	if bytes.Equal(a, b) {
		t.Fatal("two seeds give the same run")
	}
}

func TestRunStopsTheClockWhereItIsTold(t *testing.T) {
	w := sim.New(1)
	l := w.NewLoop("a")
	var calls []time.Duration
	for _, d := range []time.Duration{10 * time.Second, 20 * time.Second} {
		l.After(d, func() { calls = append(calls, w.Now().Truncate(time.Second)) })
	}
	w.Run(15 * time.Second)
	if w.Now() != 15*time.Second || !slices.Equal(calls, []time.Duration{10 * time.Second}) {
		t.Fatalf("at %v the calls are %v", w.Now(), calls)
	}
	if w.RunUntil(func() bool { return len(calls) == 2 }, time.Second) || w.Now() != 16*time.Second {
		t.Fatalf("RunUntil overshoots: %v at %v", calls, w.Now())
	}
	if !w.RunUntil(func() bool { return len(calls) == 2 }, time.Minute) {
		t.Fatal("the second timer is never called")
	}
	for w.Step() {
	}
	if w.Step() {
		t.Fatal("something is left to happen")
	}
}

func TestHandlerThatHoldsOnToItsInputIsFoundOut(t *testing.T) {
	eachSeed(t, func(s *scene, _ int) {
		var held []byte
		s.onData = func(_ *recorder, b []byte) { held = b }
		client, server := s.connect()
		client.conn.Write([]byte("precious"))
		s.wait("it arrives", func() bool { return len(server.got) == 8 })
		if bytes.HasSuffix([]byte("precious"), held) {
			t.Fatal("the bytes outlive the call")
		}
	})
}
