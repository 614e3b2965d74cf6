package proxy

import (
	"testing"
	"time"

	"ringmain/resp"
)

// leases expects how many connections clients have for themselves, and how many there
// are for that.
func (f *fleetScene) leases(server, out, open int) {
	f.Helper()
	if o, all := f.core.nodes[server].Leases(); o != out || all != open {
		f.Errorf("%d of %d leases are out, want %d of %d", o, all, out, open)
	}
}

// watches has the client watch a key.
func (f *fleetScene) watches(key string) *stillConn {
	f.Helper()
	f.sends("WATCH " + key + "\r\n")
	lend := f.lent
	if f.s.client.Protocol == 3 {
		lend = f.lent3
	}
	lent := lend()
	f.says("+OK\r\n")
	f.gets("+OK\r\n")
	lent.take()
	return lent
}

func TestALeaseComesBackAlsoWhenItCannotBeMadeCleanAnyMore(t *testing.T) {
	for _, end := range []string{"UNWATCH\r\n", "MULTI\r\nDISCARD\r\n", "MULTI\r\nGET a\r\nEXEC\r\n"} {
		f := newFleetScene(t, 1)
		f.watches("a")
		f.core.Judge(0, "does not answer")
		f.sends(end)
		f.leases(0, 0, 0)
	}
}

// The connection on which keys are watched is in database 0 still.
func TestExecIsNilIfItsConnectionCouldNotFollow(t *testing.T) {
	for what, refuse := range map[string]func(*fleetScene){
		"the server is down": func(f *fleetScene) {
			f.core.Judge(0, "does not answer")
			f.sends("HELLO 3\r\n")
			f.core.Judge(0, "")
		},
		"the server refuses": func(f *fleetScene) {
			f.sends("HELLO 3\r\n")
			f.says("-NOPERM\r\n")
		},
	} {
		f := newFleetScene(t, 1)
		lent := f.watches("a")
		refuse(f)
		f.client.take()
		lent.take()
		f.sends("MULTI\r\nSET a 1\r\nEXEC\r\n")
		if got := lent.take(); got != "" {
			t.Errorf("%s: the connection is sent %q", what, got)
		}
		f.gets("+OK\r\n+QUEUED\r\n_\r\n")
		f.leases(0, 0, 0)
	}
}

func TestWhoSendsNoMoreAndWouldWaitIsGone(t *testing.T) {
	for _, wait := range []string{"BLPOP a 0\r\n", "WAIT 1 0\r\n"} {
		f := newFleetScene(t, 1)
		f.sends("WATCH a\r\n")
		lent := f.lent()
		f.s.HalfClosed() // while what follows is not executed yet
		f.says("+OK\r\n")
		lent.take()
		f.sends(wait)
		if !f.client.closed || !lent.aborted || len(f.loop.dialled) != 2 {
			t.Errorf("%s: closed: %v; %d connections were made", wait, f.client.closed, len(f.loop.dialled))
		}
	}
}

func TestWaitingForSeveralLeasesIsBounded(t *testing.T) {
	f := newFleetScene(t, 2)
	for i := range 8 { // as many as there may be
		n := f.neighbour(int64(100 + i))
		n.sends("BLPOP " + f.keyOf(1, "k") + " 0\r\n")
	}
	f.leases(1, 8, 8)
	const wait = "WAIT 1 0\r\n"
	for range 2 {
		if left := f.sends(wait); left == "" {
			t.Fatal("it does not wait")
		}
		f.loop.now = f.loop.now.Add(500 * time.Millisecond)
		f.core.nodes[1].Wait(f.s) // it is called in vain
		f.s.Writable()
	}
	f.sends(wait)
	f.gets("-" + errNoLease + "\r\n")
	f.leases(0, 0, 0)
}

func TestWhoLeavesIsNotToldOfALease(t *testing.T) {
	f := newFleetScene(t, 1)
	for i := range 8 {
		f.neighbour(int64(100 + i)).sends("BLPOP k 0\r\n")
	}
	f.sends("BLPOP k 0\r\n")
	f.s.Closed(nil)
	f.client.resumed = false
	f.s.queued = true
	f.lent()
	f.says("*-1\r\n") // which gives a lease back
	if !f.s.queued {
		t.Error("it is still in the list")
	}
}

// What EXEC reads is what the client keeps copies of.
func TestAConnectionThatWatchesTracksToo(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("HELLO 3\r\n")
	f.client.take()
	lent := f.watches("a")
	f.sends("CLIENT TRACKING ON\r\n")
	if got := lent.take(); got != string(resp.AppendCommand(nil, "CLIENT", "TRACKING", "ON")) {
		t.Errorf("the connection that watches is sent %q", got)
	}
	f.says("+OK\r\n")
	f.sends("MULTI\r\nGET a\r\nEXEC\r\n")
	f.says("+OK\r\n+QUEUED\r\n*1\r\n$1\r\nv\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n")
	f.gets("+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\nv\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n")
	f.leases(0, 1, 1)
	f.sends("CLIENT TRACKING OFF\r\n")
	f.leases(0, 0, 0)
}

// A fence cannot be paid on a connection on which the server holds a reply back.
func TestAConnectionThatTracksIsNotUsedBehindAFenceThatItHasNotPaid(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("HELLO 3\r\nCLIENT TRACKING ON\r\n")
	lent := f.lent3()
	f.says("+OK\r\n")
	f.sends("BLPOP k 0\r\n")
	other := f.neighbour(2)
	other.sends("BLPOP k 0\r\n")
	f.lent()
	other.s.HalfClosed() // which owes a fence
	f.client.take()
	f.loop.dialled[2].Data([]byte("_\r\n"))
	if f.gets(string(flushAll) + "_\r\n"); !lent.aborted {
		t.Error("it goes on")
	}
}

// lent3 is lent for a connection in RESP3.
func (f *fleetScene) lent3() *stillConn {
	f.Helper()
	conn := &stillConn{keep: true}
	h := f.loop.dialled[len(f.loop.dialled)-1]
	h.Opened(conn, nil)
	h.Data([]byte("%0\r\n+OK\r\n:10\r\n$8\r\nrun_id:x\r\n"))
	conn.take()
	return conn
}

func TestTrackingIsRefusedWhereThereAreNoConnectionsForItAndNoCopiesYet(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("HELLO 3\r\nCLIENT TRACKING ON\r\n")
	f.lent3()
	f.says("+OK\r\n")
	for i := range 7 {
		f.neighbour(int64(100 + i)).sends("BLPOP k 0\r\n")
	}
	late := &fleetScene{f.neighbour(2)}
	late.sends("HELLO 3\r\n")
	late.client.take()
	late.sends("CLIENT TRACKING ON\r\n")
	late.gets("-" + errNoLease + "\r\n")
	late.sends("CLIENT TRACKING OFF\r\n")
	late.gets("+OK\r\n")
	if late.client.aborted {
		t.Error("it is cut off")
	}
	f.sends("CLIENT TRACKING OFF\r\nCLIENT TRACKING ON BCAST\r\n")
	tracks := f.lent3()
	f.says("+OK\r\n")
	f.sends("CLIENT TRACKING ON BCAST PREFIX a\r\n")
	tracks.take()
	f.says("-NOPERM no\r\n") // the server does not say what it still does
	if !f.client.aborted {
		t.Error("a client that has copies is told of an error only")
	}
}

// A drain would last until its end if nobody asked again.
func TestWhoseRequestHasNotReachedItsServerAtTheDrainIsLetGoAfterIt(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("BLPOP k 0\r\n")
	f.core.Drain(func() {})
	again := f.loop.sweep
	f.lent()
	again()
	if n := f.core.nodes[0].InFlight(); n != 2 {
		t.Errorf("%d requests are under way, BLPOP and CLIENT UNBLOCK expected", n)
	}
	f.says("*-1\r\n")
	if f.gets("*-1\r\n"); !f.client.closed {
		t.Error("the client is not closed")
	}
	again()
	if n := f.core.nodes[0].InFlight(); n != 1 {
		t.Errorf("%d requests are under way, CLIENT UNBLOCK expected", n)
	}
}
