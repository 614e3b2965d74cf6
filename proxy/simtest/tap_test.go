package simtest

import (
	"time"

	"ringmain/ioloop"
)

// tap makes, of the handler that a core dials with, the one that gets the
// connection. It sees, and a mutant changes, what goes to and comes from
// servers, without a hook in what is tested.
type tap func(loop ioloop.Loop, address string, h ioloop.Handler) ioloop.Handler

// tapped is a loop with a tap on its dials.
type tapped struct {
	ioloop.Loop
	tap tap
}

func (t tapped) Dial(address string, timeout time.Duration, h ioloop.Handler) {
	t.Loop.Dial(address, timeout, t.tap(t.Loop, address, h))
}

// both puts one tap, inner, closer to the core than another.
func both(inner, outer tap) tap {
	return func(loop ioloop.Loop, address string, h ioloop.Handler) ioloop.Handler {
		return outer(loop, address, inner(loop, address, h))
	}
}

// rewriter changes the bytes that go to servers.
type rewriter struct {
	ioloop.Handler
	ioConn
	change func([]byte) []byte
}

// ioConn lets rewriter embed two interfaces that share no method.
type ioConn = ioloop.Conn

// rewrite is a tap that changes what is written.
func rewrite(change func([]byte) []byte) tap {
	return func(_ ioloop.Loop, _ string, h ioloop.Handler) ioloop.Handler {
		return &rewriter{Handler: h, change: change}
	}
}

func (r *rewriter) Opened(c ioloop.Conn, err error) {
	if err != nil {
		r.Handler.Opened(nil, err)
		return
	}
	r.ioConn = c
	r.Handler.Opened(r, nil)
}

func (r *rewriter) Write(b []byte) { r.ioConn.Write(r.change(b)) }
