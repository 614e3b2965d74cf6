package sim

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"ringmain/ioloop"
)

// synRetry is how long a kernel waits before it sends a lost SYN again; it
// doubles with each.
const synRetry = time.Second

// listener is an address at which a host's kernel completes connections,
// whether its loop runs or not.
type listener struct {
	address string
	loop    *Loop
	accept  func() ioloop.Handler
	closed  bool
}

// Listen has connections to address, host:port, accepted by loop; accept makes
// the handler of each, on the loop. The returned function closes the listener;
// connections that the loop has not seen yet are then reset. An address that is
// in use is a mistake of the test and panics.
func (w *World) Listen(address string, loop *Loop, accept func() ioloop.Handler) (close func()) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		panic("sim: Listen: " + err.Error())
	}
	if w.listeners[address] != nil {
		panic("sim: Listen: address in use: " + address)
	}
	l := &listener{address: address, loop: loop, accept: accept}
	w.listeners[address] = l
	loop.listeners = append(loop.listeners, l)
	return l.close
}

func (l *listener) close() {
	if l.closed {
		return
	}
	l.closed = true
	delete(l.loop.w.listeners, l.address)
	for i := 0; i < len(l.loop.conns); {
		c := l.loop.conns[i]
		if c.state != fresh || c.backlog != l {
			i++
			continue
		}
		c.s.close(true)
		c.forget()
	}
}

// dial is a connection attempt of a host's kernel.
type dial struct {
	w        *World
	from     string // host
	address  string
	try      int
	canceled bool
	done     func(s *socket, err error) // called once unless canceled
}

func (w *World) connect(from, address string, done func(*socket, error)) *dial {
	d := &dial{w: w, from: from, address: address, done: done}
	d.syn()
	return d
}

// home is the host that answers at address; one that nothing ever listened at
// is its own host.
func (w *World) home(address string) string {
	if l := w.listeners[address]; l != nil {
		return l.loop.host
	}
	return hostOf(address)
}

// hostOf is the host of a loop's name: what precedes the first slash.
func hostOf(name string) string {
	host, _, _ := strings.Cut(name, "/")
	return host
}

func (d *dial) syn() {
	if d.canceled {
		return
	}
	to := d.w.home(d.address)
	d.w.at(d.w.now+d.w.delay(d.from, to), d.synArrives)
}

func (d *dial) retry() {
	d.w.at(d.w.now+synRetry<<min(d.try, 6), d.syn)
	d.try++
}

func (d *dial) synArrives() {
	to := d.w.home(d.address)
	if d.w.cut(d.from, to) {
		d.retry()
		return
	}
	l := d.w.listeners[d.address]
	d.w.at(d.w.now+d.w.delay(to, d.from), func() { d.answered(to, l) })
}

// answered is the SYN-ACK of listener l, or for none the refusal.
func (d *dial) answered(to string, l *listener) {
	w := d.w
	switch {
	case d.canceled:
	case w.cut(to, d.from):
		d.retry()
	case l == nil:
		d.done(nil, syscall.ECONNREFUSED)
	default:
		local := w.ephemeral(d.from)
		client := w.newSocket(d.from, local, d.address)
		server := w.newSocket(to, d.address, local)
		client.peer, server.peer = server, client
		server.backlog = l
		client.push(segment{kind: segAck})
		d.done(client, nil)
	}
}

// accepted is the end of the handshake at the server's side.
func (w *World) accepted(s *socket) {
	l := s.backlog
	s.backlog = nil
	if l.closed {
		s.close(true)
		return
	}
	c := &Conn{l: l.loop, s: s, state: fresh, backlog: l, local: s.local, remote: s.remote}
	s.conn = c
	l.loop.add(c)
	c.mark()
}

// ephemeral is a fresh local address of a host.
func (w *World) ephemeral(host string) string {
	w.ports[host]++
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	return net.JoinHostPort(name, fmt.Sprint(30000+w.ports[host]))
}

// resolve reports why address cannot be dialled, if so. Names that end in
// .invalid do not resolve; every other is its own address.
func resolve(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err == nil && strings.HasSuffix(host, ".invalid") {
		return ioloop.ErrNoAddress
	}
	return err
}
