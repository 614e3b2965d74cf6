package lock

import "slices"

// The gate lets one operation at a time have a key, in the order in which they came, so
// that clients of one proxy do not split each other's votes. An operation on several keys
// stands in all their queues at once, and runs when it is at the head of each.
const (
	maxQueued      = 10_000   // operations that wait for one key
	maxQueuedAll   = 100_000  // … for all keys
	maxQueuedBytes = 64 << 20 // what they hold
)

// task is an operation in the gate.
type task struct {
	keys []string // each once
	size int
	// run begins the operation, which ends with leave.
	run     func()
	running bool
	gone    bool
}

type gate struct {
	queues        map[string][]*task
	queued, bytes int
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

// enterFirst puts a task before all that are not running yet.
func (g *gate) enterFirst(t *task) {
	g.put(t, func(queue []*task) int {
		if len(queue) > 0 && queue[0].running {
			return 1
		}
		return 0
	})
}

func (g *gate) put(t *task, at func(queue []*task) int) {
	for _, k := range t.keys {
		q := g.queues[k]
		g.queues[k] = slices.Insert(q, at(q), t)
	}
	g.queued++
	g.bytes += t.size
	g.try(t)
}

// try runs a task whose turn it is.
func (g *gate) try(t *task) {
	if t.running || t.gone {
		return
	}
	for _, k := range t.keys {
		if g.queues[k][0] != t {
			return
		}
	}
	t.running = true
	t.run()
}

// leave ends a task, or takes one out that has not begun, and runs those whose turn it is
// then.
func (g *gate) leave(t *task) {
	if t.gone {
		return
	}
	t.gone = true
	g.queued--
	g.bytes -= t.size
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
		g.try(n)
	}
}
