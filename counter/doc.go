// Package counter keeps counters on a quorum: every acknowledged change counts exactly
// once, one whose outcome is unknown at most once, and a value never goes back.
//
// Each key is a register of its own, changed by rounds of CASPaxos: a proposer here, the
// servers of the quorum as acceptors (scripts.go). DESIGN.md says what is required of it,
// and how each requirement is met.
//
// Nothing here opens a socket, starts a goroutine or takes a lock: an Engine is used on
// one loop, asks servers through quorum.Servers, and is told what they answered.
package counter
