// Package simtest tests the data path as a whole, from a client's bytes to a
// server and back, in the simulated network: real cores, sessions and server
// connections on simulated loops, model servers, and clients that remember what
// they were told. It has no code of its own.
//
// What one Redis would do is known from a twin: the same model server, alone, which is
// told the same. The differences that a proxy may have are listed where the twin is asked
// (composer.refusal).
//
// The fleet tests simulate a pool that reroutes as a whole, with its controller, its health
// checks and a proxy that is killed; package history says what clients may be told there.
//
// A run follows from its seed alone. A test that fails says which one:
//
//	RINGMAIN_SEED=17 go test -run TestName ./proxy/simtest
//
// runs that seed only and writes what happened to standard error.
// RINGMAIN_TORTURE=1 runs many more seeds; the race detector, under which a world
// is eight times slower, a fifth of them. A full check runs the package both ways.
package simtest
