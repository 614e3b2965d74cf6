package simtest

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/resp"
)

// misplacer is a mutant of a client's connection that puts pushes elsewhere among what
// is written in one iteration. It implements ioloop.Handler towards the network and
// ioloop.Conn towards the session.
type misplacer struct {
	ioloop.Handler
	ioConn
	loop    ioloop.Loop
	written [][]byte // in this iteration
	insert  func(written [][]byte, push []byte) [][]byte
}

// misplacing makes misplacers.
func misplacing(insert func(written [][]byte, push []byte) [][]byte) mutant {
	return mutant{front: func(loop ioloop.Loop, h ioloop.Handler) ioloop.Handler {
		return &misplacer{Handler: h, loop: loop, insert: insert}
	}}
}

func (m *misplacer) Opened(c ioloop.Conn, err error) {
	m.ioConn = c
	if err == nil {
		m.Handler.Opened(m, nil)
	} else {
		m.Handler.Opened(nil, err)
	}
}

func (m *misplacer) Write(b []byte) {
	if len(m.written) == 0 {
		m.loop.AtEnd(m.flush)
	}
	if b = bytes.Clone(b); isPush(b) {
		m.written = m.insert(m.written, b)
	} else {
		m.written = append(m.written, b)
	}
}

func (m *misplacer) flush() {
	m.ioConn.Write(bytes.Join(m.written, nil))
	m.written = nil
}

func (m *misplacer) CloseAfterFlush() {
	m.flush()
	m.ioConn.CloseAfterFlush()
}

func isPush(b []byte) bool {
	if n, err := element(b); err != nil || n != len(b) || n == 0 {
		return false // a piece of a reply
	}
	stream, reply := streamOf(b)
	return stream != "" && !reply
}

// earlyPush puts a push ahead of what was written before it.
func earlyPush(written [][]byte, push []byte) [][]byte {
	return append([][]byte{push}, written...)
}

// pushWithin puts a push into the middle of a reply.
func pushWithin(written [][]byte, push []byte) [][]byte {
	for i, b := range written {
		if end := bytes.Index(b, []byte("\r\n")); bytes.HasPrefix(b, []byte("*")) && end > 0 && end+2 < len(b) && !isPush(b) {
			written[i] = bytes.Join([][]byte{b[:end+2], push, b[end+2:]}, nil)
			return written
		}
	}
	return append(written, push)
}

// dirtyLeases has keys watched on a connection that others use next.
var dirtyLeases = mutant{tap: rewrite(func(b []byte) []byte {
	return bytes.ReplaceAll(b, []byte("*1\r\n$7\r\nUNWATCH\r\n"), []byte("*1\r\n$4\r\nPING\r\n"))
})}

// hastyChanges has a client's database chosen ahead of the command before: only the
// execution, not the replies.
var hastyChanges = mutant{course: func(c *course) {
	for i := 1; i < len(c.replies); i++ {
		before, change := &c.replies[i-1], &c.replies[i]
		if change.args[0] != "SELECT" || before.step != change.step || len(before.args) < 2 || before.args[0] == "SELECT" {
			continue
		}
		one, other := resp.AppendCommand(nil, before.args...), resp.AppendCommand(nil, change.args...)
		request := &c.steps[change.step].request
		if swapped := bytes.Replace(*request, slices.Concat(one, other), slices.Concat(other, one), 1); !bytes.Equal(swapped, *request) {
			*request = swapped
			*before, *change = *change, *before
			i++
		}
	}
}}

func TestWhatAProxyStillHoldsForAClientIsSeen(t *testing.T) {
	for _, args := range [][]string{{"WATCH", "k"}, {"BLPOP", "k", "0"}, {"PING"}} {
		s := newScene(1, nil, options{servers: 1, loops: 1, leases: 1})
		p := s.peer(t)
		sendTo(t, p, args...)
		s.run(time.Second)
		if err := s.idle(); err == nil {
			t.Errorf("not after %q", args)
		} else {
			t.Logf("%q: %v", args, err)
		}
		_ = p.Close()
		s.run(time.Second)
		if err := s.idle(); err != nil {
			t.Errorf("after it has left, %v", err)
		}
	}
}

func TestAProxyThatGoesAnotherWayTooSoonOrLeavesTracesThereIsCaught(t *testing.T) {
	const within = 100
	for name, m := range map[string]mutant{
		"an invalidation ahead of the reply that it is about": misplacing(earlyPush),
		"a push within a reply":                               misplacing(pushWithin),
		"a connection given back with keys watched":           dirtyLeases,
		"a database chosen before earlier commands are done":  hastyChanges,
	} {
		t.Run(name, func(t *testing.T) {
			seed, err := firstFailure(within, func(seed uint64, trace io.Writer) error { return roam(seed, trace, m) })
			if err == nil || strings.HasPrefix(err.Error(), "panic") {
				t.Fatalf("in %d seeds: %v", within, err)
			}
			t.Logf("seed %d: %v", seed, err)
		})
	}
}
