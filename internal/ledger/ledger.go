package ledger

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Ledger knows what each key may hold, and counts what it finds. Its methods may be called
// concurrently.
type Ledger struct {
	// Reads are the answers that tell what a key held, Hits those of them that found
	// something; Forgotten are those that found nothing where something was, and Lies those
	// that not even forgetting explains.
	Reads, Hits, Forgotten, Lies atomic.Int64
	// Commands, each counted once for each of its keys: answered, perhaps executed, not
	// executed.
	Answered, Uncertain, Refused atomic.Int64

	began time.Time
	// unknown is how often a key may have held too much to go on with it.
	unknown atomic.Int64

	mu sync.Mutex
	// lies are the first ones, each with what went before on its key, and odd the first
	// errors that make no sense.
	lies, odd []string
}

func newLedger() *Ledger { return &Ledger{began: time.Now()} }

// maxTold is how many lies, and how many odd errors, a ledger describes.
const maxTold = 5

// lied takes note of a lie.
func (l *Ledger) lied(text string) {
	l.Lies.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lies) < maxTold {
		l.lies = append(l.lies, text)
	}
}

// strange takes note of an error that makes no sense.
func (l *Ledger) strange(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.odd) < maxTold {
		l.odd = append(l.odd, text)
	}
}

// Faults says what the ledger has against the proxy, and describes the first of it.
func (l *Ledger) Faults() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all = append(append(all, l.lies...), l.odd...)
	if n := l.Lies.Load(); n > 0 {
		all = append(all, fmt.Sprintf("%d lies", n))
	}
	if n := l.unknown.Load(); n > 0 {
		all = append(all, fmt.Sprintf("%d times a key may have held more than %d values: too little is known to judge", n, maxHeld))
	}
	return all
}

// String is what was counted.
func (l *Ledger) String() string {
	return fmt.Sprintf("%d reads, of which %d hit and %d found forgotten what was written; %d commands answered, %d uncertain, %d refused; %d lies",
		l.Reads.Load(), l.Hits.Load(), l.Forgotten.Load(), l.Answered.Load(), l.Uncertain.Load(), l.Refused.Load(), l.Lies.Load())
}

// read counts an answer that tells what a key held.
func (l *Ledger) read(d deed, got any) {
	if !d.reads {
		return
	}
	l.Reads.Add(1)
	switch got {
	case nil, int64(0), int64(-2):
	default:
		l.Hits.Add(1)
	}
}
