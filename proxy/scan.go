package proxy

import (
	"ringmain/command"
	"ringmain/proxy/fanout"
	"ringmain/resp"
	"ringmain/router"
)

// scan asks one place for a page; the cursor says which. If that is not used any more, the
// next one goes on.
func (s *Session) scan(cmd *command.Command, r *resp.Request, size int) bool {
	all, f := s.core.snapshot.Fleet(s.scope), s.keyFleet()
	cursors := fanout.Cursors{Places: all.Span}
	if all.Refuge != 0 {
		cursors.Places *= 2 // refuges have the upper half of the numbers
	}
	wanted, own, ok := fanout.ParseCursor(r.Args[1], cursors.Places)
	switch {
	case !ok:
		s.fail("ERR invalid cursor")
		return true
	case f.Count == 0:
		s.failAllOut(f)
		return true
	}
	number := func(i int) int { return scanNumber(all, f.Place(i)) }
	at := 0
	for at < f.Count && number(at) < wanted {
		at++
	}
	if at == f.Count {
		s.answer(replyScanned)
		return true
	}
	if cursors.Place = number(at); cursors.Place != wanted {
		own = 0
	}
	if at+1 < f.Count {
		cursors.Next = number(at + 1)
	}
	place := func(int) router.Place { return f.Place(at) }
	if !s.admits(place(0), size) {
		return false
	}
	m := s.newFleetMerge(cmd, f, 1, place, size)
	m.fleet.cursors = cursors
	s.sendFleet(m, func(dst []byte, _ int) []byte { return fanout.AppendScanRequest(dst, r.Args, own) })
	return true
}

// scanNumber is a place's number in cursors; those of the keys' fleet ascend.
func scanNumber(all router.Fleet, p router.Place) int {
	n := int(p.Server - all.First)
	if p.Rerouted {
		n += all.Span
	}
	return n
}

// replyScanned is an empty page, and the end.
var replyScanned = []byte("*2\r\n$1\r\n0\r\n*0\r\n")
