package sim

import (
	"math/rand/v2"
	"time"
)

// maxSegment bounds the bytes that travel as one segment.
const maxSegment = 64 << 10

// character is what kind of network a world is. It is drawn from the seed, so
// that many seeds see calm networks and nervous ones, wide buffers and narrow.
type character struct {
	delayMin, delayMax time.Duration // of most segments
	tail               float64       // share of segments that take up to tailMax
	tailMax            time.Duration
	tiny               float64 // share of segments that are cut short
	buffer             int     // bytes of a socket buffer, each way
	narrow             float64 // share of sockets with a much smaller one
	latency            time.Duration
}

func newCharacter(rng *rand.Rand) character {
	c := character{
		delayMin: 20 * time.Microsecond,
		delayMax: 200 * time.Microsecond,
		tail:     0.02,
		tailMax:  5 * time.Millisecond,
		tiny:     0.3,
		buffer:   256 << 10,
		narrow:   0.25,
		latency:  40 * time.Microsecond,
	}
	switch rng.IntN(4) {
	case 0: // a quiet local network
		c.tail, c.tiny, c.narrow = 0, 0.05, 0
		c.delayMax = 40 * time.Microsecond
	case 1: // a nervous one
		c.tail, c.tiny, c.narrow = 0.15, 0.7, 0.5
	}
	return c
}

// bufferSize draws the size of one socket buffer.
func (w *World) bufferSize() int {
	if w.chance(w.char.narrow) {
		return 4<<10 + w.rng.IntN(60<<10)
	}
	return w.char.buffer
}

// SocketBuffer sets the bytes that a socket made from now on buffers in each
// direction, in place of seeded sizes.
func (w *World) SocketBuffer(n int) { w.char.buffer, w.char.narrow = n, 0 }

// delay draws how long one segment takes from one host to another.
func (w *World) delay(from, to string) time.Duration {
	d := w.between(w.char.delayMin, w.char.delayMax)
	if w.chance(w.char.tail) {
		d = w.between(d, w.char.tailMax)
	}
	if factor, ok := w.slow[link{from, to}]; ok {
		d = time.Duration(float64(d) * factor)
	}
	return d
}

// segmentSize draws how many of n bytes travel together.
func (w *World) segmentSize(n int) int {
	n = min(n, maxSegment)
	if n > 1 && w.chance(w.char.tiny) {
		switch w.rng.IntN(3) {
		case 0:
			return 1
		case 1:
			return 1 + w.rng.IntN(min(n, 32))
		}
		return 1 + w.rng.IntN(n)
	}
	return n
}
