package proxy

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"ringmain/ioloop"
	"ringmain/resp"
	"ringmain/router"
)

// listenScene is a fleetScene with a publisher, and sees what the hubs send.
type listenScene struct {
	*fleetScene
	hubs      []ioloop.Handler
	sent      []*stillConn
	publisher *scene
}

func newListenScene(t *testing.T) *listenScene {
	sc := &listenScene{fleetScene: newFleetScene(t, 2)}
	other := &scene{T: t, core: sc.core, loop: sc.loop, client: &stillConn{keep: true}, s: sc.core.NewSession(2, router.ByRoutes)}
	other.s.Opened(other.client, nil)
	sc.publisher = other
	return sc
}

// open answers the dials of the hubs, which the first SUBSCRIBE has made.
func (sc *listenScene) open() {
	for _, h := range sc.loop.dialled[len(sc.loop.dialled)-2:] {
		conn := &stillConn{keep: true}
		h.Opened(conn, nil)
		h.Data([]byte("+OK\r\n"))
		_, rest, _ := strings.Cut(conn.take(), "SETNAME\r\n$0\r\n\r\n")
		conn.text = rest
		sc.hubs, sc.sent = append(sc.hubs, h), append(sc.sent, conn)
	}
}

// confirms has hub i confirm that a subscription begins or ends.
func (sc *listenScene) confirms(i int, word, name string) {
	sc.Helper()
	if got, want := sc.sent[i].take(), request(word, name); got != want {
		sc.Errorf("hub %d is sent %q, want %q", i, got, want)
	}
	sc.hubs[i].Data([]byte(told("*", word, name, 1)))
}

// told is a confirmation; kind is "*" or ">".
func told(kind, word, name string, count int) string {
	return fmt.Sprintf("%s3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n:%d\r\n", kind, len(word), word, len(name), name, count)
}

// message is one on a channel; kind is "*" or ">".
func message(kind, channel, payload string) string {
	return kind + string(resp.AppendCommand(nil, "message", channel, payload)[1:])
}

// listening subscribes the client to c.
func (sc *listenScene) listening() {
	sc.Helper()
	sc.sends("SUBSCRIBE c\r\n")
	sc.open()
	sc.confirms(0, "subscribe", "c")
	sc.gets("")
	sc.confirms(1, "subscribe", "c")
	sc.gets(told("*", "subscribe", "c", 1))
}

// listeningIn3 is the same in RESP3.
func (sc *listenScene) listeningIn3() {
	sc.Helper()
	sc.sends("HELLO 3\r\nSUBSCRIBE c\r\n")
	sc.open()
	for i := range 2 {
		sc.confirms(i, "subscribe", "c")
	}
	if got := sc.client.take(); !strings.HasSuffix(got, told(">", "subscribe", "c", 1)) {
		sc.Errorf("%q", got)
	}
}

func TestNothingIsExecutedUntilASubscriptionIsConfirmed(t *testing.T) {
	sc := newListenScene(t)
	if left := sc.sends("SUBSCRIBE c\r\nGET a\r\nPING\r\n"); left != "GET a\r\nPING\r\n" {
		t.Fatalf("left %q", left)
	}
	sc.open()
	sc.confirms(0, "subscribe", "c")
	sc.hubs[0].Data([]byte(message("*", "c", "early")))
	sc.confirms(1, "subscribe", "c")
	sc.gets(told("*", "subscribe", "c", 1))
	sc.sends("GET a\r\nPING\r\n")
	sc.gets("-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n" +
		"*2\r\n$4\r\npong\r\n$0\r\n\r\n")
}

func TestAMessageStandsBehindTheRepliesBeforeItAndNeverWithinOne(t *testing.T) {
	sc := newListenScene(t)
	sc.listeningIn3()
	sc.sends("GET " + sc.keyOf(0, "a") + "\r\nECHO x\r\n")
	server := sc.loop.dialled[len(sc.loop.dialled)-1] // in RESP3
	server.Opened(&stillConn{}, nil)
	server.Data([]byte("%0\r\n+OK\r\n:7\r\n$8\r\nrun_id:x\r\n$10\r\nabc"))
	sc.hubs[0].Data([]byte(message("*", "c", "1")))
	sc.gets("$10\r\nabc")
	server.Data([]byte("defghij\r\n"))
	sc.gets("defghij\r\n$1\r\nx\r\n" + message(">", "c", "1"))
	sc.hubs[1].Data([]byte(message("*", "c", "2")))
	sc.gets(message(">", "c", "2"))
}

func TestHelloChangesTheFormOfMessages(t *testing.T) {
	sc := newListenScene(t)
	sc.listeningIn3()
	sc.sends("HELLO 2\r\n")
	sc.client.take()
	sc.hubs[0].Data([]byte(message("*", "c", "1")))
	sc.gets(message("*", "c", "1"))
	sc.sends("ECHO x\r\n")
	if got := sc.client.take(); !strings.HasPrefix(got, "-ERR Can't execute 'echo'") {
		t.Errorf("%q", got)
	}
}

func TestAClientThatSendsNoMoreHasAllExecutedBehindItsSubscription(t *testing.T) {
	sc := newListenScene(t)
	left := sc.sends("SUBSCRIBE c\r\nPING\r\n")
	sc.client.kept = len(left)
	sc.s.HalfClosed()
	sc.open()
	sc.confirms(0, "subscribe", "c")
	sc.confirms(1, "subscribe", "c")
	if sc.client.closed || !sc.client.resumed {
		t.Fatal("closed too early")
	}
	sc.client.kept = 0
	sc.sends(left)
	sc.gets(told("*", "subscribe", "c", 1) + "*2\r\n$4\r\npong\r\n$0\r\n\r\n")
}

func TestAServerThatDoesNotConfirmHoldsASubscriptionUpForADeadline(t *testing.T) {
	sc := newListenScene(t)
	sc.sends("SUBSCRIBE c\r\n")
	expire := sc.loop.sweep
	sc.open()
	sc.confirms(0, "subscribe", "c")
	sc.gets("")
	expire()
	sc.gets(told("*", "subscribe", "c", 1))
}

func TestAHubThatWasLostSubscribesAnewToAllThatIsListenedTo(t *testing.T) {
	sc := newListenScene(t)
	sc.listening()
	sc.hubs[1].Closed(io.EOF)
	sc.loop.sweep()
	conn := &stillConn{keep: true}
	sc.hubs[1].Opened(conn, nil)
	sc.hubs[1].Data([]byte("+OK\r\n"))
	if got := conn.take(); !strings.HasSuffix(got, request("subscribe", "c")) {
		t.Errorf("sent %q", got)
	}
	sc.gets("")
}

func TestTheReplyToPublishCountsClientsInsteadOfTheProxysOwnSubscriptions(t *testing.T) {
	sc := newListenScene(t)
	sc.listening()
	p := sc.publisher
	p.sends("SUBSCRIBE c\r\nPSUBSCRIBE c*\r\n")
	p.sends("PSUBSCRIBE c*\r\n")
	sc.confirms(0, "psubscribe", "c*")
	sc.confirms(1, "psubscribe", "c*")
	if got, want := p.client.take(), told("*", "subscribe", "c", 1)+told("*", "psubscribe", "c*", 2); got != want {
		t.Fatalf("%q", got)
	}
	third := &scene{T: t, core: sc.core, loop: sc.loop, client: &stillConn{keep: true}, s: sc.core.NewSession(3, router.ByRoutes)}
	third.s.Opened(third.client, nil)
	third.sends("PUBLISH c x\r\nPUBLISH other x\r\n")
	for i := range 2 { // of which each has one, or one has both
		sc.answers(i, strings.Repeat(":5\r\n", sc.core.nodes[i].InFlight()))
	}
	// Five receivers on the server, of which two are the proxy's: and three clients' own.
	third.gets(":6\r\n:5\r\n")
}

func TestMessagesComeAlsoToAClientThatWantsNoReplies(t *testing.T) {
	sc := newListenScene(t)
	sc.sends("CLIENT REPLY OFF\r\n")
	sc.listening()
	sc.hubs[0].Data([]byte(message("*", "c", "1")))
	sc.gets(message("*", "c", "1"))
	sc.sends("PING\r\n")
	sc.gets("")
}

func TestOneThatListensToNothingNeedsNoServerToEndThat(t *testing.T) {
	sc := newListenScene(t)
	dialled := len(sc.loop.dialled)
	sc.sends("UNSUBSCRIBE\r\nSUNSUBSCRIBE s\r\n")
	sc.gets("*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n" + told("*", "sunsubscribe", "s", 0))
	if len(sc.loop.dialled) != dialled {
		t.Error("hubs are dialled")
	}
}

func TestAClientThatWantsNoRepliesIsToldOfNoRefusal(t *testing.T) {
	sc := newListenScene(t)
	sc.sends("CLIENT REPLY OFF\r\nSUBSCRIBE c\r\n")
	sc.open()
	for i := range 2 {
		sc.hubs[i].Data([]byte("-NOPERM no\r\n"))
	}
	sc.gets("")
	sc.sends("CLIENT REPLY ON\r\nSUBSCRIBE c\r\n")
	for i := range 2 {
		sc.hubs[i].Data([]byte("-NOPERM no\r\n"))
	}
	sc.gets("+OK\r\n-NOPERM no (server a)\r\n")
}

func TestAClientThatLeavesListensToNothing(t *testing.T) {
	sc := newListenScene(t)
	sc.listening()
	sc.s.Closed(io.EOF)
	sc.confirms(0, "unsubscribe", "c")
	sc.hubs[0].Data([]byte(message("*", "c", "1")))
	sc.confirms(1, "unsubscribe", "c")
	sc.gets("")
	if sc.core.Peers.listening.Bytes() != 0 || sc.core.listeningBytes() != 0 {
		t.Error("the subscription is kept")
	}
}

func TestAClientThatLeavesBeforeItsSubscriptionIsConfirmedListensToNothing(t *testing.T) {
	sc := newListenScene(t)
	sc.sends("SUBSCRIBE c\r\n")
	sc.open()
	sc.s.Closed(io.EOF)
	for i := range 2 {
		sc.confirms(i, "subscribe", "c")
	}
	for i := range 2 {
		sc.confirms(i, "unsubscribe", "c")
	}
	if sc.core.Peers.listening.Bytes() != 0 {
		t.Error("the subscription is kept")
	}
}

func TestAClientThatDoesNotReadItsMessagesIsCutOffAndNoOther(t *testing.T) {
	sc := newListenScene(t)
	sc.listening()
	sc.publisher.sends("SUBSCRIBE c\r\n")
	big := message("*", "c", strings.Repeat("x", 1<<20))
	for n := 0; !sc.client.aborted; n++ {
		if n > maxPushed>>20 {
			t.Fatal("it is never cut off")
		}
		sc.hubs[0].Data([]byte(big))
		sc.publisher.client.take()
	}
	if sc.publisher.client.aborted {
		t.Error("the one that reads is cut off, too")
	}
}

func TestMessagesTakeNoMoreMemoryThanThereIs(t *testing.T) {
	sc := newListenScene(t)
	sc.listening()
	sc.core.Memory.limit = 1 << 20
	sc.loop.memory = 1<<20 - 10
	sc.hubs[0].Data([]byte(message("*", "c", "x")))
	if !sc.client.aborted {
		t.Error("the message is given to the client")
	}
}

func TestSubscriptionsAreBoundedByTheProxysMemory(t *testing.T) {
	sc := newListenScene(t)
	sc.core.Memory.limit = 16 * (300 + 10)
	sc.listening()
	sc.sends("SUBSCRIBE d\r\n")
	sc.gets("-ERR too many subscriptions for the proxy's memory (limits.memory)\r\n")
	sc.sends("SUBSCRIBE " + strings.Repeat("x", 20<<10) + "\r\nPSUBSCRIBE " + strings.Repeat("x", 2<<10) + "\r\n")
	sc.gets(strings.Repeat("-ERR the name of a channel or pattern to listen to is too long\r\n", 2))
}

func TestNoClientLearnsOfTheProxysOwnChannelsAndKeys(t *testing.T) {
	sc := newListenScene(t)
	sc.sends("PSUBSCRIBE *\r\n")
	sc.open()
	sc.confirms(0, "psubscribe", "*")
	sc.confirms(1, "psubscribe", "*")
	sc.client.take()
	for _, m := range [][2]string{{"__ringmain:x", "1"}, {"__keyspace@0__:__ringmain:x", "set"}, {"__keyevent@0__:set", "__ringmain:x"}} {
		sc.hubs[0].Data(resp.AppendCommand(nil, "pmessage", "*", m[0], m[1]))
	}
	sc.gets("")
	last := string(resp.AppendCommand(nil, "pmessage", "*", "__keyevent@0__:set", "x"))
	sc.hubs[0].Data([]byte(last))
	sc.gets(last)
	sc.sends("SUBSCRIBE __ringmain:x\r\n")
	sc.gets("-" + errReservedChannel + "\r\n")
	sc.publisher.sends("PUBLISH __ringmain:x y\r\nSPUBLISH __ringmain:x y\r\n")
	sc.publisher.gets(strings.Repeat("-"+errReservedChannel+"\r\n", 2))
}

func TestPubSubMergesWhatServersAndTheProxysOwnClientsListenTo(t *testing.T) {
	sc := newListenScene(t)
	sc.listening()
	p := sc.publisher
	p.sends("PUBSUB CHANNELS\r\n")
	sc.answers(0, string(resp.AppendCommand(nil, "c", "x", "__ringmain:y")))
	sc.answers(1, string(resp.AppendCommand(nil, "x", "c", "z")))
	p.gets(string(resp.AppendCommand(nil, "c", "x", "z")))
	p.sends("PUBSUB NUMSUB c x\r\n")
	for i := range 2 { // one each is the proxy's own
		sc.answers(i, "*4\r\n$1\r\nc\r\n:3\r\n$1\r\nx\r\n:1\r\n")
	}
	p.gets("*4\r\n$1\r\nc\r\n:5\r\n$1\r\nx\r\n:2\r\n")
	p.sends("PUBSUB NUMPAT\r\n")
	sc.answers(0, ":3\r\n")
	sc.answers(1, "-NOPERM no\r\n")
	p.gets("-NOPERM no\r\n")
}

func TestAListenerIsSeenInTheListOfClients(t *testing.T) {
	sc := newListenScene(t)
	sc.listening()
	if got := string(sc.s.AppendDescription(nil)); !strings.Contains(got, " flags=P db=0 sub=1 psub=0 ssub=0 ") {
		t.Errorf("%s", got)
	}
	sc.sends("RESET\r\n")
	sc.gets("+RESET\r\n")
	if got := string(sc.s.AppendDescription(nil)); !strings.Contains(got, " flags=N db=0 sub=0 psub=0 ssub=0 ") {
		t.Errorf("after RESET: %s", got)
	}
}
