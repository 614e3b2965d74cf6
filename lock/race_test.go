//go:build race

package lock

// raceShare is the part of its seeds that a test runs under the race detector: a world
// is one goroutine, and many times slower then.
const raceShare = 10
