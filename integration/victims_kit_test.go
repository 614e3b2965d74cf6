package integration

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"ringmain/internal/ledger"
	"ringmain/internal/redistest"
)

// victim is a server that faults happen to. One goroutine uses it.
type victim struct {
	*redistest.Server
	link *toxicLink // to it; nil: there is none
	rng  *rand.Rand
	// longest is how long an outage lasts at most.
	longest time.Duration
	// during is called in the middle of an outage; nil: nothing is.
	during func(v *victim)
	saved  bool // it has a dump of some time ago
}

// victimsOf are the first n servers.
func victimsOf(list []*redistest.Server, n int, longest time.Duration, seed uint64) (victims []*victim) {
	for i, s := range list[:n] {
		victims = append(victims, &victim{Server: s, rng: ledger.Random(seed, i), longest: longest})
	}
	return victims
}

// fault makes a victim suffer, and is undone when do returns.
type fault struct {
	name string
	do   func(v *victim) error
}

// A crash ends the server's process, a pause only stops it for a while.
var (
	crashes = []fault{
		{"killed, restarted empty", func(v *victim) error { return v.crash(true, v.outage) }},
		{"killed, restarted with an old dump", func(v *victim) error { return v.crash(false, v.outage) }},
		{"killed, restarted at once with an old dump", func(v *victim) error { return v.crash(false, func() {}) }},
	}
	pauses = []fault{
		{"paused", (*victim).pause},
		{"disconnected", func(v *victim) error {
			_, err := v.Do("CLIENT", "KILL", "TYPE", "normal")
			return err
		}},
	}
)

// save keeps what the server has now as the dump that it may be restarted with.
func (v *victim) save() error {
	_, err := v.Do("SAVE")
	v.saved = err == nil
	return err
}

// crash kills the server, and starts it again after an outage, with its last dump or empty.
func (v *victim) crash(empty bool, outage func()) error {
	v.Kill()
	outage()
	if empty {
		if err := os.Remove(filepath.Join(v.Dir(), "dump.rdb")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		v.saved = false
	}
	return v.Restart()
}

func (v *victim) pause() error {
	if err := v.Stop(); err != nil {
		return err
	}
	v.outage()
	return v.Cont()
}

// outage lasts for a while, as a rule so short that it is not noticed or just so.
func (v *victim) outage() {
	v.somewhile()
	if v.during != nil {
		v.during(v)
	}
}

func (v *victim) somewhile() {
	part := v.rng.Float64()
	<-time.After(time.Duration(part * part * float64(v.longest)))
}

// agony is faults that happen to victims in turn.
type agony struct {
	victims []*victim
	// faults happen one after the other, and then again; first is where it begins.
	faults []fault
	first  int
	// between is called after most faults; nil: after none.
	between func(v *victim)
	// suffered is how often each fault has happened.
	suffered map[string]int
}

// last has the faults happen until an end, and returns with all servers running.
func (a *agony) last(lasts time.Duration) error {
	a.suffered = map[string]int{}
	end := time.Now().Add(lasts)
	for i := 0; time.Now().Before(end); i++ {
		v := a.victims[i%len(a.victims)]
		if v.rng.IntN(3) > 0 || !v.saved {
			if err := v.save(); err != nil {
				return err
			}
			v.somewhile() // the dump grows old
		}
		f := a.faults[(a.first+i)%len(a.faults)]
		a.suffered[f.name]++
		if err := f.do(v); err != nil {
			return err
		}
		if a.between != nil && v.rng.IntN(3) > 0 {
			a.between(v)
		}
		v.somewhile()
	}
	return nil
}
