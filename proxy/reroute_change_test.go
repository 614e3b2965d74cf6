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

// What survives a change of view must not use a place from before.

func TestATransactionFollowsItsKeysToTheirNewPlace(t *testing.T) {
	for _, change := range []string{"falls", "returns"} {
		r := newRerouteScene(t, 3)
		a, b := r.pair(0)
		if change == "returns" {
			r.falls(0)
		}
		r.sends("MULTI\r\nSET " + a + " 1\r\n")
		if change == "falls" {
			r.falls(0)
		} else {
			r.returns(0)
			r.serves(r.view())
		}
		r.sends("GET " + b + "\r\nEXEC\r\n")
		r.at(r.placeOf(a), "MULTI", "SET "+a+" 1", "GET "+b, "EXEC").says("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$-1\r\n")
		r.gets("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$-1\r\n")
		if change == "falls" {
			r.recorded(0, a)
		}
	}
}

func TestATransactionWhoseKeysMoveToDifferentServersIsNotExecuted(t *testing.T) {
	r := newRerouteScene(t, 3)
	r.serves(r.view(0))
	a, b := r.keyAt(0, 1, "k"), r.keyAt(0, 2, "k")
	r.serves(r.view())
	r.sends("MULTI\r\nSET " + a + " 1\r\nSET " + b + " 1\r\n")
	r.falls(0)
	r.sends("EXEC\r\n")
	r.gets("+OK\r\n+QUEUED\r\n+QUEUED\r\n-" + errScattered + "\r\n")

	r.serves(r.view())
	r.sends("MULTI\r\nSET " + a + " 1\r\nSET " + b + " 1\r\n")
	r.falls(0)
	r.sends("GET " + a + "\r\nEXEC\r\n")
	r.gets("+OK\r\n+QUEUED\r\n+QUEUED\r\n-" + resp.TextCrossSlot + "\r\n-" + errExecAbort + "\r\n")
	r.idle()
	r.recorded(0)
}

func TestATransactionThatPutsAKeyIntoAnotherDatabaseIsNotExecutedElsewhereThanAtHome(t *testing.T) {
	r := newRerouteScene(t, 2)
	key := r.keyOf(0, "k")
	r.sends("MULTI\r\nMOVE " + key + " 1\r\n")
	r.falls(0)
	r.sends("EXEC\r\n")
	r.gets("+OK\r\n+QUEUED\r\n-" + errScattered + "\r\n")
	r.idle()
}

func TestKeysThatAreWatchedWhereKeysAreTrackedAreWatchedNoMore(t *testing.T) {
	r := newRerouteScene(t, 3)
	r.serves(r.view(0))
	key := r.keyAt(0, 1, "k")
	r.sends("HELLO 3\r\n")
	r.client.take()
	r.sends("CLIENT TRACKING ON\r\n")
	for i := 1; i < 3; i++ {
		r.at(r.home(i), "CLIENT TRACKING ON").says("+OK\r\n")
		r.at(r.refuge(i), "CLIENT TRACKING ON").says("+OK\r\n")
	}
	r.gets("+OK\r\n")
	r.does(r.refuge(1), "WATCH "+key, "+OK\r\n")
	r.core.Serve(0, r.view(0), 0, nil) // another epoch, in which all is as it was
	r.sends("MULTI\r\nSET " + key + " 1\r\nEXEC\r\n")
	r.at(r.refuge(1), "UNWATCH").says("+OK\r\n")
	r.gets("+OK\r\n+QUEUED\r\n_\r\n")
	r.does(r.refuge(1), "SET "+key+" 2", "+OK\r\n")
}

func TestWatchedKeysCountAsChangedWhenTheyMove(t *testing.T) {
	changes := map[string]struct {
		before, change func(r *rerouteScene)
	}{
		"falls": {func(*rerouteScene) {}, func(r *rerouteScene) { r.falls(0) }},
		"is drained": {func(*rerouteScene) {}, func(r *rerouteScene) {
			r.drains(0)
			r.serves(r.view(0))
		}},
		"returns": {func(r *rerouteScene) { r.falls(0) }, func(r *rerouteScene) {
			r.returns(0)
			r.serves(r.view())
		}},
		"is nowhere": {func(r *rerouteScene) { r.falls(0) }, func(r *rerouteScene) {
			v := r.view(0)
			v.Rerouted = nil
			r.serves(v)
			r.serves(r.view(0))
		}},
		"another database": {func(r *rerouteScene) {
			for _, opt := range r.core.Servers {
				opt.Learned.SetDatabases(16)
			}
			r.falls(0)
		}, func(r *rerouteScene) {
			r.sends("SELECT 3\r\nSELECT 0\r\n")
			r.gets("+OK\r\n+OK\r\n")
		}},
	}
	for what, c := range changes {
		for _, open := range []bool{false, true} { // whether MULTI has come before
			r := newRerouteScene(t, 3)
			a, b := r.pair(0)
			c.before(r)
			r.does(r.placeOf(a), "WATCH "+a, "+OK\r\n")
			if open {
				if what == "another database" { // SELECT is refused then
					continue
				}
				r.sends("MULTI\r\nGET " + b + "\r\n")
				r.gets("+OK\r\n+QUEUED\r\n")
			}
			c.change(r)
			if !open {
				r.sends("MULTI\r\nGET " + b + "\r\n")
				r.gets("+OK\r\n+QUEUED\r\n")
			}
			if left := r.sends("SET " + b + " 1\r\nEXEC\r\n"); left != "" {
				t.Fatalf("%s: %q waits", what, left)
			}
			if got := r.client.take(); got != "+QUEUED\r\n*-1\r\n" {
				t.Errorf("%s: %q", what, got)
			}
			for _, w := range r.wires {
				w.read()
				if strings.Contains(strings.Join(w.requests, " "), "SET") {
					t.Errorf("%s: %v is sent %q", what, w.place, w.requests)
				}
			}
			for i := range 3 {
				r.leases(i, 0, 0)
			}
		}
	}
}

func TestWhoWaitsForAnElementIsLetGoByTheServerWhenItsKeyIsToMove(t *testing.T) {
	for _, drain := range []bool{true, false} {
		r := newRerouteScene(t, 2)
		key := r.keyOf(0, "k")
		if !drain {
			r.falls(0)
		}
		p := r.placeOf(key)
		r.sends("BLPOP " + key + " 0\r\n")
		lent := r.at(p, "BLPOP "+key+" 0")
		var settled *bool
		if drain {
			settled = r.drains(0)
		} else {
			settled = r.returns(0)
		}
		home := p
		if p.Rerouted {
			home = r.home(int(p.Server))
		}
		r.at(home, "CLIENT UNBLOCK 7 ERROR").says(":1\r\n")
		if *settled {
			t.Error("settled before the client is let go")
		}
		unblocked := "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"
		lent.says(unblocked)
		r.gets(unblocked)
		if r.turn(); !*settled {
			t.Error("not settled")
		}
		r.leases(int(p.Server), 0, 0)
	}
}

// CLIENT UNBLOCK may come to the server before what it is to end.
func TestWhoWaitsIsLetGoEvenIfTheServerLearnsOfThatFirst(t *testing.T) {
	r := newRerouteScene(t, 2)
	key := r.keyOf(0, "k")
	r.sends("BLPOP " + key + " 0\r\n") // its connection is yet to be made
	settled := r.drains(0)
	lent := r.at(r.home(0), "BLPOP "+key+" 0")
	r.at(r.home(0), "CLIENT UNBLOCK 7 ERROR").says(":0\r\n")
	r.loop.now = r.loop.now.Add(20e6)
	r.at(r.home(0), "CLIENT UNBLOCK 7 ERROR").says(":1\r\n")
	lent.says("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")
	r.gets("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")
	if r.turn(); !*settled {
		t.Error("not settled")
	}
}

func TestInAFallWhoWaitsIsToldThatTheOutcomeIsNotKnown(t *testing.T) {
	r := newRerouteScene(t, 2)
	key := r.keyOf(0, "k")
	r.sends("BLPOP " + key + " 0\r\n")
	r.at(r.home(0), "BLPOP "+key+" 0")
	r.falls(0)
	r.gets("-UNCERTAIN node \"a\" (a) of pool \"main\" is down: it does not answer: the command may have been executed\r\n")
}

func TestWhatHasYetToBeSentFailsWhenItsServerFalls(t *testing.T) {
	r := newRerouteScene(t, 2)
	key := r.keyOf(0, "k")
	shared := r.wires[0]
	r.loop.now = r.loop.now.Add(time.Minute) // it has lived long enough for its successor to be dialled
	shared.aborted, shared.closed = true, true
	shared.h.Closed(nil) // the next one is being dialled
	r.sends("SET " + key + " 1\r\n")
	r.core.Fall(0, "does not answer")
	r.gets("-CLUSTERDOWN node \"a\" (a) of pool \"main\" is down: it does not answer\r\n")
}

func TestNothingIsUncertainWhenAServerIsDrainedAndWhatIsUnderWayIsAwaited(t *testing.T) {
	r := newRerouteScene(t, 2)
	key := r.keyOf(0, "k")
	r.sends("SET " + key + " 1\r\n")
	settled := r.drains(0)
	w := r.at(r.home(0), "SET "+key+" 1", "PING")
	w.says("+OK\r\n")
	r.gets("+OK\r\n")
	if r.turn(); *settled {
		t.Error("settled before all is answered")
	}
	w.says("+PONG\r\n")
	if r.turn(); !*settled {
		t.Error("not settled")
	}
}

// tracks has the client's keys tracked, from its next command on.
func (r *rerouteScene) tracks(more string) {
	r.Helper()
	r.sends("HELLO 3\r\n")
	r.client.take()
	r.sends("CLIENT TRACKING ON" + more + "\r\n")
	for i := range r.core.Snapshot.Servers {
		r.at(r.home(i), "CLIENT TRACKING ON"+more).says("+OK\r\n")
	}
	r.gets("+OK\r\n")
}

func TestCopiesAreInvalidatedWhenTheirKeysMoveAndTrackedAnew(t *testing.T) {
	r := newRerouteScene(t, 3)
	key := r.keyOf(0, "k")
	r.tracks("")
	r.does(r.home(0), "GET "+key, "$1\r\n1\r\n")
	r.falls(0)
	r.gets(string(flushAll))
	read := func(p router.Place) *wire {
		t.Helper()
		r.sends("GET " + key + "\r\n")
		w := r.at(p, "CLIENT TRACKING ON", "GET "+key)
		w.says("+OK\r\n$1\r\n1\r\n")
		r.gets("$1\r\n1\r\n")
		return w
	}
	w := read(r.placeOf(key))
	w.says(">2\r\n$10\r\ninvalidate\r\n*2\r\n$17\r\n" + Marker + "\r\n$1\r\nk\r\n")
	r.gets(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n")
	w.says(">2\r\n$10\r\ninvalidate\r\n*1\r\n$17\r\n" + Marker + "\r\n")
	r.gets("")
	if settled := r.returns(0); !*settled {
		t.Error("not settled")
	}
	r.gets(string(flushAll))
	r.serves(r.view())
	read(r.home(0))
}

func TestWhoIsToldOfAllKeysIsToldOfThoseInRefuges(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.tracks(" BCAST")
	r.falls(0)
	r.gets(string(flushAll))
	r.at(r.refuge(1), "CLIENT TRACKING ON BCAST").says("+OK\r\n")
	r.returns(0)
	r.gets(string(flushAll))
	r.serves(r.view())
	r.at(r.home(0), "CLIENT TRACKING ON BCAST").says("+OK\r\n")
	r.idle()
}

// The client goes on sending for keys of a server that stays out, while another one returns.
func TestATrackedPipelineIsNotCutShortByAPlannedChange(t *testing.T) {
	r := newRerouteScene(t, 3)
	r.falls(0)
	key := r.keyAt(0, 2, "k")
	r.sends("HELLO 3\r\n")
	r.client.take()
	r.sends("CLIENT TRACKING ON\r\n")
	for i := 1; i < 3; i++ {
		r.at(r.home(i), "CLIENT TRACKING ON").says("+OK\r\n")
	}
	r.at(r.refuge(1), "CLIENT TRACKING ON").says("+OK\r\n")
	r.at(r.refuge(2), "CLIENT TRACKING ON").says("+OK\r\n")
	r.gets("+OK\r\n")
	r.sends("SET " + key + " 1\r\n")
	w := r.at(r.refuge(2), "SET "+key+" 1")
	settled := false
	r.core.Hold(0, 1, r.view(0), []router.Place{r.refuge(2)}, func() { settled = true })
	left := r.sends("SET " + key + " 2\r\n")
	if left == "" {
		t.Fatal("it is sent on a connection that is to end")
	}
	w.says("+OK\r\n")
	r.gets("+OK\r\n" + string(flushAll))
	if r.turn(); !settled {
		t.Error("not settled")
	}
	r.again(left)
	r.at(r.refuge(2), "CLIENT TRACKING ON", "SET "+key+" 2").says("+OK\r\n+OK\r\n")
	r.gets("+OK\r\n")
}

func TestACountOfATenantsKeysIsNotMadeOverTwoViews(t *testing.T) {
	r := newRerouteScene(t, 2)
	set := users.New()
	set.Add(users.User{Name: "a", Access: command.AccessAdmin, KeyPrefix: "a:"}, "p")
	r.core.Users, r.core.Local.Users = set, set
	r.s.identify(nil)
	r.sends("AUTH a p\r\nDBSIZE\r\n")
	page := "*2\r\n$1\r\n5\r\n*0\r\n"
	first := "SCAN 0 COUNT 1000 MATCH a:*"
	r.at(r.home(0), first).says(page)
	r.at(r.home(0), "SCAN 5 COUNT 1000 MATCH a:*").says("*2\r\n$1\r\n0\r\n*0\r\n")
	w := r.at(r.home(1), first)
	r.serves(r.view(0))
	w.says(page)
	r.idle()
	r.gets("+OK\r\n" + errSurveyMoved)
}

func TestWhoWaitsInARefugeThatIsNotUsedAnyMoreIsLetGo(t *testing.T) {
	r := newRerouteScene(t, 2)
	key := r.keyOf(0, "k")
	r.falls(0)
	r.sends("BLPOP " + key + " 0\r\n")
	lent := r.at(r.refuge(1), "BLPOP "+key+" 0")
	v := r.view(0)
	v.Rerouted = nil
	r.serves(v)
	r.at(r.home(1), "CLIENT UNBLOCK 7 ERROR").says(":1\r\n")
	lent.says("-UNBLOCKED x\r\n")
	r.gets("-UNBLOCKED x\r\n")
	r.leases(1, 0, 0)
}

func TestTrackingBeginsAtAServerThatIsHeldWhenItIsUsedAgain(t *testing.T) {
	r := newRerouteScene(t, 2)
	key := r.keyOf(0, "k")
	r.sends("HELLO 3\r\n")
	r.client.take()
	if settled := r.drains(0); !*settled {
		t.Fatal("not settled")
	}
	r.sends("CLIENT TRACKING ON\r\n")
	r.at(r.home(1), "CLIENT TRACKING ON").says("+OK\r\n")
	r.gets("+OK\r\n")
	r.idle()
	r.serves(r.view()) // it has not come to draining
	r.sends("GET " + key + "\r\n")
	r.at(r.home(0), "CLIENT TRACKING ON", "GET "+key).says("+OK\r\n$-1\r\n")
	r.gets("$-1\r\n")
}

func TestARefugesNumberIsNoUsersDatabase(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.s.client.Database = 3
	if home, refuge := r.s.database(r.home(0)), r.s.database(r.refuge(0)); home != 3 || refuge != testRefuge {
		t.Errorf("the home's database is %d, the refuge's %d", home, refuge)
	}
}
