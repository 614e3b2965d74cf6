package simtest

import (
	"fmt"
	"strings"

	"ringmain/internal/history"
	"ringmain/proxy"
	"ringmain/topology"
)

// audit is what servers have executed, held against what clients were told.
type audit struct {
	f *fleet
	// values are how often the SET of each value was executed, and refused those of which a client
	// was told that they are not.
	values  map[string]int
	refused map[string]bool
	// counts are of each counter's INCRs.
	counts map[string]*count
	// lost are commands whose connection to the proxy broke: they may be under way until
	// the proxy knows that, too. By the client's address.
	lost map[string][]lostCall
	// past are connections that the proxy has let go of.
	past map[string]bool
}

type count struct{ executed, acknowledged, uncertain int }

type lostCall struct {
	call     *history.Call
	commands [][]string
}

func (b *audit) init(f *fleet) {
	*b = audit{f: f, values: map[string]int{}, refused: map[string]bool{}, counts: map[string]*count{},
		lost: map[string][]lostCall{}, past: map[string]bool{}}
}

func (b *audit) count(key string) *count {
	k := b.counts[key]
	if k == nil {
		k = &count{}
		b.counts[key] = k
	}
	return k
}

// executed is told of each command that a server executes.
func (b *audit) executed(on *server, id int64, args [][]byte) {
	switch strings.ToUpper(string(args[0])) {
	case "WATCH", "BLPOP":
		if b.f.leases[on] == nil {
			b.f.leases[on] = map[int64]bool{}
		}
		b.f.leases[on][id] = true
	case "SET", "GETSET", "SETNX":
		if string(args[1]) == topology.MarkerKey {
			b.marked(on, epochOf(string(args[2])))
		}
		b.value(string(args[2]))
	case "MSET":
		for i := 2; i < len(args); i += 2 {
			b.value(string(args[i]))
		}
	case "INCR":
		b.count(string(args[1])).executed++
	case "FLUSHALL":
		b.emptied(on)
	}
}

// marked is told that a server is given a marker. In the middle of a change that may be what a
// mishap waits for.
func (b *audit) marked(on *server, epoch uint64) {
	f := b.f
	if f.proxy == nil || epoch <= f.epoch {
		return
	}
	once(&on.marked)
	if s := f.proxy.steering; s.returning && f.returned != nil {
		f.returned(on, f.servers[s.held] == on)
	}
}

func (b *audit) value(v string) {
	if !strings.HasPrefix(v, "v") {
		return // a marker
	}
	if b.values[v]++; b.values[v] > 1 {
		b.f.fail("the write of %s is executed twice", v)
	}
	if b.refused[v] {
		b.f.fail("the write of %s is executed, though it was refused", v)
	}
}

// emptied is a server that is emptied whole. One that keeps its place is a proxy's that starts.
func (b *audit) emptied(on *server) {
	p := b.f.proxy
	if p == nil || p.steering.served {
		return
	}
	now := b.f.w.Now()
	for _, key := range b.f.keys {
		if b.f.owner(key) == on {
			b.f.history.Forget(now, now, key)
		}
	}
}

// told takes what a client was told of a command; reply is nil if nothing.
func (b *audit) told(args []string, reply any) {
	err, failed := reply.(error)
	unknown := failed && strings.HasPrefix(err.Error(), "UNCERTAIN")
	switch name := args[0]; {
	case name == "INCR":
		switch k := b.count(args[1]); {
		case unknown:
			k.uncertain++
		case !failed:
			k.acknowledged++
		}
	case !failed || unknown:
	case name == "SET" || name == "SETNX" || name == "GETSET":
		b.refuse(args[2])
	case name == "MSET":
		for i := 2; i < len(args); i += 2 {
			b.refuse(args[i])
		}
	}
}

func (b *audit) refuse(v string) {
	b.refused[v] = true
	if b.values[v] > 0 {
		b.f.fail("the write of %s was executed, and refused", v)
	}
}

// check counts what was executed against what was told.
func (b *audit) check() error {
	for key, k := range b.counts {
		if k.executed < k.acknowledged || k.executed > k.acknowledged+k.uncertain {
			return &miscount{key, k.executed, k.acknowledged, k.uncertain}
		}
	}
	return nil
}

// close has a write without an answer closed when it can be executed no more. from is the
// client's end of its connection, "" if the proxy has answered.
func (b *audit) close(from string, call *history.Call, commands [][]string) {
	if from != "" && b.f.proxy != nil && !b.past[from] {
		b.lost[from] = append(b.lost[from], lostCall{call, commands})
		return
	}
	b.f.lanes.close(call, commands)
}

// left is told that the proxy has let go of a client.
func (b *audit) left(from string) {
	b.past[from] = true
	for _, l := range b.lost[from] {
		b.f.lanes.close(l.call, l.commands)
	}
	delete(b.lost, from)
}

// proxyGone is the death of the proxy: nothing is under way any more.
func (b *audit) proxyGone() {
	for from := range b.lost {
		b.left(from)
	}
}

// front is a client's connection at the proxy.
type front struct {
	*proxy.Session
	f    *fleet
	from string
}

func (c *front) Opened(conn ioConn, err error) {
	if err == nil {
		c.from = conn.RemoteAddr()
	}
	c.Session.Opened(conn, err)
}

func (c *front) Closed(err error) {
	c.Session.Closed(err)
	c.f.audit.left(c.from)
}

// foreign looks, at the end, for keys where they must not be.
func (f *fleet) foreign() error {
	for i, s := range f.servers {
		if n := s.Len(refuge); n > 1 && f.happened.endings == 0 {
			return fmt.Errorf("the refuge of server %d holds %d keys when all servers are back", i, n)
		}
		if _, marked := s.Get(refuge, topology.MarkerKey); !marked {
			return fmt.Errorf("server %d has no marker", i)
		}
		for _, key := range f.keys {
			if _, there := s.Get(0, key); there && f.owner(key) != s {
				return fmt.Errorf("server %d holds %s, which is another's", i, key)
			}
		}
	}
	return nil
}
