package counter

import (
	"time"

	"ringmain/quorum"
)

// For how many registers something is asked at a time is bounded by a quorum.Window; the others stand
// in line, and nothing has been sent for what has to be refused there.
type window struct {
	quorum.Window
	line []*proposer // that wait for their turn, the first one first; some may have given up
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
	case len(w.line) == 0 && w.Open():
		w.Take()
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
	w.Give()
	for len(w.line) > 0 && w.Open() {
		next := w.line[0]
		w.line[0] = nil
		w.line = w.line[1:]
		next.inLine = false
		if next.active && next.phase == ready {
			w.Take()
			next.turn = given
			e.soon(next)
		}
	}
}

// took notes how long a majority took to answer.
func (e *Engine) took(d time.Duration) {
	e.window.Took(d, e.timeout, e.turn(), len(e.window.line) > 0)
}
