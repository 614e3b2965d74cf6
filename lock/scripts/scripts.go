// Package scripts knows the Lua scripts that client libraries send to take, extend and
// release locks, and says what each of them means.
//
// Such a script is atomic on one server and says nothing of five. So it is never run as it
// is on the servers of a quorum: it is recognised, carried out as what it means, and
// answered in the shape that its library expects.
//
// It is recognised by its digest, which is all that an EVALSHA shows, or by its text. The
// libraries' texts differ in layout, quotes, names of locals and comments much more than in
// what they do, and change from release to release. So a text is taken apart into Lua's
// tokens, brought into a normal form in which those differences are gone, and the digest
// of that is looked up. The list is closed: what is not on it is not recognised, however
// much it looks like something that is. A script with one word changed is another script.
//
// Some of the scripts on the list cannot be kept by a quorum: they use hashes, lists or
// messages, or several keys of one server. They are known so that a client is told so by
// name, with what to do instead.
//
// Everything here is pure, may be called by any goroutine, and takes time in proportion to
// the text, of which no more than 8 KiB are looked at.
package scripts

import (
	"crypto/sha1"
	_ "embed" // known.txt
	"encoding/hex"
	"strings"
)

// Class is what a script does to its lock.
type Class uint8

const (
	// Release gives the lock up if the token holds it.
	Release Class = iota + 1
	// Extend gives the lock a new time to live if the token holds it.
	Extend
	// Acquire takes the lock if nobody holds it, the token itself included.
	Acquire
	// AcquireOrExtend takes the lock if nobody holds it, and extends it if the token does.
	AcquireOrExtend
	// ExtendOrAcquire does the same, for a client that thinks that it holds the lock.
	ExtendOrAcquire
	// Query says how long the lock lives, changing nothing.
	Query
	// Unsupported is what a quorum cannot do.
	Unsupported
)

// Unit is how a script's argument says a time to live.
type Unit uint8

const (
	Milliseconds Unit = iota + 1
	Seconds
	UnixMilliseconds // the moment of expiry, since 1970
)

// Shape is the form of a reply.
type Shape uint8

const (
	Integer Shape = iota + 1
	Status        // a simple string
	Bulk          // a string
	Null          // of the client's protocol: Lua's false and nil
	Failure       // an error; Text is the whole of it
	// KeyCount is an integer: how many keys the operation was carried out on.
	KeyCount
	// TTL is an integer: the time that the lock still lives, in milliseconds; of several
	// locks the shortest. TTLSeconds is the same in whole seconds, rounded as Redis rounds.
	TTL
	TTLSeconds
	// Holder is an array of who holds the lock (null: nobody) and how many milliseconds it
	// still lives (-2: nobody holds it).
	Holder
)

// Reply is how an outcome is answered. The zero Reply stands for an outcome that the
// script's class does not have.
type Reply struct {
	Shape Shape
	Int   int64
	Text  string
}

// Entry is a script, in all the wordings that do the same. Entries are never changed.
type Entry struct {
	// Libraries are the clients that send it, with the name that they give the script.
	Libraries []string
	Class     Class
	// Why says of an Unsupported script, to people, why it is and what to do: "it publishes a
	// message; …".
	Why string

	// Keys is how many keys it takes, 0: one or more, which are all locked by one token.
	Keys int
	// Args is the least number of arguments. What comes after them it does not look at.
	Args int

	// Token, TTL, Prefix and Mode are the positions of arguments in ARGV, from 1; 0: there is
	// none.
	Token int
	TTL   int
	Unit  Unit
	// Prefix is a number of bytes: the lock is the caller's if its value begins with so many
	// bytes of the token. Without it, if its value is the token.
	Prefix int
	// Adds is an argument that is "0" if the time is to be added to what is left, and
	// anything else if it is to take its place.
	Adds int
	// New is an argument that is "yes" if a free lock may be taken.
	New int
	// Each says that what is not the token's does not keep a release from the other keys.
	Each bool
	// Persists says that a time to live of zero or less takes the lock's expiry away, which no
	// lock on a quorum can do without.
	Persists bool

	// OK is the answer where it was done: acquired, extended, released; to a Query that the
	// token holds the lock. Again is that of an AcquireOrExtend which extended; Gone that
	// nobody holds the lock (or not the token, of a Query), Other that somebody else does.
	OK, Again, Gone, Other Reply

	id string // in known.txt
}

// BySHA is the script with a digest, 40 hexadecimal digits of either case.
func BySHA(sha string) (*Entry, bool) {
	if len(sha) != 2*sha1.Size {
		return nil, false
	}
	e, ok := byDigest[strings.ToLower(sha)]
	return e, ok
}

// Recognise finds a script by its text.
func Recognise(text string) (*Entry, bool) {
	if len(text) > maxText {
		return nil, false
	}
	sum := sha1.Sum([]byte(text))
	if e, ok := byDigest[hex.EncodeToString(sum[:])]; ok {
		return e, ok
	}
	form, err := fingerprint(text)
	if err != nil {
		return nil, false
	}
	e, ok := byForm[form]
	return e, ok
}

// known has a line for each text and each normal form: its digest, and the entry that it is.
//
//go:embed known.txt
var known string

// byDigest and byForm are the table by the SHA-1 of the texts and by the fingerprints of
// their normal forms.
var byDigest, byForm = index()

func index() (digests, forms map[string]*Entry) {
	entries := make(map[string]*Entry, len(table))
	for i := range table {
		entries[table[i].id] = &table[i]
	}
	digests, forms = map[string]*Entry{}, map[string]*Entry{}
	for line := range strings.Lines(known) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		entry := entries[fields[1]]
		if len(fields[0]) == 2*sha1.Size {
			digests[fields[0]] = entry
		} else {
			forms[fields[0]] = entry
		}
	}
	return digests, forms
}
