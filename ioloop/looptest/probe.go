package looptest

import (
	"bytes"
	"sync"
	"time"

	"ringmain/ioloop"
)

// gross is a timeout that never matters.
const gross = time.Minute

// probe is a handler that records what it is told and checks, at each call,
// what holds for every handler. Its hooks are called on the loop. All of it is
// used on the loop only.
type probe struct {
	e    *env
	conn ioloop.Conn

	openErr  error // of Opened
	got      []byte
	calls    int // of Data
	lastTurn int // the iteration of the last Data
	drained  int
	half     bool
	closed   bool
	closeErr error // of Closed
	over     bool  // nothing may be called any more, or only Closed
	finished bool  // Opened failed, or Closed was called

	left    []byte // what the last Data did not consume
	resumed bool   // Resume was called since
	paused  bool

	opened   func()
	data     func(b []byte) int // nil: consume all into got
	onDrain  func()
	onHalf   func()
	onClosed func()
}

var _ ioloop.Handler = (*probe)(nil)

func newProbe(e *env) *probe { return &probe{e: e} }

func (p *probe) Opened(c ioloop.Conn, err error) {
	defer p.e.enter("Opened")()
	if p.conn != nil || p.finished {
		p.e.Errorf("Opened is called twice")
	}
	if (c == nil) == (err == nil) {
		p.e.Errorf("Opened(%v, %v): want either a connection or an error", c, err)
	}
	p.conn, p.openErr = c, err
	p.finished = err != nil
	if p.opened != nil {
		p.opened()
	}
}

func (p *probe) Data(b []byte) int {
	defer p.e.enter("Data")()
	p.live("Data")
	switch {
	case len(b) == 0:
		p.e.Errorf("Data is called without input")
	case p.paused:
		p.e.Errorf("Data is called while paused")
	case !bytes.HasPrefix(b, p.left):
		p.e.Errorf("Data does not begin with what was not consumed")
	case len(b) == len(p.left) && !p.resumed:
		p.e.Errorf("Data is called again without new input or Resume")
	}
	p.calls++
	p.resumed = false
	p.lastTurn = p.e.turn
	n := len(b)
	if p.data != nil {
		n = p.data(b)
	}
	p.got = append(p.got, b[:n]...)
	p.left = bytes.Clone(b[n:])
	return n
}

func (p *probe) Drained() {
	defer p.e.enter("Drained")()
	p.live("Drained")
	if n := p.conn.Buffered(); n > ioloop.LowWater {
		p.e.Errorf("Drained is called with %d bytes buffered", n)
	}
	p.drained++
	if p.onDrain != nil {
		p.onDrain()
	}
}

func (p *probe) HalfClosed() {
	defer p.e.enter("HalfClosed")()
	p.live("HalfClosed")
	if p.half {
		p.e.Errorf("HalfClosed is called twice")
	}
	p.half = true
	if p.onHalf != nil {
		p.onHalf()
	}
}

func (p *probe) Closed(err error) {
	defer p.e.enter("Closed")()
	if p.conn == nil || p.finished {
		p.e.Errorf("Closed is called before Opened, after an error of it, or twice")
	}
	p.over, p.finished, p.closed, p.closeErr = true, true, true, err
	if p.onClosed != nil {
		p.onClosed()
	}
}

// live fails the test if the handler should no longer be called.
func (p *probe) live(method string) {
	if p.conn == nil || p.over {
		p.e.Errorf("%s is called before Opened, or after Closed, CloseAfterFlush or Abort", method)
	}
}

func (p *probe) pause() {
	p.paused = true
	p.conn.Pause()
}

func (p *probe) resume() {
	p.paused, p.resumed = false, true
	p.conn.Resume()
}

func (p *probe) closeAfterFlush() {
	p.over = true
	p.conn.CloseAfterFlush()
}

func (p *probe) abort() {
	p.over = true
	p.conn.Abort()
}

// echo has the probe answer with what it gets.
func (p *probe) echo() *probe {
	p.data = func(b []byte) int {
		p.conn.Write(b)
		return len(b)
	}
	return p
}

// base is pattern's period; its length is prime, so that no buffer size hides a
// shift.
var base = sync.OnceValue(func() []byte {
	b := make([]byte, 1_000_003)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
})

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, 0, n)
	for len(b) < n {
		b = append(b, base()[:min(n-len(b), len(base()))]...)
	}
	return b
}
