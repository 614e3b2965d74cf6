package discovery

import "time"

// Slots gives servers that come and go numbers, of which there are as many as there may be
// servers. Its zero value has no slots.
//
// What others keep of a server under its number outlives it for a while (connections that
// are ending, cursors of scans). So a server that comes back gets its number again, and a
// number that is free goes to another server as late as may be: those that were never used
// come first, then those that were left the longest ago. Numbers that have rested come before
// new ones, so that pools which keep changing need no more of them than they must.
type Slots struct{ slots []slot }

type slot struct {
	name string    // of the server that is there, or was last; "": none ever was
	used bool      // the server is there
	left time.Time // when it went, if it has
}

// rest is after how long nothing is kept of a server any more that is worth a number.
const rest = 15 * time.Minute

// NewSlots makes n slots.
func NewSlots(n int) *Slots { return &Slots{make([]slot, n)} }

// Take has the servers be those of the names given, which are no more than there are slots.
// It returns the numbers of those that have come and of those that have left, ascending, and
// the names of the latter. A number may be in both, if there is no other.
func (s *Slots) Take(now time.Time, names []string) (came, left []int, gone []string) {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	for i := range s.slots {
		at := &s.slots[i]
		if at.used && !wanted[at.name] {
			at.used, at.left = false, now
			left, gone = append(left, i), append(gone, at.name)
		}
	}
	taken := map[int]bool{}
	for i := range s.slots {
		if at := &s.slots[i]; wanted[at.name] {
			if !at.used {
				taken[i], at.used = true, true
			}
			delete(wanted, at.name)
		}
	}
	for _, name := range names {
		if wanted[name] {
			i := s.free(now)
			s.slots[i] = slot{name: name, used: true}
			taken[i] = true
		}
	}
	for i := range s.slots {
		if taken[i] {
			came = append(came, i)
		}
	}
	return came, left, gone
}

// free is the number that a server gets which had none.
func (s *Slots) free(now time.Time) int {
	fresh, oldest := -1, -1
	for i := range s.slots {
		switch at := &s.slots[i]; {
		case at.used:
		case at.name == "":
			if fresh < 0 {
				fresh = i
			}
		case oldest < 0 || at.left.Before(s.slots[oldest].left):
			oldest = i
		}
	}
	if fresh >= 0 && (oldest < 0 || now.Sub(s.slots[oldest].left) < rest) {
		return fresh
	}
	return oldest
}

// Each calls do with each server that is there, by its number.
func (s *Slots) Each(do func(number int, name string)) {
	for i, at := range s.slots {
		if at.used {
			do(i, at.name)
		}
	}
}
