package proxy

import (
	"fmt"
	"strings"
	"testing"

	"ringmain/resp"
)

// lent is the connection to server i that was dialled last, with its handshake done.
func (f *fleetScene) lent() *stillConn {
	f.Helper()
	conn := &stillConn{keep: true}
	h := f.loop.dialled[len(f.loop.dialled)-1]
	h.Opened(conn, nil)
	conn.take()
	h.Data([]byte("+OK\r\n:9\r\n$8\r\nrun_id:x\r\n"))
	return conn
}

// says has the connection that was dialled last bring bytes.
func (f *fleetScene) says(b string) { f.loop.dialled[len(f.loop.dialled)-1].Data([]byte(b)) }

func TestATransactionIsSentInOnePieceWhenExecComes(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("MULTI\r\nSET a 1\r\nGET a\r\n")
	f.gets("+OK\r\n+QUEUED\r\n+QUEUED\r\n")
	if n := f.core.nodes[0].InFlight(); n != 0 {
		t.Errorf("%d requests are sent before EXEC", n)
	}
	f.sends("EXEC\r\nGET b\r\n")
	if n := f.core.nodes[0].InFlight(); n != 5 { // MULTI, SET, GET, EXEC; GET
		t.Errorf("%d requests are under way", n)
	}
	f.answers(0, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\n1\r\n$1\r\n2\r\n")
	f.gets("*2\r\n+OK\r\n$1\r\n1\r\n$1\r\n2\r\n")
}

func TestWhatTheProxyAnswersWithinATransactionIsNotOvertaken(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("MULTI\r\nCLIENT GETNAME\r\nGET a\r\nEXEC\r\nCLIENT SETNAME n\r\n")
	f.gets("+OK\r\n+QUEUED\r\n+QUEUED\r\n")
	f.answers(0, "+OK\r\n+QUEUED\r\n*1\r\n$1\r\n1\r\n")
	f.sends("")
	f.gets("*2\r\n$-1\r\n$1\r\n1\r\n")
}

func TestAReplyThatIsEditedIsNotGivenOutInPieces(t *testing.T) {
	f := newFleetScene(t, 2)
	slow, quick := f.keyOf(0, "k"), f.keyOf(1, "k")
	f.sends("GET " + slow + "\r\nMULTI\r\nPING\r\nGET " + quick + "\r\nEXEC\r\n")
	f.answers(1, "+OK\r\n+QUEUED\r\n*1\r\n$5\r\nva")
	f.answers(0, "$1\r\n1\r\n")
	f.gets("$1\r\n1\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n")
	f.answers(1, "lue\r\n")
	f.gets("*2\r\n+PONG\r\n$5\r\nvalue\r\n")
}

func TestWhatOnlyTheServerRefusesIsToldByExec(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("MULTI\r\nSET a 1\r\nEXEC\r\n")
	f.client.take()
	f.answers(0, "+OK\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n-EXECABORT Transaction discarded because of previous errors.\r\n")
	f.gets("-EXECABORT Transaction discarded because of previous errors. OOM command not allowed when used memory > 'maxmemory'.\r\n")
}

func TestCommandsOfATransactionWithoutMultiAreUncertain(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("MULTI\r\nSET a 1\r\nEXEC\r\n")
	f.client.take()
	f.answers(0, "-NOPERM this user has no permissions to run the 'multi' command\r\n+OK\r\n-ERR EXEC without MULTI\r\n")
	if got := f.client.take(); !strings.HasPrefix(got, "-UNCERTAIN ") || !strings.Contains(got, "NOPERM") {
		t.Errorf("EXEC: %q", got)
	}
}

func TestATransactionIsBoundedAndCountsAsMemory(t *testing.T) {
	f := newFleetScene(t, 1)
	f.core.Limits.Request.Request = 1 << 20
	f.sends("MULTI\r\n")
	f.client.take()
	value := strings.Repeat("x", 300<<10)
	for range 3 {
		f.sends(string(resp.AppendCommand(nil, "SET", "a", value)))
	}
	f.gets(strings.Repeat("+QUEUED\r\n", 3))
	if held := f.core.queuedBytes; held < 900<<10 || f.s.holds() < held {
		t.Errorf("%d bytes are counted, %d for the client", held, f.s.holds())
	}
	f.sends(string(resp.AppendCommand(nil, "SET", "a", value)))
	f.gets("-" + errLargeTransaction + "\r\n")
	f.sends("EXEC\r\n")
	f.gets("-" + errExecAbort + "\r\n")
	if f.core.queuedBytes != 0 {
		t.Errorf("%d bytes are still counted", f.core.queuedBytes)
	}
	f.sends("MULTI\r\nSET a 1\r\n")
	f.s.Closed(nil)
	if f.core.queuedBytes != 0 {
		t.Errorf("%d bytes of a client that is gone are still counted", f.core.queuedBytes)
	}
}

func TestNothingIsExecutedBehindABlockingCommandUntilItsReplyComes(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("GET a\r\n")
	left := f.sends("BLPOP l 0\r\nGET b\r\n")
	if left == "" || len(f.loop.dialled) != 1 {
		t.Fatalf("%q is left, %d connections", left, len(f.loop.dialled))
	}
	f.answers(0, "$1\r\n1\r\n") // now it may go another way
	left = f.sends(left)
	lent := f.lent()
	if got := lent.take(); got != "*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n" {
		t.Errorf("the lease is sent %q", got)
	}
	if left != "GET b\r\n" || f.client.paused {
		t.Errorf("%q is left; paused: %v", left, f.client.paused)
	}
	f.gets("$1\r\n1\r\n")
	f.says("*2\r\n$1\r\nl\r\n$1\r\nx\r\n")
	f.gets("*2\r\n$1\r\nl\r\n$1\r\nx\r\n")
	if !f.client.resumed {
		t.Error("what is kept is not asked for")
	}
	if left = f.sends(left); left != "" {
		t.Errorf("%q is left", left)
	}
	if out, open := f.core.nodes[0].Leases(); out != 0 || open != 1 {
		t.Errorf("%d of %d leases are out", out, open)
	}
}

func TestAClientThatHangsUpWhileItWaitsIsGone(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("BLPOP l 0\r\n")
	lent := f.lent()
	f.s.HalfClosed()
	if !lent.aborted || !f.client.closed {
		t.Errorf("the lease is closed: %v, the client %v", lent.aborted, f.client.closed)
	}
	f.gets("")
	if out, open := f.core.nodes[0].Leases(); out != 0 || open != 0 {
		t.Errorf("%d of %d leases are out", out, open)
	}
}

func TestAClientThatCannotBeLetGoIsEndedWhenTheProcessEnds(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("BLPOP l 0\r\n")
	lent := f.lent()
	f.core.Drain(func() {})
	if f.client.closed {
		t.Fatal("it is ended before the server has been asked")
	}
	f.answers(0, "-ERR unknown subcommand 'UNBLOCK'. Try CLIENT HELP.\r\n")
	if !f.client.closed || !lent.aborted {
		t.Errorf("the client is ended: %v, its connection too: %v", f.client.closed, lent.aborted)
	}
	f.gets("")
}

func TestAClientThatSendsMuchWhileItWaitsIsNotReadFrom(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("BLPOP l 0\r\n")
	f.lent()
	if f.sends(strings.Repeat("x", maxKept+1)); !f.client.paused {
		t.Error("it is read from")
	}
	f.says("*-1\r\n")
	if !f.client.resumed {
		t.Error("it is not read from again")
	}
}

func TestExecIsNilIfTheConnectionThatWatchesIsLost(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("WATCH a\r\n")
	f.lent()
	f.says("+OK\r\n")
	f.gets("+OK\r\n")
	f.loop.dialled[len(f.loop.dialled)-1].Closed(fmt.Errorf("reset"))
	f.sends("MULTI\r\nSET a 1\r\nEXEC\r\n")
	f.gets("+OK\r\n+QUEUED\r\n*-1\r\n")
	f.sends("MULTI\r\nEXEC\r\n")
	f.gets("+OK\r\n*0\r\n")
}

func TestALeaseFollowsHelloAndSelectAndIsNotLentAgain(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("WATCH a\r\n")
	lent := f.lent()
	f.says("+OK\r\n")
	f.client.take()
	lent.take()
	f.sends("HELLO 3\r\n")
	f.client.take()
	if got := lent.take(); got != "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n" {
		t.Errorf("the lease is sent %q", got)
	}
	f.sends("MULTI\r\nGET a\r\nEXEC\r\n")
	f.says("%0\r\n+OK\r\n+QUEUED\r\n*1\r\n_\r\n")
	f.gets("+OK\r\n+QUEUED\r\n*1\r\n_\r\n")
	if _, open := f.core.nodes[0].Leases(); open != 0 {
		t.Error("it is kept for others")
	}
}

// An invalidation must not overtake the reply that it concerns.
func TestAPushWaitsForTheRepliesThatCameBeforeIt(t *testing.T) {
	f := newFleetScene(t, 2)
	a, b := f.keyOf(0, "a"), f.keyOf(1, "b")
	f.sends("GET " + a + "\r\nGET " + b + "\r\n")
	f.answers(1, "$1\r\n2\r\n") // held, behind the first
	f.s.push([]byte(">1\r\n+push\r\n"))
	f.gets("")
	f.sends("PING\r\n")
	f.answers(0, "$1\r\n1\r\n")
	f.gets("$1\r\n1\r\n$1\r\n2\r\n>1\r\n+push\r\n+PONG\r\n")

	f.sends("GET " + a + "\r\n")
	f.s.push([]byte(">1\r\n+push\r\n")) // nothing has come: it is first
	f.gets(">1\r\n+push\r\n")
	f.answers(0, "$5\r\nab")
	f.gets("$5\r\nab")
	f.s.push([]byte(">1\r\n+push\r\n")) // never within a reply
	f.gets("")
	f.answers(0, "cde\r\n")
	f.gets("cde\r\n>1\r\n+push\r\n")
}

func TestWhoDoesNotReadItsPushesIsCutOff(t *testing.T) {
	f := newFleetScene(t, 1)
	push := []byte(">1\r\n$1048576\r\n" + strings.Repeat("x", 1<<20) + "\r\n")
	for i := 0; i < 40 && !f.client.aborted; i++ {
		f.s.push(push)
	}
	if !f.client.aborted {
		t.Error("40 MiB wait for it")
	}
	loaded := newFleetScene(t, 1)
	loaded.s.write(make([]byte, 2*maxPushed)) // of replies
	for range 30 {
		loaded.s.push([]byte(">1\r\n+x\r\n"))
		loaded.loop.now = loaded.loop.now.Add(softPushedFor)
	}
	if loaded.client.aborted {
		t.Error("it is cut off for replies that it is owed")
	}
	slow := newFleetScene(t, 1)
	for range 10 {
		slow.s.push(push)
	}
	slow.loop.now = slow.loop.now.Add(softPushedFor)
	slow.s.push(push)
	if !slow.client.aborted {
		t.Error("it has been owed 10 MiB for a minute")
	}
}
