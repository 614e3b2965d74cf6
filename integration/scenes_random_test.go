package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// improvisation is one random play of several clients that transact, watch, wait and
// choose databases, on Ringmain and on one Redis. Each step is over on both sides before
// the next begins.
type improvisation struct {
	*testing.T
	st     *stage
	rng    *rand.Rand
	tag    string
	sides  [2]*troupe // Ringmain, Redis
	ids    [2]map[string]string
	waits  []string // the clients that wait, in no order
	multi  map[string]bool
	played []string
	bad    bool
}

var players = []string{"a", "b", "C", "d"}

// steps are commands that a client may send; ~ stands for a hash tag, # for a small
// number, and @ for another client's number.
var steps = []string{
	"SET k~# v#", "GET k~#", "INCR n~#", "DEL k~# l~# z~# n~#", "MSET k~# a# n~# #", "MGET k~# n~# l~#", "EXISTS k~# l~#",
	"RPUSH l~# a# b#", "RPUSH l~# c#", "LPUSH l~# d#", "LPOP l~#", "LRANGE l~# 0 -1", "LMOVE l~# l~# LEFT RIGHT", "SET l~# notalist",
	"ZADD z~# # m#", "ZRANGE z~# 0 -1 WITHSCORES", "XADD x~# 5-* f v#", "XLEN x~#",
	"MULTI", "MULTI", "MULTI", "EXEC", "EXEC", "EXEC", "EXEC", "EXEC", "DISCARD", "WATCH k~#", "WATCH k~# l~# n~#", "WATCH n~#", "UNWATCH",
	"BLPOP l~# 0", "BLPOP l~# l~# l~# 0", "BRPOP l~# 0", "BLMOVE l~# l~# LEFT RIGHT 0", "BZPOPMIN z~# z~# 0", "BLMPOP 0 2 l~# l~# LEFT COUNT 2",
	"EVAL \"return redis.call('incr',KEYS[1])\" 1 n~#", "EVAL \"return redis.call('rpush',KEYS[1],ARGV[1])\" 1 l~# e#",
	"SELECT 0", "SELECT #", "HELLO 2", "HELLO 3", "RESET", "PING", "ECHO #", "CLIENT UNBLOCK @", "CLIENT UNBLOCK @ ERROR", "NOSUCH #", "GET", "BLPOP l~# x",
	"COPY k~# n~# DB #", "MOVE k~# #", "RENAME k~# k~#",
}

func (im *improvisation) step() {
	name := players[im.rng.IntN(len(players))]
	for im.isWaiting(name) {
		name = players[im.rng.IntN(len(players))]
	}
	text := steps[im.rng.IntN(len(steps))]
	verb, _, _ := strings.Cut(text, " ")
	if im.multi[name] && (verb == "SELECT" || verb == "HELLO" || verb == "CLIENT") { // refused here
		return
	}
	if im.st.login != nil && refusedIn(im.T, name+" "+text) != "" {
		return
	}
	for strings.Contains(text, "#") {
		text = strings.Replace(text, "#", fmt.Sprint(im.rng.IntN(3)), 1)
	}
	text = strings.ReplaceAll(text, "~", im.tag)
	other := players[im.rng.IntN(len(players))]
	im.played = append(im.played, name+" "+strings.ReplaceAll(text, "@", "<"+other+">"))
	before := len(im.waits)
	for i, side := range im.sides {
		side.act(name + "> " + strings.ReplaceAll(text, "@", im.ids[i][other]))
	}
	switch verb {
	case "MULTI":
		im.multi[name] = true
	case "EXEC", "DISCARD", "RESET":
		im.multi[name] = false
	}
	// Redis tells whether the client waits now.
	waits := im.settle(name, before)
	if waits {
		im.waits = append(im.waits, name)
	} else {
		im.compare(name)
	}
	if verb == "RESET" {
		im.sides[0].enter(im.sides[0].client(name))
	}
	im.woken()
}

func (im *improvisation) isWaiting(name string) bool {
	for _, other := range im.waits {
		if other == name {
			return true
		}
	}
	return false
}

// settle waits until Redis has answered, or holds the reply back, which it reports.
func (im *improvisation) settle(name string, before int) (waits bool) {
	lone := im.sides[1]
	eventually(im.T, "the reply to "+im.played[len(im.played)-1], func() bool {
		if lone.client(name).pending() {
			return true
		}
		waits = blockedOn(im.T, lone.servers) == before+1
		return waits && !lone.client(name).pending()
	})
	return waits
}

// pending reports whether something has come that was not taken yet.
func (w *wire) pending() bool {
	if len(w.buf) > 0 {
		return true
	}
	if err := w.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return false
	}
	var b [64 << 10]byte
	n, _ := w.Read(b[:])
	w.buf = append(w.buf, b[:n]...)
	return n > 0
}

func (im *improvisation) compare(name string) {
	got, want := im.sides[0].client(name).next(), im.sides[1].client(name).next()
	if !sameReply(got, want) {
		im.bad = true
		im.Errorf("%s: %q, want %q", im.played[len(im.played)-1], clip(got), clip(want))
	}
}

// sameReply compares replies but for HELLO's, which has the client's number.
func sameReply(got, want string) bool {
	const hello = "$6\r\nserver\r\n$5\r\nredis\r\n"
	return got == want || strings.Contains(want, hello) && strings.Contains(got, hello)
}

// woken compares what those were told that wait no more.
func (im *improvisation) woken() {
	for {
		left := blockedOn(im.T, im.sides[1].servers)
		if left == len(im.waits) {
			break
		}
		for i := 0; i < len(im.waits); i++ {
			if name := im.waits[i]; im.sides[1].client(name).pending() {
				im.waits = append(im.waits[:i], im.waits[i+1:]...)
				im.compare(name)
				i--
			}
		}
	}
	im.sides[0].blocked(fmt.Sprint(len(im.waits)))
}

func TestRandomPlaysOfSeveralClientsGoAsWithRedis(t *testing.T) {
	plays, length := 12, 120
	if os.Getenv("RINGMAIN_TORTURE") != "" {
		plays, length = 400, 400
	}
	st := newStage(t, 3, loops(2))
	for n := range plays {
		seed := uint64(n)
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { improvise(t, st, seed, length) }) {
			break
		}
	}
}

func improvise(t *testing.T, st *stage, seed uint64, length int) {
	im := &improvisation{T: t, multi: map[string]bool{}, st: st, rng: rand.New(rand.NewPCG(seed, 1)), tag: fmt.Sprintf("{p%d}", seed)}
	im.sides = st.sides(t)
	defer func() {
		if t.Failed() {
			t.Logf("played:\n%s\nwaiting: %v", strings.Join(im.played, "\n"), im.waits)
		}
	}()
	for i, side := range im.sides {
		im.ids[i] = map[string]string{}
		for _, name := range players {
			im.ids[i][name] = strings.Trim(side.client(name).do("CLIENT", "ID"), ":\r\n")
		}
	}
	for n := 0; n < length && !im.bad; n++ {
		if len(im.waits) == len(players) {
			w, lone := im.sides[0].client("another"), im.sides[1].client("another")
			name := im.waits[0]
			im.played = append(im.played, "CLIENT UNBLOCK <"+name+">")
			expect(t, "CLIENT UNBLOCK", w.do("CLIENT", "UNBLOCK", im.ids[0][name]), lone.do("CLIENT", "UNBLOCK", im.ids[1][name]))
			im.woken()
			continue
		}
		im.step()
	}
	for _, side := range im.sides {
		side.leave()
	}
}
