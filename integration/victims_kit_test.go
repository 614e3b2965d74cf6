package integration

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ringmain/internal/redistest"
)

// victim is a server that faults happen to. One goroutine uses it.
type victim struct {
	*redistest.Server
	rng *rand.Rand
	// longest is how long an outage lasts at most.
	longest time.Duration
	saved   bool // it has a dump of some time ago
}

// fault makes a victim suffer, and has undone it when it returns.
type fault struct {
	name string
	// loses: the server comes back without what it had, or with what it had long ago.
	loses bool
	do    func(v *victim) error
}

// crashes end the server's process, and pauses only stop it for a while.
var (
	crashes = []fault{
		{"killed, restarted empty", true, func(v *victim) error { return v.crash(true, v.somewhile) }},
		{"killed, restarted with an old dump", true, func(v *victim) error { return v.crash(false, v.somewhile) }},
		{"killed, restarted at once with an old dump", true, func(v *victim) error { return v.crash(false, func() {}) }},
	}
	pauses = []fault{
		{"paused", false, (*victim).pause},
		{"disconnected", false, func(v *victim) error {
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
	v.somewhile()
	return v.Cont()
}

// somewhile is how long an outage lasts: often short, so that it is not noticed or just so.
func (v *victim) somewhile() {
	part := v.rng.Float64()
	<-time.After(time.Duration(part * part * float64(v.longest)))
}

// agony is faults that happen to victims in turn, until an end.
type agony struct {
	victims []*victim
	faults  []fault
	// between waits for something between two faults; nil: only for a while.
	between  func(v *victim)
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
		f := a.faults[v.rng.IntN(len(a.faults))]
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

// victimsOf are the first n servers.
func victimsOf(list []*redistest.Server, n int, longest time.Duration, seed uint64) (victims []*victim) {
	for i, s := range list[:n] {
		victims = append(victims, &victim{Server: s, rng: rand.New(rand.NewPCG(seed, uint64(i))), longest: longest})
	}
	return victims
}

// ownersOf tells which server has each key in its database 0.
func ownersOf(t testing.TB, list []*redistest.Server) map[string]int {
	t.Helper()
	owners := map[string]int{}
	for i, s := range list {
		keys, err := s.Client().Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if other, twice := owners[key]; twice {
				t.Fatalf("%s is on servers %d and %d", key, other, i)
			}
			owners[key] = i
		}
	}
	return owners
}
