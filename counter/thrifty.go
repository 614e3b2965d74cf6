package counter

import (
	"cmp"
	"time"

	"github.com/cespare/xxhash/v2"

	"ringmain/quorum"
)

// A majority is enough for a round, so no more servers than that are asked at first: the others are
// spared the work, which is a third of it where there are three, and nobody waits for their disks
// (thrifty operation: Moraru, Andersen, Kaminsky, There is more consensus in egalitarian
// parliaments, SOSP 2013). The rest are asked as well once one of the first says no, or cannot be
// asked, or takes long; then all are asked for a while. What a majority has accepted is kept by it
// alone, as it always may be: nothing that is promised depends on the others.
//
// Which servers come first depends on the register alone. So the work is spread over all of them,
// and another proxy that reads finds a majority that agrees.
const (
	// patient is how much longer than rounds take on average one may take.
	patient = 4
	// leastPatience bounds that from below.
	leastPatience = 2 * time.Millisecond
	// firstAverage is the average that is assumed in the beginning, and averaged how many rounds it
	// goes back to.
	firstAverage = 5 * time.Millisecond
	averaged     = 16
	// wideFirst is for how long all servers are asked after a round had to ask the rest. Where that
	// happens again soon after, it is twice as long each time, wideLast at most.
	wideFirst = 50 * time.Millisecond
	wideLast  = time.Second
)

// thrift is what an Engine knows of rounds that ask no more servers than a majority.
type thrift struct {
	average time.Duration // what rounds take
	wide    time.Duration // until when all servers are asked, by the monotonic clock
	spell   time.Duration // for how long they were last
	narrow  []*round      // that have not asked all, the first one first; some may be over
	late    []*round      // hurry's own
	timer   quorum.Timer  // pending while there are any
}

// first is the server that a register's rounds ask first; those behind it follow.
func (e *Engine) first(register []byte) int {
	return int(xxhash.Sum64(register) % uint64(e.servers.Len()))
}

// fewest is how many servers a round asks at first.
func (e *Engine) fewest(q question) int {
	if q == preparing || e.turn().Monotonic < e.thrift.wide {
		return e.servers.Len()
	}
	return e.majority
}

// patience is how long a round may take before it asks the rest.
func (t *thrift) patience(timeout time.Duration) time.Duration {
	return min(max(leastPatience, patient*t.rounds()), max(leastPatience, timeout/2))
}

// took notes how long a round took.
func (t *thrift) took(d time.Duration) {
	t.average = t.rounds() + (d-t.rounds())/averaged
}

// rounds is what rounds take on average.
func (t *thrift) rounds() time.Duration { return cmp.Or(t.average, firstAverage) }

// watch has a round ask the rest if it takes long.
func (e *Engine) watch(r *round) {
	t := &e.thrift
	t.narrow = append(t.narrow, r)
	if t.timer == nil {
		t.timer = e.clock.After(t.patience(e.window.timeout), e.hurry)
	}
}

// widen has all servers be asked for a while.
func (t *thrift) widen(now time.Duration) {
	switch {
	case now < t.wide: // a round from before
		return
	case t.spell > 0 && now < t.wide+t.spell:
		t.spell = min(2*t.spell, wideLast)
	default:
		t.spell = wideFirst
	}
	t.wide = now + t.spell
}

// hurry has the rounds that take long ask the rest.
func (e *Engine) hurry() {
	t := &e.thrift
	t.timer = nil
	now, patience := e.clock.Now(), t.patience(e.window.timeout)
	n := 0
	for n < len(t.narrow) && (t.narrow[n].over || now.Since(t.narrow[n].began) >= patience) {
		n++
	}
	late := append(t.late[:0], t.narrow[:n]...)
	left := copy(t.narrow, t.narrow[n:])
	clear(t.narrow[left:])
	t.narrow = t.narrow[:left]
	for _, r := range late {
		if !r.over {
			t.widen(now.Monotonic)
			r.ask(e.servers.Len())
			r.decide()
			r.goesOn()
		}
	}
	clear(late)
	t.late = late[:0]
	if t.timer == nil && len(t.narrow) > 0 {
		t.timer = e.clock.After(max(0, patience-now.Since(t.narrow[0].began)), e.hurry)
	}
}
