package quorum

import "time"

// Window bounds how many questions servers are asked at a time, each about keys of its own. What
// servers cannot answer in time they carry out all the same, and are asked again: asking for more than
// they can do would leave nobody with an answer, and with a few thousand clients at once nothing need be
// broken for that. So it grows while they answer soon, and shrinks when they do not (additive
// increase, multiplicative decrease on delay, as TCP Vegas: Brakmo, Peterson, 1995). Who finds it closed
// stands in a line of its owner's. It is used on one loop.
type Window struct {
	size, taken int
	grown       int     // answers in time since it grew
	shrunk      Instant // when it was last
}

const (
	// leastWindow and mostWindow bound the size. The least is enough for servers to be busy; at
	// most, they are far from having too many calls.
	leastWindow, mostWindow = 16, 4096
	// FirstWindow is the size of a window in the beginning.
	FirstWindow = 64
	// soon is the part of their time that answers may take for the window to grow; at twice that it
	// shrinks, by a quarter, though not oftener than once in that time.
	soon = 4
)

// NewWindow makes a Window of a size. One that is smaller than what servers can do at any rate stays as
// small, for tests.
func NewWindow(size int) Window { return Window{size: size} }

// Open reports whether there is room for another question.
func (w *Window) Open() bool { return w.taken < w.size }

// Take tells that a question begins, whether there is room or not, and Give that it has ended.
func (w *Window) Take() { w.taken++ }

// Give is told for each Take.
func (w *Window) Give() { w.taken-- }

// Taken is how many questions are asked.
func (w *Window) Taken() int { return w.taken }

// Took tells how long a majority took to answer, which may take within. wanted says that somebody
// stands in line.
func (w *Window) Took(d, within time.Duration, now Instant, wanted bool) {
	switch {
	case d > 2*within/soon:
		if now.Since(w.shrunk) >= within {
			w.size, w.shrunk, w.grown = min(w.size, max(leastWindow, w.size-w.size/4)), now, 0
		}
	case d <= within/soon && wanted:
		if w.grown++; w.grown >= w.size {
			w.size, w.grown = min(mostWindow, w.size+w.size/8), 0
		}
	}
}
