//go:build !race

package lock

// raceShare is 1: without the race detector a test runs all its seeds.
const raceShare = 1
