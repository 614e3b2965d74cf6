package proxy

import (
	"time"

	"github.com/tidwall/redcon"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/ioloop"
	"ringmain/metric"
	"ringmain/proxy/local"
	"ringmain/resp"
	"ringmain/router"
)

// tracking is what a session has whose client keeps copies of values and is told when
// they change (CLIENT TRACKING, RESP3). Servers track by connection, so it has one of its own to
// each server, and one to each refuge with keys of its own, and all its commands go there.
type tracking struct {
	leases []*backend.Lease // by leaseAt; nil: none at present
	again  ioloop.Timer     // of a broadcasting client that lacks some
}

// trackAgain is how long a client that is told of all keys waits for a server that was
// lost before it tries to reach it.
const trackAgain = time.Second

// leaseAt is the number of a place among those that are tracked at.
func leaseAt(p router.Place) int {
	if p.Rerouted {
		return int(2*p.Server) + 1
	}
	return int(2 * p.Server)
}

// eachTracked calls do with each place that a client needs which is told of all keys.
func (s *Session) eachTracked(do func(router.Place)) {
	snapshot := s.core.snapshot
	for i := range int32(len(snapshot.Servers)) {
		if snapshot.Reaches(s.scope, i) {
			do(router.Place{Server: i, Database: snapshot.DatabaseOf(i)})
		}
	}
	if s.client.Database == 0 {
		snapshot.Refuges(s.scope, do)
	}
}

// flushAll tells a client that nothing that it keeps is to be relied on.
var flushAll = []byte(">2\r\n$10\r\ninvalidate\r\n_\r\n")

// track is CLIENT TRACKING.
func (s *Session) track(args [][]byte) bool {
	wanted, text := local.ParseTracking(args[2:], s.client.Tracking)
	if text != "" {
		s.fail(text)
		return true
	}
	if !s.settled() { // they have gone another way
		return false
	}
	if wanted == nil {
		s.trackNothing()
		s.answer(replyOK)
		return true
	}
	s.beginTracking(wanted)
	return true
}

// beginTracking has all servers track for the client. Those that are down will when they are
// back.
func (s *Session) beginTracking(wanted *local.Tracking) {
	if s.tenant != nil {
		wanted.Within = s.tenant.Prefix()
	}
	s.client.Tracking = wanted
	before := s.tracking != nil
	if !before {
		s.tracking = &tracking{leases: make([]*backend.Lease, 2*len(s.core.nodes))}
	}
	start := &trackingStart{s: s, seq: s.await(0), before: before, left: 1}
	s.suspend()
	for _, present := range s.tracking.leases {
		if present != nil {
			start.left++
			present.Conn().Send(start, 0, wanted.AppendRequest(nil, true), false, false)
		}
	}
	s.eachTracked(func(p router.Place) {
		if s.tracking.leases[leaseAt(p)] != nil {
			return
		}
		start.left++
		if !s.trackAt(p, start) {
			start.left--
		}
	})
	start.answered()
}

// trackAt takes a connection to a place at which its server tracks for the client; the reply
// to CLIENT TRACKING goes to to. It reports false if there is nothing to be had, or
// nothing needed, there.
func (s *Session) trackAt(p router.Place, to tracker) bool {
	if s.client.Protocol != 3 || !s.core.snapshot.Reaches(s.scope, p.Server) || s.gone {
		return false
	}
	if s.core.nodes[p.Server].Held() || s.sharedConn(p).Refusal() != nil {
		s.trackLater()
		return false
	}
	l := s.watchingLease(p)
	if l == nil {
		l = s.newLease(p)
	}
	if l == nil {
		to.lacksLease()
		return false
	}
	s.tracking.leases[leaseAt(p)] = l
	l.Conn().Send(to, 0, s.client.Tracking.AppendRequest(nil, false), false, false)
	return true
}

// watchingLease is that of a place at which the session watches keys, from now on one
// that tracks: what EXEC reads there is to be tracked, too. nil: there is none.
func (s *Session) watchingLease(p router.Place) *backend.Lease {
	tx := s.tx
	if tx == nil || tx.lease == nil || tx.place != p {
		return nil
	}
	tx.borrowed = true
	return tx.lease
}

// trackedConn is the session's own connection to a place. It is nil if the server is
// down, so that the shared one, too, fails at once, and if the client cannot be told of
// anything in its protocol.
func (s *Session) trackedConn(p router.Place) *backend.Conn {
	l := s.tracking.leases[leaseAt(p)]
	if l == nil && s.trackAt(p, &trackingAgain{s: s}) {
		l = s.tracking.leases[leaseAt(p)]
	}
	if l == nil {
		return nil
	}
	return l.Conn()
}

// tracksOn reports whether the client's connection to a place goes on being used. If it is
// to end, the session goes on, on another one, when it has.
func (s *Session) tracksOn(p router.Place) bool {
	l := s.tracking.leases[leaseAt(p)]
	return l == nil || !l.Ending() || s.settled()
}

// announce has the server know, ahead of a command on c, that CLIENT CACHING was said of
// it.
func (s *Session) announce(c *backend.Conn) {
	if s.tracking == nil || !s.client.Tracking.Caching {
		return
	}
	request := requestCachingYes
	if s.client.Tracking.OptOut {
		request = requestCachingNo
	}
	c.Send(ignored{}, 0, request, false, false)
}

var (
	requestCachingYes = resp.AppendCommand(nil, "CLIENT", "CACHING", "YES")
	requestCachingNo  = resp.AppendCommand(nil, "CLIENT", "CACHING", "NO")
	clientContainer   = command.Container([]byte("client"))
)

// announced takes note that a command was executed: CLIENT CACHING is over, unless the
// commands that it concerns are still being queued.
func (s *Session) announced() {
	if !s.inMulti() && (s.last == nil || !s.last.Within(clientContainer)) {
		s.client.Tracking.Caching = false
	}
}

// untrack takes a lost lease out of those that track. The client cannot rely on what it
// keeps of that server.
func (s *Session) untrack(l *backend.Lease) {
	if s.tracking == nil {
		return
	}
	for i, own := range s.tracking.leases {
		if own == l {
			s.tracking.leases[i] = nil
			s.push(flushAll)
			s.trackLater()
		}
	}
}

// trackLater takes up the connections again which a client needs that is told of keys
// it has not read.
func (s *Session) trackLater() {
	if s.gone || !s.client.Tracking.Broadcast || s.tracking.again != nil {
		return
	}
	s.tracking.again = s.core.loop.After(trackAgain, func() {
		if s.tracking == nil || s.gone {
			return
		}
		s.tracking.again = nil
		s.trackEverywhere()
	})
}

func (s *Session) trackEverywhere() {
	s.eachTracked(func(p router.Place) {
		if s.tracking.leases[leaseAt(p)] == nil {
			s.trackAt(p, &trackingAgain{s: s})
		}
	})
}

// trackElsewhere begins anew, on other connections, because the client has chosen
// another protocol or database.
func (s *Session) trackElsewhere() {
	if s.tracking == nil {
		return
	}
	s.dropTracking()
	if s.client.Protocol == 3 {
		s.push(flushAll)
	}
	if s.client.Tracking.Broadcast {
		s.trackEverywhere()
	}
}

// trackNothing switches tracking off.
func (s *Session) trackNothing() {
	if s.tracking == nil {
		return
	}
	s.dropTracking()
	if s.tracking.again != nil {
		s.tracking.again.Stop()
	}
	s.tracking, s.client.Tracking = nil, nil
}

func (s *Session) dropTracking() {
	for i, l := range s.tracking.leases {
		if l != nil {
			s.tracking.leases[i] = nil
			if s.tx != nil && s.tx.lease == l {
				s.tx.lease, s.tx.lost = nil, true
			}
			s.giveBack(l, false)
		}
	}
}

// tracker receives servers' replies to CLIENT TRACKING.
type tracker interface {
	backend.Receiver
	// lacksLease tells that there is no connection on which a server could track.
	lacksLease()
}

// cutUntracked ends a client that has copies of what is not tracked any more.
func (s *Session) cutUntracked(why string) {
	s.cut(metric.CutTracking, "it has keys tracked, and "+why)
}

const (
	noLeaseToTrack  = "the connections to the server that may be used for that are taken"
	refusedTracking = "a server refuses to"
)

// trackingStart receives the servers' replies to the CLIENT TRACKING that a client has
// sent. It implements tracker.
type trackingStart struct {
	s       *Session
	seq     uint64
	before  bool // keys were tracked before: the client has copies
	left    int  // servers that have not answered, and one until all are asked
	refusal []byte
}

// Reply implements backend.Receiver.
func (t *trackingStart) Reply(_ uint64, b []byte, last bool) {
	if resp.IsError(b) && t.refusal == nil {
		t.refusal = append(t.refusal, b...)
	}
	if last {
		t.answered()
	}
}

// Failed implements backend.Receiver.
func (t *trackingStart) Failed(uint64, *backend.Failure) { t.answered() }

// lacksLease implements tracker.
func (t *trackingStart) lacksLease() {
	if t.before {
		t.s.cutUntracked(noLeaseToTrack)
	} else if t.refusal == nil {
		t.refusal = redcon.AppendError(nil, errNoLease)
	}
}

func (t *trackingStart) answered() {
	if t.left--; t.left > 0 || t.s.gone {
		return
	}
	switch {
	case t.refusal == nil:
		t.s.Reply(t.seq, replyOK, true)
	case t.before:
		t.s.cutUntracked(refusedTracking)
	default:
		t.s.trackNothing()
		t.s.Reply(t.seq, t.refusal, true)
	}
}

// trackingAgain receives the reply of a server that is to track again. It implements
// tracker.
type trackingAgain struct{ s *Session }

// Reply implements backend.Receiver.
func (t *trackingAgain) Reply(_ uint64, b []byte, _ bool) {
	if resp.IsError(b) {
		t.s.cutUntracked(refusedTracking)
	}
}

// lacksLease implements tracker.
func (t *trackingAgain) lacksLease() { t.s.cutUntracked(noLeaseToTrack) }

// Failed implements backend.Receiver.
func (t *trackingAgain) Failed(uint64, *backend.Failure) {}
