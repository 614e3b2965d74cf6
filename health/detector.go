package health

import "time"

// Detector judges the servers of one pool. It is a function of its inputs: it starts
// nothing and has no clock. It is for one goroutine.
type Detector struct {
	settings Settings
	random   func() float64
	servers  []server
}

// server is what a Detector knows of a server.
type server struct {
	verdict Verdict
	// next is when it is to be probed; probing: a probe is under way, since started.
	next, started time.Time
	probing       bool
	// failures and successes are the probes in a row.
	failures, successes int
	// busy is since when it is; zero: it is not.
	busy time.Time
	// refused: since the last good probe its connections were refused, or were lost and
	// could not be made anew. One failed probe is enough then.
	refused bool
	// unproved: no probe has said anything yet of a server that has to prove itself. The
	// first one decides.
	unproved bool
	// retired: there is no server.
	retired bool
	// hold is for how long the latest fall keeps the server down at least.
	hold time.Duration
}

// suspicion is how soon a server is probed of which the data path reports bad news, and
// the least time between two such probes.
const suspicion = 50 * time.Millisecond

// calm is how often hold must pass after a return for the next fall to count as a first.
const calm = 10

// NewDetector judges n servers from now on. random returns numbers in [0,1).
func NewDetector(n int, settings Settings, now time.Time, random func() float64) *Detector {
	d := &Detector{settings: settings, random: random, servers: make([]server, n)}
	for i := range d.servers {
		s := &d.servers[i]
		s.verdict.Since = now
		// Spread, so that not all proxies and servers are busy with it at once.
		s.next = now.Add(time.Duration(random() * float64(settings.Interval)))
	}
	return d
}

// Doubt has a server be down, for a reason, until its first probe, which decides. It is
// called before any other method.
func (d *Detector) Doubt(server int, reason string) {
	s := &d.servers[server]
	s.verdict.State, s.verdict.Reason = Down, reason
	s.unproved, s.next = true, s.verdict.Since
}

// Verdict is what is thought of a server.
func (d *Detector) Verdict(server int) Verdict { return d.servers[server].verdict }

// Due gives the servers that are to be probed now, and marks their probes as under way:
// Probed is to be called for each.
func (d *Detector) Due(now time.Time) (due []int) {
	for i := range d.servers {
		if s := &d.servers[i]; !s.probing && !s.retired && !now.Before(s.next) {
			s.probing, s.started = true, now
			due = append(due, i)
		}
	}
	return due
}

// Next is when Due is to be asked again; ok is false if all wait for probes.
func (d *Detector) Next() (at time.Time, ok bool) {
	for i := range d.servers {
		if s := &d.servers[i]; !s.probing && !s.retired && (!ok || s.next.Before(at)) {
			at, ok = s.next, true
		}
	}
	return at, ok
}

// Suspect tells what the data path has met: a connection that was refused or lost, or a
// deadline that was missed. The server is probed soon; the probe decides.
func (d *Detector) Suspect(now time.Time, server int, refused bool) {
	s := &d.servers[server]
	s.refused = s.refused || refused
	if soon := now.Add(suspicion); soon.Before(s.next) {
		s.next = soon
	}
}

// Retire tells that there is no server any more, or none yet: nothing is probed, until Replaced
// tells that there is one. The outcome of a probe that is under way is not to be told.
func (d *Detector) Retire(server int) {
	d.servers[server].retired = true
}

// Replaced tells that a server has become another one, of which nothing is known yet: it is
// taken to be up, and probed now. The outcome of a probe that is under way is not to be
// told.
func (d *Detector) Replaced(now time.Time, server int, reason string) Verdict {
	s := &d.servers[server]
	s.verdict = Verdict{Since: now, Reason: reason}
	s.next, s.probing, s.refused, s.unproved, s.retired = now, false, false, false, false
	s.failures, s.successes, s.busy = 0, 0, time.Time{}
	return s.verdict
}

// Probed takes what a probe says. slow: a command was under way that may rightly keep the
// server from answering. It returns the server's new verdict if that has changed.
func (d *Detector) Probed(now time.Time, server int, o Outcome, slow bool) (Change, bool) {
	s := &d.servers[server]
	s.probing = false
	// From beginning to beginning: a server that hangs is found down no later because each
	// probe takes its time.
	if s.next = s.started.Add(d.pause()); s.next.Before(now.Add(suspicion)) {
		s.next = now.Add(suspicion)
	}
	switch d.judged(now, s, o, slow) {
	case OK:
		s.failures, s.refused = 0, false
		s.successes++
	case Failed:
		s.successes = 0
		s.failures++
	default: // it says nothing
		return Change{}, false
	}
	first := s.unproved
	s.unproved = false
	switch {
	case first && s.failures > 0, s.verdict.State == Up && (s.failures >= d.settings.Fall || s.failures > 0 && s.refused):
		d.fall(now, s, o.Reason)
	case first:
		s.verdict = Verdict{State: Up, Since: now, Reason: "answers as it should"}
	case s.verdict.State == Down && s.successes >= d.settings.Rise && !now.Before(s.verdict.Since.Add(s.hold)):
		s.verdict.State, s.verdict.Since, s.verdict.Reason = Up, now, "answers again"
	default:
		return Change{}, false
	}
	return Change{server, s.verdict}, true
}

// judged is what an outcome comes to, with regard to how long the server has been busy.
func (d *Detector) judged(now time.Time, s *server, o Outcome, slow bool) Kind {
	switch {
	case o.Kind == Busy && s.busy.IsZero():
		s.busy = now
		return Busy
	case o.Kind == Busy && now.Sub(s.busy) < d.settings.Slow:
		return Busy
	case o.Kind == Busy:
		return Failed
	}
	s.busy = time.Time{}
	if o.Kind == Failed && slow && !s.refused {
		return Busy
	}
	return o.Kind
}

// fall takes a server down. Falls that follow soon on each other keep it down for longer
// and longer, so that one that flaps is left alone.
func (d *Detector) fall(now time.Time, s *server, reason string) {
	if first := s.verdict.Falls == 0 || now.Sub(s.verdict.Since) >= calm*max(s.hold, d.settings.Hold); first {
		s.hold = d.settings.Hold
	} else { // with some chance, so that not all proxies take it back at once
		s.hold = min(2*s.hold+time.Duration(d.random()*float64(s.hold)/2), d.settings.HoldMax)
	}
	s.failures = 0
	s.verdict = Verdict{State: Down, Since: now, Reason: reason, Falls: s.verdict.Falls + 1}
}

// pause is how long to wait from one probe to the next: about the interval.
func (d *Detector) pause() time.Duration {
	jitter := 0.9 + 0.2*d.random()
	return time.Duration(jitter * float64(d.settings.Interval))
}
