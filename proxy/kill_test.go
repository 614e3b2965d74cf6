package proxy

import (
	"strings"
	"testing"
	"time"

	"ringmain/command"
	"ringmain/proxy/users"
	"ringmain/resp"
	"ringmain/router"
)

// twoLoops has a client on each of two loops that belong together.
func twoLoops(t *testing.T) (sc *scene, otherLoop *stillLoop, other *scene) {
	sc = newScene(t)
	core, loop := stillCore(t, 1)
	core.Peers.leave(core)
	core.Config.Peers = sc.core.Peers
	core.Peers.join(core)
	other = &scene{T: t, core: core, loop: loop, client: &stillConn{keep: true}, s: core.NewSession(2, router.ByRoutes)}
	other.s.Opened(other.client, nil)
	return sc, loop, other
}

// turn has a loop do what was posted to it.
func (l *stillLoop) turn() {
	posted := l.posted
	l.posted = nil
	for _, f := range posted {
		f()
	}
}

func TestClientsOfOtherLoopsAreKilledAndCounted(t *testing.T) {
	sc, loop, other := twoLoops(t)
	other.sends("GET a\r\n")
	sc.sends("CLIENT KILL TYPE normal\r\nPING\r\n")
	sc.gets("")
	loop.turn()
	sc.loop.turn()
	sc.gets(":1\r\n+PONG\r\n")
	if !other.client.closed || other.client.aborted || sc.client.closed {
		t.Errorf("closed: the other %v, the client itself %v", other.client.closed, sc.client.closed)
	}
	other.server("$1\r\n1\r\n")
	other.gets("")
}

func TestAClientThatKillsItselfGetsTheReplyFirstAndNothingIsExecutedAfterIt(t *testing.T) {
	sc, loop, _ := twoLoops(t)
	sc.sends("GET a\r\nCLIENT KILL ID 1 SKIPME no\r\nSET a b\r\n")
	loop.turn()
	sc.loop.turn()
	if sc.client.closed {
		t.Error("closed before its replies came")
	}
	sc.server("$1\r\n1\r\n")
	sc.gets("$1\r\n1\r\n:1\r\n")
	if !sc.client.closed {
		t.Error("not closed")
	}
}

func TestAKilledClientThatDoesNotReadIsCutOff(t *testing.T) {
	sc, loop, other := twoLoops(t)
	other.sends("PING\r\n")
	sc.sends("CLIENT KILL ID 2\r\n")
	loop.turn()
	if !other.client.aborted {
		t.Error("what it is owed keeps it")
	}
}

func TestAPauseHoldsTheCommandsOfAllLoopsUntilItsEnd(t *testing.T) {
	sc, loop, other := twoLoops(t)
	sc.sends("CLIENT PAUSE 1000\r\n")
	sc.gets("+OK\r\n")
	for _, client := range []*scene{sc, other} {
		if left := client.sends("NOSUCH\r\nGET\r\nPING\r\n"); left != "PING\r\n" || !client.client.paused {
			t.Errorf("%q is left, reading is paused: %v", left, client.client.paused)
		}
		if got := client.client.take(); strings.Count(got, "-ERR ") != 2 {
			t.Errorf("what is no command gets %q", got)
		}
	}
	late := &scene{T: t, core: other.core, loop: loop, client: &stillConn{keep: true}, s: other.core.NewSession(3, router.ByRoutes)}
	late.s.Opened(late.client, nil)
	if left := late.sends("PING\r\n"); left == "" {
		t.Error("a client that came later is not held back")
	}
	sc.loop.now, loop.now = sc.loop.now.Add(time.Second), loop.now.Add(time.Second)
	loop.sweep() // the timer
	for _, client := range []*scene{other, late} {
		if client.sends("PING\r\n"); !client.client.resumed {
			t.Error("reading does not go on")
		}
		client.gets("+PONG\r\n")
	}
	if n := sc.core.Peers.attention.Load(); n != 0 {
		t.Errorf("%d reasons to look are left", n)
	}
}

func TestAPauseOfWritesLetsReadsPassAndUnpauseEndsItOnAllLoops(t *testing.T) {
	sc, loop, other := twoLoops(t)
	sc.sends("CLIENT PAUSE 100000 WRITE\r\n")
	sc.gets("+OK\r\n")
	if left := other.sends("GET a\r\nPING\r\nSET a b\r\n"); left != "SET a b\r\n" {
		t.Errorf("%q is left", left)
	}
	for _, write := range []string{"EVAL x 0\r\n", "FLUSHALL\r\n", "MSET a b\r\n"} {
		writer := &scene{T: t, core: sc.core, loop: sc.loop, client: &stillConn{keep: true}, s: sc.core.NewSession(3, router.ByRoutes)}
		writer.s.Opened(writer.client, nil)
		if left := writer.sends(write); left != write {
			t.Errorf("of %q %q is left", write, left)
		}
	}
	sc.sends("CLIENT UNPAUSE\r\n")
	sc.gets("+OK\r\n")
	loop.turn()
	if !other.client.resumed {
		t.Error("reading does not go on")
	}
	if left := other.sends("SET a b\r\n"); left != "" {
		t.Errorf("%q is left", left)
	}
}

func TestAPauseNeverGetsShorterOrMilder(t *testing.T) {
	sc, _, other := twoLoops(t)
	sc.sends("CLIENT PAUSE 2000 WRITE\r\nCLIENT PAUSE 1000 WRITE\r\n")
	p := sc.core.Peers.pause.Load()
	if left := p.until.Sub(sc.loop.now); left != 2*time.Second || p.all {
		t.Errorf("%v are left, all commands wait: %v", left, p.all)
	}
	sc.sends("CLIENT PAUSE 10 ALL\r\n")
	p = sc.core.Peers.pause.Load()
	if left := p.until.Sub(sc.loop.now); left != 2*time.Second || !p.all {
		t.Errorf("%v are left, all commands wait: %v", left, p.all)
	}
	other.sends("PING\r\n")
	other.s.Closed(nil)
	if len(other.core.pausedSessions) != 0 {
		t.Error("a client that is gone is remembered")
	}
}

func TestATransactionDoesNotTakeWhatItsClientMayNotDo(t *testing.T) {
	sc := newScene(t)
	sc.core.Config.Users = users.New()
	sc.core.Config.Users.Add(users.User{Name: "reader", Access: command.AccessRead}, "secret")
	sc.core.Config.Local.Users = sc.core.Config.Users
	sc.s = sc.core.NewSession(5, router.ByRoutes)
	sc.s.Opened(sc.client, nil)
	sc.sends("AUTH reader secret\r\nMULTI\r\nSET a b\r\nEXEC\r\n")
	sc.gets("+OK\r\n+OK\r\n-NOPERM this user has no permissions to run the 'set' command\r\n-" + resp.TextExecAborted + "\r\n")
}

func TestAPauseOfWritesHoldsATransactionBackThatHasQueuedOne(t *testing.T) {
	sc, _, other := twoLoops(t)
	other.sends("MULTI\r\nSET a b\r\n")
	sc.sends("MULTI\r\nGET a\r\n")
	sc.core.Peers.setPause(&pause{until: sc.loop.now.Add(time.Hour)})
	if left := other.sends("EXEC\r\n"); left == "" {
		t.Error("a transaction that writes is executed")
	}
	if left := sc.sends("EXEC\r\n"); left != "" {
		t.Error("one that only reads is held back")
	}
}
