package proxy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ringmain/ioloop"
	"ringmain/resp"
	"ringmain/router"
)

const testRefuge = 15

// rerouteScene is one client of a core over servers that reroute. The test plays the
// servers.
type rerouteScene struct {
	*fleetScene
	wires []*wire
	owing router.ServerSet
}

// wire is a connection to a server.
type wire struct {
	stillConn
	h        ioloop.Handler
	place    router.Place
	closed   bool
	requests []string // that await their replies
}

func newRerouteScene(t *testing.T, servers int) *rerouteScene {
	core, loop := coldCore(t, router.Pool{Refuge: testRefuge}, servers, nil)
	f := &fleetScene{scene: &scene{T: t, core: core, loop: loop, client: &stillConn{keep: true}, s: core.NewSession(1, router.ByRoutes)}}
	r := &rerouteScene{fleetScene: f}
	r.turn()
	f.s.Opened(f.client, nil)
	return r
}

// turn lets happen what does so by itself: handshakes, the end of connections that are given
// up, timers.
func (r *rerouteScene) turn() {
	r.Helper()
	for range 8 {
		for i := len(r.wires); i < len(r.loop.dialled); i++ {
			w := &wire{h: r.loop.dialled[i], place: router.Place{Server: int32(r.loop.dialledTo[i][0] - 'a')}}
			w.keep = true
			r.wires = append(r.wires, w)
			w.h.Opened(&w.stillConn, nil)
		}
		for _, w := range r.wires {
			w.read()
			if w.aborted && !w.closed {
				w.closed, w.requests = true, nil
				w.h.Closed(ioloop.ErrAborted)
			}
		}
		r.loop.pass()
	}
}

// read takes what was sent on the connection, and answers what the proxy asks of its own.
func (w *wire) read() {
	for text := []byte(w.take()); len(text) > 0 && !w.aborted; {
		n, rest, _ := resp.ArrayHeader(text)
		var words []string
		for range n {
			element, after, _ := resp.Element(rest)
			word, _ := resp.Bulk(element)
			words, rest = append(words, string(word)), after
		}
		text = rest
		request := strings.Join(words, " ")
		switch {
		case request == "HELLO 3":
			w.says("%0\r\n")
		case strings.HasPrefix(request, "CLIENT SETNAME"):
			w.says("+OK\r\n")
		case request == "CLIENT ID":
			w.says(":7\r\n")
		case request == "INFO server":
			w.says("$8\r\nrun_id:x\r\n")
		case strings.HasPrefix(request, "CLIENT KILL"):
			w.says(":1\r\n")
		case words[0] == "SELECT":
			n, _ := strconv.Atoi(words[1])
			w.place.Database, w.place.Rerouted = int32(n), n == testRefuge
			w.says("+OK\r\n")
		default:
			w.requests = append(w.requests, request)
		}
	}
}

func (w *wire) says(reply string) { w.h.Data([]byte(reply)) }

// at is the connection to a place on which just these requests are unanswered.
func (r *rerouteScene) at(p router.Place, requests ...string) *wire {
	r.Helper()
	r.turn()
	var seen []string
	for _, w := range r.wires {
		if len(w.requests) > 0 && w.place == p && slices.Equal(w.requests, requests) {
			w.requests = nil
			return w
		}
		for _, request := range w.requests {
			seen = append(seen, fmt.Sprint(w.place, " ", request))
		}
	}
	r.Fatalf("%v does not await %q; under way: %q", p, requests, seen)
	return nil
}

// idle expects that nothing is under way.
func (r *rerouteScene) idle() {
	r.Helper()
	r.turn()
	for _, w := range r.wires {
		if len(w.requests) > 0 {
			r.Errorf("%v awaits %q", w.place, w.requests)
		}
	}
}

func (r *rerouteScene) view(out ...int) router.View {
	return router.View{Out: router.NewServerSet(out...), Rerouted: router.NewServerSet(out...), Owing: r.owing, Refuge: testRefuge}
}

// serves has the loop use a view in which servers are out.
func (r *rerouteScene) serves(v router.View) {
	r.Helper()
	servers := make([]ServerView, len(r.core.Snapshot.Servers))
	for i := range servers {
		servers[i] = ServerView{Address: string(rune('a' + i))}
		if v.Out.Has(i) {
			servers[i] = ServerView{Down: "does not answer"}
		}
	}
	r.core.Serve(0, v, 0, servers)
	r.turn()
}

// falls has a server fall, with its keys rerouted.
func (r *rerouteScene) falls(server int) {
	r.Helper()
	r.core.Fall(server, "does not answer")
	r.turn()
	r.serves(r.view(server))
}

// returns has a server that is out hold, for its return; settled tells whether all else has
// ended. The test serves then.
func (r *rerouteScene) returns(server int) (settled *bool) {
	r.Helper()
	var left []router.Place
	r.core.snapshot.EachRefuge(func(p router.Place) { left = append(left, p) })
	settled = new(bool)
	r.core.Hold(0, server, r.view(), left, func() { *settled = true })
	r.turn()
	return settled
}

// drains is returns of a server that is to be out.
func (r *rerouteScene) drains(server int) (settled *bool) {
	r.Helper()
	settled = new(bool)
	home := router.Place{Server: int32(server)}
	refuge := router.Place{Server: int32(server), Database: testRefuge, Rerouted: true}
	r.core.Hold(0, server, r.view(), []router.Place{home, refuge}, func() { *settled = true })
	r.turn()
	return settled
}

func (r *rerouteScene) home(server int) router.Place { return router.Place{Server: int32(server)} }

// placeOf is where a key lives.
func (r *rerouteScene) placeOf(key string) router.Place {
	return r.core.snapshot.Pick(router.ByRoutes, []byte(key))
}

// does has the client send a command, which goes to a place and is answered there.
func (r *rerouteScene) does(p router.Place, request, reply string) {
	r.Helper()
	if left := r.sends(request + "\r\n"); left != "" {
		r.Fatalf("%q waits", left)
	}
	r.at(p, request).says(reply)
	r.gets(reply)
}

// again has the client's session go on with what it has left.
func (r *rerouteScene) again(left string) string {
	r.Helper()
	if !r.client.resumed {
		r.Fatalf("%q does not go on", left)
	}
	return r.sends(left)
}

// recorded checks what is recorded of a server that is out, and takes it.
func (r *rerouteScene) recorded(server int, want ...string) {
	r.Helper()
	got := r.core.TakeAbsence(server).Keys
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		r.Errorf("recorded %q, want %q", got, want)
	}
}

// pair are two keys with the same hash tag, owned by a server.
func (r *rerouteScene) pair(server int) (a, b string) {
	tag := r.keyOf(server, "t")
	return "{" + tag + "}a", "{" + tag + "}b"
}

func TestKeysOfAServerThatIsOutAreReadAndWrittenInRefugesAndWritesAreRecorded(t *testing.T) {
	r := newRerouteScene(t, 3)
	a, b := r.pair(0)
	other := r.keyOf(1, "other")
	r.falls(0)
	refuge := r.placeOf(a)
	if !refuge.Rerouted || refuge.Database != testRefuge || refuge.Server == 0 {
		t.Fatalf("%q is at %v", a, refuge)
	}
	r.does(refuge, "GET "+a, "$1\r\n1\r\n")
	r.recorded(0)
	r.does(refuge, "SET "+a+" 1", "+OK\r\n")
	r.does(refuge, "SET "+a+" 2", "+OK\r\n")
	r.recorded(0, a)
	r.does(r.home(1), "SET "+other+" 1", "+OK\r\n")
	r.recorded(0)
	r.does(refuge, "RENAME "+a+" "+b, "+OK\r\n")
	r.recorded(0, a, b)
	r.does(refuge, "SORT "+a+" STORE "+b, ":1\r\n")
	r.recorded(0, a, b)
	r.does(refuge, "EVAL x 2 "+a+" "+b, ":1\r\n")
	r.recorded(0, a, b)
	sum := digestOf([]byte("x"))
	sha := string(sum[:])
	r.sends("EVALSHA " + sha + " 1 " + b + "\r\n")
	r.at(refuge, "SCRIPT LOAD x", "EVALSHA "+sha+" 1 "+b).says("$1\r\nx\r\n:1\r\n")
	r.gets(":1\r\n")
	r.recorded(0, b)
	r.does(refuge, "FCALL f 1 "+b, ":1\r\n")
	r.recorded(0, b)
	r.does(refuge, "FCALL_RO f 1 "+b, ":1\r\n")
	r.does(refuge, "DEL "+a+" "+b, ":2\r\n")
	r.recorded(0, a, b)
}

func TestTheKeysOfEachPartAreRecorded(t *testing.T) {
	r := newRerouteScene(t, 3)
	out, up := r.keyOf(0, "k"), r.keyOf(1, "k")
	r.falls(0)
	r.sends("MSET " + out + " 1 " + up + " 2\r\n")
	r.at(r.placeOf(out), "MSET "+out+" 1").says("+OK\r\n")
	r.at(r.home(1), "MSET "+up+" 2").says("+OK\r\n")
	r.gets("+OK\r\n")
	r.recorded(0, out)
	r.sends("MGET " + up + " " + out + "\r\n")
	r.at(r.home(1), "MGET "+up).says("*1\r\n$1\r\n2\r\n")
	r.at(r.placeOf(out), "MGET "+out).says("*1\r\n$1\r\n1\r\n")
	r.gets("*2\r\n$1\r\n2\r\n$1\r\n1\r\n")
	r.recorded(0)
}

func TestTransactionsAndBlockingCommandsAreRecordedWhenTheyAreSent(t *testing.T) {
	r := newRerouteScene(t, 3)
	a, b := r.pair(0)
	r.falls(0)
	refuge := r.placeOf(a)
	r.sends("MULTI\r\nSET " + a + " 1\r\nGET " + b + "\r\n")
	r.recorded(0)
	r.sends("EXEC\r\n")
	r.recorded(0, a)
	r.at(refuge, "MULTI", "SET "+a+" 1", "GET "+b, "EXEC").says("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$-1\r\n")
	r.gets("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$-1\r\n")
	r.does(refuge, "BLMOVE "+a+" "+b+" LEFT LEFT 0", "$1\r\nx\r\n")
	r.recorded(0, a, b)
	r.does(refuge, "WATCH "+a, "+OK\r\n")
	r.sends("MULTI\r\nDEL " + b + "\r\nEXEC\r\n")
	r.at(refuge, "MULTI", "DEL "+b, "EXEC").says("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n")
	r.gets("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n")
	r.recorded(0, b)
}

func TestOnlyTheFirstDatabaseIsRerouted(t *testing.T) {
	r := newRerouteScene(t, 3)
	key := r.keyOf(0, "k")
	for _, opt := range r.core.Servers {
		opt.Learned.SetDatabases(16)
	}
	r.falls(0)
	r.sends("SELECT 3\r\nGET " + key + "\r\nMGET " + key + " " + r.keyOf(0, "l") + "\r\n")
	isOut := "-CLUSTERDOWN node \"a\" (a) of pool \"main\" is down: it does not answer\r\n"
	r.gets("+OK\r\n" + isOut + isOut)
	up := r.keyOf(1, "k")
	r.does(router.Place{Server: 1, Database: 3}, "GET "+up, "$-1\r\n")
	r.sends("SELECT 0\r\n")
	r.gets("+OK\r\n")
	r.does(r.placeOf(key), "GET "+key, "$-1\r\n")
}

func TestKeysWhoseSubstituteOwesAreDown(t *testing.T) {
	r := newRerouteScene(t, 3)
	key := r.keyOf(0, "k")
	r.falls(0)
	r.owing = router.NewServerSet(int(r.placeOf(key).Server))
	r.serves(r.view(0))
	r.sends("GET " + key + "\r\nMULTI\r\nSET " + key + " 1\r\nEXEC\r\n")
	isOut := "-CLUSTERDOWN node \"a\" (a) of pool \"main\" is down: it does not answer\r\n"
	r.gets(isOut + "+OK\r\n+QUEUED\r\n" + isOut)
	r.idle()
	r.recorded(0)
}

func TestARefugeAndAUserDatabaseOfOneServerAreTwoPlaces(t *testing.T) {
	r := newRerouteScene(t, 2)
	out, up := r.keyOf(0, "k"), r.keyOf(1, "k")
	r.falls(0)
	for _, request := range []string{"RENAME " + out + " " + up, "SINTER " + up + " " + out} {
		r.sends(request + "\r\n")
		r.gets("-" + resp.TextCrossSlot + "\r\n")
	}
	r.sends("MULTI\r\nSET " + out + " 1\r\nSET " + up + " 1\r\nEXEC\r\n")
	r.gets("+OK\r\n+QUEUED\r\n-" + resp.TextCrossSlot + "\r\n-" + errExecAbort + "\r\n")
	r.idle()
}

// everyKind are commands that go to a server in different ways. key is to be replaced.
var everyKind = []struct{ request, reply string }{
	{"GET key", "$-1\r\n"},
	{"DEL key key", ":0\r\n"},
	{"MSETNX key 1", ":1\r\n"},
	{"EVAL x 1 key", ":1\r\n"},
	{"EVALSHA 0123456789012345678901234567890123456789 1 key", ":1\r\n"},
	{"BLPOP key 0", "*-1\r\n"},
	{"WATCH key", "+OK\r\n"},
}

func TestEveryKindOfCommandForAServerThatIsHeldWaitsAndGoesOnAtItsNewPlace(t *testing.T) {
	for _, kind := range everyKind {
		for _, drain := range []bool{false, true} {
			r := newRerouteScene(t, 3)
			key := r.keyOf(0, "k")
			request := strings.ReplaceAll(kind.request, "key", key)
			var settled *bool
			if drain {
				settled = r.drains(0)
			} else {
				r.falls(0)
				settled = r.returns(0)
			}
			left := r.sends(request + "\r\n")
			if left == "" || r.client.resumed || !*settled {
				t.Fatalf("%s: left %q, settled %v", request, left, *settled)
			}
			r.idle()
			r.gets("")
			if drain {
				r.serves(r.view(0))
			} else {
				r.serves(r.view())
			}
			if left = r.again(left); left != "" {
				t.Fatalf("%s still waits", request)
			}
			if r.placeOf(key).Rerouted != drain {
				t.Fatalf("the key is at %v", r.placeOf(key))
			}
			r.at(r.placeOf(key), request).says(kind.reply)
			r.gets(kind.reply)
		}
	}
}

func TestCommandsForAllServersWaitForOneThatIsHeldAndLeaveItOutThen(t *testing.T) {
	for request, reply := range map[string]string{
		"DBSIZE": ":1\r\n", "KEYS *": "*0\r\n", "WAIT 1 0": ":1\r\n", "SCRIPT LOAD x": "$1\r\nx\r\n", "PUBSUB NUMPAT": ":0\r\n",
	} {
		r := newRerouteScene(t, 2)
		r.drains(0)
		left := r.sends(request + "\r\n")
		if left == "" {
			t.Fatalf("%s does not wait", request)
		}
		r.idle()
		r.serves(r.view(0))
		if left = r.again(left); left != "" {
			t.Fatalf("%s still waits", request)
		}
		r.turn()
		for _, w := range r.wires {
			switch {
			case len(w.requests) == 0:
			case w.place.Server == 0:
				t.Errorf("%s: the server that is out is sent %q", request, w.requests)
			case w.requests[0] == "PING":
				w.says("+PONG\r\n" + reply)
			case len(w.requests) == 2: // and whether there is a marker
				w.says(reply + ":1\r\n")
			case w.place.Rerouted && strings.HasPrefix(request, "DBSIZE"):
				t.Errorf("%q", w.requests)
			default:
				w.says(reply)
			}
		}
		if got := r.client.take(); strings.HasPrefix(got, "-") || got == "" {
			t.Errorf("%s: %q", request, got)
		}
	}
}

func TestATransactionWaitsForAServerThatIsHeld(t *testing.T) {
	r := newRerouteScene(t, 2)
	key := r.keyOf(0, "k")
	r.sends("MULTI\r\nSET " + key + " 1\r\n")
	r.drains(0)
	left := r.sends("EXEC\r\n")
	r.gets("+OK\r\n+QUEUED\r\n")
	r.idle()
	r.serves(r.view(0))
	r.again(left)
	r.at(r.placeOf(key), "MULTI", "SET "+key+" 1", "EXEC").says("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n")
	r.gets("*1\r\n+OK\r\n")
}

func TestWhatIsPublishedGoesOnWhileAServerIsHeld(t *testing.T) {
	r := newRerouteScene(t, 2)
	r.drains(0)
	var left string
	for _, channel := range []string{"a", "b", "c", "d", "e", "f"} {
		if left = r.sends("PUBLISH " + channel + " x\r\n"); left != "" {
			break
		}
	}
	if left == "" {
		t.Fatal("no channel is of the server that is held")
	}
	r.serves(r.view(0))
	for left != "" {
		left = r.again(left)
	}
	r.turn()
	for _, w := range r.wires {
		for range w.requests {
			w.says(":0\r\n")
		}
		w.requests = nil
	}
	if got := r.client.take(); strings.Trim(got, ":0\r\n") != "" {
		t.Errorf("%q", got)
	}
}

func TestATrackingClientsCommandsWaitForAServerThatIsHeld(t *testing.T) {
	r := newRerouteScene(t, 2)
	key := r.keyOf(0, "k")
	r.tracks("")
	r.does(r.home(0), "GET "+key, "$1\r\n1\r\n")
	r.drains(0)
	r.gets(string(flushAll))
	left := r.sends("GET " + key + "\r\n")
	r.idle()
	r.serves(r.view(0))
	r.again(left)
	r.at(r.placeOf(key), "CLIENT TRACKING ON", "GET "+key).says("+OK\r\n$1\r\n1\r\n")
	r.gets("$1\r\n1\r\n")
}
