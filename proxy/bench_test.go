package proxy

import (
	"bytes"
	"testing"

	"ringmain/resp"
	"ringmain/router"
)

// BenchmarkSession is a GET's way through parser, session, server connection and
// back, without any socket: batches of 16 from one client.
func BenchmarkSession(b *testing.B) {
	const batch = 16
	core, loop := stillCore(b, 1)
	client := &stillConn{}
	s := core.NewSession(1, router.ByRoutes)
	s.Opened(client, nil)
	requests := bytes.Repeat(resp.AppendCommand(nil, "GET", "key:000000012345"), batch)
	replies := bytes.Repeat([]byte("$3\r\nxxx\r\n"), batch)
	b.ReportAllocs()
	for range b.N / batch {
		s.Data(requests)
		loop.dialled[0].Data(replies)
	}
	if want := b.N / batch * len(replies); client.wrote != want {
		b.Fatalf("the client got %d bytes, want %d", client.wrote, want)
	}
}

// BenchmarkSplit is an MGET of ten keys over three servers.
func BenchmarkSplit(b *testing.B) {
	core, loop := stillCore(b, 3)
	client := &stillConn{}
	s := core.NewSession(1, router.ByRoutes)
	s.Opened(client, nil)
	request := resp.AppendCommand(nil, "MGET", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9")
	replies := make([][]byte, len(loop.dialled))
	var r resp.Request
	var p resp.Parser
	if _, err := p.Next(request, &core.Limits.Request, &r); err != nil {
		b.Fatal(err)
	}
	core.Snapshot.Split(&core.split, router.ByRoutes, false, r.Args[1:], 1)
	for g := range core.split.Groups() {
		n := len(core.split.KeysOf(g))
		replies[core.split.Place(g).Server] = append([]byte{'*', byte('0' + n), '\r', '\n'},
			bytes.Repeat([]byte("$-1\r\n"), n)...)
	}
	b.ReportAllocs()
	for range b.N {
		s.Data(request)
		for i, h := range loop.dialled {
			h.Data(replies[i])
		}
	}
	if want := b.N * len("*10\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"); client.wrote != want {
		b.Fatalf("the client got %d bytes, want %d", client.wrote, want)
	}
}
