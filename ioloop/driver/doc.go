// Package driver holds what the drivers of ioloop on real sockets have in common:
// buffers, timers, addresses and the looking up of names.
package driver
