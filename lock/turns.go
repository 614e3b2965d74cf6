package lock

import (
	"slices"
	"time"

	"ringmain/quorum"
)

const (
	// longestTurn is how long an operation stands in line before it is refused.
	longestTurn = time.Second
	// aMoment is for how long operations wait for a majority that can vote: connections are made anew in
	// that time. After it they are refused at once.
	aMoment = 500 * time.Millisecond
	// forgotten is how long ago somebody must have looked for a majority for it to be known since when
	// there is none.
	forgotten = 10 * time.Second
	// clearEvery is how often the line is looked at; more often where a majority is waited for.
	clearEvery   = 100 * time.Millisecond
	lookForEvery = 5 * time.Millisecond
)

// turns has the operations that may run do so while servers have time for them; the others stand in
// line, and nothing was sent for those that have to be refused there. As the servers would carry out also what
// they answer too late, asking for more than they can do would leave nobody with a lock. An operation
// also stands in line while there is no majority that could vote, for a moment: who is refused comes back at
// once, and thousands that do would keep a proxy from anything else.
type turns struct {
	clock     quorum.Clock
	window    quorum.Window
	line      []*task // the first one first; some may not be in it any more
	admitting bool
	timer     bool // the line is to be looked at

	// majority reports whether one can vote. If not, lacking is since when, and looked when that was
	// looked at last.
	majority        func() bool
	briefly         time.Duration // aMoment
	lacks           bool
	lacking, looked quorum.Instant
}

func newTurns(clock quorum.Clock, majority func() bool) turns {
	return turns{clock: clock, majority: majority, briefly: aMoment, window: quorum.NewWindow(quorum.FirstWindow)}
}

// free reports whether an operation may run at once.
func (t *turns) free() bool { return len(t.line) == 0 && t.window.Open() && !t.waits() }

// waits reports whether it is worth while to wait for a majority.
func (t *turns) waits() bool {
	if t.majority() {
		t.lacks = false
		return false
	}
	now := t.clock.Now()
	if !t.lacks || now.Since(t.looked) >= forgotten {
		t.lacks, t.lacking = true, now
	}
	t.looked = now
	return now.Since(t.lacking) < t.briefly
}

// run runs an operation, which is to tell window when it ends.
func (t *turns) run(o *task) {
	o.running, o.inLine = true, false
	t.window.Take()
	o.run()
}

// stand has an operation stand in line.
func (t *turns) stand(o *task) {
	o.inLine, o.since = true, t.clock.Now()
	t.line = append(t.line, o)
	t.lookLater()
}

// admit runs those in line while there is room.
func (t *turns) admit() {
	if t.admitting || len(t.line) == 0 { // one of them has ended at once
		return
	}
	t.admitting = true
	for len(t.line) > 0 && t.window.Open() && !t.waits() {
		o := t.line[0]
		t.line[0] = nil
		if t.line = t.line[1:]; o.inLine {
			t.run(o)
		}
	}
	t.admitting = false
}

// took notes how long a majority of the servers took to answer, which may take within.
func (t *turns) took(d, within time.Duration) {
	t.window.Took(d, within, t.clock.Now(), len(t.line) > 0)
}

// lookLater has the line be looked at.
func (t *turns) lookLater() {
	if t.timer || len(t.line) == 0 {
		return
	}
	t.timer = true
	in := clearEvery
	if t.lacks {
		in = lookForEvery
	}
	t.clock.After(in, func() {
		t.timer = false
		t.admit()
		t.clear()
		t.lookLater()
	})
}

// clear refuses those who have stood in line for too long.
func (t *turns) clear() {
	now := t.clock.Now()
	var late []*task
	t.line = slices.DeleteFunc(t.line, func(o *task) bool {
		if o.inLine && !o.patient && now.Since(o.since) >= longestTurn {
			late = append(late, o)
		}
		return !o.inLine
	})
	for _, o := range late {
		if o.inLine { // refusing another one may have others come to their turn
			o.refuse()
		}
	}
}
