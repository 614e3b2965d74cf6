// Package lock keeps locks on a quorum: Redlock, carried out by the proxy for
// clients that speak to one Redis, with compare-and-swap at every server, padding,
// fencing numbers, and a queue for each key. DESIGN.md says what is promised, and
// how.
//
// An Engine is single-threaded: it belongs to one loop, has no goroutine, no lock
// and no I/O of its own, and sees time and servers only through package quorum's
// interfaces. Tests run it on model servers.
package lock
