package proxy

import (
	"container/list"
	"crypto/sha1"
	"encoding/hex"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"ringmain/backend"
)

// The bodies of scripts that are kept: for each loop, and as much for all
// together. A larger script is not kept; the one that was least recently used
// goes first.
const (
	maxScripts     = 1000
	maxScriptBytes = 8 << 20
	maxScriptBody  = 1 << 20
)

// digest names a script: its SHA-1 in lower-case hexadecimal digits.
type digest [2 * sha1.Size]byte

func digestOf(body []byte) (d digest) {
	sum := sha1.Sum(body)
	hex.Encode(d[:], sum[:])
	return d
}

// parseDigest reads a digest as clients give it, in either case. ok is false for
// what names no script: not even a server knows it.
func parseDigest(text []byte) (d digest, ok bool) {
	if len(text) != len(d) {
		return d, false
	}
	for i, b := range text {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		d[i] = b
	}
	return d, true
}

// script is one whose body is known.
type script struct {
	digest digest
	body   string
	// given has the connections whose server was given the script with SCRIPT LOAD,
	// and the epoch of each when that was.
	given map[*backend.Conn]uint64
}

// leastForgotten is from how many connections on those are looked for that are gone.
const leastForgotten = 64

// forgetGone takes connections out of a map that are gone for good, as those are whose
// leases have ended. It does so when the map has doubled.
func forgetGone[V any](m map[*backend.Conn]V) {
	if n := len(m); n >= leastForgotten && n&(n-1) == 0 {
		maps.DeleteFunc(m, func(c *backend.Conn, _ V) bool { return c.Gone() })
	}
}

// givenTo reports whether whatever is sent on a connection now finds the script
// there.
func (s *script) givenTo(c *backend.Conn) bool {
	epoch, ok := s.given[c]
	return ok && epoch == c.Epoch()
}

// scriptStore keeps scripts within the bounds above. The zero value is ready.
type scriptStore struct {
	byDigest map[digest]*list.Element
	byBody   map[string]*list.Element // so that a body that is known is not digested again
	recent   list.List                // of *script, the latest used first
	bytes    int                      // of bodies
}

// find returns the script with a digest, nil if there is none.
func (st *scriptStore) find(d digest) *script { return st.used(st.byDigest[d]) }

// findBody returns the script with a body, nil if there is none.
func (st *scriptStore) findBody(body []byte) *script { return st.used(st.byBody[string(body)]) }

func (st *scriptStore) used(e *list.Element) *script {
	if e == nil {
		return nil
	}
	st.recent.MoveToFront(e)
	return e.Value.(*script)
}

// add keeps a script that is not there yet. The body is not copied.
func (st *scriptStore) add(d digest, body string) *script {
	if st.byDigest == nil {
		st.byDigest, st.byBody = map[digest]*list.Element{}, map[string]*list.Element{}
	}
	s := &script{digest: d, body: body}
	e := st.recent.PushFront(s)
	st.byDigest[d], st.byBody[body] = e, e
	st.bytes += len(body)
	for st.recent.Len() > maxScripts || st.bytes > maxScriptBytes {
		st.drop(st.recent.Back())
	}
	return s
}

func (st *scriptStore) drop(e *list.Element) {
	if e == nil {
		return
	}
	s := st.recent.Remove(e).(*script)
	delete(st.byDigest, s.digest)
	delete(st.byBody, s.body)
	st.bytes -= len(s.body)
}

// remove forgets a script.
func (st *scriptStore) remove(d digest) { st.drop(st.byDigest[d]) }

// lost forgets that a connection's server was given anything.
func (st *scriptStore) lost(c *backend.Conn) {
	for e := st.recent.Front(); e != nil; e = e.Next() {
		delete(e.Value.(*script).given, c)
	}
}

// sharedScripts are the bodies that any loop of the process has seen. A loop looks
// here only for what it does not know itself. The zero value is ready; any goroutine
// may use it.
type sharedScripts struct {
	// changes counts how often what loops know has become void: SCRIPT FLUSH.
	changes atomic.Uint64
	mu      sync.Mutex
	store   scriptStore
}

func (sh *sharedScripts) find(d digest) (body string, ok bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s := sh.store.find(d); s != nil {
		return s.body, true
	}
	return "", false
}

func (sh *sharedScripts) add(d digest, body string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.store.find(d) == nil {
		sh.store.add(d, body)
	}
}

func (sh *sharedScripts) remove(d digest) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.store.remove(d)
}

// flush forgets all, for every loop.
func (sh *sharedScripts) flush() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.store = scriptStore{}
	sh.changes.Add(1)
}

// scripts are what one loop knows: its own store, filled from the shared one.
type scripts struct {
	shared *sharedScripts
	store  scriptStore
	seen   uint64        // of shared.changes
	calls  []*scriptCall // to be used again
	// misses are when a connection's server last missed a script, by the loop's Elapsed.
	misses map[*backend.Conn]time.Duration
}

// current takes notice of what other loops have had flushed.
func (sc *scripts) current() *scriptStore {
	if changes := sc.shared.changes.Load(); changes != sc.seen {
		sc.store, sc.seen = scriptStore{}, changes
	}
	return &sc.store
}

// find returns the script with a digest; nil if no loop knows it.
func (sc *scripts) find(d digest) *script {
	store := sc.current()
	if s := store.find(d); s != nil {
		return s
	}
	if body, ok := sc.shared.find(d); ok {
		return store.add(d, body)
	}
	return nil
}

// keep copies a body, unless it is known or too large.
func (sc *scripts) keep(body []byte) {
	store := sc.current()
	if len(body) > maxScriptBody || store.findBody(body) != nil {
		return
	}
	d, text := digestOf(body), string(body)
	store.add(d, text)
	sc.shared.add(d, text)
}

// refused forgets a script that a server does not take.
func (sc *scripts) refused(d digest) {
	sc.current().remove(d)
	sc.shared.remove(d)
}
