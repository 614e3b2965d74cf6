// Package epoll is the Linux driver of ioloop: one goroutine, one epoll
// instance, level-triggered, no lock on the way of a byte.
//
// An iteration waits for events, serves them, and polls up to maxPolls times
// more without blocking, so that batches grow; then it runs what was asked for
// with AtEnd and hands each connection's output to the kernel in one write.
package epoll
