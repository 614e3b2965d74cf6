package simtest

import (
	"bytes"
	"strings"
	"time"

	"ringmain/internal/simredis"
	"ringmain/ioloop"
	"ringmain/resp"
)

// twin is one Redis in place of the proxy and all its servers, without a
// network: it says at once what the reply to the next command of a client is.
type twin struct {
	server *simredis.Server
	loop   *twinLoop
	ioloop.Handler
	out []byte
}

func newTwin(s *scene) *twin {
	loop := &twinLoop{now: s.w.Now}
	return twinClient(simredis.New(loop, simredis.Options{}), loop)
}

// twinClient is one more client of a twin.
func twinClient(server *simredis.Server, loop *twinLoop) *twin {
	t := &twin{server: server, loop: loop, Handler: server.Accept()}
	t.Opened(twinConn{t: t}, nil)
	return t
}

// reply is the reply to a command, as bytes. A command that blocks gives up at
// once.
func (t *twin) reply(args []string) []byte {
	t.out = nil
	t.Data(resp.AppendCommand(nil, args...))
	if t.server.Blocked() > 0 {
		t.loop.timer.f()
	}
	for len(t.loop.atEnd) > 0 {
		f := t.loop.atEnd[0]
		t.loop.atEnd = t.loop.atEnd[1:]
		f()
	}
	return t.out
}

// sameReply compares a reply of the proxy with the twin's. HELLO differs in what
// it says of the connection.
func sameReply(args []string, got, want []byte) bool {
	if strings.EqualFold(args[0], "hello") && want[0] != '-' {
		return got[0] == want[0] && bytes.Contains(got, []byte("proto\r\n:"+args[1]+"\r\n"))
	}
	return bytes.Equal(got, want)
}

// twinLoop is all of a loop that the model needs without a network.
type twinLoop struct {
	now   func() time.Duration
	timer *twinTimer // the latest
	atEnd []func()
}

type twinTimer struct{ f func() }

func (*twinTimer) Stop() bool { return true }

func (l *twinLoop) After(_ time.Duration, f func()) ioloop.Timer {
	l.timer = &twinTimer{f}
	return l.timer
}

func (l *twinLoop) Now() time.Time                           { return time.Unix(0, 0).Add(l.now()) }
func (l *twinLoop) Elapsed() time.Duration                   { return l.now() + 1 }
func (l *twinLoop) AtEnd(f func())                           { l.atEnd = append(l.atEnd, f) }
func (*twinLoop) Dial(string, time.Duration, ioloop.Handler) { panic("not needed") }
func (*twinLoop) Post(func()) bool                           { panic("not needed") }
func (*twinLoop) Memory() int                                { return 0 }

// twinConn collects what the model answers.
type twinConn struct {
	ioConn
	t *twin
}

func (c twinConn) Write(b []byte)     { c.t.out = append(c.t.out, b...) }
func (c twinConn) Resume()            {}
func (c twinConn) RemoteAddr() string { return "twin:1" }
func (c twinConn) LocalAddr() string  { return "twin:2" }
