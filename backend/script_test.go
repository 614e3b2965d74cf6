package backend

import (
	"container/heap"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"ringmain/ioloop"
)

// script is a loop whose clock and network a test moves by hand.
type script struct {
	t      *testing.T
	now    time.Time
	timers timers
	dials  []ioloop.Handler
	// dialled are the addresses of all dials.
	dialled []string
	node    *Node
	got     map[uint64]string // outcomes by sequence number
}

// wire is the connection that a test plays the server on.
type wire struct {
	s        *script
	h        ioloop.Handler
	sent     string
	buffered int // what the kernel has not taken
	aborted  bool
}

func newScript(t *testing.T) *script {
	s := &script{t: t, now: time.Unix(1000, 0), got: map[uint64]string{}}
	s.node = NewNode(s, &Options{
		Pool: "main", Name: "b", Address: "127.0.0.1:7002", ClientName: "ringmain-x",
		Connect: 500 * time.Millisecond, Request: time.Second, Slow: 30 * time.Second,
		Queue: 1 << 20, Learned: &Facts{}, Fence: &Fence{}, Rand: func() float64 { return 0 },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return s
}

func (s *script) Now() time.Time         { return s.now }
func (s *script) Elapsed() time.Duration { return time.Duration(s.now.UnixNano()) }
func (s *script) AtEnd(func())           {}
func (s *script) Post(f func()) bool     { f(); return true }
func (s *script) Memory() int            { return 0 }
func (s *script) Dial(address string, _ time.Duration, h ioloop.Handler) {
	s.dialled = append(s.dialled, address)
	s.dials = append(s.dials, h)
}

func (s *script) After(d time.Duration, f func()) ioloop.Timer {
	t := &timer{at: s.now.Add(d), f: f}
	heap.Push(&s.timers, t)
	return t
}

// pass lets time go by.
func (s *script) pass(d time.Duration) {
	end := s.now.Add(d)
	for len(s.timers) > 0 && !s.timers[0].at.After(end) {
		t := heap.Pop(&s.timers).(*timer)
		s.now = t.at
		if !t.stopped {
			t.stopped = true
			t.f()
		}
	}
	s.now = end
}

// accept answers the dial under way, or the next one.
func (s *script) accept() *wire {
	s.t.Helper()
	for waited := time.Duration(0); len(s.dials) == 0; waited += minBackoff {
		if waited > maxBackoff {
			s.t.Fatal("no dial is under way")
		}
		s.pass(min(waited, minBackoff))
	}
	w := &wire{s: s, h: s.dials[0]}
	s.dials = s.dials[1:]
	w.h.Opened(w, nil)
	return w
}

// refuse ends the dial under way.
func (s *script) refuse() {
	s.t.Helper()
	s.pass(0)
	h := s.dials[0]
	s.dials = s.dials[1:]
	h.Opened(nil, fmt.Errorf("connection refused"))
}

// ready plays a whole handshake and forgets what was sent.
func (s *script) ready(id int, runID string) *wire {
	s.t.Helper()
	w := s.accept()
	w.handshake(id, runID)
	w.sent = ""
	return w
}

func (w *wire) handshake(id int, runID string) {
	info := "run_id:" + runID + "\r\nredis_version:7.0.15\r\n"
	w.says(fmt.Sprintf("+OK\r\n:%d\r\n$%d\r\n%s\r\n", id, len(info), info))
}

func (w *wire) says(b string) {
	w.s.t.Helper()
	if n := w.h.Data([]byte(b)); n != len(b) {
		w.s.t.Fatalf("%d of %d bytes are consumed", n, len(b))
	}
	w.settle()
}

// settle tells of an abort, as a driver does later in the iteration.
func (w *wire) settle() {
	if w.aborted && w.h != nil {
		h := w.h
		w.h = nil
		h.Closed(ioloop.ErrAborted)
	}
}

// breaks ends the connection from outside.
func (w *wire) breaks() {
	h := w.h
	w.h = nil
	h.Closed(io.ErrUnexpectedEOF)
}

func (w *wire) Write(b []byte)     { w.sent += string(b) }
func (w *wire) Buffered() int      { return w.buffered }
func (w *wire) Kept() int          { return 0 }
func (w *wire) Pause()             {}
func (w *wire) Resume()            {}
func (w *wire) CloseAfterFlush()   {}
func (w *wire) Abort()             { w.aborted = true }
func (w *wire) RemoteAddr() string { return "server" }
func (w *wire) LocalAddr() string  { return "here" }

// Reply and Failed make the script a Receiver.
func (s *script) Reply(seq uint64, b []byte, last bool) {
	s.got[seq] += string(b)
	if last {
		s.got[seq] += "."
	}
}
func (s *script) Failed(seq uint64, f *Failure) { s.got[seq] += "!" + f.Text }

// outcome takes what has come for a request.
func (s *script) outcome(seq uint64) string {
	out := s.got[seq]
	delete(s.got, seq)
	return out
}

func (s *script) expect(seq uint64, want string) {
	s.t.Helper()
	if got := s.outcome(seq); got != want {
		s.t.Errorf("request %d: got %q, want %q", seq, got, want)
	}
}

type timer struct {
	at      time.Time
	f       func()
	stopped bool
}

func (t *timer) Stop() bool {
	was := !t.stopped
	t.stopped = true
	return was
}

type timers []*timer

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h timers) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timers) Push(x any)        { *h = append(*h, x.(*timer)) }
func (h *timers) Pop() any {
	t := (*h)[len(*h)-1]
	*h = slices.Delete(*h, len(*h)-1, len(*h))
	return t
}
