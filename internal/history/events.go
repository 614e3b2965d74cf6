package history

import "time"

// what is what a write leaves, or a read finds.
type what int

const (
	text    what = iota
	nothing      // no such key
	number       // of a write: some number, which is not known
	present      // of a read: something
	listed       // of a read: something, and others, too
	zero         // of a read: nothing, or "0"
)

// write is one change of one key.
type write struct {
	call  *Call
	what  what
	value string
	// by is when it is known to have been executed, ever: that is not known. over is the
	// latest time at which it may be.
	by, over time.Duration
	// acked: it was acknowledged. refused: it was not executed.
	acked, refused bool
	// next is when the session's next write of the key is known to have been executed.
	next time.Duration
}

// read is one look at one key.
type read struct {
	call  *Call
	what  what
	value string
}

// everyKey stands for all keys.
const everyKey = "\x00every"

// gap is when a key may have become nothing, but need not have: from start on, and not
// if it was written after over.
type gap struct {
	key         string
	start, over time.Duration
	// life, if it is set, is the write whose value it ends: over is that one's. Without
	// it, ttl says that a lifetime is the reason, which some later writes keep.
	life *write
	ttl  bool
}

// key is what is known of one key.
type key struct {
	name   string
	writes []*write
	reads  []read
	gaps   []gap
	// keeps: some writes leave the key's lifetime as it is.
	keeps bool
}

// events are what all calls come to, by key.
type events struct {
	loose bool
	keys  map[string]*key
	names []string // in order of appearance
	every key
}

func (h *History) events() *events {
	e := &events{loose: h.loose, keys: map[string]*key{}}
	for _, c := range h.calls {
		e.note(c)
	}
	for _, g := range h.gaps {
		k := e.key(g.key)
		k.gaps = append(k.gaps, g)
	}
	for _, k := range e.keys {
		k.writes = append(k.writes, e.every.writes...)
		k.gaps = append(k.gaps, e.every.gaps...)
		for i := range k.gaps {
			if k.gaps[i].ttl && k.keeps {
				k.gaps[i].over, k.gaps[i].life = ever, nil
			}
		}
	}
	return e
}

func (e *events) key(name string) *key {
	if name == everyKey {
		return &e.every
	}
	k := e.keys[name]
	if k == nil {
		k = &key{name: name}
		e.keys[name] = k
		e.names = append(e.names, name)
	}
	return k
}

// read adds a read.
func (e *events) read(c *Call, name string, w what, value string) {
	k := e.key(name)
	k.reads = append(k.reads, read{c, w, value})
}

// found adds a read that says whether a key is there.
func (e *events) found(c *Call, name string, there bool) {
	if there {
		e.read(c, name, present, "")
	} else {
		e.read(c, name, nothing, "")
	}
}

// write adds a write with the call's outcome.
func (e *events) write(c *Call, o outcome, name string, w what, value string) *write {
	x := &write{call: c, what: w, value: value, by: ever, over: c.over, next: ever}
	switch o {
	case done:
		x.acked, x.by, x.over = true, c.end, min(c.end, c.over)
	case refused:
		x.refused = true
	}
	k := e.key(name)
	k.writes = append(k.writes, x)
	return x
}

// lifetime adds that a key may be gone some time after the beginning of a call. life is
// the write that sets it, nil if that only changes the lifetime.
func (e *events) lifetime(c *Call, o outcome, name string, life *write, after time.Duration) {
	if o == refused {
		return
	}
	if e.loose {
		after = 0
	}
	over := c.over
	if o == done {
		over = min(c.end, c.over)
	}
	k := e.key(name)
	k.gaps = append(k.gaps, gap{start: c.start + after, over: over, life: life, ttl: true})
}
