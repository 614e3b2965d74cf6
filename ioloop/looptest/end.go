package looptest

import (
	"bytes"
	"errors"
	"io"

	"ringmain/ioloop"
)

// endTests: how connections end.
var endTests = []test{
	{"a peer that has finished sending still gets its replies", func(e *env) {
		text := pattern(1 << 20)
		server := newProbe(e)
		server.onHalf = func() {
			server.conn.Write(text)
			server.closeAfterFlush()
		}
		peer := e.peer(server)
		send(e, peer, "PING\r\n")
		check(e, peer.CloseWrite())
		b, err := io.ReadAll(peer)
		if err != nil || !bytes.Equal(b, text) {
			e.Errorf("the peer reads %d bytes, %v", len(b), err)
		}
		check(e, peer.Close())
		e.wait("it is closed", func() bool { return server.closed })
		e.do(func() {
			if server.closeErr != nil || string(server.got) != "PING\r\n" {
				e.Errorf("got %q, closed with %v", server.got, server.closeErr)
			}
		})
	}},
	{"a half-closed connection goes on writing for many iterations", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		check(e, peer.CloseWrite())
		e.wait("the end is seen", func() bool { return server.half })
		for range 20 {
			e.do(func() { server.conn.Write([]byte("tick")) })
			b := make([]byte, 4)
			if _, err := io.ReadFull(peer, b); err != nil || string(b) != "tick" {
				e.Fatalf("the peer reads %q, %v", b, err)
			}
		}
		e.do(server.closeAfterFlush)
		if b, err := io.ReadAll(peer); err != nil || len(b) > 0 {
			e.Errorf("the peer reads %q, %v", b, err)
		}
		e.wait("it is closed", func() bool { return server.closed && server.closeErr == nil })
	}},
	{"CloseAfterFlush loses no reply, though input is unread and more comes", func(e *env) {
		text := pattern(3 << 20)
		server := newProbe(e)
		server.data = func([]byte) int {
			server.conn.Write(text)
			server.closeAfterFlush()
			return 0
		}
		peer := e.peer(server)
		send(e, peer, string(pattern(2<<20)))
		b := make([]byte, len(text))
		if n, err := io.ReadFull(peer, b); err != nil || !bytes.Equal(b, text) {
			e.Fatalf("the peer reads %d bytes, %v", n, err)
		}
		if n, err := peer.Read(b); n > 0 || err != io.EOF {
			e.Errorf("then it reads %d bytes, %v", n, err)
		}
		check(e, peer.Close())
		e.wait("it is closed", func() bool { return server.closed })
		e.do(func() {
			if server.closeErr != nil || server.conn.Buffered() != 0 {
				e.Errorf("closed with %v, %d bytes left", server.closeErr, server.conn.Buffered())
			}
		})
		noMemory(e)
	}},
	{"CloseAfterFlush ends a paused connection too", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		e.do(server.pause)
		send(e, peer, "never read")
		e.do(func() {
			server.conn.Write([]byte("bye"))
			server.closeAfterFlush()
		})
		if b, err := io.ReadAll(peer); string(b) != "bye" || err != nil {
			e.Errorf("the peer reads %q, %v", b, err)
		}
		check(e, peer.Close())
		e.wait("it is closed", func() bool { return server.closed && server.closeErr == nil })
	}},
	{"CloseAfterFlush waits for a silent peer for a second", func(e *env) {
		server := newProbe(e)
		e.peer(server)
		start := e.now()
		e.do(func() {
			server.conn.Write([]byte("bye"))
			server.closeAfterFlush()
		})
		e.wait("it is closed", func() bool { return server.closed })
		e.do(func() {
			if d := e.loop.Now().Sub(start); server.closeErr != nil || d < 900e6 || d > 20e9 {
				e.Errorf("closed with %v after %v", server.closeErr, d)
			}
		})
	}},
	{"CloseAfterFlush in Opened sends what Opened wrote", func(e *env) {
		server := newProbe(e)
		server.opened = func() {
			server.conn.Write([]byte("-ERR max number of clients reached\r\n"))
			server.closeAfterFlush()
		}
		peer := e.h.DialPeer(e.T, e.listen(server))
		if b, err := io.ReadAll(peer); string(b) != "-ERR max number of clients reached\r\n" || err != nil {
			e.Errorf("the peer reads %q, %v", b, err)
		}
		check(e, peer.Close())
		e.wait("it is closed", func() bool { return server.closed && server.closeErr == nil })
	}},
	{"CloseAfterFlush whose output never goes out can be aborted", func(e *env) {
		server := newProbe(e)
		e.peer(server)
		e.do(func() {
			server.conn.Write(make([]byte, tooMuch))
			server.closeAfterFlush()
		})
		e.settle()
		e.do(func() {
			if server.closed {
				e.Error("it closes with output left")
			}
			server.conn.Abort()
		})
		e.wait("it is closed", func() bool { return server.closed && errors.Is(server.closeErr, ioloop.ErrAborted) })
	}},
	{"Abort closes soon, with ErrAborted, and the peer sees a reset", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		e.do(func() {
			server.abort()
			server.conn.Abort()
			if server.closed {
				e.Error("Closed is called inside Abort")
			}
		})
		e.wait("it is closed", func() bool { return server.closed && errors.Is(server.closeErr, ioloop.ErrAborted) })
		if _, err := peer.Read(make([]byte, 1)); err == nil || e.h.Resets() && err == io.EOF {
			e.Errorf("the peer reads %v", err)
		}
	}},
	{"Abort inside Data ends the input", func(e *env) {
		server := newProbe(e)
		server.data = func(b []byte) int {
			server.conn.Resume()
			server.abort()
			return 0
		}
		peer := e.peer(server)
		_, _ = peer.Write(pattern(100_000)) // the reset may come before the rest is sent
		e.wait("it is closed", func() bool { return server.closed && errors.Is(server.closeErr, ioloop.ErrAborted) })
		noMemory(e)
	}},
	{"Abort of another connection of the same batch keeps it quiet", func(e *env) {
		var probes []*probe
		for range 16 {
			p := newProbe(e)
			p.data = func(b []byte) int {
				for _, q := range probes {
					if q != p && !q.over {
						q.abort()
					}
				}
				return len(b)
			}
			probes = append(probes, p)
		}
		address := e.listen(probes...)
		var peers []Peer
		for range probes {
			peers = append(peers, e.h.DialPeer(e.T, address))
		}
		e.wait("all are open", func() bool {
			for _, p := range probes {
				if p.conn == nil {
					return false
				}
			}
			return true
		})
		for _, p := range peers {
			_, _ = p.Write([]byte("x")) // those that come late meet a reset
		}
		e.wait("one is left", func() bool {
			n := 0
			for _, p := range probes {
				if p.closed {
					n++
				}
			}
			return n == len(probes)-1
		})
	}},
	{"a reset by the peer closes with an error, once", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		check(e, peer.Reset())
		e.wait("it is closed", func() bool { return server.closed })
		e.do(func() {
			if server.closeErr == nil || errors.Is(server.closeErr, ioloop.ErrAborted) {
				e.Errorf("Closed(%v)", server.closeErr)
			}
		})
	}},
	{"a reset ends a connection with output left, and a paused one", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		e.do(func() {
			server.pause()
			server.conn.Write(make([]byte, tooMuch))
		})
		e.settle()
		check(e, peer.Reset())
		e.wait("it is closed", func() bool { return server.closed })
		noMemory(e)
	}},
	{"a closed connection ignores calls", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		check(e, peer.Reset())
		e.wait("it is closed", func() bool { return server.closed })
		e.do(func() {
			c := server.conn
			c.Write([]byte("x"))
			c.Pause()
			c.Resume()
			c.CloseAfterFlush()
			c.Abort()
			if c.Buffered() != 0 || c.Kept() != 0 {
				e.Errorf("Buffered is %d, Kept %d", c.Buffered(), c.Kept())
			}
		})
		e.settle()
		noMemory(e)
	}},
}
