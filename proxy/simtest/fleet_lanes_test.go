package simtest

import (
	"strings"

	"ringmain/internal/history"
	"ringmain/ioloop"
	"ringmain/resp"
)

// lanes are the connections of one incarnation to the servers. They know which writes are
// under way, and so when one that was answered UNCERTAIN can be executed no more: when its
// late reply comes, or its connection is given up. From then on the fence is to hold.
type lanes struct {
	f       *fleet
	all     map[*lane]bool
	flying  map[string][]*flight // by key
	flushes []*flight
}

// lane is one connection.
type lane struct {
	l *lanes
	ioloop.Handler
	ioConn
	framer  resp.Framer
	flights []*flight // unanswered, oldest first
	queued  []string  // keys of the transaction that is being sent
	inMulti bool
}

// flight is one request that is under way.
type flight struct {
	keys  []string
	flush bool
	over  bool
	calls []*unsettled
}

// unsettled is a write without an answer, and how many flights it may be among.
type unsettled struct {
	call *history.Call
	left int
}

func newLanes(f *fleet) *lanes {
	return &lanes{f: f, all: map[*lane]bool{}, flying: map[string][]*flight{}}
}

func (l *lanes) tap(_ ioloop.Loop, _ string, h ioloop.Handler) ioloop.Handler {
	return &lane{l: l, Handler: h}
}

func (w *lane) Opened(c ioloop.Conn, err error) {
	if err != nil {
		w.Handler.Opened(nil, err)
		return
	}
	w.ioConn = c
	w.l.all[w] = true
	w.Handler.Opened(w, nil)
}

func (w *lane) Write(b []byte) {
	eachRequest(b, func(_ []byte, args [][]byte) { w.sent(args) })
	w.ioConn.Write(b)
	if n := w.ioConn.Buffered(); n > 2*queueLimit {
		w.l.f.fail("%d bytes wait to be sent to a server", n)
	}
}

func (w *lane) sent(args [][]byte) {
	keys, flush := written(args)
	t := &flight{}
	switch name := strings.ToUpper(string(args[0])); {
	case name == "MULTI":
		w.inMulti, w.queued = true, nil
	case name == "EXEC":
		w.inMulti = false
		t.keys = w.queued
	case w.inMulti:
		w.queued = append(w.queued, keys...)
	default:
		t.keys, t.flush = keys, flush
	}
	w.flights = append(w.flights, t)
	for _, key := range t.keys {
		w.l.flying[key] = append(w.l.flying[key], t)
	}
	if t.flush {
		w.l.flushes = append(w.l.flushes, t)
	}
}

// written are the keys that a request may change; flush: all.
func written(args [][]byte) (keys []string, flush bool) {
	switch strings.ToUpper(string(args[0])) {
	case "SET", "INCR", "SETNX", "GETSET", "GETDEL", "EXPIRE", "PEXPIRE":
		return []string{string(args[1])}, false
	case "DEL", "UNLINK":
		for _, key := range args[1:] {
			keys = append(keys, string(key))
		}
	case "MSET":
		for i := 1; i < len(args); i += 2 {
			keys = append(keys, string(args[i]))
		}
	case "FLUSHALL", "FLUSHDB", "EVAL":
		return nil, true
	}
	return keys, false
}

func (w *lane) Data(b []byte) int {
	for off := 0; off < len(b); {
		n, done, err := w.framer.Scan(b[off:])
		if err != nil {
			break // the core will find out, too
		}
		if off += n; done && len(w.flights) > 0 {
			w.flights[0].end(w.l)
			w.flights = w.flights[1:]
		}
	}
	return w.Handler.Data(b)
}

func (w *lane) Closed(err error) {
	w.gone()
	w.Handler.Closed(err)
}

func (w *lane) gone() {
	for _, t := range w.flights {
		t.end(w.l)
	}
	w.flights = nil
	delete(w.l.all, w)
}

// closeAll is the death of the process.
func (l *lanes) closeAll() {
	for w := range l.all {
		w.gone()
	}
}

func (t *flight) end(l *lanes) {
	t.over = true
	for _, a := range t.calls {
		if a.left--; a.left == 0 {
			a.call.Over(l.f.w.Now())
		}
	}
	t.calls = nil
	for _, key := range t.keys {
		l.flying[key] = without(l.flying[key], t)
	}
	if t.flush {
		l.flushes = without(l.flushes, t)
	}
}

func without(list []*flight, t *flight) []*flight {
	for i := range list {
		if list[i] == t {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// close tells the history when a write that was sent, and answered UNCERTAIN or not at all,
// can be executed no more.
func (l *lanes) close(call *history.Call, commands [][]string) {
	a := &unsettled{call: call, left: 1}
	for _, args := range commands {
		raw := make([][]byte, len(args))
		for i := range args {
			raw[i] = []byte(args[i])
		}
		keys, flush := written(raw)
		for _, key := range keys {
			for _, t := range l.flying[key] {
				a.left++
				t.calls = append(t.calls, a)
			}
		}
		if flush {
			for _, t := range l.flushes {
				a.left++
				t.calls = append(t.calls, a)
			}
		}
	}
	if a.left--; a.left == 0 {
		call.Over(l.f.w.Now())
	}
}
