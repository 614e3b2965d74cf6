package counter

import (
	"time"

	"ringmain/quorum"
)

// What servers cannot answer in time they carry out all the same, and are asked again. So asking for
// more than they can do would leave nobody with an answer: with a few thousand registers at once,
// nothing need be broken for that. A window bounds for how many registers something is asked at a
// time; the others stand in line, and nothing has been sent for what has to be refused there.
const (
	// leastWindow and mostWindow bound its size. The least is enough for servers to be busy; at
	// most, they are far from having too many calls.
	leastWindow, firstWindow, mostWindow = 16, 256, 4096
	// patience is the part of the servers' timeout that answers may take for the window to grow;
	// at twice that it shrinks, by a quarter, though not oftener than once in the timeout.
	patience = 4
)

// window is how much may be asked at a time.
type window struct {
	size, taken int
	grown       int         // answers in time since it grew
	line        []*proposer // that wait for their turn, the first one first; some may have given up
	timeout     time.Duration
	shrunk      quorum.Instant // when it was last
}

// turnOf is what a proposer has of the window.
type turnOf uint8

const (
	noTurn turnOf = iota
	given         // it may begin
	taken         // it asks
)

// waitsInLine is why commands wait whose turn has not come.
const waitsInLine = "the servers have too much to do"

// admits reports whether a proposer may begin a round now. If not it stands in line. Numbers of
// locks' holders wait for nobody: there are few registers of them, and locks are held meanwhile.
func (e *Engine) admits(p *proposer) bool {
	w := &e.window
	switch {
	case p.turn == given:
		p.turn = taken
		return true
	case p.pattern == &e.fences, e.lacking: // nothing is asked without a majority
		return true
	case p.inLine:
		return false
	case len(w.line) == 0 && w.taken < w.size:
		w.taken++
		p.turn = taken
		return true
	}
	p.inLine, p.reason = true, waitsInLine
	w.line = append(w.line, p)
	return false
}

// yields has a proposer that asks nothing any more give its turn to the next one.
func (e *Engine) yields(p *proposer) {
	w := &e.window
	if p.turn == noTurn {
		return
	}
	p.turn = noTurn
	w.taken--
	for len(w.line) > 0 && w.taken < w.size {
		next := w.line[0]
		w.line[0] = nil
		w.line = w.line[1:]
		next.inLine = false
		if next.active && next.phase == ready {
			w.taken++
			next.turn = given
			e.soon(next)
		}
	}
}

// took notes how long a majority took to answer.
func (e *Engine) took(d time.Duration, now quorum.Instant) {
	w := &e.window
	switch {
	case d > 2*w.timeout/patience:
		if now.Since(w.shrunk) >= w.timeout {
			w.size, w.shrunk, w.grown = min(w.size, max(leastWindow, w.size-w.size/4)), now, 0
		}
	case d <= w.timeout/patience && len(w.line) > 0:
		if w.grown++; w.grown >= w.size {
			w.size, w.grown = min(mostWindow, w.size+w.size/8), 0
		}
	}
}
