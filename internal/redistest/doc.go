// Package redistest starts real server programs on free loopback ports for
// tests and measurements: redis-server, twemproxy (nutcracker), and any other
// program described by a Program. It also holds Relay, a TCP relay that keeps,
// delays, cuts, resets, filters and loses what passes through it, and tells another time.
//
// A program that is started here dies with the process that started it. A
// program that is missing is an error, never a reason to skip a test.
package redistest
