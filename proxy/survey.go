package proxy

import (
	"bytes"
	"math/rand/v2"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/resp"
	"ringmain/router"
)

// survey goes over the keys of a tenant on all servers of its fleet, for DBSIZE and
// RANDOMKEY: the servers themselves would tell of everybody's. It implements
// backend.Receiver; the servers' numbers in the fleet are its sequence numbers.
type survey struct {
	s        *Session
	seq      uint64
	cmd      *command.Command
	snapshot *router.Snapshot
	fleet    router.Fleet  // of snapshot
	until    time.Duration // it may last, by the loop's Elapsed
	left     int           // servers that are not at their end
	pages    []spool       // by server
	count    int64
	chosen   []byte // one of the keys that were counted, each with the same chance
	failure  []byte // a reply: that of the first server that failed
}

// surveyPage is how many keys a server looks at in one go.
const surveyPage = "1000"

const errSurvey = "-ERR the servers have too many keys to find those of this user in time (timeouts.slow)\r\n"

const errSurveyMoved = "-TRYAGAIN which servers are in use has changed meanwhile\r\n"

// survey begins one. The session executes nothing until it is done, so that a client
// has only one at a time.
func (s *Session) survey(cmd *command.Command, size int) bool {
	f := s.keyFleet()
	switch {
	case f.Count == 0:
		s.failAllOut(f)
		return true
	case !s.admitted(f.Count, f.Place, size):
		return false
	case s.refused(f.Count, f.Place):
		return true
	}
	v := &survey{s: s, cmd: cmd, snapshot: s.core.snapshot, fleet: f, left: f.Count, pages: make([]spool, f.Count)}
	v.seq = s.await(size)
	v.until = s.core.loop.Elapsed() + s.core.Servers[f.First].Slow
	s.suspend()
	for part := range f.Count {
		v.ask(part, []byte("0"))
	}
	return true
}

var scanCommand = command.ByName([]byte("scan"))

// ask asks a server for a page.
func (v *survey) ask(part int, cursor []byte) {
	s := v.s
	args, _, _ := s.tenant.Request(&s.core.tenants, scanCommand, [][]byte{[]byte("SCAN"), cursor, []byte("COUNT"), []byte(surveyPage)})
	request := resp.AppendCommand(s.scratch(), args...)
	s.core.keepScratch(request)
	s.connTo(v.fleet.Place(part)).Send(v, uint64(part), request, false, true)
}

// Reply implements backend.Receiver.
func (v *survey) Reply(part uint64, b []byte, last bool) {
	s := v.s
	if !s.gone {
		s.core.spools.add(&v.pages[part], b)
		s.held += len(b)
		s.core.watch(s)
	}
	if last {
		v.turn(int(part))
	}
	s.core.grown(len(b))
}

// Failed implements backend.Receiver.
func (v *survey) Failed(part uint64, f *backend.Failure) {
	v.fail(f.AppendReply(nil))
	v.release(int(part))
	v.end()
}

func (v *survey) fail(reply []byte) {
	if v.failure == nil {
		v.failure = reply
	}
}

func (v *survey) release(part int) {
	v.s.held -= v.pages[part].size
	v.s.core.spools.release(&v.pages[part])
}

// turn takes a server's page in, and asks for the next one.
func (v *survey) turn(part int) {
	s := v.s
	page := bytes.Join(v.pages[part].pieces(nil), nil)
	v.release(part)
	if s.gone {
		v.end()
		return
	}
	cursor, ok := v.take(part, page)
	switch {
	case !ok && resp.IsError(page):
		v.fail(page)
	case !ok:
		v.fail([]byte("-ERR a server's reply to SCAN is of the wrong type\r\n"))
	case string(cursor) == "0":
	case s.core.snapshot.Epoch != v.snapshot.Epoch:
		v.fail([]byte(errSurveyMoved))
	case s.core.loop.Elapsed() > v.until:
		v.fail([]byte(errSurvey))
	case v.failure == nil:
		v.ask(part, cursor)
		return
	}
	v.end()
}

// take counts the tenant's keys in a page, and returns the cursor of the next one.
func (v *survey) take(part int, page []byte) (cursor []byte, ok bool) {
	n, rest, ok := resp.Array(page)
	if !ok || n != 2 {
		return nil, false
	}
	element, rest, err := resp.Element(rest)
	if cursor, ok = resp.Bulk(element); err != nil || !ok {
		return nil, false
	}
	if n, rest, ok = resp.Array(rest); !ok {
		return nil, false
	}
	for range n {
		if element, rest, err = resp.Element(rest); err != nil {
			return nil, false
		}
		full, _ := resp.Bulk(element)
		key, own := v.s.tenant.Key(full)
		if !own || v.s.placeIn(v.snapshot, full) != v.fleet.Place(part) {
			continue
		}
		if v.count++; v.cmd.Policy == command.FleetRandom && rand.Int64N(v.count) == 0 {
			v.chosen = append(v.chosen[:0], key...)
		}
	}
	return cursor, true
}

// end is called for each server that has no more, and gives out the reply at the last.
func (v *survey) end() {
	s := v.s
	if v.left--; v.left > 0 || s.gone {
		return
	}
	reply := v.failure
	switch {
	case reply != nil:
	case v.cmd.Policy == command.FleetSum:
		reply = redcon.AppendInt(nil, v.count)
	case v.count == 0:
		reply = resp.AppendNull(nil, s.client.Protocol)
	default:
		reply = redcon.AppendBulk(nil, v.chosen)
	}
	s.Reply(v.seq, reply, true)
}
