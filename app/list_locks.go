package app

import (
	"cmp"
	"slices"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/ioloop"
	"ringmain/lock"
	"ringmain/proxy"
	"ringmain/resp"
)

// lockList lists the locks of all quorums. It implements proxy.LockLister.
type lockList []*agreed

// listOfLocks is what answers RINGMAIN LOCKS; nil: no quorum keeps any.
func (a *App) listOfLocks() proxy.LockLister {
	var list lockList
	for _, q := range a.quorums {
		if len(q.patterns.locks) > 0 {
			list = append(list, q)
		}
	}
	if list == nil {
		return nil
	}
	return list
}

// Locks implements proxy.LockLister.
func (list lockList) Locks(from ioloop.Loop, pattern []byte, protocol int, done func(reply []byte)) {
	g := &lockGathering{left: len(list), protocol: protocol, done: done}
	match := func(key string) bool { return pattern == nil || command.MatchGlob(pattern, []byte(key), false) }
	for _, q := range list {
		near := from == ioloop.Loop(q.worker.loop)
		find := func() {
			q.locks.List(match, func(all []lock.Listed, text string) {
				if near {
					g.add(q, all, text)
				} else {
					q.tell(from, func() { g.add(q, all, text) })
				}
			})
		}
		if near {
			find()
		} else if !q.worker.loop.Post(find) {
			g.add(q, nil, busy)
		}
	}
}

// tell has f called on another loop, later if that has no room for it now. It is called on
// the quorum's.
func (q *agreed) tell(loop ioloop.Loop, f func()) {
	if !loop.Post(f) {
		q.worker.loop.After(postAgain, func() { q.tell(loop, f) })
	}
}

// lockGathering is the reply to RINGMAIN LOCKS in the making. It is used on the loop of the
// client.
type lockGathering struct {
	left     int // quorums that have not answered
	all      []keptLock
	fault    string // the first quorum's that has one
	protocol int
	done     func(reply []byte)
}

type keptLock struct {
	lock.Listed
	quorum string
}

func (g *lockGathering) add(q *agreed, all []lock.Listed, text string) {
	for _, l := range all {
		g.all = append(g.all, keptLock{l, q.name})
	}
	g.fault = cmp.Or(g.fault, text)
	if g.left--; g.left > 0 {
		return
	}
	if g.fault != "" {
		g.done(redcon.AppendError(nil, g.fault))
		return
	}
	slices.SortStableFunc(g.all, func(a, b keptLock) int { return cmp.Compare(a.Key, b.Key) })
	reply := redcon.AppendArray(nil, len(g.all))
	for _, l := range g.all {
		reply = l.append(reply, g.protocol)
	}
	g.done(reply)
}

// append appends what people are told of a lock.
func (l keptLock) append(dst []byte, protocol int) []byte {
	number := func(name string, n int64) { dst = redcon.AppendInt(redcon.AppendBulkString(dst, name), n) }
	text := func(name, value string) {
		dst = redcon.AppendBulkString(redcon.AppendBulkString(dst, name), value)
	}
	dst = resp.AppendMap(dst, protocol, 7)
	text("key", l.Key)
	text("token", l.Token)
	number("milliseconds-left", l.Left.Milliseconds())
	number("fence", l.Fence)
	text("quorum", l.quorum)
	number("servers", int64(l.Servers))
	number("waiting-here", int64(l.Waiting))
	return dst
}
