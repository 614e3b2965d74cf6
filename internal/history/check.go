package history

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Fault is a read that returned what it must not.
type Fault struct {
	Key string
	// Read is what was read, Why what was wrong with it.
	Read, Why string
	at        time.Duration
}

// Error says it in one line.
func (f *Fault) Error() string { return fmt.Sprintf("%s: %s: %s", f.Key, f.Read, f.Why) }

// Check looks at every read of every key, and returns a *Fault: the first in time.
func (h *History) Check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.events()
	var first *Fault
	for _, name := range e.names {
		if f := e.keys[name].check(); f != nil && (first == nil || f.at < first.at) {
			first = f
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// Stats are how much was checked.
type Stats struct {
	// Reads are looks at one key, Hits those that found something.
	Reads, Hits int
	// Writes are changes of one key that were acknowledged, Uncertain those without an
	// answer that says more.
	Writes, Uncertain int
}

// Stats counts.
func (h *History) Stats() (s Stats) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.events().keys {
		s.Reads += len(k.reads)
		for _, r := range k.reads {
			if r.what != nothing && r.what != zero {
				s.Hits++
			}
		}
		for _, w := range k.writes {
			switch {
			case w.acked:
				s.Writes++
			case !w.refused:
				s.Uncertain++
			}
		}
	}
	return s
}

// checker looks at the reads of one key.
//
// A write is out of date for a read if the key is known to have been something else before
// the read was begun, and after the write could last be executed. On the same session the
// order of sending counts, too.
type checker struct {
	*key
	byValue map[string][]*write
	wild    []*write // that may have written any number
	// states is what the key is known to have been; there is that without nothing, gone
	// nothing alone, and written what is known from its writing.
	states, there, gone, written timeline
	// some and none are what may have made the key be there, and not be there; lapsed is
	// the end of a lifetime, which a read in between has not put off.
	some, none, lapsed causes
	// last is, of each session that had one, its last acknowledged write so far.
	last map[int]*write
}

func (k *key) check() (first *Fault) {
	slices.SortStableFunc(k.writes, func(a, b *write) int { return cmp.Compare(a.call.number, b.call.number) })
	c := &checker{key: k, byValue: map[string][]*write{}, last: map[int]*write{}}
	for _, w := range k.writes {
		switch {
		case w.what == text:
			c.byValue[w.value] = append(c.byValue[w.value], w)
		case w.what == number && !w.refused:
			c.wild = append(c.wild, w)
		}
	}
	c.observe()
	c.order()
	c.collect()
	writes := k.writes
	for i := range k.reads {
		r := &k.reads[i]
		for len(writes) > 0 && writes[0].call.number < r.call.number {
			if w := writes[0]; w.acked {
				c.last[w.call.session] = w
			}
			writes = writes[1:]
		}
		if why := c.read(r); why != "" && (first == nil || r.call.end < first.at) {
			first = &Fault{Key: k.name, Read: r.String(), Why: why, at: r.call.end}
		}
	}
	return first
}

// observe notes of writes that a read has returned that they were executed by then, and,
// as none is executed twice, cannot be later.
func (c *checker) observe() {
	for _, r := range c.reads {
		if ws := c.byValue[r.value]; r.what == text && len(ws) == 1 && !ws[0].refused && (len(c.wild) == 0 || !isNumber(r.value)) {
			ws[0].by = min(ws[0].by, r.call.end)
			ws[0].over = min(ws[0].over, ws[0].by)
		}
	}
	last := map[int]*write{}
	for _, w := range c.writes {
		if !w.acked {
			continue
		}
		if before := last[w.call.session]; before != nil && before.call != w.call {
			before.next = w.by
		}
		last[w.call.session] = w
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

// order makes the timelines.
func (c *checker) order() {
	for _, w := range c.writes {
		if w.by == ever || w.refused {
			continue
		}
		s := state{by: w.by, since: w.call.start, what: w.what, value: w.value, call: w.call}
		c.states.add(s)
		if w.what == nothing {
			c.gone.add(s)
		} else {
			c.there.add(s)
			c.written.add(s)
		}
	}
	for _, r := range c.reads {
		if r.what == text {
			s := state{by: r.call.end, since: r.call.start, value: r.value, call: r.call}
			c.states.add(s)
			c.there.add(s)
		}
	}
	c.states.sort()
	c.there.sort()
	c.gone.sort()
	c.written.sort()
}

// collect makes some, none and lapsed.
func (c *checker) collect() {
	c.none.add(never, never, nil)
	for _, w := range c.writes {
		switch {
		case w.refused:
		case w.what == nothing:
			c.none.add(w.call.start, w.over, w.call)
		default:
			c.some.add(w.call.start, w.over, w.call)
		}
	}
	for _, g := range c.gaps {
		switch {
		case g.life != nil:
			c.lapsed.add(g.start, g.life.over, nil)
		case g.ttl:
			c.lapsed.add(g.start, g.over, nil)
		default:
			c.none.add(g.start, g.over, nil)
		}
	}
	c.some.sort()
	c.none.sort()
	c.lapsed.sort()
}

// before is the state of a timeline that is known to precede a read, and began last; the
// session's own last write is of all timelines that hold what it wrote.
func (c *checker) before(t *timeline, r *read, other bool) state {
	s := t.before(r, other)
	if own := c.last[r.call.session]; own != nil && own.call.start > s.since &&
		(t != &c.there && t != &c.written || own.what != nothing) && (t != &c.gone || own.what == nothing) &&
		!(other && own.what == text && own.value == r.value) {
		s = state{by: own.by, since: own.call.start, call: own.call}
	}
	return s
}

// read says what is wrong with a read; "": nothing is.
func (c *checker) read(r *read) string {
	switch r.what {
	case present, listed:
		if r.what == listed && len(c.some.all) == 0 {
			return ""
		}
		gone := c.before(&c.gone, r, false)
		switch {
		case c.some.explain(r, gone.since):
			return ""
		case gone.call == nil:
			return "nobody has made it"
		}
		return "though " + gone.String()
	case nothing, zero:
		there := c.before(&c.there, r, false)
		if c.none.explain(r, there.since) || c.lapsed.explain(r, c.before(&c.written, r, false).since) {
			return ""
		}
		if r.what == nothing {
			return "though " + there.String()
		}
	}
	why := ""
	newest := c.before(&c.states, r, true)
	for _, w := range c.byValue[r.value] {
		if why = c.outdated(w, r, newest); why == "" {
			return ""
		}
	}
	if isNumber(r.value) {
		for _, w := range c.wild {
			if c.outdated(w, r, newest) == "" {
				return ""
			}
		}
	}
	if why == "" {
		return "nobody has written that"
	}
	return why
}

// outdated says why a read cannot have found what a write has left; "": it can.
func (c *checker) outdated(w *write, r *read, newest state) string {
	own := c.last[r.call.session]
	switch {
	case w.refused:
		return "its write was refused: " + w.call.String()
	case w.call.start > r.call.end:
		return "it was written only later: " + w.call.String()
	case newest.since > w.over:
		return fmt.Sprintf("that was written by %s, no later than %v, and %s", w.call, w.over, newest)
	case w.next < r.call.start, w.acked && own != nil && own.call.session == w.call.session && own.call.number > w.call.number:
		return fmt.Sprintf("that was written by %s, and the same session has written anew", w.call)
	}
	return ""
}

// state is what a key is known to have been at some time between since and by.
type state struct {
	since, by time.Duration
	what      what
	value     string
	call      *Call // from which that is known; nil: nothing is
}

func (s state) String() string { return fmt.Sprintf("%s was executed by %v", s.call, s.by) }

func (s state) same(other state) bool { return s.what == other.what && s.value == other.value }

// timeline is states in the order of by.
type timeline struct {
	all []state
	// latest is, of each and those before it, the one that began last, second that of a value
	// other than latest's.
	latest, second []state
}

func (t *timeline) add(s state) { t.all = append(t.all, s) }

func (t *timeline) sort() {
	slices.SortStableFunc(t.all, func(a, b state) int { return cmp.Compare(a.by, b.by) })
	first, second := state{since: never}, state{since: never}
	for _, s := range t.all {
		switch {
		case s.since > first.since:
			if !s.same(first) {
				second = first
			}
			first = s
		case s.since > second.since && !s.same(first):
			second = s
		}
		t.latest, t.second = append(t.latest, first), append(t.second, second)
	}
}

// before is the state that is known to precede a read, and began last; other: of a value
// that is not the read's.
func (t *timeline) before(r *read, other bool) state {
	n := sort.Search(len(t.all), func(i int) bool { return t.all[i].by >= r.call.start })
	if n == 0 {
		return state{since: never}
	}
	if s := t.latest[n-1]; !other || s.what != text || s.value != r.value {
		return s
	}
	return t.second[n-1]
}

// cause is what may have happened to a key between two times.
type cause struct {
	start, over time.Duration
	call        *Call // nil: of no client
}

// causes are by start; until is the greatest over of each and those before it.
type causes struct {
	all   []cause
	until []time.Duration
}

func (c *causes) add(start, over time.Duration, call *Call) {
	c.all = append(c.all, cause{start, over, call})
}

func (c *causes) sort() {
	slices.SortStableFunc(c.all, func(a, b cause) int { return cmp.Compare(a.start, b.start) })
	until := never
	for _, a := range c.all {
		until = max(until, a.over)
		c.until = append(c.until, until)
	}
}

// explain reports whether a read can be the work of one of the causes, other than the
// reading command itself, if that must not have happened before since.
func (c *causes) explain(r *read, since time.Duration) bool {
	n := sort.Search(len(c.all), func(i int) bool { return c.all[i].start > r.call.end })
	if n == 0 || c.until[n-1] < since {
		return false
	}
	for i := n - 1; i >= 0; i-- {
		a := c.all[i]
		if a.over >= since && (a.call != r.call || a.call.exec) {
			return true
		}
	}
	return false
}

func (r *read) String() string {
	switch r.what {
	case nothing, zero:
		return r.call.String() + " finds nothing"
	case present, listed:
		return r.call.String() + " finds something"
	}
	return fmt.Sprintf("%s reads %q", r.call, r.value)
}

// String is the command with its session and its times.
func (c *Call) String() string {
	var words []string
	for _, args := range c.commands {
		words = append(words, strings.Join(args, " "))
	}
	end := "open"
	if c.end != ever {
		end = c.end.String()
	}
	return fmt.Sprintf("%.80q (session %d, %v to %s)", strings.Join(words, "; "), c.session, c.start, end)
}
