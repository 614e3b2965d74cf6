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
// asked, or takes long; then all are asked for a while. Reads are too once one has found that a server
// has missed a change: it may have missed others, and nothing but the next change of each makes up for
// it. What a majority has accepted is kept by it alone, as it always may be: nothing that is promised
// depends on the others.
//
// Which servers come first depends on the register alone. So the work is spread over all of them,
// and another proxy that reads finds a majority that agrees.
const (
	// patient is how many times longer a round may take than the first answer to one like it does on
	// average: so a server that is slow all the time is no measure.
	patient = 4
	// leastPatience bounds that from below.
	leastPatience = 2 * time.Millisecond
	// firstAverage is the average that is assumed in the beginning, and averaged how many rounds it
	// goes back to.
	firstAverage = 5 * time.Millisecond
	averaged     = 16
	// wideFirst is for how long all servers are asked after a round had to ask the rest. Where that
	// happens again within wideMemory, it is twice as long each time, wideLast at most.
	wideFirst  = 50 * time.Millisecond
	wideLast   = time.Second
	wideMemory = 10 * time.Second
)

// thrift is what an Engine knows of rounds that ask no more servers than a majority.
type thrift struct {
	average time.Duration              // what rounds take
	first   [reading + 1]time.Duration // what the first answer takes, by question
	wide    [reading + 1]wide          // when all servers are asked, by question
	narrow  []*round                   // that have not asked all, the first one first; some may be over
	late    []*round                   // hurry's own
	timer   quorum.Timer               // pending while there are any
	at      time.Duration              // when it is due, by the monotonic clock
}

// wide is when questions go to all servers at once.
type wide struct {
	until time.Duration // by the monotonic clock
	spell time.Duration // how long it is, or was last
}

// first is the server that a register's rounds ask first; those behind it follow.
func (e *Engine) first(register []byte) int {
	return int(xxhash.Sum64(register) % uint64(e.servers.Len()))
}

// fewest is how many servers a round asks at first.
func (e *Engine) fewest(q question) int {
	if q == preparing || e.turn().Monotonic < e.thrift.wide[q].until {
		return e.servers.Len()
	}
	return e.majority
}

// patience is how long a round may take before it asks the rest.
func (t *thrift) patience(q question, timeout time.Duration) time.Duration {
	return min(max(leastPatience, patient*cmp.Or(t.first[q], firstAverage)), max(leastPatience, timeout/2))
}

// rounds is what rounds take on average.
func (t *thrift) rounds() time.Duration { return cmp.Or(t.average, firstAverage) }

// towards moves an average a little, which is zero in the beginning.
func towards(average *time.Duration, d time.Duration) {
	*average = cmp.Or(*average, firstAverage)
	*average += (d - *average) / averaged
}

// watch has a round ask the rest if it takes long.
func (e *Engine) watch(r *round) {
	t := &e.thrift
	t.narrow = append(t.narrow, r)
	e.hurryIn(t.patience(r.question, e.timeout))
}

// hurryIn has hurry be called once d has passed, or earlier.
func (e *Engine) hurryIn(d time.Duration) {
	t := &e.thrift
	at := e.turn().Monotonic + d
	switch {
	case t.timer == nil:
	case t.at <= at:
		return
	default:
		t.timer.Stop()
	}
	t.at, t.timer = at, e.clock.After(d, e.hurry)
}

// widen has all servers be asked for a while.
func (w *wide) widen(now time.Duration) {
	switch {
	case now < w.until: // a round from before
		return
	case w.spell > 0 && now < w.until+wideMemory:
		w.spell = min(2*w.spell, wideLast)
	default:
		w.spell = wideFirst
	}
	w.until = now + w.spell
}

// hurry has the rounds that take long ask the rest.
func (e *Engine) hurry() {
	t := &e.thrift
	t.timer = nil
	now, next := e.clock.Now(), time.Duration(-1)
	late, left := t.late[:0], t.narrow[:0]
	for _, r := range t.narrow {
		switch more := t.patience(r.question, e.timeout) - now.Since(r.began); {
		case r.over:
		case more <= 0:
			late = append(late, r)
		default:
			left = append(left, r)
			if next < 0 || more < next {
				next = more
			}
		}
	}
	clear(t.narrow[len(left):])
	t.narrow, t.late = left, nil
	for _, r := range late { // which may begin others
		if all := e.servers.Len(); !r.over && r.asked < all { // else one of the first has refused
			t.wide[r.question].widen(now.Monotonic)
			r.ask(all)
			r.decide()
			r.goesOn()
		}
	}
	clear(late)
	t.late = late[:0]
	if next >= 0 {
		e.hurryIn(next)
	}
}
