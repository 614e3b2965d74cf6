// Package ledger loads a proxy with clients and holds what they are told against what
// they may be told. A read returns the last acknowledged write of its key, one that is in
// flight or whose outcome is not known, or nothing, which is counted. Never an older value.
//
// One actor writes a key, one command at a time, on whatever connections; anybody reads
// it meanwhile. So what a key may hold is a small set, and judging a reply needs no
// search. All writes write other numbers, so that a number tells which write it is of.
package ledger
