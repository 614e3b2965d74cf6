package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxHeld is how many values a key may hold before it is given up until its next write
// that is acknowledged and decides.
const maxHeld = 64

// entry is what the ledger knows of one key.
type entry struct {
	ledger *Ledger
	key    string
	mu     sync.Mutex
	// forgotten is how often it was found to hold nothing while it should hold something.
	forgotten int
	// possible is what it may hold when no command is under way; visible what a reader
	// may find now.
	possible, visible []held
	// unknown: it may hold anything, until something is acknowledged that decides, and that
	// was sent at rested or later.
	unknown  bool
	rested   time.Time
	sent     time.Time // the command that is under way
	readings []*reading
	trail    []string // the latest events
}

func (l *Ledger) entry(key string) *entry {
	return &entry{ledger: l, key: key, possible: []held{{}}, visible: []held{{}}}
}

// reading is a read by somebody else than the key's actor.
type reading struct {
	allowed []held
	unknown bool
}

// begin is to be called before a deed of the key's actor is sent.
func (e *entry) begin(d deed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.note("> " + d.name)
	e.visible, e.sent = e.with(d), time.Now()
	for _, r := range e.readings {
		for _, v := range e.visible {
			r.allowed = add(r.allowed, v)
		}
	}
}

// with is what the key may hold if the deed may be done.
func (e *entry) with(d deed) []held {
	all := slices.Clone(e.possible)
	for _, v := range e.possible {
		after, _ := d.does(v)
		all = add(all, after)
	}
	if after, _ := d.does(held{}); after != (held{}) { // if it was forgotten
		all = add(all, after)
	}
	return all
}

// rest is when what was sent on a connection that broke has been executed, or never will
// be: after all deadlines of the proxy for a server's reply.
const rest = 2 * time.Second

// end settles what it may hold from now on.
func (e *entry) end(possible []held) {
	e.possible, e.visible = possible, slices.Clone(possible)
	if len(possible) > maxHeld && !e.unknown {
		e.unknown = true
		e.ledger.unknown.Add(1)
	}
	if e.unknown { // of those that read now and those that come
		for _, r := range e.readings {
			r.unknown = true
		}
	}
}

// refused says that the deed was not done.
func (e *entry) refused(d deed, why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.note("< " + d.name + ": " + why)
	e.end(e.possible)
}

// uncertain says that the deed may have been done, or not. With cutOff it may yet be, after
// what its actor sends on another connection.
func (e *entry) uncertain(d deed, why string, cutOff bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if cutOff {
		e.unknown, e.rested = true, time.Now().Add(rest)
	}
	e.note("< " + d.name + ": " + why)
	e.end(e.with(d))
}

// acknowledged says that the deed was done, and how it was answered.
func (e *entry) acknowledged(d deed, got any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.note(fmt.Sprintf("< %s: %v", d.name, show(got)))
	e.ledger.read(d, got)
	if e.unknown {
		if d.decides && !d.reads && !e.sent.Before(e.rested) {
			e.unknown = false
			after, _ := d.does(held{})
			e.end([]held{after})
		}
		return
	}
	var next []held
	for _, v := range e.possible {
		if after, says := d.does(v); agrees(says, got) {
			next = add(next, after)
		}
	}
	if after, says := d.does(held{}); agrees(says, got) {
		if d.reads && !slices.Contains(e.possible, held{}) {
			e.forget()
		}
		if d.decides || after != (held{}) {
			next = add(next, after)
		} else { // what was forgotten may come to mind again, an uncertain write too
			for _, v := range e.possible {
				next = add(next, v)
			}
		}
	}
	if len(next) == 0 {
		e.lie(got, e.possible)
		e.unknown = true
		next = e.possible
	}
	e.end(next)
}

// look begins a read by another client, and seen ends it; answered is false if that
// client was told nothing.
func (e *entry) look() *reading {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &reading{allowed: slices.Clone(e.visible), unknown: e.unknown}
	e.readings = append(e.readings, r)
	return r
}

func (e *entry) seen(r *reading, d deed, got any, answered bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.readings = slices.DeleteFunc(e.readings, func(other *reading) bool { return other == r })
	if !answered {
		return
	}
	e.note(fmt.Sprintf("another reads %s: %v", d.name, show(got)))
	e.ledger.read(d, got)
	if r.unknown {
		return
	}
	for _, v := range r.allowed {
		if _, says := d.does(v); agrees(says, got) {
			return
		}
	}
	if _, says := d.does(held{}); agrees(says, got) {
		e.forget()
		return
	}
	e.lie(got, r.allowed)
}

// forget takes note of what was there and is not. e.mu is locked.
func (e *entry) forget() {
	e.forgotten++
	e.ledger.Forgotten.Add(1)
}

// lie takes note of an answer that nothing explains. e.mu is locked.
func (e *entry) lie(got any, allowed []held) {
	e.ledger.lied(fmt.Sprintf("%s is answered %v, but may hold %v or nothing; before that:\n  %s",
		e.key, show(got), allowed, strings.Join(e.trail, "\n  ")))
}

// note adds to the trail. e.mu is locked.
func (e *entry) note(event string) {
	const most = 24
	if len(e.trail) == most {
		e.trail = append(e.trail[:0], e.trail[1:]...)
	}
	e.trail = append(e.trail, strconv.FormatFloat(time.Since(e.ledger.began).Seconds(), 'f', 4, 64)+" "+event)
}

func show(got any) any {
	if got == nil {
		return "nothing"
	}
	return got
}

func add(list []held, v held) []held {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}
