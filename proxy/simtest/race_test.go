//go:build race

package simtest

// raceShare is the part of its seeds that a test runs under the race detector:
// a world is one goroutine, and eight times slower then. The rest is for a run
// without it.
const raceShare = 5
