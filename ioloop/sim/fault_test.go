package sim_test

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/ioloop/sim"
)

const serverAddress = "10.0.0.1:6379"

// recorder is a handler that notes what it is told and echoes on demand.
type recorder struct {
	conn     ioloop.Conn
	got      []byte
	openErr  error
	half     bool
	closed   bool
	closeErr error
	onData   func(b []byte)
}

func (r *recorder) Opened(c ioloop.Conn, err error) { r.conn, r.openErr = c, err }
func (r *recorder) Drained()                        {}
func (r *recorder) HalfClosed()                     { r.half = true }
func (r *recorder) Closed(err error)                { r.closed, r.closeErr = true, err }
func (r *recorder) Data(b []byte) int {
	r.got = append(r.got, b...)
	if r.onData != nil {
		r.onData(b)
	}
	return len(b)
}

// scene is a proxy loop and a server loop that listens.
type scene struct {
	t        *testing.T
	w        *sim.World
	proxy    *sim.Loop
	server   *sim.Loop
	accepted []*recorder
	onData   func(r *recorder, b []byte)
}

func newScene(t *testing.T, seed int) *scene {
	w := sim.New(uint64(seed))
	s := &scene{t: t, w: w, proxy: w.NewLoop("proxy/0"), server: w.NewLoop(serverAddress)}
	s.listen()
	return s
}

func (s *scene) listen() {
	s.w.Listen(serverAddress, s.server, func() ioloop.Handler {
		r := &recorder{}
		r.onData = func(b []byte) {
			if s.onData != nil {
				s.onData(r, b)
			}
		}
		s.accepted = append(s.accepted, r)
		return r
	})
}

// dial starts a connection from the proxy and does not wait for it.
func (s *scene) dial(timeout time.Duration) *recorder {
	r := &recorder{}
	s.proxy.Post(func() { s.proxy.Dial(serverAddress, timeout, r) })
	return r
}

// connect opens a connection from the proxy.
func (s *scene) connect() (client, server *recorder) {
	s.t.Helper()
	n := len(s.accepted)
	client = s.dial(time.Minute)
	s.wait("the connection is open", func() bool { return client.conn != nil && len(s.accepted) > n })
	s.wait("it is served", func() bool { return s.accepted[n].conn != nil })
	return client, s.accepted[n]
}

func (s *scene) wait(what string, cond func() bool) {
	s.t.Helper()
	if !s.w.RunUntil(cond, time.Minute) {
		s.t.Fatalf("waited in vain until %s", what)
	}
}

// pass lets virtual time pass.
func (s *scene) pass(d time.Duration) { s.w.Run(s.w.Now() + d) }

// eachSeed runs f in worlds of many seeds.
func eachSeed(t *testing.T, f func(s *scene, seed int)) {
	t.Helper()
	seed := 0
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	for n := seeds(100, 5000); seed < n && !t.Failed(); seed++ {
		f(newScene(t, seed), seed)
	}
}

func TestPartitionHoldsBytesOfASenderThatHasClosedMeanwhile(t *testing.T) {
	eachSeed(t, func(s *scene, _ int) {
		client, server := s.connect()
		s.w.Partition("proxy", serverAddress, true)
		client.conn.Write([]byte("a zombie"))
		s.pass(time.Second)
		client.conn.CloseAfterFlush()
		s.wait("the sender has closed", func() bool { return client.closed })
		s.pass(10 * time.Second)
		if len(server.got) > 0 || server.half || client.closeErr != nil {
			t.Fatalf("the partition lets %q through, half %v; the client is closed with %v", server.got, server.half, client.closeErr)
		}
		s.w.Partition("proxy", serverAddress, false)
		s.wait("the end arrives", func() bool { return server.half })
		if string(server.got) != "a zombie" {
			t.Fatalf("got %q", server.got)
		}
	})
}

func TestPartitionMayLetBytesOfAnAbortedConnectionThroughAndKeepsTheirOrder(t *testing.T) {
	const text = "a zombie that is aborted"
	through, lost := 0, 0
	eachSeed(t, func(s *scene, _ int) {
		client, server := s.connect()
		s.w.Partition("proxy", serverAddress, true)
		client.conn.Write([]byte(text))
		s.pass(time.Second)
		client.conn.Abort()
		s.pass(time.Second)
		s.w.Partition("proxy", serverAddress, false)
		s.wait("the reset arrives", func() bool { return server.closed })
		if !bytes.HasPrefix([]byte(text), server.got) || !errors.Is(server.closeErr, syscall.ECONNRESET) {
			t.Fatalf("got %q, closed with %v", server.got, server.closeErr)
		}
		if string(server.got) == text {
			through++
		} else {
			lost++
		}
	})
	if through == 0 || lost == 0 {
		t.Fatalf("%d came through, %d were lost: both must happen", through, lost)
	}
}

func TestPartitionOneWayLeavesTheOtherOpen(t *testing.T) {
	eachSeed(t, func(s *scene, _ int) {
		client, server := s.connect()
		s.w.Partition("proxy", serverAddress, true)
		server.conn.Write(make([]byte, 1000))
		client.conn.Write([]byte("held"))
		s.wait("the open direction delivers", func() bool { return len(client.got) == 1000 })
		s.pass(time.Second)
		if len(server.got) > 0 {
			t.Fatal("the cut direction delivers")
		}
		s.w.Partition("proxy", serverAddress, false)
		s.wait("it delivers after the healing", func() bool { return string(server.got) == "held" })
	})
}

func TestSenderBehindAPartitionOfTheOtherWayStopsWhenItsBuffersAreFull(t *testing.T) {
	eachSeed(t, func(s *scene, _ int) {
		const size, buffer = 256 << 10, 16 << 10
		s.w.SocketBuffer(buffer)
		client, server := s.connect()
		s.w.Partition(serverAddress, "proxy", true)
		client.conn.Write(make([]byte, size))
		s.pass(5 * time.Second)
		if n := client.conn.Buffered(); n != size-buffer {
			t.Fatalf("the kernel took %d bytes, though it has not learned of their arrival", size-n)
		}
		if len(server.got) != buffer {
			t.Fatalf("%d bytes arrived in the open direction", len(server.got))
		}
		s.w.Partition(serverAddress, "proxy", false)
		s.wait("all arrives", func() bool { return len(server.got) == size })
	})
}

func TestDialThroughAPartitionTimesOutAndSucceedsOnceHealed(t *testing.T) {
	eachSeed(t, func(s *scene, seed int) {
		from, to := "proxy", serverAddress
		if seed%2 == 1 {
			from, to = to, from
		}
		s.w.Partition(from, to, true)
		start := s.w.Now()
		short, long := s.dial(500*time.Millisecond), s.dial(time.Minute)
		s.wait("the short one fails", func() bool { return short.openErr != nil })
		if !errors.Is(short.openErr, ioloop.ErrDialTimeout) || s.w.Now()-start < 500*time.Millisecond {
			t.Fatalf("it fails with %v after %v", short.openErr, s.w.Now()-start)
		}
		s.w.Partition(from, to, false)
		s.wait("the long one succeeds", func() bool { return long.conn != nil })
	})
}

func TestPausedHostAcceptsAndBuffersAndServesAfterwards(t *testing.T) {
	eachSeed(t, func(s *scene, _ int) {
		s.server.Pause()
		client := s.dial(time.Second)
		s.wait("the kernel completes the connection", func() bool { return client.conn != nil })
		client.conn.Write([]byte("kept in the buffers"))
		s.pass(5 * time.Second)
		if len(s.accepted) > 0 {
			t.Fatal("a paused loop accepts")
		}
		client.conn.CloseAfterFlush()
		s.pass(5 * time.Second)
		s.server.Resume()
		s.wait("the end is served", func() bool { return len(s.accepted) == 1 && s.accepted[0].half })
		if got := s.accepted[0].got; string(got) != "kept in the buffers" {
			t.Fatalf("got %q", got)
		}
	})
}

func TestPausedHostFillsItsBuffersAndThenTheSenders(t *testing.T) {
	eachSeed(t, func(s *scene, _ int) {
		client, server := s.connect()
		s.server.Pause()
		client.conn.Write(make([]byte, 1<<20))
		s.pass(time.Second)
		if n := client.conn.Buffered(); n < 512<<10 {
			t.Fatalf("only %d bytes are left", n)
		}
		s.server.Resume()
		s.wait("all arrives", func() bool { return len(server.got) == 1<<20 })
	})
}

func TestPauseFromAHandlerHoldsTheOutputOfItsIteration(t *testing.T) {
	eachSeed(t, func(s *scene, _ int) {
		s.onData = func(r *recorder, _ []byte) {
			r.conn.Write([]byte("reply"))
			s.server.Pause()
			s.onData = nil
		}
		client, _ := s.connect()
		client.conn.Write([]byte("x"))
		s.pass(time.Minute)
		if len(client.got) > 0 {
			t.Fatal("the reply of a paused server arrives")
		}
		s.server.Resume()
		s.wait("the reply arrives", func() bool { return string(client.got) == "reply" })
	})
}

func TestCrashEndsConnectionsRefusesDialsAndCallsNoHandler(t *testing.T) {
	eachSeed(t, func(s *scene, seed int) {
		client, server := s.connect()
		server.conn.Write(make([]byte, 1000))
		timer := false
		s.server.After(time.Second, func() { timer = true })
		s.onData = func(*recorder, []byte) { s.server.Crash() }
		if seed%2 == 0 {
			s.server.Crash()
		} else {
			client.conn.Write([]byte("crash"))
		}
		s.wait("the client sees the end", func() bool { return client.closed || client.half })
		refused := s.dial(time.Minute)
		s.wait("a dial is refused", func() bool { return refused.openErr != nil })
		if !errors.Is(refused.openErr, syscall.ECONNREFUSED) {
			t.Fatalf("a dial fails with %v", refused.openErr)
		}
		s.pass(2 * time.Second)
		if server.closed || server.half || timer {
			t.Fatal("the dead process is called")
		}
		s.onData = nil
		s.listen()
		client, server = s.connect()
		client.conn.Write([]byte("hello"))
		s.wait("the next process is served", func() bool { return string(server.got) == "hello" })
	})
}

func TestResetBreaksAConnectionAtBothEnds(t *testing.T) {
	eachSeed(t, func(s *scene, seed int) {
		client, server := s.connect()
		other, _ := s.connect()
		client.conn.Write(make([]byte, 3000))
		if seed%2 == 0 {
			if n := s.w.Reset("proxy", serverAddress); n != 2 {
				t.Fatalf("%d connections are reset", n)
			}
			s.wait("all ends see it", func() bool { return client.closed && server.closed && other.closed })
			if s.w.ResetOne(serverAddress, "proxy") {
				t.Fatal("a broken connection is reset again")
			}
			return
		}
		if !s.w.ResetOne(serverAddress, "proxy") {
			t.Fatal("no connection is found")
		}
		s.wait("one is broken", func() bool { return client.closed || other.closed })
		s.pass(time.Second)
		if client.closed && other.closed {
			t.Fatal("both are broken")
		}
	})
}

func TestSlowLinkDelays(t *testing.T) {
	eachSeed(t, func(s *scene, _ int) {
		client, server := s.connect()
		s.w.Slow("proxy", serverAddress, 10_000)
		start := s.w.Now()
		client.conn.Write([]byte("x"))
		s.wait("it arrives", func() bool { return len(server.got) == 1 })
		if d := s.w.Now() - start; d < 200*time.Millisecond {
			t.Fatalf("it arrives after %v", d)
		}
	})
}

func TestClosingAListenerResetsWhatItsLoopHasNotSeen(t *testing.T) {
	w := sim.New(1)
	server := w.NewLoop(serverAddress)
	closeListener := w.Listen(serverAddress, server, func() ioloop.Handler {
		t.Error("the connection is accepted")
		return &recorder{}
	})
	server.Pause()
	p, err := w.DialPeer("peer", serverAddress)
	if err != nil {
		t.Fatal(err)
	}
	w.Run(w.Now() + time.Second)
	closeListener()
	if _, err := p.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Fatalf("the peer reads %v", err)
	}
	server.Resume()
	w.Run(w.Now() + time.Second)
}
