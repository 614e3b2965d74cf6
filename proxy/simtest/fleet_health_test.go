package simtest

import (
	"bytes"
	"errors"
	"syscall"
	"time"

	"ringmain/health"
	"ringmain/ioloop"
	"ringmain/resp"
)

// probeTimeout is how long a probe waits for its answer.
const probeTimeout = 60 * time.Millisecond

// watcher is the proxy's health checks: the real detector, and a prober that sends PING
// on a connection of each probe's own.
type watcher struct {
	p        *incarnation
	detector *health.Detector
	timer    ioloop.Timer
}

func newWatcher(p *incarnation) *watcher {
	w := &watcher{p: p}
	w.detector = health.NewDetector(p.f.kind.servers, healthSettings, p.f.control().Now(), p.f.w.Rand().Float64)
	return w
}

func (w *watcher) begin() { w.turn() }

// turn begins the probes that are due.
func (w *watcher) turn() {
	loop := w.p.f.control()
	for _, i := range w.detector.Due(loop.Now()) {
		pr := &probe{w: w, server: i}
		loop.Dial(w.p.f.servers[i].Address(), probeTimeout, pr)
		pr.timer = loop.After(probeTimeout, func() { pr.end(health.Outcome{Kind: health.Failed, Reason: "does not answer"}) })
	}
	w.schedule()
}

func (w *watcher) schedule() {
	if w.timer != nil {
		w.timer.Stop()
	}
	if at, ok := w.detector.Next(); ok {
		loop := w.p.f.control()
		w.timer = loop.After(max(0, at.Sub(loop.Now())), w.turn)
	}
}

// suspect takes what the data path reports, on whatever loop.
func (w *watcher) suspect(server int, refused bool) {
	loop := w.p.f.control()
	loop.Post(func() {
		w.detector.Suspect(loop.Now(), server, refused)
		w.schedule()
	})
}

func (w *watcher) probed(server int, o health.Outcome) {
	change, changed := w.detector.Probed(w.p.f.control().Now(), server, o, false)
	if changed {
		w.p.f.w.Logf("health", "server %d is %v: %s", server, change.State, change.Reason)
		down := ""
		if change.State == health.Down {
			down = change.Reason
		}
		w.p.steering.judge(server, down)
	}
	w.schedule()
}

// probe is one PING. It implements ioloop.Handler.
type probe struct {
	w      *watcher
	server int
	conn   ioloop.Conn
	timer  ioloop.Timer
	over   bool
}

func (p *probe) Opened(c ioloop.Conn, err error) {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		p.end(health.Outcome{Kind: health.Failed, Reason: "refuses connections"})
	case err != nil:
		p.end(health.Outcome{Kind: health.Failed, Reason: "is unreachable"})
	case p.over:
		c.Abort()
	default:
		p.conn = c
		c.Write(resp.AppendCommand(nil, "PING"))
	}
}

func (p *probe) Data(b []byte) int {
	if bytes.IndexByte(b, '\n') < 0 {
		return 0
	}
	if bytes.HasPrefix(b, []byte("+PONG")) {
		p.end(health.Outcome{Kind: health.OK})
	} else {
		p.end(health.Outcome{Kind: health.Failed, Reason: "is loading its data"})
	}
	return len(b)
}

func (p *probe) Drained()    {}
func (p *probe) HalfClosed() { p.conn.Abort() }
func (p *probe) Closed(error) {
	p.end(health.Outcome{Kind: health.Failed, Reason: "closes connections"})
}

func (p *probe) end(o health.Outcome) {
	if p.over {
		return
	}
	p.over = true
	p.timer.Stop()
	if p.conn != nil {
		p.conn.Abort()
	}
	p.w.probed(p.server, o)
}
