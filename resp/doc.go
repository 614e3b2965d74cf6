// Package resp reads and writes the Redis protocol, RESP2 and RESP3: requests
// of clients are parsed, replies of servers are framed without being decoded,
// and the few replies that are made or merged here are encoded.
//
// What is accepted, and the words in which the rest is refused, are those of
// Redis 7.0.15, except for the limits that Limits adds. Nothing is allocated
// because a peer declares a length, every state is bounded, and no input makes
// a function panic.
package resp
