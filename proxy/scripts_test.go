package proxy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/resp"
	"ringmain/router"
)

const body = "return redis.call('get', KEYS[1])"

var sha = func() string { d := digestOf([]byte(body)); return string(d[:]) }()

func request(words ...string) string { return string(resp.AppendCommand(nil, words...)) }

var loading = request("SCRIPT", "LOAD", body)

// scriptScene is a fleetScene that sees what its servers are sent.
type scriptScene struct {
	*fleetScene
	sent []*stillConn
	runs int
}

func newScriptScene(t *testing.T, servers int) *scriptScene {
	sc := &scriptScene{fleetScene: newFleetScene(t, servers), sent: make([]*stillConn, servers)}
	for i := range servers {
		sc.restart(i)
	}
	return sc
}

// restart has server i lose its connection and all it knows.
func (sc *scriptScene) restart(i int) {
	sc.Helper()
	before := len(sc.loop.dialled)
	sc.loop.dialled[i].Closed(nil)
	sc.loop.sweep()
	if len(sc.loop.dialled) != before+1 {
		sc.Fatal("the server was not dialled again")
	}
	h := sc.loop.dialled[before]
	sc.loop.dialled[i] = h
	sc.runs++
	sc.sent[i] = sc.opened(h, fmt.Sprintf("+OK\r\n:7\r\n$8\r\nrun_id:%c\r\n", 'a'+sc.runs))
}

// opened connects what was dialled, and answers its handshake.
func (sc *scriptScene) opened(h ioloop.Handler, handshake string) *stillConn {
	conn := &stillConn{keep: true}
	h.Opened(conn, nil)
	h.Data([]byte(handshake))
	conn.take()
	return conn
}

// receives checks what server i has been sent since the last look.
func (sc *scriptScene) receives(i int, want ...string) {
	sc.Helper()
	if got := sc.sent[i].take(); got != strings.Join(want, "") {
		sc.Errorf("server %d is sent %q, want %q", i, got, want)
	}
}

// calls has the client run the script by its digest, and server i answer; loaded
// says whether it is to be given the script before.
func (sc *scriptScene) calls(i int, loaded bool) {
	sc.Helper()
	call := request("EVALSHA", sha, "1", sc.keyOf(i, "k"))
	sc.sends(call)
	want, answer := call, "$1\r\nv\r\n"
	if loaded {
		want, answer = loading+call, "$40\r\n"+sha+"\r\n"+answer
	}
	sc.receives(i, want)
	sc.answers(i, answer)
	sc.gets("$1\r\nv\r\n")
}

// knows has the client show the script to the proxy.
func (sc *scriptScene) knows() {
	sc.Helper()
	sc.sends(request("EVAL", body, "1", sc.keyOf(0, "k")))
	sc.sent[0].take()
	sc.answers(0, "$1\r\nv\r\n")
	sc.gets("$1\r\nv\r\n")
}

func TestAScriptGoesAheadOfItsFirstCallOnEachConnection(t *testing.T) {
	sc := newScriptScene(t, 3)
	sc.knows()
	for i := range 3 {
		sc.calls(i, true)
		sc.calls(i, false)
	}
	sc.sends(request("HELLO", "3"))
	sc.client.take()
	call := request("EVALSHA_RO", strings.ToUpper(sha), "1", sc.keyOf(1, "k"))
	sc.sends(call)
	h := sc.loop.dialled[len(sc.loop.dialled)-1]
	conn := &stillConn{keep: true}
	h.Opened(conn, nil)
	h.Data([]byte("%0\r\n+OK\r\n:7\r\n$8\r\nrun_id:x\r\n"))
	if got := conn.take(); !strings.HasSuffix(got, loading+call) {
		t.Errorf("the other protocol's connection is sent %q", got)
	}
}

func TestAScriptIsGivenAnewToAServerWhoseConnectionWasLost(t *testing.T) {
	sc := newScriptScene(t, 2)
	sc.knows()
	sc.calls(0, true)
	sc.calls(1, true)
	sc.restart(0)
	sc.calls(0, true)
	sc.calls(1, false)
}

func TestAScriptIsGivenAnewIfItNeverLeft(t *testing.T) {
	sc := newScriptScene(t, 1)
	sc.knows()
	h := sc.loop.dialled[0]
	sc.loop.now = sc.loop.now.Add(time.Hour)
	h.Closed(nil)
	redial := sc.loop.sweep
	sc.sends(request("EVALSHA", sha, "1", "k"))
	sc.gets("")
	redial()
	h.Opened(nil, fmt.Errorf("refused"))
	if got := sc.client.take(); !strings.HasPrefix(got, "-CLUSTERDOWN ") {
		t.Errorf("the client gets %q", got)
	}
	sc.loop.sweep()
	sc.sent[0] = sc.opened(h, "+OK\r\n:8\r\n$8\r\nrun_id:y\r\n")
	sc.calls(0, true)
}

func TestNothingIsGivenOfAScriptThatTheProxyDoesNotKnow(t *testing.T) {
	sc := newScriptScene(t, 1)
	large := "--" + strings.Repeat("x", maxScriptBody)
	sc.sends(request("EVAL", large, "0"))
	sc.sent[0].take()
	sc.answers(0, "$-1\r\n")
	sc.gets("$-1\r\n")
	d := digestOf([]byte(large))
	for _, name := range []string{sha, string(d[:]), "abc", ""} {
		call := request("EVALSHA", name, "0")
		sc.sends(call)
		sc.receives(0, call)
		sc.answers(0, "-NOSCRIPT No matching script. Please use EVAL.\r\n")
		sc.gets("-NOSCRIPT No matching script. Please use EVAL.\r\n")
	}
}

func TestAServerThatWasFlushedByOthersIsGivenItsScriptsAgain(t *testing.T) {
	sc := newScriptScene(t, 1)
	sc.knows()
	sc.calls(0, true)
	misses := func() {
		sc.sends(request("EVALSHA", sha, "1", "k"))
		sc.sent[0].take()
		sc.answers(0, "-NOSCRIPT No matching script. Please use EVAL.\r\n")
		sc.client.take()
	}
	misses()
	sc.calls(0, true)
	misses() // at once: the script says so itself, perhaps
	sc.calls(0, false)
	sc.loop.now = sc.loop.now.Add(missedEvery)
	misses()
	sc.calls(0, true)
}

func TestAScriptThatABusyServerRefusedIsGivenAgainAndAWrongOneIsForgotten(t *testing.T) {
	sc := newScriptScene(t, 1)
	sc.knows()
	call := request("EVALSHA", sha, "1", "k")
	for _, step := range []struct {
		want, refusal, reply string
	}{{loading + call, "-BUSY x\r\n", "-BUSY x\r\n"}, {loading + call, "-ERR Error compiling script\r\n", "-NOSCRIPT x\r\n"},
		{call, "", "-NOSCRIPT x\r\n"}} {
		sc.sends(call)
		sc.receives(0, step.want)
		sc.answers(0, step.refusal+step.reply)
		sc.gets(step.reply)
	}
}

func TestScriptFlushHasEveryLoopForgetScripts(t *testing.T) {
	sc := newScriptScene(t, 2)
	cfg := *sc.core.Config
	cfg.Memory = NewMemory(1<<30, 1)
	other := NewCore(sc.loop, &cfg)
	sc.knows()
	sc.calls(0, true)
	d := digestOf([]byte(body))
	if other.scripts.find(d) == nil {
		t.Error("another loop does not know the script")
	}
	sc.sends(request("SCRIPT", "FLUSH") + request("EVALSHA", sha, "1", sc.keyOf(0, "k")))
	sc.receives(0, request("SCRIPT", "FLUSH"), request("EVALSHA", sha, "1", sc.keyOf(0, "k")))
	if other.scripts.find(d) != nil {
		t.Error("another loop still knows the script")
	}
	// What is given before the servers have answered may be flushed with the rest.
	sc.sends(request("EVAL", body, "1", sc.keyOf(0, "k")) + request("EVALSHA", sha, "1", sc.keyOf(0, "k")))
	sc.answers(0, "+OK\r\n-NOSCRIPT x\r\n$1\r\n1\r\n$1\r\nx\r\n$1\r\n2\r\n")
	sc.answers(1, "+OK\r\n")
	sc.gets("+OK\r\n-NOSCRIPT x\r\n$1\r\n1\r\n$1\r\n2\r\n")
	sc.sent[0].take()
	sc.calls(0, true)
}

func TestScriptLoadGoesToEveryServerAndIsGivenLaterToThoseThatAreDown(t *testing.T) {
	sc := newScriptScene(t, 3)
	load := func(answers ...string) string {
		sc.sends(loading)
		for i, a := range answers {
			sc.receives(i, loading)
			sc.answers(i, a)
		}
		return sc.client.take()
	}
	digest := "$40\r\n" + sha + "\r\n"
	if got := load(digest, digest, digest); got != digest {
		t.Errorf("the client gets %q", got)
	}
	if got := load(digest, "-LOADING x\r\n", "-BUSY x\r\n"); got != digest {
		t.Errorf("with servers that cannot take it now the client gets %q", got)
	}
	if got := load(digest, "-ERR no\r\n", digest); got != "-ERR no\r\n" {
		t.Errorf("with a server that does not take it the client gets %q", got)
	}
	h := sc.loop.dialled[2]
	h.Closed(nil)
	sc.loop.sweep()
	h.Opened(nil, fmt.Errorf("refused"))
	redial := sc.loop.sweep
	if got := load(digest, digest); got != digest {
		t.Errorf("with a server that is down the client gets %q", got)
	}
	redial()
	sc.sent[2] = sc.opened(h, "+OK\r\n:8\r\n$8\r\nrun_id:y\r\n")
	sc.calls(2, true)
}

func TestScriptExistsTellsWhatTheProxyWouldGive(t *testing.T) {
	sc := newScriptScene(t, 2)
	sc.knows()
	other := strings.Repeat("0", 40)
	for answers, want := range map[[2]string]string{
		{":1\r\n:0\r\n", ":0\r\n:1\r\n"}: ":1\r\n:0\r\n", // known; not everywhere
		{":1\r\n:1\r\n", ":1\r\n:1\r\n"}: ":1\r\n:1\r\n",
		{":0\r\n:0\r\n", ":0\r\n:0\r\n"}: ":0\r\n:0\r\n", // a text that no server takes for a script
	} {
		sc.sends(request("SCRIPT", "EXISTS", sha, other))
		sc.answers(0, "*2\r\n"+answers[0])
		sc.answers(1, "*2\r\n"+answers[1])
		sc.gets("*2\r\n" + want)
	}
}

func TestScriptKillDoesNotWaitBehindTheScript(t *testing.T) {
	sc := newScriptScene(t, 2)
	killer := &stillConn{keep: true}
	s := sc.core.NewSession(2, router.ByRoutes)
	s.Opened(killer, nil)
	first := len(sc.loop.dialled)
	sc.sends(request("EVAL", "while true do end", "1", sc.keyOf(0, "k")))
	s.Data([]byte("SCRIPT KILL\r\n"))
	for i, answer := range []string{"+OK\r\n", "-NOTBUSY x\r\n"} {
		h := sc.loop.dialled[first+i]
		conn := &stillConn{keep: true}
		h.Opened(conn, nil)
		if got := conn.take(); got != request("SCRIPT", "KILL") {
			t.Errorf("a server is sent %q", got)
		}
		h.Data([]byte(answer))
	}
	if got := killer.take(); got != "+OK\r\n" {
		t.Errorf("the client gets %q", got)
	}
}

func TestScriptKillWaitsForWhatItsOwnClientHasSentBefore(t *testing.T) {
	sc := newScriptScene(t, 1)
	dialled := len(sc.loop.dialled)
	if left := sc.sends(request("EVAL", "x", "0") + "SCRIPT KILL\r\n"); left == "" || len(sc.loop.dialled) != dialled {
		t.Error("it did not wait")
	}
}

func TestScriptsKeysAreCheckedAndMayBeNone(t *testing.T) {
	sc := newScriptScene(t, 3)
	for _, name := range strings.Fields("EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO") {
		sc.sends(request(name, "x", "2", sc.keyOf(0, "k"), sc.keyOf(1, "k"), sc.keyOf(0, "k")))
		sc.gets("-" + resp.TextCrossSlot + "\r\n")
		sc.sends(request(name, "x", "1", "__ringmain:x"))
		sc.gets("-" + errReserved + "\r\n")
		for _, count := range []string{"0", "x", "9"} {
			sc.sends(request(name, "x", count, sc.keyOf(2, "k")))
			sc.receives(0, request(name, "x", count, sc.keyOf(2, "k")))
			sc.answers(0, ":1\r\n")
			sc.gets(":1\r\n")
		}
	}
}

func TestTheBodiesThatAreKeptAreBounded(t *testing.T) {
	var st scriptStore
	st.add(digestOf([]byte(body)), body)
	for i := range 3 * maxScripts {
		text := fmt.Sprint(i)
		st.add(digestOf([]byte(text)), text)
		if st.find(digestOf([]byte(body))) == nil {
			t.Fatalf("a script that is used is forgotten after %d others", i)
		}
	}
	for i := range 20 {
		text := string(bytes.Repeat([]byte{byte(i)}, maxScriptBody))
		st.add(digestOf([]byte(text)), text)
	}
	if n := len(st.byDigest); st.bytes > maxScriptBytes || n > maxScripts || n != st.recent.Len() || n != len(st.byBody) || n == 0 {
		t.Errorf("%d scripts of %d bytes, %d in order", n, st.bytes, st.recent.Len())
	}
}

func TestCallsOfKnownScriptsAllocateNothing(t *testing.T) {
	core, loop := stillCore(t, 1)
	s := core.NewSession(1, router.ByRoutes)
	s.Opened(&stillConn{}, nil)
	s.Data([]byte(request("EVAL", body, "1", "k")))
	loop.dialled[0].Data([]byte("+x\r\n"))
	call, reply := []byte(request("EVALSHA", sha, "1", "k")), []byte("+x\r\n")
	s.Data(call)
	loop.dialled[0].Data(reply)
	loop.dialled[0].Data(reply)
	if n := testing.AllocsPerRun(100, func() {
		s.Data(call)
		loop.dialled[0].Data(reply)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConnectionsThatAreGoneAreNotRememberedForScripts(t *testing.T) {
	f := newFleetScene(t, 1)
	f.core.scripts.keep([]byte("return 1"))
	sc := f.core.scripts.find(digestOf([]byte("return 1")))
	for range 10 * leastForgotten {
		l := f.core.nodes[0].Lease(2, 0, &pins{s: f.s})
		f.core.load(sc, l.Conn())
		f.core.scripts.missed(l.Conn(), 0)
		sc.given[l.Conn()] = 0 // as if it had been answered
		l.Drop()
	}
	if n := max(len(sc.given), len(f.core.scripts.misses)); n > leastForgotten {
		t.Errorf("%d connections are remembered", n)
	}
}
