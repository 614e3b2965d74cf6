package pubsub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ringmain/resp"
)

// server is what a test plays the server of a line with.
type server struct {
	line    *Line
	sent    []string // requests that are not answered, as words
	has     map[string]bool
	dropped bool
}

func (s *server) Send(request []byte) {
	n, rest, _ := resp.Array(request)
	var words []string
	for range n {
		var elem []byte
		elem, rest, _ = resp.Element(rest)
		text, _ := resp.Bulk(elem)
		words = append(words, string(text))
	}
	s.sent = append(s.sent, strings.Join(words, " "))
}

func (s *server) Drop(string) { s.dropped = true }

// answers confirms the first request.
func (s *server) answers() {
	word, name, _ := strings.Cut(s.sent[0], " ")
	s.sent = s.sent[1:]
	kind, off := strings.CutSuffix(word, "unsubscribe")
	if !off {
		kind, _ = strings.CutSuffix(word, "subscribe")
	}
	if s.has[kind+":"+name] = !off; off {
		delete(s.has, kind+":"+name)
	}
	s.line.Answered([]byte(fmt.Sprintf("*3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n:1\r\n", len(word), word, len(name), name)))
}

func (s *server) refuses(text string) {
	s.sent = s.sent[1:]
	s.line.Answered([]byte("-" + text + "\r\n"))
}

// goes ends the connection.
func (s *server) goes(unreachable bool) {
	s.sent, s.has = nil, map[string]bool{}
	s.line.Down(unreachable)
}

// listener is a client that keeps what it gets.
type listener struct {
	*Client
	protocol int
	got      []string
}

func (l *listener) Receive(m *Message) { l.got = append(l.got, string(m.Encoded(l.protocol))) }

// fixture is a group with servers that are up.
type fixture struct {
	*testing.T
	counts  Counts
	g       *Group
	servers []*server
}

func newFixture(t *testing.T, servers int) *fixture {
	f := &fixture{T: t}
	f.g = NewGroup(&f.counts, 7)
	for i := range servers {
		s := &server{has: map[string]bool{}}
		s.line = f.g.AddLine(s, string(rune('a'+i)))
		f.servers = append(f.servers, s)
	}
	for _, s := range f.servers {
		s.line.Up()
	}
	return f
}

func (f *fixture) client(protocol int) *listener {
	l := &listener{protocol: protocol}
	l.Client = f.g.NewClient(l)
	return l
}

// begin has a client subscribe; the result is what it has come to: "" as long as nothing.
func (f *fixture) begin(l *listener, kind Kind, names ...string) *string {
	outcome := new(string)
	var args [][]byte
	for _, n := range names {
		args = append(args, []byte(n))
	}
	f.g.Begin(kind, args, func(c *Change) {
		if text := c.Refusal(); text != "" {
			*outcome = text
			c.Finish(nil, nil)
			return
		}
		c.Finish(l.Client, func(name string) { *outcome += fmt.Sprintf("%s %d;", name, l.Told(kind)) })
	})
	return outcome
}

// settle has all servers answer all, also what they are asked for meanwhile.
func (f *fixture) settle() {
	for again := true; again; {
		again = false
		for _, s := range f.servers {
			for len(s.sent) > 0 {
				s.answers()
				again = true
			}
		}
	}
}

func (f *fixture) want(what string, got, want any) {
	f.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		f.Errorf("%s: %s, want %s", what, g, w)
	}
}

func TestASubscriptionBeginsOnceAllServersHaveConfirmedIt(t *testing.T) {
	f := newFixture(t, 2)
	l := f.client(2)
	got := f.begin(l, Channel, "c", "d", "c")
	f.want("sent", f.servers[1].sent, []string{"subscribe c", "subscribe d"})
	f.servers[0].answers()
	f.servers[0].answers()
	f.servers[1].answers()
	f.want("outcome", *got, "")
	f.want("listens", l.Any(), false)
	f.servers[1].answers()
	f.want("outcome", *got, "c 1;d 2;c 2;")
}

func TestTheSecondListenerOfALoopNeedsNoServer(t *testing.T) {
	f := newFixture(t, 2)
	a, b := f.client(2), f.client(3)
	f.begin(a, Channel, "c")
	f.settle()
	f.want("outcome", *f.begin(b, Channel, "c"), "c 1;")
	a.End()
	f.want("sent while somebody listens", len(f.servers[0].sent), 0)
	b.End()
	f.want("sent", f.servers[0].sent, []string{"unsubscribe c"})
	f.settle()
	f.want("topics", len(f.g.topics[Channel]), 0)
	f.want("seats", len(f.counts.pools[7].seats[Channel]), 0)
	f.want("bytes", f.g.Bytes()+f.counts.Bytes(), 0)
}

func TestServersThatAreDownAreNotWaitedForAndSubscribedWhenTheyAreBack(t *testing.T) {
	f := newFixture(t, 2)
	f.servers[1].goes(true)
	l := f.client(2)
	got := f.begin(l, Channel, "c")
	f.servers[0].answers()
	f.want("outcome", *got, "c 1;")
	f.servers[1].line.Up()
	f.want("sent", f.servers[1].sent, []string{"subscribe c"})
}

func TestAServerWhoseConnectionWasLostIsWaitedForUntilItCannotBeReached(t *testing.T) {
	f := newFixture(t, 1)
	f.servers[0].goes(false)
	got := f.begin(f.client(2), Channel, "c")
	f.want("outcome", *got, "")
	f.servers[0].goes(true)
	f.want("outcome", *got, "c 1;")
}

func TestAServerThatIsTooSlowIsNotWaitedForAgainUntilItAnswers(t *testing.T) {
	f := newFixture(t, 2)
	l := f.client(2)
	done := false
	c := f.g.Begin(Channel, [][]byte{[]byte("c")}, func(c *Change) { done = true; c.Finish(l.Client, func(string) {}) })
	f.servers[0].answers()
	c.Expire()
	f.want("done", done, true)
	got := f.begin(l, Channel, "d")
	f.servers[0].answers()
	f.want("outcome", *got, "d 2;")
	f.servers[1].answers()
	got = f.begin(l, Channel, "e")
	f.servers[0].answers()
	f.want("outcome while it answers", *got, "")
	f.settle()
	f.want("outcome", *got, "e 3;")
}

func TestARefusalOfOneServerEndsTheSubscriptionOnAll(t *testing.T) {
	f := newFixture(t, 2)
	l := f.client(2)
	got := f.begin(l, Pattern, "p*")
	f.servers[0].answers()
	f.servers[1].refuses("NOPERM no")
	f.want("outcome", *got, "NOPERM no (server b)")
	f.want("sent", f.servers[0].sent, []string{"punsubscribe p*"})
	f.settle()
	f.want("topics", len(f.g.topics[Pattern]), 0)
	got = f.begin(l, Pattern, "p*")
	f.settle()
	f.want("outcome of another try", *got, "p* 1;")
}

func TestAnOldServerThatHasNoShardChannelsIsNamed(t *testing.T) {
	f := newFixture(t, 1)
	got := f.begin(f.client(2), Shard, "s")
	f.servers[0].refuses("ERR unknown command `SSUBSCRIBE`, with args beginning with: `s`")
	f.want("outcome", *got, "ERR shard channels are not supported: server a is older than Redis 7.0")
}

func TestMessagesGoToThoseWhoListenInTheFormOfTheirProtocol(t *testing.T) {
	f := newFixture(t, 1)
	a, b, c := f.client(2), f.client(3), f.client(3)
	f.begin(a, Channel, "c")
	f.begin(b, Pattern, "c*")
	f.begin(c, Channel, "c")
	f.begin(c, Shard, "c")
	f.settle()
	for _, raw := range []string{"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n", "*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$1\r\n1\r\n",
		"*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\n2\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n3\r\n"} {
		p, _ := resp.ReadPublished([]byte(raw))
		f.g.Deliver([]byte(raw), &p)
	}
	f.want("a", a.got, []string{"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n"})
	f.want("b", b.got, []string{">4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$1\r\n1\r\n"})
	f.want("c", c.got, []string{">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n", ">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\n2\r\n"})
}

func TestReceiversAreCountedAsRedisCountsThem(t *testing.T) {
	f := newFixture(t, 2)
	a, b := f.client(2), f.client(2)
	f.begin(a, Channel, "news")
	f.begin(a, Pattern, "n*")
	f.begin(b, Pattern, "n*", "*s", "x")
	f.begin(b, Shard, "news")
	f.settle()
	f.servers[1].goes(false)
	// The first server counts the proxy thrice, and two others.
	f.want("receivers", f.counts.NewPublishing(7, Channel, []byte("news"), 0).Receivers(5), 4+2)
	f.want("receivers where the connection is down", f.counts.NewPublishing(7, Channel, []byte("news"), 1).Receivers(2), 2)
	f.want("receivers of a shard channel", f.counts.NewPublishing(7, Shard, []byte("news"), 0).Receivers(1), 1)
	f.want("receivers in another pool", f.counts.NewPublishing(8, Channel, []byte("news"), 0).Receivers(1), 1)
	clients, own := f.counts.Patterns(7)
	f.want("patterns", fmt.Sprint(clients, own), "3 3")
	clients, own = f.counts.Listeners(7, Channel, []byte("news"))
	f.want("listeners", fmt.Sprint(clients, own), "1 1")
}

func TestAWrongConfirmationEndsTheConnection(t *testing.T) {
	for _, reply := range []string{"+OK\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:1\r\n"} {
		f := newFixture(t, 1)
		f.begin(f.client(2), Channel, "c")
		f.servers[0].line.Answered([]byte(reply))
		f.want(reply, f.servers[0].dropped, true)
	}
}

func TestRequestsToAServerAreBoundedAndAllAreMadeInTheEnd(t *testing.T) {
	f := newFixture(t, 1)
	l := f.client(2)
	var names []string
	for i := range 3 * maxAsked {
		names = append(names, fmt.Sprint("c", i))
	}
	got := f.begin(l, Channel, names...)
	f.want("under way", len(f.servers[0].sent), maxAsked)
	for len(f.servers[0].sent) > 0 {
		f.servers[0].answers()
		if len(f.servers[0].sent) > maxAsked {
			t.Fatal("too many are under way")
		}
	}
	f.want("subscribed", len(f.servers[0].has), len(names))
	f.want("told", strings.Count(*got, ";"), len(names))
	f.want("names, in order", l.Names(Channel), names)
}

// Whatever happens, in the end each server has what is listened to, and nothing else.
func TestServersHaveWhatIsListenedToAfterAnyHistory(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		f := newFixture(t, 1+rnd.IntN(3))
		var list []*listener
		for range 3 {
			list = append(list, f.client(2))
		}
		begun, done := 0, 0
		for range 200 {
			l, s := list[rnd.IntN(3)], f.servers[rnd.IntN(len(f.servers))]
			kind, name := Kind(rnd.IntN(kinds)), string(rune('a'+rnd.IntN(4)))
			switch rnd.IntN(8) {
			case 0, 1:
				begun++
				c := f.g.Begin(kind, [][]byte{[]byte(name), []byte("x")}, func(c *Change) {
					done++
					if c.Refusal() != "" || rnd.IntN(5) == 0 { // the client is gone
						c.Finish(nil, nil)
						return
					}
					c.Finish(l.Client, func(string) {})
				})
				if rnd.IntN(4) == 0 {
					c.Expire()
				}
			case 2:
				begun++
				l.Leave(kind, []string{name}, func(string) {}, func() { done++ })
			case 3:
				l.End()
			case 4:
				s.goes(rnd.IntN(2) == 0)
			case 5:
				if !s.line.up {
					s.line.Up()
				}
			case 6:
				if len(s.sent) > 0 && strings.HasPrefix(s.sent[0], "s") && rnd.IntN(4) == 0 {
					s.refuses("ERR no")
				}
			default:
				for n := rnd.IntN(4); n > 0 && len(s.sent) > 0; n-- {
					s.answers()
				}
			}
		}
		for _, s := range f.servers {
			s.goes(false) // so that what was refused is tried again
			s.line.Up()
		}
		f.settle()
		want := map[string]bool{}
		clients := 0
		for _, l := range list {
			for kind, prefix := range []string{"", "p", "s"} {
				for _, name := range l.Names(Kind(kind)) {
					want[prefix+":"+name] = true
					clients++
				}
			}
		}
		for i, s := range f.servers {
			f.want(fmt.Sprintf("seed %d, server %d", seed, i), s.has, want)
		}
		total := 0
		for kind := range f.g.topics {
			total += len(f.g.topics[kind])
			for name := range f.counts.pools[7].seats[kind] {
				counted, own := f.counts.Listeners(7, Kind(kind), []byte(name))
				clients -= counted
				f.want(fmt.Sprintf("seed %d, counted", seed), own, len(f.servers))
			}
		}
		f.want(fmt.Sprintf("seed %d, topics, clients not counted, changes", seed),
			fmt.Sprint(total, clients, begun-done, f.g.awaited), fmt.Sprint(len(want), 0, 0, 0))
		if t.Failed() {
			t.FailNow()
		}
	}
}

func TestNamesComeInTheOrderInWhichTheyBegan(t *testing.T) {
	f := newFixture(t, 0)
	l := f.client(2)
	f.begin(l, Pattern, "z", "a", "m", "a")
	l.Leave(Pattern, []string{"a"}, func(string) {}, func() {})
	f.begin(l, Pattern, "a")
	if got := l.Names(Pattern); !slices.Equal(got, []string{"z", "m", "a"}) {
		t.Errorf("%q", got)
	}
}

func TestWhoHasYetToBeToldThatItListensIsNotCounted(t *testing.T) {
	f := newFixture(t, 2)
	f.begin(f.client(2), Pattern, "n*")
	f.begin(f.client(2), Channel, "news")
	// A server may be subscribed already, and count the proxy.
	clients, own := f.counts.Patterns(7)
	f.want("patterns", fmt.Sprint(clients, own), "0 2")
	clients, own = f.counts.Listeners(7, Channel, []byte("news"))
	f.want("listeners", fmt.Sprint(clients, own), "0 2")
}
