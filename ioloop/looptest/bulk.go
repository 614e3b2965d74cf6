package looptest

import (
	"crypto/sha256"
	"hash"
	"os"

	"ringmain/ioloop"
)

// bulkTests: much data.
var bulkTests = []test{
	{"a big transfer in both directions at once arrives whole", bigTransfer},
	{"an echo of a big transfer with back-pressure at every step is bounded", boundedEcho},
}

func bulkSize() int {
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		return 64 << 20
	}
	return 8 << 20
}

// source writes a pattern to its connection in pieces, never with much more
// than a piece in the output.
type source struct {
	p     *probe
	left  int
	piece []byte
	sum   hash.Hash
}

func newSource(p *probe, size int) *source {
	s := &source{p: p, left: size, piece: pattern(300_000), sum: sha256.New()}
	p.onDrain = s.fill
	return s
}

func (s *source) fill() {
	for s.left > 0 && s.p.conn.Buffered() <= ioloop.LowWater {
		b := s.piece[:min(s.left, len(s.piece))]
		s.left -= len(b)
		s.sum.Write(b)
		s.p.conn.Write(b)
	}
}

// sink sums up what its connection gets.
type sink struct {
	n   int
	sum hash.Hash
}

func newSink(p *probe) *sink {
	s := &sink{sum: sha256.New()}
	p.data = func(b []byte) int {
		p.got = nil
		s.n += len(b)
		s.sum.Write(b)
		return len(b)
	}
	return s
}

func same(e *env, what string, a, b hash.Hash) {
	if string(a.Sum(nil)) != string(b.Sum(nil)) {
		e.Errorf("%s is garbled", what)
	}
}

func bigTransfer(e *env) {
	size := bulkSize()
	client, server := newProbe(e), newProbe(e)
	out, back := newSource(client, size), newSource(server, size)
	in, backIn := newSink(server), newSink(client)
	e.pair(client, server)
	e.do(func() {
		out.fill()
		back.fill()
	})
	e.wait("all arrives", func() bool { return in.n == size && backIn.n == size })
	e.do(func() {
		same(e, "what the server got", in.sum, out.sum)
		same(e, "what the client got", backIn.sum, back.sum)
	})
	e.settle()
	noMemory(e)
}

func boundedEcho(e *env) {
	const bound = 1 << 20
	size := bulkSize()
	client, server := newProbe(e), newProbe(e)
	out, in := newSource(client, size), newSink(client)
	server.data = func(b []byte) int {
		server.got = nil
		if server.conn.Write(b); server.conn.Buffered() > ioloop.LowWater {
			server.pause()
		}
		if n := server.conn.Buffered(); n > bound {
			e.Errorf("%d bytes are buffered", n)
		}
		return len(b)
	}
	server.onDrain = server.resume
	// The client stops reading now and then, so that the echo is blocked.
	inner, turns := client.data, 0
	client.data = func(b []byte) int {
		if turns++; turns%50 == 0 {
			client.pause()
			e.loop.After(1e6, client.resume)
		}
		return inner(b)
	}
	e.pair(client, server)
	e.do(out.fill)
	e.wait("the echo arrives", func() bool { return in.n == size })
	e.do(func() { same(e, "the echo", in.sum, out.sum) })
}
