// Package integration tests the whole program against real Redis servers and
// real clients. It has no code of its own.
package integration
