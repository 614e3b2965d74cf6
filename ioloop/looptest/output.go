package looptest

import (
	"bytes"
	"crypto/sha256"
	"io"

	"ringmain/ioloop"
)

// tooMuch is more bytes than kernels buffer between two processes.
const tooMuch = 12 << 20

// outputTests: back-pressure, Drained and the accounting of buffers.
var outputTests = []test{
	{"output waits for a peer that does not read, and Drained tells when it has gone", func(e *env) {
		text := pattern(tooMuch)
		client, server := newProbe(e), newProbe(e)
		e.pair(client, server)
		e.do(func() {
			server.pause()
			client.conn.Write(text)
			if n := client.conn.Buffered(); n != len(text) {
				e.Errorf("Buffered is %d before the end of the iteration", n)
			}
		})
		e.wait("the kernel takes some", func() bool { return client.conn.Buffered() < len(text) })
		e.settle()
		e.do(func() {
			if n := client.conn.Buffered(); n <= ioloop.LowWater || n >= len(text) {
				e.Errorf("Buffered is %d while the peer does not read", n)
			}
			if client.drained > 0 {
				e.Error("Drained was called")
			}
			if n := e.loop.Memory(); n < client.conn.Buffered() {
				e.Errorf("Memory is %d", n)
			}
			server.resume()
		})
		e.wait("all arrives", func() bool { return len(server.got) == len(text) })
		e.wait("Drained is called", func() bool { return client.drained > 0 })
		e.do(func() {
			if !bytes.Equal(server.got, text) {
				e.Error("the output is garbled")
			}
			if client.drained != 1 {
				e.Errorf("Drained was called %d times", client.drained)
			}
		})
		noMemory(e)
	}},
	{"Drained comes too when a single flush takes what was above the low-water mark", func(e *env) {
		// Otherwise a handler that stops at a full output would stop for good.
		client, server := newProbe(e), newProbe(e)
		e.pair(client, server)
		for i := 1; i <= 5; i++ {
			e.do(func() { client.conn.Write(make([]byte, ioloop.LowWater+1)) })
			e.wait("Drained is called", func() bool { return client.drained == i })
		}
		e.wait("the output is empty", func() bool { return client.conn.Buffered() == 0 })
		e.do(func() { client.conn.Write(make([]byte, ioloop.LowWater)) })
		e.wait("all arrives", func() bool { return len(server.got) == 6*ioloop.LowWater+5 })
		e.do(func() {
			if client.drained != 5 {
				e.Errorf("Drained was called %d times", client.drained)
			}
		})
	}},
	{"little output never makes Drained come", func(e *env) {
		client, server := newProbe(e), newProbe(e)
		e.pair(client, server)
		for i := 1; i <= 20; i++ {
			e.do(func() { client.conn.Write(make([]byte, 1000)) })
			e.wait("it arrives", func() bool { return len(server.got) == 1000*i })
		}
		e.do(func() {
			if client.drained > 0 {
				e.Error("Drained was called")
			}
		})
		noMemory(e)
	}},
	{"output that is refilled at each Drained goes on to its end", func(e *env) {
		piece := pattern(2 << 20)
		client, server := newProbe(e), newProbe(e)
		const pieces = 4
		sent := 0
		refill := func() {
			if sent < pieces {
				sent++
				client.conn.Write(piece)
			}
		}
		client.onDrain = refill
		sum, want, n := sha256.New(), sha256.New(), 0
		server.data = func(b []byte) int { sum.Write(b); n += len(b); server.got = nil; return len(b) }
		e.pair(client, server)
		e.do(refill)
		e.wait("all pieces arrive", func() bool { return n == pieces*len(piece) })
		for range pieces {
			want.Write(piece)
		}
		e.do(func() {
			if !bytes.Equal(sum.Sum(nil), want.Sum(nil)) {
				e.Error("the output is garbled")
			}
		})
	}},
	{"an idle connection holds no memory, one that keeps input does", func(e *env) {
		server := newProbe(e)
		server.data = func([]byte) int { return 0 }
		peer := e.peer(server)
		noMemory(e)
		send(e, peer, "abc")
		e.wait("it is kept", func() bool { return server.conn.Kept() == 3 })
		e.do(func() {
			if n := e.loop.Memory(); n < 3 {
				e.Errorf("Memory is %d", n)
			}
			server.data = nil
			server.resume()
		})
		e.wait("it is consumed", func() bool { return string(server.got) == "abc" })
		noMemory(e)
	}},
	{"what is left is counted after Closed", func(e *env) {
		server := newProbe(e)
		left := -1
		server.onClosed = func() { left = server.conn.Buffered() }
		e.peer(server)
		e.do(func() {
			server.conn.Write(make([]byte, tooMuch))
		})
		e.wait("the kernel takes no more", func() bool { return server.conn.Buffered() < tooMuch })
		e.do(server.abort)
		e.wait("it is closed", func() bool { return server.closed })
		e.do(func() {
			if left <= 0 || left >= tooMuch || server.conn.Buffered() != left {
				e.Errorf("Buffered is %d in Closed, %d later", left, server.conn.Buffered())
			}
		})
		noMemory(e)
	}},
	{"what was written in the iteration of an Abort is not sent", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		e.do(func() {
			server.conn.Write([]byte("lost"))
			server.abort()
		})
		e.wait("it is closed", func() bool { return server.closed })
		e.do(func() {
			if n := server.conn.Buffered(); n != 4 {
				e.Errorf("Buffered is %d", n)
			}
		})
		if b, err := io.ReadAll(peer); len(b) > 0 || e.h.Resets() && err == nil {
			e.Errorf("the peer reads %q, %v", b, err)
		}
	}},
}

// noMemory waits until no memory is held: a driver may learn a little later than the
// peer does that output has gone.
func noMemory(e *env) {
	e.Helper()
	e.wait("no memory is held", func() bool { return e.loop.Memory() == 0 })
}
