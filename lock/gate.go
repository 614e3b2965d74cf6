package lock

import (
	"slices"

	"ringmain/quorum"
)

// The gate lets one operation at a time have a key, in the order in which they came, so
// that clients of one proxy do not split each other's votes. An operation on several keys
// stands in all their queues at once, and may run when it is at the head of each. It does if the
// servers have time for it (turns.go).
const (
	maxQueued      = 10_000   // operations that wait for one key
	maxQueuedAll   = 100_000  // … for all keys
	maxQueuedBytes = 64 << 20 // what they hold
)

// task is an operation in the gate.
type task struct {
	keys []string // each once
	size int
	// run begins the operation, which ends with leave; refuse ends it before that.
	run, refuse func()
	running     bool
	gone        bool
	// ahead says that it stands in no line: locks that are held depend on it, or it gives some up.
	ahead bool
	// patient says that it is not refused for standing in line.
	patient bool
	inLine  bool
	came    quorum.Instant // when it did
	since   quorum.Instant // when it came to stand in line
	refused bool
}

type gate struct {
	queues        map[string][]*task
	queued, bytes int

	turns turns
}

// enter puts a task at the end of its keys' queues, and runs it if it is at the head of
// them. false: there are too many.
func (g *gate) enter(t *task) bool {
	if g.queued >= maxQueuedAll || g.bytes+t.size > maxQueuedBytes {
		return false
	}
	for _, k := range t.keys {
		if len(g.queues[k]) >= maxQueued {
			return false
		}
	}
	g.put(t, func(queue []*task) int { return len(queue) })
	return true
}

// enterFirst puts a task before all whose turn has not come yet: one that stands in line has its key.
func (g *gate) enterFirst(t *task) {
	g.put(t, func(queue []*task) int {
		if len(queue) > 0 && (queue[0].running || queue[0].inLine) {
			return 1
		}
		return 0
	})
}

func (g *gate) put(t *task, at func(queue []*task) int) {
	for _, k := range t.keys {
		q := g.queues[k]
		i := at(q)
		q = slices.Insert(q, i, t)
		g.queues[k] = q
		// Who is put before one of those that do not stand in line must not, either: all that are
		// before such a one go ahead, so that the next one tells.
		t.ahead = t.ahead || i+1 < len(q) && q[i+1].ahead
	}
	g.queued++
	g.bytes += t.size
	t.came = g.turns.clock.Now()
	g.try(t, false)
	if t.ahead && !t.running {
		g.hasten(t)
	}
}

// hasten has those that a task waits for at its keys stand in line no longer, nor those that they
// wait for at theirs.
func (g *gate) hasten(t *task) {
	waiting := []*task{t}
	var inLine []*task
	for len(waiting) > 0 {
		t := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		for _, k := range t.keys {
			q := g.queues[k]
			for i := slices.Index(q, t) - 1; i >= 0 && !q[i].ahead; i-- {
				other := q[i]
				other.ahead = true
				if other.inLine {
					inLine = append(inLine, other)
				} else if len(other.keys) > 1 {
					waiting = append(waiting, other)
				}
			}
		}
	}
	for _, other := range inLine {
		if other.inLine { // it has not left meanwhile
			g.turns.run(other)
		}
	}
}

// try runs a task whose turn it is, or has it stand in line. late: one before it at a key has stood there
// for too long, and who has waited behind that one for as long would only do so again.
func (g *gate) try(t *task, late bool) {
	if t.running || t.gone || t.inLine {
		return
	}
	for _, k := range t.keys {
		if g.queues[k][0] != t {
			return
		}
	}
	switch {
	case t.ahead || g.turns.free():
		g.turns.run(t)
	case late && !t.patient && g.turns.clock.Now().Since(t.came) >= longestTurn:
		t.refuse()
	default:
		g.turns.stand(t)
	}
}

// leave ends a task, or takes one out that has not begun, and runs those whose turn it is
// then.
func (g *gate) leave(t *task) {
	if t.gone {
		return
	}
	t.gone, t.inLine = true, false
	g.queued--
	g.bytes -= t.size
	if t.running {
		g.turns.window.Give()
	}
	var next []*task
	for _, k := range t.keys {
		q := g.queues[k]
		if q[0] == t {
			q[0] = nil
			q = q[1:]
		} else {
			q = slices.DeleteFunc(q, func(other *task) bool { return other == t })
		}
		if len(q) == 0 {
			delete(g.queues, k)
			continue
		}
		g.queues[k] = q
		next = append(next, q[0])
	}
	for _, n := range next {
		g.try(n, t.refused)
	}
	g.turns.admit()
}
