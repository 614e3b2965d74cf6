package health

import (
	"context"
	"sync"
	"time"
)

// Monitor runs a Detector: it probes the servers of a pool and tells of each change.
type Monitor struct {
	// Probe asks a server; it is called on goroutines of the Monitor's, for each server
	// one at a time.
	Probe func(ctx context.Context, server int) Outcome
	// Slow reports whether a command is under way on a server that may rightly keep it from
	// answering for a while. It is called on the goroutine of Run.
	Slow func(server int) bool
	// Changed is told of each change, on the goroutine of Run.
	Changed func(Change)

	detector *Detector
	signals  chan signal
	outcomes chan probed
	replaced chan replacement
	// turn counts how often each server was replaced.
	turn []int
}

// signal is what the data path has met.
type signal struct {
	server  int
	refused bool
}

type probed struct {
	server, turn int
	outcome      Outcome
}

// replacement is a server that has become another one.
type replacement struct {
	server int
	reason string
	apply  func(Verdict)
	retire func() // set if there is no server any more
}

// maxSignals bounds the signals that wait. When more come the servers are probed soon
// anyway.
const maxSignals = 256

// NewMonitor makes a monitor of a detector for n servers. Probe, Slow and Changed are to
// be set before Run.
func NewMonitor(d *Detector, n int) *Monitor {
	return &Monitor{
		detector: d, signals: make(chan signal, maxSignals), outcomes: make(chan probed, n),
		replaced: make(chan replacement), turn: make([]int, n),
	}
}

// Replace tells, while Run runs, that a server has become another one: a clause such as
// "has moved" says why. What was found of it is forgotten, and apply is called with the new
// verdict on the goroutine of Run, so that it comes between what is told of the old server
// and what is told of the new one. It returns when apply has, or when ctx ends.
func (m *Monitor) Replace(ctx context.Context, server int, reason string, apply func(Verdict)) {
	done := make(chan struct{})
	r := replacement{server: server, reason: reason, apply: func(v Verdict) {
		defer close(done)
		apply(v)
	}}
	select {
	case m.replaced <- r:
		<-done
	case <-ctx.Done():
	}
}

// Retire tells, while Run runs, that there is no such server any more. Nothing is told of it
// from when it returns on, until Replace.
func (m *Monitor) Retire(ctx context.Context, server int) {
	done := make(chan struct{})
	select {
	case m.replaced <- replacement{server: server, retire: func() { close(done) }}:
		<-done
	case <-ctx.Done():
	}
}

// Suspect tells that a connection to a server was refused or lost, or that it missed a
// deadline. It never waits; any goroutine may call it.
func (m *Monitor) Suspect(server int, refused bool) {
	select {
	case m.signals <- signal{server, refused}:
	default:
	}
}

// Run probes until ctx ends, and returns when no probe is under way any more.
func (m *Monitor) Run(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for _, server := range m.detector.Due(time.Now()) {
			turn := m.turn[server]
			probes.Go(func() {
				select {
				case m.outcomes <- probed{server, turn, m.Probe(ctx, server)}:
				case <-ctx.Done():
				}
			})
		}
		timer.Reset(m.untilNext())
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case s := <-m.signals:
			m.detector.Suspect(time.Now(), s.server, s.refused)
		case r := <-m.replaced:
			m.turn[r.server]++
			if r.retire != nil {
				m.detector.Retire(r.server)
				r.retire()
				continue
			}
			r.apply(m.detector.Replaced(time.Now(), r.server, r.reason))
		case p := <-m.outcomes:
			if p.turn != m.turn[p.server] {
				continue // it was another server's
			}
			if change, changed := m.detector.Probed(time.Now(), p.server, p.outcome, m.Slow(p.server)); changed {
				m.Changed(change)
			}
		}
	}
}

// idle is how long to wait when all servers are being probed.
const idle = time.Hour

func (m *Monitor) untilNext() time.Duration {
	at, ok := m.detector.Next()
	if !ok {
		return idle
	}
	return max(0, time.Until(at))
}
