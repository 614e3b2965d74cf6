package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringmain/proxy/local"
	"ringmain/resp"
	"ringmain/router"
)

// fleetScene is one client of a core over several servers.
type fleetScene struct{ *scene }

func newFleetScene(t *testing.T, servers int) *fleetScene {
	core, loop := stillCore(t, servers)
	f := &fleetScene{scene: &scene{T: t, core: core, loop: loop, client: &stillConn{keep: true}, s: core.NewSession(1, router.ByRoutes)}}
	f.s.Opened(f.client, nil)
	return f
}

// answers has server i answer.
func (f *fleetScene) answers(i int, reply string) { f.loop.dialled[i].Data([]byte(reply)) }

// keyOf is a key that server i owns.
func (f *fleetScene) keyOf(i int, prefix string) string {
	for n := range 1000 {
		key := fmt.Sprintf("%s%d", prefix, n)
		if int(f.core.Snapshot.Pick(router.ByRoutes, []byte(key)).Server) == i {
			return key
		}
	}
	f.Fatalf("no key of server %d", i)
	return ""
}

func TestDbsizeIsTheSumOfAllServers(t *testing.T) {
	f := newFleetScene(t, 3)
	f.sends("DBSIZE\r\n")
	for i, reply := range []string{":1\r\n", ":20\r\n", ":300\r\n"} {
		f.gets("")
		f.answers(i, reply)
	}
	f.gets(":321\r\n")
}

func TestAWholeFleetCommandIsNotSentAtAllIfAServerIsKnownToBeDown(t *testing.T) {
	f := newFleetScene(t, 3)
	f.loop.dialled[1].Closed(nil)
	f.loop.dialled[len(f.loop.dialled)-1].Opened(nil, fmt.Errorf("refused"))
	f.loop.sweep()
	f.loop.dialled[len(f.loop.dialled)-1].Opened(nil, fmt.Errorf("refused"))
	f.sends("FLUSHALL\r\n")
	if got := f.client.take(); !strings.HasPrefix(got, "-CLUSTERDOWN node \"b\"") {
		t.Errorf("the client gets %q", got)
	}
	f.sends("PING\r\n")
	f.gets("+PONG\r\n")
}

func TestScanWalksTheServersOneAfterTheOtherAndHidesWhatIsNotTheirs(t *testing.T) {
	f := newFleetScene(t, 3)
	cursor := "0"
	var seen []string
	for i := range 3 {
		own, foreign := f.keyOf(i, "key:"), f.keyOf((i+1)%3, "other:")
		f.sends("SCAN " + cursor + " COUNT 100\r\n")
		f.answers(i, string(resp.AppendCommand([]byte("*2\r\n$1\r\n0\r\n"), own, foreign, "__ringmain:x")))
		reply := f.client.take()
		lines := strings.Split(reply, "\r\n")
		cursor = lines[2]
		seen = append(seen, lines[5])
		if len(lines) != 7 || lines[3] != "*1" || lines[5] != own {
			t.Fatalf("server %d: %q", i, reply)
		}
	}
	if cursor != "0" {
		t.Errorf("the last server's end is cursor %s", cursor)
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 3 {
		t.Errorf("seen %q", seen)
	}
}

func TestScanRefusesWhatIsNoCursor(t *testing.T) {
	f := newFleetScene(t, 3)
	f.sends("SCAN x\r\n")
	f.gets("-ERR invalid cursor\r\n")
}

func TestInfoCountsTheServersThatDoNotAnswer(t *testing.T) {
	f := newFleetScene(t, 3)
	f.sends("INFO keyspace servers\r\n")
	text := "# Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=1000\r\ndb1:keys=9,expires=0,avg_ttl=0\r\n"
	for i := range 2 {
		f.answers(i, fmt.Sprintf("$%d\r\n%s\r\n", len(text), text))
	}
	f.answers(2, "-LOADING Redis is loading the dataset in memory\r\n")
	got := f.client.take()
	for _, want := range []string{"servers:3\r\nservers_answering:2\r\nservers_not_answering:c\r\n", "db0:keys=10,expires=4,avg_ttl=1000\r\ndb1:keys=18,expires=0,avg_ttl=0\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("INFO lacks %q: %q", want, got)
		}
	}
	if strings.Contains(got, "# Memory") {
		t.Errorf("INFO has more than was asked for: %q", got)
	}
}

func TestKeysOnDifferentServersAreRefusedWhereverTheyStand(t *testing.T) {
	f := newFleetScene(t, 3)
	a, b, a2 := f.keyOf(0, "a"), f.keyOf(1, "b"), f.keyOf(0, "c")
	for _, words := range []string{
		"MSETNX " + a + " 1 " + a2 + " 2 " + b + " 3", "RENAME " + b + " " + a, "SINTER " + a + " " + a2 + " " + b,
		"ZUNIONSTORE " + b + " 2 " + a + " " + a2, "XREAD COUNT 1 STREAMS " + a + " " + b + " 0 0",
		"SORT " + a + " STORE " + b, "GEORADIUS " + a + " 1 1 1 km STORE " + b, "LMPOP 2 " + a + " " + b + " LEFT",
	} {
		f.sends(words + "\r\n")
		f.gets("-" + resp.TextCrossSlot + "\r\n")
	}
	f.sends("SINTER " + a + " " + a2 + "\r\n")
	f.answers(0, "*0\r\n")
	f.gets("*0\r\n")
}

func TestARequestWhoseKeysCannotBeFoundGetsAServersOwnError(t *testing.T) {
	f := newFleetScene(t, 3)
	f.sends("ZUNION x a\r\n")
	f.answers(0, "-ERR value is not an integer or out of range\r\n")
	f.gets("-ERR value is not an integer or out of range\r\n")
}

func TestSortFollowsOnlyPatternsWhoseTagIsThatOfTheList(t *testing.T) {
	f := newFleetScene(t, 3)
	list := f.keyOf(0, "list")
	for words, want := range map[string]string{
		"SORT " + list + " BY w_*":                       errSortBy,
		"SORT " + list + " GET w_*":                      errSortGet,
		"SORT " + list + " GET w_*->f":                   errSortGet,
		"SORT " + list + " BY *{" + list + "}":           errSortBy,
		"SORT_RO " + list + " LIMIT 0 1 BY __ringmain:*": errSortBy,
	} {
		f.sends(words + "\r\n")
		f.gets("-" + want + "\r\n")
	}
	for _, words := range []string{"BY nosort GET # GET none", "BY {" + list + "}w:* GET {" + list + "}d:*->f", "DESC ALPHA"} {
		f.sends("SORT " + list + " " + words + "\r\n")
		f.answers(0, "*0\r\n")
		f.gets("*0\r\n")
	}
}

func TestCopyGoesToAnotherDatabaseOfTheSameServer(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("COPY a b REPLACE DB 1\r\n")
	f.answers(0, ":1\r\n")
	f.gets(":1\r\n")
}

func TestClientReplyOffAndSkipTakeRepliesAway(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("CLIENT REPLY SKIP\r\nGET a\r\nGET b\r\n")
	f.answers(0, "$1\r\n1\r\n$1\r\n2\r\n")
	f.gets("$1\r\n2\r\n")
	f.sends("CLIENT REPLY OFF\r\nPING\r\nGET a\r\nNOSUCH\r\nCLIENT REPLY SKIP\r\nDBSIZE\r\nCLIENT REPLY ON\r\nPING\r\n")
	f.answers(0, "$1\r\n1\r\n:5\r\n")
	f.gets("+OK\r\n+PONG\r\n")
	f.sends("CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nCLIENT REPLY MAYBE\r\n")
	f.gets("+OK\r\n-" + resp.TextSyntax + "\r\n")
}

func TestAServerLostInTheMiddleOfAReplyThatIsNotWantedHarmsNobody(t *testing.T) {
	f := newFleetScene(t, 1)
	f.sends("CLIENT REPLY SKIP\r\nGET a\r\nPING\r\n")
	f.answers(0, "$10\r\nabc")
	f.loop.dialled[0].Closed(nil)
	f.gets("+PONG\r\n")
	if f.client.aborted {
		t.Error("the client was cut off")
	}
}

func TestClientListShowsEveryClientOfTheLoop(t *testing.T) {
	f := newFleetScene(t, 1)
	other := f.core.NewSession(2, router.ByRoutes)
	other.Opened(&stillConn{}, nil)
	f.loop.now = f.loop.now.Add(3 * time.Second)
	other.Data([]byte("CLIENT SETNAME joe\r\n"))
	f.sends("CLIENT LIST\r\n")
	got := f.client.take()
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "id=1 ") || !strings.Contains(lines[1], " cmd=client|list ") ||
		!strings.Contains(lines[1], " age=3 idle=0 ") || !strings.HasPrefix(lines[2], "id=2 ") || !strings.Contains(lines[2], " name=joe ") {
		t.Errorf("the list is %q", got)
	}
	other.Closed(nil)
	f.sends("CLIENT LIST ID 2\r\n")
	f.gets("$0\r\n\r\n")
}

func TestAnIdleClientIsClosedAndOneThatWaitsIsNot(t *testing.T) {
	core, loop := stillCore(t, 1)
	limited := *core.Config
	answers := *limited.Local
	answers.Records = local.NewRecords(10*time.Second, 0, 0)
	limited.Local = &answers
	limited.Memory = NewMemory(1<<30, 1)
	core = NewCore(loop, &limited)
	look := loop.sweep
	waiting, idle, busy, held, shown := &stillConn{}, &stillConn{}, &stillConn{}, &stillConn{}, &stillConn{}
	sessions := map[*stillConn]*Session{}
	for id, conn := range []*stillConn{waiting, idle, busy, held, shown} {
		sessions[conn] = core.NewSession(int64(id), router.ByRoutes)
		sessions[conn].Opened(conn, nil)
	}
	sessions[waiting].Data([]byte("GET a\r\n"))
	core.asking = true // another's list of clients, for which this one has to wait
	sessions[held].Data([]byte("CLIENT LIST\r\n"))
	sessions[shown].Data([]byte("MONITOR\r\n"))
	loop.now = loop.now.Add(9 * time.Second)
	sessions[busy].Data([]byte("PING\r\n"))
	loop.now = loop.now.Add(time.Second)
	look()
	if !idle.closed || waiting.closed || busy.closed || held.closed || shown.closed {
		t.Errorf("closed: idle %v, waiting %v, busy %v, held up %v, monitoring %v", idle.closed, waiting.closed, busy.closed, held.closed, shown.closed)
	}
}

// TestAnOptionIsSeenEvenIfANulFollowsIt has options as a server understands them that
// takes them for strings of C.
func TestAnOptionIsSeenEvenIfANulFollowsIt(t *testing.T) {
	f := newFleetScene(t, 3)
	a, b := f.keyOf(0, "a"), f.keyOf(1, "b")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"SORT", a, "STORE\x00", b}, "-" + resp.TextCrossSlot},
		{[]string{"SORT", a, "store\x00x", "__ringmain:x"}, "-" + errReserved},
		{[]string{"GEORADIUS", a, "1", "1", "1", "km", "STORE\x00", "__ringmain:x"}, "-" + errReserved},
		{[]string{"SORT", a, "BY\x00", "w*"}, "-" + errSortBy},
		{[]string{"SORT", a, "BY", "nosort", "GET\x00", "w*"}, "-" + errSortGet},
		{[]string{"XREAD", "STREAMS\x00", a, b, "0", "0"}, "-" + resp.TextCrossSlot},
	} {
		f.sends(string(resp.AppendCommand(nil, test.args...)))
		if got := f.client.take(); !strings.HasPrefix(got, test.want) {
			t.Errorf("%q: %q, want %q", test.args, got, test.want)
		}
	}
}

func TestSortDoesNotReadTheProxysOwnKeys(t *testing.T) {
	f := newFleetScene(t, 1)
	for _, pattern := range []string{"__ringmain:{l}*", "__ring{l}*", "_*"} {
		f.sends("SORT {l} BY nosort GET " + pattern + "\r\nSORT {l} BY " + pattern + "\r\n")
		if pattern == "__ring{l}*" { // which can form none of them
			f.answers(0, "*0\r\n*0\r\n")
			f.gets("*0\r\n*0\r\n")
			continue
		}
		f.gets("-" + errSortGet + "\r\n-" + errSortBy + "\r\n")
	}
}

func TestSortFollowsNoPatternWhereRoutesMayTakeItsKeysElsewhere(t *testing.T) {
	f := newFleetScene(t, 1)
	other := router.Pool{Name: "other", HashTag: "{}", Servers: []router.Server{{Name: "x", Weight: 1}}}
	main := router.Pool{Name: "main", HashTag: "{}", Servers: []router.Server{{Name: "a", Weight: 1}}}
	snapshot, err := router.New(2, []router.Pool{main, other}, []router.Route{{Pool: "main"}, {Prefix: "{l}w:1", Pool: "other"}})
	if err != nil {
		t.Fatal(err)
	}
	f.core.snapshot = snapshot
	f.sends("SORT {l} BY {l}w:*\r\n")
	f.gets("-" + errSortBy + "\r\n")
}

func TestASkippedReplyStaysSkippedIfItsCommandHasToWait(t *testing.T) {
	f := newFleetScene(t, 1)
	left := f.sends("GET a\r\nCLIENT REPLY SKIP\r\nHELLO 3\r\nPING\r\n")
	if left != "HELLO 3\r\nPING\r\n" {
		t.Fatalf("%q has to wait", left)
	}
	f.answers(0, "$1\r\n1\r\n")
	f.gets("$1\r\n1\r\n")
	f.sends(left)
	f.gets("+PONG\r\n")
}

func TestAListOfClientsIsMadeOneAtATime(t *testing.T) {
	f := newFleetScene(t, 1)
	cfg := *f.core.Config
	cfg.Memory = NewMemory(1<<30, 1)
	peer := &stillLoop{now: f.loop.now}
	other := NewCore(peer, &cfg) // of another loop
	second := f.core.NewSession(2, router.ByRoutes)
	conn := &stillConn{keep: true}
	second.Opened(conn, nil)
	f.sends("CLIENT LIST\r\n")
	if left := len("CLIENT LIST\r\n") - second.Data([]byte("CLIENT LIST\r\n")); left == 0 || !conn.paused {
		t.Error("the second client does not wait")
	}
	f.gets("")
	peer.posted[0]()
	f.loop.posted[0]()
	if got := f.client.take(); strings.Count(got, "\nid=") != 2 {
		t.Errorf("the list is %q", got)
	}
	if !conn.resumed {
		t.Fatal("the second client still waits")
	}
	peer.full = true
	second.Data([]byte("CLIENT LIST\r\n"))
	if got := conn.take(); got != errAsk {
		t.Errorf("with a loop that cannot be asked: %q", got)
	}
	other.Close()
}

func TestACommandForAnyServerGoesToOneThatIsUp(t *testing.T) {
	f := newFleetScene(t, 2)
	f.loop.dialled[0].Closed(nil)
	for range 2 { // the dial at once, and the one after a pause
		f.loop.sweep()
		f.loop.dialled[len(f.loop.dialled)-1].Opened(nil, fmt.Errorf("refused"))
	}
	f.sends("OBJECT HELP\r\n")
	f.answers(1, "$2\r\nhi\r\n")
	f.gets("$2\r\nhi\r\n")
}

func TestAClientThatSpeaksSomethingElseIsClosedWithoutAWord(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: x\r\n", "PUT /x HTTP/1.0\r\n", "POST / HTTP/1.1\r\n", "\x16\x03\x01\x02\x00\x01"} {
		f := newFleetScene(t, 1)
		f.sends(text)
		f.gets("")
		if !f.client.closed {
			t.Errorf("%q: the connection stays", text)
		}
	}
	f := newFleetScene(t, 1)
	f.sends(string(resp.AppendCommand(nil, "SET", "k", "HTTP/1.1")))
	f.answers(0, "+OK\r\n")
	f.gets("+OK\r\n")
}

func TestADrainedClientGetsItsRepliesAndNothingMoreIsExecuted(t *testing.T) {
	f := newFleetScene(t, 1)
	idle := &stillConn{}
	s2 := f.core.NewSession(2, router.ByRoutes)
	s2.Opened(idle, nil)
	f.sends("GET a\r\nGET b\r\n")
	told := 0
	f.core.Drain(func() { told++ })
	if !idle.closed || f.client.closed {
		t.Errorf("closed: the idle client %v, the waiting one %v", idle.closed, f.client.closed)
	}
	f.sends("GET c\r\n")
	late := &stillConn{}
	s3 := f.core.NewSession(3, router.ByRoutes)
	s3.Opened(late, nil)
	if !late.closed {
		t.Error("a client that comes late stays")
	}
	f.answers(0, "$1\r\n1\r\n$1\r\n2\r\n")
	f.gets("$1\r\n1\r\n$1\r\n2\r\n")
	if !f.client.closed {
		t.Error("the client stays after its last reply")
	}
	for _, s := range []*Session{s2, s3, f.s} {
		if told != 0 {
			t.Error("told too early")
		}
		s.Closed(nil)
	}
	if told != 1 {
		t.Errorf("told %d times that all are gone", told)
	}
}

func TestALocalAnswerAllocatesNothing(t *testing.T) {
	f := newFleetScene(t, 1)
	f.client.keep = false
	request := []byte("*1\r\n$4\r\nPING\r\n")
	if n := testing.AllocsPerRun(100, func() { f.s.Data(request) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
