package looptest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"

	"ringmain/ioloop"
)

// orderTests: which methods are called, in which order.
var orderTests = []test{
	{"both ends are opened, and never inside Dial", func(e *env) {
		client, server := newProbe(e), newProbe(e)
		address := e.listen(server)
		e.do(func() {
			e.loop.Dial(address, gross, client)
			if client.conn != nil {
				e.Error("Opened is called inside Dial")
			}
		})
		e.wait("both ends are open", func() bool { return client.conn != nil && server.conn != nil })
	}},
	{"what Opened writes arrives", func(e *env) {
		client, server := newProbe(e), newProbe(e)
		client.opened = func() { client.conn.Write([]byte("from the client")) }
		server.opened = func() { server.conn.Write([]byte("from the server")) }
		e.pair(client, server)
		e.wait("both texts arrive", func() bool {
			return string(client.got) == "from the server" && string(server.got) == "from the client"
		})
	}},
	{"the ends agree on their addresses", func(e *env) {
		client, server := newProbe(e), newProbe(e)
		e.pair(client, server)
		e.do(func() {
			for _, a := range []string{client.conn.LocalAddr(), client.conn.RemoteAddr()} {
				if _, _, err := net.SplitHostPort(a); err != nil && !strings.HasPrefix(a, "unix:/") {
					e.Errorf("address %q: %v", a, err)
				}
			}
			if client.conn.LocalAddr() != server.conn.RemoteAddr() || client.conn.RemoteAddr() != server.conn.LocalAddr() {
				e.Errorf("client is %s > %s, server is %s > %s", client.conn.LocalAddr(), client.conn.RemoteAddr(),
					server.conn.LocalAddr(), server.conn.RemoteAddr())
			}
		})
	}},
	{"Write copies", func(e *env) {
		client, server := newProbe(e), newProbe(e)
		e.pair(client, server)
		e.do(func() {
			b := []byte("one")
			client.conn.Write(b)
			copy(b, "two")
			client.conn.Write(b)
			copy(b, "xxx")
		})
		e.wait("it arrives", func() bool { return string(server.got) == "onetwo" })
	}},
	{"two loops talk to each other", func(e *env) {
		f := e.second()
		client, server := newProbe(e), newProbe(f).echo()
		address := f.listen(server)
		client.opened = func() { client.conn.Write([]byte("hello")) }
		e.do(func() { e.loop.Dial(address, gross, client) })
		e.wait("the echo arrives", func() bool { return string(client.got) == "hello" })
		e.do(client.abort)
		f.wait("the other loop sees the end", func() bool { return server.closed || server.half })
	}},
	{"connections that end in every way are closed once each", manyEnds},
	{"a loop that stops tells everyone", stopTells},
}

// manyEnds opens connections and ends each of them in one of several ways.
func manyEnds(e *env) {
	const n = 120
	var clients, servers []*probe
	for i := range n {
		c, s := newProbe(e), newProbe(e).echo()
		s.onHalf = s.closeAfterFlush
		c.onHalf = c.closeAfterFlush
		c.opened = func() { c.conn.Write([]byte("some words")) }
		c.data = func(b []byte) int {
			switch i % 4 {
			case 0:
				c.closeAfterFlush()
			case 1:
				c.abort()
			case 2:
				c.closeAfterFlush()
				c.abort()
			case 3:
				c.conn.Write([]byte("more"))
				c.closeAfterFlush()
			}
			return len(b)
		}
		clients, servers = append(clients, c), append(servers, s)
	}
	address := e.listen(servers...)
	e.do(func() {
		for _, c := range clients {
			e.loop.Dial(address, gross, c)
		}
	})
	e.wait("all are closed", func() bool {
		for i := range n {
			if !clients[i].closed || !servers[i].closed {
				return false
			}
		}
		return true
	})
	e.do(func() {
		for i, c := range clients {
			if aborted := errors.Is(c.closeErr, ioloop.ErrAborted); aborted != (i%4 == 1 || i%4 == 2) {
				e.Errorf("way %d: Closed(%v)", i%4, c.closeErr)
			}
		}
	})
	noMemory(e)
}

func stopTells(e *env) {
	client, server, pending := newProbe(e), newProbe(e), newProbe(e)
	peer := e.peer(server)
	f := e.second()
	there := newProbe(f)
	address := f.listen(there)
	silent := e.h.Silent(e.T)
	e.do(func() {
		e.loop.Dial(address, gross, client)
		e.loop.Dial(silent, gross, pending)
	})
	e.wait("the client is open", func() bool { return client.conn != nil })
	f.wait("its server is open", func() bool { return there.conn != nil })
	e.h.Stop(e.loop)
	for _, p := range []*probe{client, server} {
		if !p.closed || !errors.Is(p.closeErr, ioloop.ErrAborted) {
			e.Errorf("Closed was called: %v, with %v", p.closed, p.closeErr)
		}
	}
	if !errors.Is(pending.openErr, ioloop.ErrAborted) {
		e.Errorf("the dial under way ended with %v", pending.openErr)
	}
	if e.loop.Post(func() { e.Error("a stopped loop calls what is posted") }) {
		e.Error("Post on a stopped loop reports true")
	}
	f.wait("the other loop sees the end", func() bool { return there.closed || there.half })
	if b, err := io.ReadAll(peer); len(b) > 0 {
		e.Errorf("the peer reads %q, %v", bytes.TrimSpace(b), err)
	}
}
