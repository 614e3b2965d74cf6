package looptest

import "bytes"

// dataTests: the handing over of input.
var dataTests = []test{
	{"what is not consumed is kept and offered again with more", func(e *env) {
		server := newProbe(e)
		server.data = func(b []byte) int { return bytes.LastIndexByte(b, '\n') + 1 }
		peer := e.peer(server)
		for _, part := range []string{"a", "b", "c\nde", "f\n"} {
			before := 0
			e.do(func() { before = server.calls })
			send(e, peer, part)
			e.wait("it is offered", func() bool { return server.calls > before })
		}
		e.wait("both lines are consumed", func() bool { return string(server.got) == "abc\ndef\n" })
		e.do(func() {
			if n := server.conn.Kept(); n != 0 {
				e.Errorf("Kept is %d", n)
			}
		})
	}},
	{"much more comes behind a little that is kept", func(e *env) {
		text := pattern(300_000)
		server := newProbe(e)
		server.data = func(b []byte) int {
			if len(b) < len(text) {
				return 0
			}
			return len(b)
		}
		peer := e.peer(server)
		send(e, peer, string(text[:3]))
		e.wait("a little is kept", func() bool { return server.conn.Kept() == 3 })
		send(e, peer, string(text[3:]))
		e.wait("all is consumed", func() bool { return bytes.Equal(server.got, text) })
	}},
	{"kept input is not offered again by itself", func(e *env) {
		server := newProbe(e)
		server.data = func([]byte) int { return 0 }
		peer := e.peer(server)
		send(e, peer, "abc")
		e.wait("all is kept", func() bool { return server.conn.Kept() == 3 })
		calls := 0
		e.do(func() { calls = server.calls })
		other, echo := newProbe(e), newProbe(e).echo()
		e.pair(other, echo)
		for i := 1; i <= 5; i++ {
			e.do(func() { other.conn.Write([]byte("x")) })
			e.wait("another connection has its echo", func() bool { return len(other.got) == i })
		}
		e.do(func() {
			if server.calls != calls {
				e.Errorf("Data was called %d more times", server.calls-calls)
			}
		})
	}},
	{"Resume offers what is kept, in a later iteration", func(e *env) {
		server := newProbe(e)
		server.data = func([]byte) int { return 0 }
		peer := e.peer(server)
		send(e, peer, "abc")
		e.wait("all is kept", func() bool { return server.conn.Kept() == 3 })
		turn := 0
		e.do(func() {
			server.data = nil
			turn = e.turn
			server.resume()
			server.resume()
		})
		e.wait("it is offered", func() bool { return string(server.got) == "abc" })
		e.do(func() {
			if server.lastTurn == turn {
				e.Error("Data was called in the iteration of Resume")
			}
			if n := server.conn.Kept(); n != 0 {
				e.Errorf("Kept is %d", n)
			}
		})
	}},
	{"a handler that resumes itself gets the rest piece by piece, one an iteration", func(e *env) {
		text := pattern(200)
		server := newProbe(e)
		last := 0
		server.data = func([]byte) int {
			if e.turn == last {
				e.Error("Data was called twice in one iteration")
			}
			last = e.turn
			server.resume()
			return 1
		}
		peer := e.peer(server)
		send(e, peer, string(text))
		e.wait("all is consumed", func() bool { return bytes.Equal(server.got, text) })
	}},
	{"Resume without kept input is harmless", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		e.do(func() { server.conn.Resume() })
		e.settle()
		send(e, peer, "abc")
		e.wait("it arrives", func() bool { return string(server.got) == "abc" })
	}},
	{"a paused connection gets no Data, and all of it after Resume", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		e.do(server.pause)
		send(e, peer, "while paused")
		e.settle()
		other, echo := newProbe(e), newProbe(e).echo()
		e.pair(other, echo)
		e.do(func() { other.conn.Write([]byte("x")) })
		e.wait("another connection has its echo", func() bool { return len(other.got) == 1 })
		e.do(server.resume)
		e.wait("it arrives", func() bool { return string(server.got) == "while paused" })
	}},
	{"Pause inside Data holds from the next call on", func(e *env) {
		text := pattern(3000) // any kernel takes that at once
		server := newProbe(e)
		server.data = func(b []byte) int {
			server.pause()
			return (len(b) + 1) / 2
		}
		peer := e.peer(server)
		send(e, peer, string(text))
		for done := false; !done; {
			e.wait("the connection is paused", func() bool { return server.paused })
			e.do(func() {
				if done = len(server.got) == len(text); !done {
					server.resume()
				}
			})
		}
		e.do(func() {
			if !bytes.Equal(server.got, text) {
				e.Error("the input is garbled")
			}
		})
	}},
	{"Pause and Resume inside Data are a Resume", func(e *env) {
		server := newProbe(e)
		server.data = func(b []byte) int {
			server.pause()
			server.resume()
			return 1
		}
		peer := e.peer(server)
		send(e, peer, "abcdef")
		e.wait("all is consumed", func() bool { return string(server.got) == "abcdef" })
	}},
	{"the end of the stream waits for a paused connection", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		e.do(server.pause)
		send(e, peer, "the last words")
		check(e, peer.CloseWrite())
		e.settle()
		e.do(server.resume)
		e.wait("the end is seen", func() bool { return server.half })
		e.do(func() {
			if string(server.got) != "the last words" {
				e.Errorf("got %q before the end", server.got)
			}
		})
	}},
	{"what was kept at the end of the stream is there after Resume", func(e *env) {
		server := newProbe(e)
		server.data = func([]byte) int { return 0 }
		server.onHalf = func() {
			if n := server.conn.Kept(); n != 3 {
				e.Errorf("Kept is %d at the end", n)
			}
			server.data = nil
			server.resume()
		}
		peer := e.peer(server)
		send(e, peer, "abc")
		check(e, peer.CloseWrite())
		e.wait("it is consumed", func() bool { return string(server.got) == "abc" })
		e.do(func() {
			if server.calls < 2 {
				e.Errorf("Data was called %d times", server.calls)
			}
		})
	}},
	{"the end of the stream comes once, and without input too", func(e *env) {
		server := newProbe(e)
		peer := e.peer(server)
		check(e, peer.CloseWrite())
		e.wait("the end is seen", func() bool { return server.half })
		e.do(server.resume)
	}},
}

func send(e *env, p Peer, text string) {
	e.Helper()
	if _, err := p.Write([]byte(text)); err != nil {
		e.Fatal(err)
	}
}

func check(e *env, err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}
