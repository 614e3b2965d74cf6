package ledger

import "testing"

// kept is an entry that holds 1 for certain.
func kept() (*Ledger, *entry) {
	l := newLedger()
	e := l.entry("k")
	e.do(deedSet(1, 0), "OK")
	return l, e
}

// do has a deed of the key's actor acknowledged.
func (e *entry) do(d deed, got any) {
	e.begin(d)
	e.acknowledged(d, got)
}

func TestAnOlderValueIsALie(t *testing.T) {
	for name, lie := range map[string]func(e *entry){
		"GET":              func(e *entry) { e.do(deedSet(2, 0), "OK"); e.do(deedGet(), "1") },
		"INCRBY":           func(e *entry) { e.do(deedSet(2, 0), "OK"); e.do(deedIncr(10), int64(11)) },
		"after DEL":        func(e *entry) { e.do(deedDel(true), int64(1)); e.do(deedGet(), "1") },
		"SETNX after DEL":  func(e *entry) { e.do(deedDel(true), int64(0)); e.do(deedSetNX(2), int64(0)) },
		"DEL after DEL":    func(e *entry) { e.do(deedDel(true), int64(1)); e.do(deedDel(true), int64(1)) },
		"TTL":              func(e *entry) { e.do(deedSet(2, 7), "OK"); e.do(deedTTL(), int64(-1)) },
		"TTL of another":   func(e *entry) { e.do(deedExpire(3), int64(1)); e.do(deedTTL(), int64(firstLifetime+2*lifetimeStep)) },
		"after forgetting": func(e *entry) { e.do(deedIncr(5), int64(5)); e.do(deedGet(), "1") },
		"an uncertain write that was seen": func(e *entry) {
			e.begin(deedSet(2, 0))
			e.uncertain(deedSet(2, 0), "", false)
			e.do(deedGet(), "2")
			e.do(deedGet(), "1")
		},
		"an uncertain write that was not seen": func(e *entry) {
			e.begin(deedSet(2, 0))
			e.uncertain(deedSet(2, 0), "", false)
			e.do(deedGet(), "1")
			e.do(deedGet(), "2")
		},
		"a write that was refused": func(e *entry) {
			e.begin(deedSet(2, 0))
			e.refused(deedSet(2, 0), "")
			e.do(deedGet(), "2")
		},
		"another's": func(e *entry) {
			e.do(deedSet(2, 0), "OK")
			e.seen(e.look(), deedGet(), "1", true)
		},
	} {
		l, e := kept()
		lie(e)
		if l.Lies.Load() != 1 || len(l.Faults()) == 0 {
			t.Errorf("%s: %d lies", name, l.Lies.Load())
		}
	}
}

func TestWhatMayBeReadIsNoLie(t *testing.T) {
	for name, truth := range map[string]func(e *entry){
		"the last write": func(e *entry) {
			e.do(deedSet(2, 5), "OK")
			e.do(deedGet(), "2")
			e.do(deedTTL(), int64(firstLifetime+5*lifetimeStep-20))
		},
		"forgotten":       func(e *entry) { e.do(deedGet(), nil); e.do(deedTTL(), int64(-2)); e.do(deedGet(), "1") },
		"written anew":    func(e *entry) { e.do(deedSetNX(2), int64(1)); e.do(deedGet(), "2") },
		"counted anew":    func(e *entry) { e.do(deedIncr(2), int64(2)); e.do(deedIncr(3), int64(5)) },
		"not there":       func(e *entry) { e.do(deedExpire(3), int64(0)); e.do(deedGet(), "1") },
		"either":          func(e *entry) { e.begin(deedIncr(2)); e.uncertain(deedIncr(2), "", false); e.do(deedGet(), "3") },
		"or the other":    func(e *entry) { e.begin(deedIncr(2)); e.uncertain(deedIncr(2), "", false); e.do(deedGet(), "1") },
		"or a forgetting": func(e *entry) { e.begin(deedIncr(2)); e.uncertain(deedIncr(2), "", false); e.do(deedGet(), "2") },
		"an uncertain write where nothing was, and nothing was found meanwhile": func(e *entry) {
			e.do(deedDel(true), int64(1))
			e.begin(deedSet(2, 0))
			e.uncertain(deedSet(2, 0), "", false)
			e.do(deedGet(), nil) // at another place
			e.do(deedGet(), "2")
		},
		"overtaken by a write whose client was cut off": func(e *entry) {
			e.begin(deedSet(2, 0))
			e.uncertain(deedSet(2, 0), "", true)
			e.do(deedSet(3, 0), "OK")
			e.do(deedGet(), "2")
			e.do(deedGet(), "3")
		},
		"in flight": func(e *entry) {
			r := e.look()
			e.begin(deedSet(2, 0))
			other := e.look()
			e.acknowledged(deedSet(2, 0), "OK")
			e.seen(r, deedGet(), "2", true)
			e.seen(other, deedGet(), "1", true)
		},
	} {
		l, e := kept()
		truth(e)
		if faults := l.Faults(); len(faults) > 0 {
			t.Errorf("%s: %s", name, faults)
		}
	}
}

func TestWhatIsForgottenIsCounted(t *testing.T) {
	l, e := kept()
	e.do(deedGet(), nil)
	e.seen(e.look(), deedTTL(), int64(-2), true)
	if n := l.Forgotten.Load(); n != 2 || e.forgotten != 2 || l.Lies.Load() > 0 {
		t.Errorf("%d times, %d for the key, %d lies", n, e.forgotten, l.Lies.Load())
	}
	e.do(deedDel(true), int64(0))
	e.do(deedGet(), nil)
	if n := l.Forgotten.Load(); n != 3 {
		t.Errorf("%d times", n)
	}
}
