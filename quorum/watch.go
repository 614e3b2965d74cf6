package quorum

import "time"

// maxStep is how much a server's clock may be off in a short time, beside the time that
// asking for it takes.
const maxStep = 20 * time.Millisecond

// sample is one look at a server's clock.
type sample struct {
	server time.Duration // what it showed, since 1970
	// sent and received enclose the moment, by this machine's monotonic clock.
	sent, received time.Duration
}

// watch compares a server's clock with this machine's. Steps are found by comparing with
// the last look; a clock that goes wrong slowly, with an older one.
type watch struct {
	any          bool
	last, anchor sample
	// drift is by how much the clocks' rates may differ; memory is how far back anchor
	// reaches, and how much of a longer silence counts for drift: no lock is older.
	drift  float64
	memory time.Duration
}

// look takes the next sample, and returns by how much the clock has jumped since an earlier
// one; 0: it goes on as it did.
func (w *watch) look(s sample) time.Duration {
	if !w.any {
		w.any, w.last, w.anchor = true, s, s
		return 0
	}
	jump := w.between(w.last, s)
	if jump == 0 {
		jump = w.between(w.anchor, s)
	}
	w.last = s
	if jump != 0 || s.received-w.anchor.received > w.memory {
		w.anchor = s
	}
	return jump
}

// between is by how much more, or less if it is negative, the server's clock has gone from a
// to b than can be.
func (w *watch) between(a, b sample) time.Duration {
	least, most := b.sent-a.received, b.received-a.sent
	tolerance := max(maxStep, time.Duration(w.drift*float64(min(most, w.memory))))
	switch gone := b.server - a.server; {
	case gone > most+tolerance:
		return gone - most
	case gone < least-tolerance:
		return gone - least
	}
	return 0
}
