package simtest

import (
	"bytes"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/ioloop/sim"
)

// valve is a connection from the proxy to a server that a test can shut, each
// way by itself. What the proxy has sent is delivered when it is opened, even if
// the proxy has given the connection up meanwhile.
type valve struct {
	core ioloop.Handler
	loop ioloop.Loop
	ioConn
	shutOut bool // to the server
	shutIn  bool // to the proxy
	out, in []byte
	givenUp bool
}

// valves are those of a scene, in the order in which the connections were made.
type valves struct {
	all     []*valve
	shutNew bool
}

func (v *valves) tap(loop ioloop.Loop, _ string, h ioloop.Handler) ioloop.Handler {
	return &valved{v, &valve{core: h, loop: loop}}
}

// valved adds a valve to the list when its connection is made.
type valved struct {
	list *valves
	*valve
}

func (v *valved) Opened(c ioloop.Conn, err error) {
	if err != nil {
		v.core.Opened(nil, err)
		return
	}
	v.ioConn, v.shutOut = c, v.list.shutNew
	v.list.all = append(v.list.all, v.valve)
	v.core.Opened(v.valve, nil)
}

func (v *valve) Write(b []byte) {
	if v.shutOut {
		v.out = append(v.out, b...)
	} else {
		v.ioConn.Write(b)
	}
}

func (v *valve) Data(b []byte) int {
	if v.shutIn {
		v.in = append(v.in, b...)
	} else if !v.givenUp {
		v.core.Data(b)
	}
	return len(b)
}

func (v *valve) Drained()    { v.core.Drained() }
func (v *valve) HalfClosed() { v.ioConn.Abort() }

func (v *valve) Closed(err error) {
	if !v.givenUp {
		v.givenUp = true
		v.core.Closed(err)
	}
}

// Abort ends the connection for the proxy, not for the network.
func (v *valve) Abort() {
	if !v.givenUp {
		v.givenUp = true
		v.loop.AtEnd(func() { v.core.Closed(ioloop.ErrAborted) })
	}
}

// openOut delivers to the server what was held.
func (v *valve) openOut() {
	v.shutOut = false
	v.ioConn.Write(v.out)
	v.out = nil
}

// openIn delivers to the proxy what was held.
func (v *valve) openIn() {
	v.shutIn = false
	v.Data(v.in)
	v.in = nil
}

// admit delivers the next reply to the proxy and goes on holding the rest.
func (v *valve) admit() {
	n, _ := element(v.in)
	if n > 0 && !v.givenUp {
		v.core.Data(bytes.Clone(v.in[:n]))
	}
	v.in = v.in[n:]
}

// script is a scene with one server whose connections have valves, and clients
// that the test plays itself.
type script struct {
	*scene
	*valves
	t *testing.T
}

func newScript(t *testing.T, seed uint64) *script {
	v := &valves{}
	s := &script{newScene(seed, nil, options{servers: 1, loops: 1, tap: v.tap}), v, t}
	s.w.Slow(proxyHost, s.servers[0].Loop.Host(), 0.01) // so that times are those of the script
	return s
}

// connect is a client that speaks a protocol and has used its connection.
func (s *script) connect(protocol string) *sim.Peer {
	p := s.peer(s.t)
	s.do(p, "HELLO", protocol)
	s.do(p, "GET", "warm")
	return p
}

func (s *script) reply(p *sim.Peer) string {
	var got []byte
	for {
		if n, err := element(got); err != nil {
			s.t.Fatal(err)
		} else if n > 0 {
			return string(got[:n])
		}
		b := make([]byte, 4096)
		n, err := p.Read(b)
		if err != nil {
			s.t.Fatalf("reading a reply: %v (after %q)", err, got)
		}
		got = append(got, b[:n]...)
	}
}

func (s *script) do(p *sim.Peer, args ...string) string {
	sendTo(s.t, p, args...)
	return s.reply(p)
}

func (s *script) wantReply(p *sim.Peer, prefix string) {
	s.t.Helper()
	if got := s.reply(p); len(got) < len(prefix) || got[:len(prefix)] != prefix {
		s.t.Fatalf("reply %q, want one that begins with %q", got, prefix)
	}
}

func (s *script) wantStored(key, want string) {
	s.t.Helper()
	if got, _ := s.owner(key).Get(0, key); got != want {
		s.t.Errorf("%s holds %q, want %q", key, got, want)
	}
}

// at lets time pass up to a point of the script.
func (s *script) at(start, point time.Duration) { s.w.Run(start + point) }

func TestAWriteThatWasHeldBackIsNotExecutedAfterOneOfTheReplacement(t *testing.T) {
	for seed := range uint64(50) {
		s := newScript(t, seed)
		a, b := s.connect("2"), s.connect("2")
		s.all[0].shutOut = true
		sendTo(s.t, a, "SET", "k", "v1")
		s.wantReply(a, "-UNCERTAIN ")
		s.run(50 * time.Millisecond)
		sendTo(s.t, b, "SET", "k", "v2")
		s.wantReply(b, "+OK")
		s.all[0].openOut()
		s.run(time.Second)
		s.wantStored("k", "v2")
	}
}

func TestAWriteThatWasHeldBackIsNotExecutedAfterOneOfTheOtherProtocol(t *testing.T) {
	for seed := range uint64(50) {
		s := newScript(t, seed)
		a, b := s.connect("2"), s.connect("3")
		s.all[0].shutOut = true
		s.shutNew = true // nothing replaces the first connection yet
		sendTo(s.t, a, "SET", "k", "v1")
		s.wantReply(a, "-UNCERTAIN ")
		s.run(10 * time.Millisecond)
		sendTo(s.t, b, "SET", "k", "v2")
		s.wantReply(b, "+OK")
		s.all[0].openOut()
		s.run(time.Second)
		s.wantStored("k", "v2")
	}
}

// The sister connection is behind with an answer of its own when the other one is
// given up, and catches up before that one is replaced.
func TestAConnectionIsFencedOverItsSisterEvenIfThatIsLateItself(t *testing.T) {
	for seed := range uint64(50) {
		s := newScript(t, seed)
		a, b := s.connect("2"), s.connect("3")
		first, sister := s.all[0], s.all[1]
		first.shutOut, sister.shutIn, s.shutNew = true, true, true
		began := s.w.Now()
		sendTo(s.t, b, "GET", "x")
		s.at(began, 100*time.Millisecond)
		sendTo(s.t, b, "GET", "y")
		s.at(began, 120*time.Millisecond)
		sendTo(s.t, a, "SET", "k", "v1")
		s.at(began, 150*time.Millisecond)
		sister.admit()
		s.wantReply(b, "_")
		s.wantReply(b, "-CLUSTERDOWN ") // at 300 ms, for y
		s.wantReply(a, "-UNCERTAIN ")   // at 320 ms
		s.at(began, 335*time.Millisecond)
		sister.openIn() // y's reply: the sister is sound again
		s.at(began, 345*time.Millisecond)
		sendTo(s.t, b, "SET", "k", "v2")
		s.wantReply(b, "+OK")
		first.openOut()
		s.run(time.Second)
		s.wantStored("k", "v2")
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}
