package quorum

import (
	"fmt"
	"time"
)

// Why a server may take part in nothing.
const (
	unseen     = "has not been examined yet"
	noIdentity = "has no identity: it has lost what it kept, or never was one of the set"
	unsettled  = "is one of a set that no majority has shown yet"
)

// server is what a Set knows of one.
type server struct {
	q     *Set
	index int
	name  string

	// runID is of the process that was examined last, and that alone is spoken with; "": the
	// next one that answers is examined.
	runID string
	// epoch changes with the process: what was asked before proves nothing of a new one.
	epoch uint64
	// known are the scripts that the process has.
	known map[*Script]bool
	calls int // under way

	// unfit is why the server may take part in nothing; "": it may. apart: because it is
	// another set's, or has other settings.
	unfit string
	apart bool
	// foreign: it has data that nothing shows to be the set's.
	foreign bool
	// identity is as it was when the server was examined last, and expected its text, which
	// every guard compares.
	identity Identity
	expected string
	// last is the identity's text as it was when there was one last.
	last string
	// spent are identities that the server had and that are not believed any more.
	spent spent
	// filed: the process has been seen with a whole append-only file, if it is to have one.
	filed bool
	// promotion is the offset at which the process ceased to be a replica.
	promotion string

	// seen: some process was examined. fresh: the present one was not yet, up is for how long
	// it runs.
	seen, fresh bool
	up          time.Duration

	// until is when the server may have no lock left that it has forgotten, by the monotonic
	// clock, and why it may have forgotten any; kept is until when its own quarantine lasts.
	until time.Duration
	why   string
	kept  time.Duration
	// watch goes on when the process changes: a machine may come back with its clock set.
	watch watch

	// mendAt is when the next repair may begin, by the monotonic clock, mendFailed how many have
	// failed in a row.
	mendAt     time.Duration
	mendFailed int

	// trouble is why the last call was not answered; "": it was.
	trouble string
	// beats counts them since a vote has told of the server, age since it was examined.
	beats, age int
	examining  bool
	again      bool // examine once more, when that has ended

	// noted is the state when it was looked at last, stateSince when that came about, and told what the
	// log was told last.
	noted      string
	stateSince time.Duration
	told       struct{ state, reason string }
	toldUntil  time.Duration       // when the quarantine ends that it was told of
	counts     [Unknown + 1]uint64 // of answers, by their outcome
	jumps      uint64
}

func (s *server) now() time.Duration { return s.q.Clock.Now().Monotonic }

// quarantined is for how long the server casts no vote, and why.
func (s *server) quarantined(now time.Duration) (time.Duration, string) {
	if s.kept > s.until {
		return max(0, s.kept-now), "was initialised, changed or repaired lately"
	}
	return max(0, s.until-now), s.why
}

// isolate has the server cast no vote for d from now on.
func (s *server) isolate(d time.Duration, why string) {
	if until := s.now() + d; d > 0 && until > s.until {
		s.until, s.why = until, why
	}
}

// barred is why the server may not take part in calls of a kind.
func (s *server) barred(kind Kind) string {
	if s.q.ended {
		return "is not used any more: the proxy is stopping"
	}
	if why := s.q.Link.Down(s.index); why != "" {
		return why
	}
	if kind == Refill && s.unfit != unseen {
		return ""
	}
	if why := s.unfitNow(); why != "" {
		return why
	}
	if kind != Vote || s.until == 0 && s.kept == 0 {
		return ""
	}
	if left, why := s.quarantined(s.now()); left > 0 {
		return fmt.Sprintf("casts no vote for another %d s: it %s", (left+time.Second-1)/time.Second, why)
	}
	return ""
}

// unfitNow is unfit with what depends on the other servers.
func (s *server) unfitNow() string {
	switch {
	case s.repairing():
		return underRepair
	case s.unfit == unseen && s.trouble != "":
		return s.trouble
	case s.unfit != "":
		return s.unfit
	case s.q.set == "":
		return unsettled
	case s.q.set != s.identity.Set:
		return "belongs to another set, or the set was initialised anew: in that case start Ringmain anew"
	}
	return ""
}

// beat looks at the server if nothing else has told of it.
func (s *server) beat() {
	s.beats++
	s.age++
	switch {
	case s.examining:
	case s.runID == "" || s.unfit == unseen || s.age >= examineEvery:
		s.examine()
	case s.unfit != "": // it may be mended
		if s.age >= examineEvery/2 {
			s.examine()
		}
	case s.beats > 1:
		s.probe()
	}
	s.tell()
}

// probe asks for the clock and the identity, which is a vote that does nothing.
func (s *server) probe() {
	s.q.call(s, Call{Server: s.index, Script: probe}, func(Answer) {})
}

var probe = NewScript("probe", Vote, "return {}")

// changed has the process that is there now be examined.
func (s *server) changed() {
	s.forget()
	s.examine()
}

// forget has nothing be known of the server's process.
func (s *server) forget() {
	if s.runID == "" {
		return
	}
	if r := s.q.repair; r != nil && r.s == s {
		r.fail(restarted)
	}
	s.runID = ""
	s.epoch++
	clear(s.known)
	s.unfit, s.apart, s.foreign, s.filed = unseen, false, false, false
	s.q.Link.Expect(s.index, "")
}

// doubt has the server be examined because of what a guard has said.
func (s *server) doubt(unfit string, apart bool) {
	s.unfit, s.apart = unfit, apart
	s.examine()
	s.tell()
}

// looked takes a look at the server's clock.
func (s *server) looked(l sample) (jumped bool) {
	jump := s.watch.look(l)
	if jump == 0 || s.q.Persistence == Embedded {
		return false
	}
	s.q.Log.Warn("the clock of a server of a quorum has jumped, or this machine's", "quorum", s.q.Name, "server", s.name,
		"by", jump.Round(time.Millisecond))
	s.jumps++
	s.isolate(s.q.quarantine(), "had its clock jump")
	return true
}

// patience is how long a server is not reached before the log says so: connections that stall
// are renewed in less.
const patience = time.Second

// tell has the log say how the server is used, when that changes.
func (s *server) tell() {
	state, reason := s.state()
	if state != s.noted {
		s.noted, s.stateSince = state, s.now()
	}
	until := max(s.kept, s.until)
	switch {
	case state == s.told.state && reason == s.told.reason || state == StateDown && s.now()-s.stateSince < patience:
		return
	case state == StateQuarantine && state == s.told.state && until < s.toldUntil+time.Second:
		return // two reasons for the same
	}
	s.toldUntil = until
	before := s.told
	s.told.state, s.told.reason = state, reason
	log := s.q.Log.With("quorum", s.q.Name, "server", s.name)
	switch {
	case reason == unseen && before.state == "", reason == unsettled, reason == noIdentity && s.last == "" && s.q.selfMade():
		// what comes next says more: it is given its first identity
	case state == StateVotes:
		log.Info("server of a quorum may vote")
	case state == StateQuarantine:
		left, _ := s.quarantined(s.now())
		log.Warn("server of a quorum casts no vote for a time", "seconds", int64((left+time.Second-1)/time.Second), "because", "it "+reason)
	default:
		log.Warn("server of a quorum may not vote", "because", "it "+reason)
	}
}
