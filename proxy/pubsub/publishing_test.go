package pubsub

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ringmain/resp"
)

// remote is one connection of a loop to a server. What is sent takes its time both ways.
type remote struct {
	world *world
	first bool // the server is the one that messages are published on
	group *Group
	line  *Line
	in    []string // requests that the server has not executed
	out   []string // what it has sent and the loop has not got
	has   map[string]bool
}

func (r *remote) Send(request []byte) {
	_, rest, _ := resp.Array(request)
	first, rest, _ := resp.Element(rest)
	second, _, _ := resp.Element(rest)
	word, _ := resp.Bulk(first)
	name, _ := resp.Bulk(second)
	r.in = append(r.in, string(word)+" "+string(name))
}

func (r *remote) Drop(what string) { r.world.Fatalf("dropped: %s", what) }

// execute has the server execute the first request.
func (r *remote) execute() {
	if len(r.in) == 0 {
		return
	}
	word, name, _ := strings.Cut(r.in[0], " ")
	r.in = r.in[1:]
	kind, off := strings.CutSuffix(word, "unsubscribe")
	kind = strings.TrimSuffix(kind, "subscribe")
	delete(r.has, kind+" "+name)
	if !off {
		r.has[kind+" "+name] = true
	}
	r.out = append(r.out, fmt.Sprintf("*3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n:1\r\n", len(word), word, len(name), name))
}

// deliver has the loop get the first thing that it was sent.
func (r *remote) deliver() {
	if len(r.out) == 0 {
		return
	}
	raw := []byte(r.out[0])
	r.out = r.out[1:]
	if p, ok := resp.ReadPublished(raw); ok {
		r.group.Deliver(raw, &p)
	} else {
		r.line.Answered(raw)
	}
}

func (r *remote) breaks() {
	r.in, r.out, r.has = nil, nil, map[string]bool{}
	r.line.Down(false)
}

// world is two servers, two loops with clients, and one message at a time.
type world struct {
	*testing.T
	counts  Counts
	remotes []*remote
	message *Publishing
	others  int64 // that the server counts
	counted int64 // by the server; -1: it has not executed it
	told    int64 // to the publisher; -1: nothing
	got     int64 // how often clients have got the message
	peace   bool  // nothing has changed since the message was sent, and nothing was about to
}

// Receive implements Receiver.
func (w *world) Receive(*Message) { w.got++ }

func (w *world) publish() {
	w.message, w.counted, w.told, w.got = w.counts.NewPublishing(7, Channel, []byte("c"), 0), -1, -1, 0
	w.peace = true
	for _, r := range w.remotes {
		w.peace = w.peace && len(r.in)+len(r.out) == 0
	}
}

// execute has the server execute the PUBLISH.
func (w *world) execute() {
	w.counted = w.others
	for _, r := range w.remotes {
		if r.first && r.has[" c"] {
			w.counted++
			r.out = append(r.out, string(resp.AppendCommand(nil, "message", "c", "x")))
		}
		if r.first && r.has["p c*"] {
			w.counted++
			r.out = append(r.out, string(resp.AppendCommand(nil, "pmessage", "c*", "c", "x")))
		}
	}
}

// settle has all arrive, and judges what the publisher was told.
func (w *world) settle() {
	for _, r := range w.remotes {
		for len(r.in)+len(r.out) > 0 {
			r.execute()
			r.deliver()
		}
	}
	if all := w.got + w.others; w.told > all || w.told < all && w.peace {
		w.Errorf("told %d, but %d got it (%d of them others); peace: %v", w.told, all, w.others, w.peace)
	}
	w.message = nil
}

// Whatever the order of things, nobody is counted who does not get the message; and while
// nobody comes or goes the count is exact.
func TestNobodyIsCountedWhoDoesNotGetTheMessage(t *testing.T) {
	exact, fewer := 0, 0
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		w := &world{T: t, others: int64(rnd.IntN(2))}
		var clients []*Client
		for range 2 {
			g := NewGroup(&w.counts, 7)
			for _, first := range []bool{true, false} {
				r := &remote{world: w, first: first, group: g, has: map[string]bool{}}
				r.line = g.AddLine(r, "a")
				w.remotes = append(w.remotes, r)
			}
			for _, r := range w.remotes[len(w.remotes)-2:] {
				r.line.Up()
			}
			clients = append(clients, g.NewClient(w), g.NewClient(w))
		}
		for range 300 {
			r, c := w.remotes[rnd.IntN(4)], clients[rnd.IntN(4)]
			kind, name := Channel, "c"
			if rnd.IntN(3) == 0 {
				kind, name = Pattern, "c*"
			}
			switch choice := rnd.IntN(14); {
			case choice < 3:
				r.execute()
			case choice < 6:
				r.deliver()
			case choice == 6 && rnd.IntN(3) == 0:
				w.peace = false
				c.g.Begin(kind, [][]byte{[]byte(name)}, func(ch *Change) { ch.Finish(c, func(string) {}) })
			case choice == 7 && rnd.IntN(3) == 0:
				w.peace = false
				c.Leave(kind, []string{name}, func(string) {}, func() {})
			case choice == 8 && w.told < 0 && rnd.IntN(20) == 0:
				w.peace = false
				r.breaks()
				r.line.Up()
			case choice < 11 && w.message == nil:
				w.told = -1
				w.publish()
			case w.message != nil && w.counted < 0:
				w.execute()
			case w.message != nil && w.told < 0 && rnd.IntN(3) == 0:
				if w.told = w.message.Receivers(w.counted); w.peace {
					exact++
				} else {
					fewer++
				}
			case w.message != nil && w.told >= 0 && rnd.IntN(3) == 0:
				w.settle()
				w.told = -1
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
	if exact < 1000 || fewer < 1000 {
		t.Errorf("%d messages in peace, %d while something changed: that is too few", exact, fewer)
	}
}

func TestASubscriptionThatHasComeAndGoneWhileAMessageIsPublishedIsNobody(t *testing.T) {
	f := newFixture(t, 1)
	m := f.counts.NewPublishing(7, Channel, []byte("c"), 0)
	l := f.client(2)
	f.begin(l, Channel, "c")
	f.settle()
	l.End()
	f.settle()
	f.want("receivers", m.Receivers(1), 0)
	f.want("receivers of the next", f.counts.NewPublishing(7, Channel, []byte("c"), 0).Receivers(1), 1)
}
