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
}

// signal is what the data path has met.
type signal struct {
	server  int
	refused bool
}

type probed struct {
	server  int
	outcome Outcome
}

// maxSignals bounds the signals that wait. When more come the servers are probed soon
// anyway.
const maxSignals = 256

// NewMonitor makes a monitor of a detector for n servers. Probe, Slow and Changed are to
// be set before Run.
func NewMonitor(d *Detector, n int) *Monitor {
	return &Monitor{detector: d, signals: make(chan signal, maxSignals), outcomes: make(chan probed, n)}
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
			probes.Go(func() { m.outcomes <- probed{server, m.Probe(ctx, server)} })
		}
		timer.Reset(m.untilNext())
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case s := <-m.signals:
			m.detector.Suspect(time.Now(), s.server, s.refused)
		case p := <-m.outcomes:
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
