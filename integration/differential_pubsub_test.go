package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// chorus has clients that talk to Ringmain, and as many that tell a lone server the same.
type chorus struct {
	t           *testing.T
	a           *arena
	proxy, lone []*wire
	protocols   []int
}

// newChorus connects a client for each protocol version.
func (a *arena) newChorus(t *testing.T, protocols ...int) *chorus {
	t.Helper()
	st := &chorus{t: t, a: a, protocols: protocols}
	for _, p := range protocols {
		st.proxy = append(st.proxy, a.client(t))
		st.lone = append(st.lone, dial(t, a.lone.Addr()))
		if p == 3 {
			st.proxy[len(st.proxy)-1].do("HELLO", "3")
			st.lone[len(st.lone)-1].do("HELLO", "3")
		}
	}
	return st
}

// tells has client number i send a line on both sides, and compares all that every
// client gets.
func (st *chorus) tells(i int, line string) {
	st.t.Helper()
	args := strings.Fields(line)
	for j, a := range args {
		if a == `""` {
			args[j] = ""
		}
	}
	if st.a.tenant {
		// Whoever has said RESET is nobody.
		if !st.a.serves(args) || strings.EqualFold(args[0], "RESET") {
			return
		}
		st.a.publishOthers(st.t, args)
	}
	st.proxy[i].command(args...)
	st.lone[i].command(args...)
	// Redis has sent all messages by the time of its reply; through Ringmain they take
	// another way than the reply.
	for _, j := range append([]int{i}, others(len(st.lone), i)...) {
		want := until(st.lone[j], 0)
		got := until(st.proxy[j], len(want))
		if g, w := sorted(line, got), sorted(line, want); !slices.Equal(g, w) {
			st.t.Errorf("after client %d (RESP%d) said %q, client %d (RESP%d) gets\n  %q, of Redis\n  %q",
				i, st.protocols[i], line, j, st.protocols[j], g, w)
		}
	}
}

// until returns n replies or messages that come to a client, and all that come before a
// PING is answered.
func until(w *wire, n int) []string {
	w.t.Helper()
	out := w.replies(n)
	w.command("PING", "end")
	for {
		r := w.next()
		if r == "$3\r\nend\r\n" || r == "*2\r\n$4\r\npong\r\n$3\r\nend\r\n" {
			return out
		}
		out = append(out, r)
	}
}

// leave ends all clients, and waits until nobody listens any more.
func (st *chorus) leave() {
	st.t.Helper()
	for _, w := range append(slices.Clone(st.proxy), st.lone...) {
		_ = w.Close()
	}
	for _, s := range append(slices.Clone(st.a.nodes), st.a.lone) {
		eventually(st.t, "nobody listens", func() bool {
			patterns, err1 := s.Do("PUBSUB", "NUMPAT")
			channels, err2 := s.Do("PUBSUB", "CHANNELS")
			shards, err3 := s.Do("PUBSUB", "SHARDCHANNELS")
			if err := errors.Join(err1, err2, err3); err != nil {
				st.t.Fatal(err)
			}
			listened := append(channels.([]any), shards.([]any)...)
			if st.a.tenant { // others listen on
				patterns = int64(0)
				listened = slices.DeleteFunc(listened, func(c any) bool { return !strings.HasPrefix(c.(string), tenantPrefix) })
			}
			return patterns == int64(0) && len(listened) == 0
		})
	}
}

func others(n, but int) (list []int) {
	for i := range n {
		if i != but {
			list = append(list, i)
		}
	}
	return list
}

// sorted puts in order what Redis gives in no order: messages of several patterns, and
// the names in an UNSUBSCRIBE of all, whose counts then tell nothing, and channels.
func sorted(line string, replies []string) []string {
	out := slices.Clone(replies)
	word, rest, _ := strings.Cut(strings.ToLower(line), " ")
	if strings.HasSuffix(word, "unsubscribe") && rest == "" {
		for i, r := range out {
			at := strings.LastIndexByte(r, ':')
			out[i] = r[:max(0, at)]
		}
		slices.Sort(out)
	}
	if strings.HasSuffix(word, "publish") {
		slices.Sort(out)
	}
	if strings.HasPrefix(rest, "channels") || strings.HasPrefix(rest, "shardchannels") {
		for i, r := range out {
			parts := strings.Split(r, "$")
			slices.Sort(parts)
			out[i] = strings.Join(parts, "$")
		}
	}
	return out
}

// pubsubLocalCases belong to localCases: what one client can do alone.
const pubsubLocalCases = `
SUBSCRIBE a|SUBSCRIBE a|PING|PING x|UNSUBSCRIBE a|UNSUBSCRIBE|PING
PSUBSCRIBE a*|PUNSUBSCRIBE b*|PUNSUBSCRIBE a*|PUNSUBSCRIBE
SSUBSCRIBE a|SUNSUBSCRIBE b|SUNSUBSCRIBE a|SUNSUBSCRIBE
SUBSCRIBE a|GET x|RESET|GET x
SUBSCRIBE
UNSUBSCRIBE
PUBLISH a x
SPUBLISH a x
PUBLISH a
PUBSUB
PUBSUB CHANNELS
PUBSUB CHANNELS a*
PUBSUB CHANNELS a b
PUBSUB NUMPAT
PUBSUB NUMSUB
PUBSUB NUMSUB a b
PUBSUB SHARDCHANNELS
PUBSUB SHARDNUMSUB a b
PUBSUB HELP
PUBSUB NOSUCH
`

// pubsubScenes are told line by line, each "client: what it says".
var pubsubScenes = []string{`
0: SUBSCRIBE a b a
1: PUBLISH a hello
1: PUBLISH b ""
1: PUBLISH c nobody
0: PSUBSCRIBE a* *b [ab] a\*
1: PUBLISH a hello
1: PUBLISH ab hello
1: PUBLISH a* star
1: PUBSUB CHANNELS
1: PUBSUB CHANNELS a*
1: PUBSUB NUMSUB
1: PUBSUB NUMSUB a b c a
1: PUBSUB NUMPAT
0: UNSUBSCRIBE a x a
1: PUBLISH a hello
0: PUNSUBSCRIBE a* nosuch
0: UNSUBSCRIBE
0: PUNSUBSCRIBE
0: UNSUBSCRIBE
0: PUNSUBSCRIBE
1: PUBLISH a hello
1: PUBSUB CHANNELS
1: PUBSUB NUMPAT
0: PUBLISH a hello
`, `
0: SUBSCRIBE a
0: GET x
0: SET x y
0: PUBLISH a x
0: PUBSUB CHANNELS
0: SELECT 0
0: NOSUCH
0: GET
0: SUBSCRIBE
0: PING
0: PING hello
0: PING a b
0: RESET
0: PING
0: UNSUBSCRIBE
1: PUBLISH a hello
1: PUBSUB NUMSUB a
`, `
0: SSUBSCRIBE s1 s2
0: SUBSCRIBE s1
0: PSUBSCRIBE s*
1: SPUBLISH s1 hello
1: PUBLISH s1 hello
1: PUBSUB SHARDCHANNELS
1: PUBSUB SHARDCHANNELS s2*
1: PUBSUB SHARDNUMSUB s1 s2 s3
1: PUBSUB NUMSUB s1 s2
0: SUNSUBSCRIBE s1 s9
0: UNSUBSCRIBE
0: PUNSUBSCRIBE
0: GET x
0: SUNSUBSCRIBE
0: SUNSUBSCRIBE
0: GET x
1: SPUBLISH s1 hello
`, `
0: SUBSCRIBE one
1: SUBSCRIBE one two
2: SUBSCRIBE two
2: PSUBSCRIBE t*
3: PUBLISH one 1
3: PUBLISH two 2
3: PUBSUB NUMSUB one two
1: UNSUBSCRIBE one
3: PUBLISH one 1
2: RESET
3: PUBLISH two 2
3: PUBSUB NUMPAT
`, `
1: PUBLISH
1: PUBLISH a
1: PUBLISH a b c
1: PUBSUB
1: PUBSUB NOSUCH
1: PUBSUB CHANNELS a b
1: PUBSUB NUMPAT x
1: PUBSUB NUMSUB
1: SPUBLISH a b
1: SPUBLISH
`}

// cramped is what is refused to who listens in RESP2.
const cramped = `
0: SUBSCRIBE a
0: HELLO
0: HELLO 3
0: CLIENT ID
0: CLIENT NOSUCH
0: MULTI
0: PUBSUB HELP
0: CONFIG GET x
0: FLUSHALL
0: RESET
0: PSUBSCRIBE a*
0: GET x
`

func TestWhoListensIsToldWhatRedisTells(t *testing.T) {
	playPubsubScenes(t, newArena(t, loops(2)))
}

// The others' channels have the same names on the servers, or such as match the patterns.
func TestATenantWhoListensIsToldWhatRedisTells(t *testing.T) {
	a := newTenantArena(t, loops(2))
	for _, login := range [][]string{{"AUTH", "other", "theirs"}, {"AUTH", "all"}} {
		w := dial(t, a.proxy.Addr())
		expect(t, "AUTH", w.do(login...), "+OK\r\n")
		w.do("SUBSCRIBE", "a", "b", "ab", "one", "two")
		w.do("SSUBSCRIBE", "s1", "s2")
		w.do("PSUBSCRIBE", "?")
	}
	playPubsubScenes(t, a)
}

func playPubsubScenes(t *testing.T, a *arena) {
	play := func(scene string, protocols ...int) {
		st := a.newChorus(t, protocols...)
		for line := range strings.Lines(strings.TrimSpace(scene)) {
			who, what, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch {
			case a.tenant && what == "RESET": // makes it nobody
				what = "PUNSUBSCRIBE"
			case a.tenant && what == "PUBSUB NUMPAT": // not for tenants
				continue
			}
			st.tells(int(who[0]-'0'), what)
		}
		st.leave()
	}
	for _, scene := range pubsubScenes {
		play(scene, 2, 2, 2, 2)
		play(scene, 3, 3, 3, 3)
		play(scene, 3, 2, 2, 3)
		play(scene, 2, 3, 3, 2)
	}
	play(cramped, 2)
}

func TestRandomSequencesOfSubscriptionsAreToldWhatRedisTells(t *testing.T) {
	newArena(t, loops(2)).playSubscriptions(t, 6)
}

func (a *arena) playSubscriptions(t *testing.T, seeds uint64) {
	t.Helper()
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			st := a.newChorus(t, 2+int(seed%2), 2, 3, 3, 2)
			name := func() string { return string("abc"[rnd.IntN(3)]) + string("xyz"[rnd.IntN(3)]) }
			pattern := func() string { return []string{"*", "a*", "?x", "[ab]?", "b\\*", "*z"}[rnd.IntN(6)] }
			for range 150 {
				client := rnd.IntN(5)
				var line string
				switch rnd.IntN(12) {
				case 0, 1:
					line = "SUBSCRIBE " + name() + " " + name()
				case 2:
					line = "UNSUBSCRIBE " + name()
				case 3:
					line = "PSUBSCRIBE " + pattern()
				case 4:
					line = "PUNSUBSCRIBE " + pattern()
				case 5:
					line = "SSUBSCRIBE " + name()
				case 6:
					line = "SUNSUBSCRIBE " + name()
				case 7:
					line = []string{"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "RESET", "GET x", "PUBSUB NUMPAT", "PUBSUB CHANNELS", "PUBSUB NUMSUB ax bx cx"}[rnd.IntN(8)]
				case 8:
					line = "SPUBLISH " + name() + " m"
				default:
					line = "PUBLISH " + name() + fmt.Sprint(" m", rnd.IntN(100))
				}
				st.tells(client, line)
				if line == "RESET" && st.protocols[client] == 3 {
					st.protocols[client] = 2
				}
			}
			st.leave()
		})
	}
}
