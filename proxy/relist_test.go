package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringmain/router"
)

// testSlots is how many servers the pool of a relistScene may have.
const testSlots = 4

// relistScene is one client of a core over servers that come and go. Their names, which are
// their addresses, are letters; a place's server is the number of the letter.
type relistScene struct {
	*rerouteScene
	slots [testSlots]byte // the letter in each; 0: there is none
}

// newRelistScene begins with a and b.
func newRelistScene(t *testing.T) *relistScene {
	core, loop := coldCore(t, router.Pool{Slots: testSlots}, 2, nil)
	f := &fleetScene{scene: &scene{T: t, core: core, loop: loop, client: &stillConn{keep: true}, s: core.NewSession(1, router.ByRoutes)}}
	r := &relistScene{rerouteScene: &rerouteScene{fleetScene: f}, slots: [testSlots]byte{'a', 'b'}}
	r.turn()
	f.s.Opened(f.client, nil)
	return r
}

// holds is the first step, and relists the second: the slots have these letters' servers, -
// being none.
func (r *relistScene) holds() { r.core.HoldPool(0) }

func (r *relistScene) relists(letters string) {
	r.Helper()
	var slots []router.Slot
	var came []int
	for i := range testSlots {
		if letters[i] == '-' {
			r.slots[i] = 0
			continue
		}
		name := letters[i : i+1]
		slots = append(slots, router.Slot{Index: i, Name: name, Address: name})
		if r.slots[i] != letters[i] {
			r.slots[i] = letters[i]
			came = append(came, i)
		}
	}
	l, err := r.core.snapshot.List(0, slots)
	if err != nil {
		r.Fatal(err)
	}
	r.core.Relist(0, l, came, "is gone")
	r.turn()
}

// letter is the server of that letter.
func letter(b byte) router.Place { return router.Place{Server: int32(b - 'a')} }

// ownerOf is the letter of the server that has a key.
func (r *relistScene) ownerOf(key string) byte {
	return r.core.snapshot.Servers[r.core.snapshot.Pick(router.ByRoutes, []byte(key)).Server].Name[0]
}

// moving is a key that one server has, and that another one gets among servers of these
// letters.
func (r *relistScene) moving(from, to byte, among string) string {
	r.Helper()
	var slots []router.Slot
	for i := range among {
		slots = append(slots, router.Slot{Index: i, Name: among[i : i+1]})
	}
	l, err := r.core.snapshot.List(0, slots)
	if err != nil {
		r.Fatal(err)
	}
	then := r.core.snapshot.WithListing(0, l)
	for n := range 10_000 {
		key := fmt.Sprint("key", n)
		if r.ownerOf(key) == from && then.Servers[then.Pick(router.ByRoutes, []byte(key)).Server].Name[0] == to {
			return key
		}
	}
	r.Fatal("there is no such key")
	return ""
}

// open are the letters of the servers to which there are connections.
func (r *relistScene) open() string {
	var list []byte
	for _, w := range r.wires {
		if !w.closed {
			list = append(list, 'a'+byte(w.place.Server))
		}
	}
	slices.Sort(list)
	return string(list)
}

func TestCommandsWaitForANewListAndThenGoByIt(t *testing.T) {
	r := newRelistScene(t)
	moves, stays := r.moving('a', 'c', "bc"), r.moving('b', 'b', "bc")
	r.sends("GET " + moves + "\r\nGET " + stays + "\r\n")
	r.turn()
	r.holds()
	left := r.sends("SET " + moves + " new\r\nGET " + stays + "\r\n")
	if left == "" {
		t.Fatal("nothing waits")
	}
	r.relists("-bc-")
	r.at(letter('b'), "GET "+stays).says("$1\r\n1\r\n") // its connection goes on
	if got := r.open(); got != "abc" {
		t.Errorf("connections to %s", got)
	}
	r.at(letter('a'), "GET "+moves, "PING").says("$3\r\nold\r\n+PONG\r\n")
	r.gets("$3\r\nold\r\n$1\r\n1\r\n")
	if left = r.again(left); left != "" {
		t.Fatalf("%q waits", left)
	}
	r.at(letter('c'), "SET "+moves+" new").says("+OK\r\n")
	r.at(letter('b'), "GET "+stays).says("$1\r\n2\r\n")
	r.gets("+OK\r\n$1\r\n2\r\n")
	r.turn()
	if got := r.open(); got != "bc" {
		t.Errorf("connections to %s, a was to be left when nothing was under way there", got)
	}
	r.idle()
}

func TestAServerThatHasGoneIsLeftEvenIfItDoesNotAnswer(t *testing.T) {
	r := newRelistScene(t)
	key := r.moving('a', 'b', "b")
	r.sends("SET " + key + " v\r\n")
	r.turn()
	r.holds()
	r.relists("-b--")
	r.loop.now = r.loop.now.Add(2 * time.Second)
	r.turn()
	if got := r.client.take(); !strings.HasPrefix(got, "-UNCERTAIN node \"a\" ") {
		t.Errorf("the client gets %q", got)
	}
	if got := r.open(); got != "b" {
		t.Errorf("connections to %s", got)
	}
	r.does(letter('b'), "GET "+key, "$-1\r\n")
}

func TestAServerThatIsBackBeforeItWasLeftKeepsItsConnection(t *testing.T) {
	r := newRelistScene(t)
	key := r.moving('a', 'b', "b")
	r.sends("SET " + key + " v\r\n")
	r.turn()
	dialled := len(r.wires)
	r.holds()
	r.relists("-b--")
	r.holds()
	r.relists("ab--")
	r.at(letter('a'), "SET "+key+" v", "PING").says("+OK\r\n+PONG\r\n")
	r.gets("+OK\r\n")
	r.does(letter('a'), "GET "+key, "$1\r\nv\r\n")
	if len(r.wires) != dialled || r.open() != "ab" {
		t.Errorf("%d connections, want %d; open are those to %s", len(r.wires), dialled, r.open())
	}
}

func TestASlotMayGetAnotherServerAtOnceWhichIsCountedForItself(t *testing.T) {
	r := newRelistScene(t)
	key := r.moving('a', 'd', "db")
	r.does(letter('a'), "SET "+key+" v", "+OK\r\n")
	r.holds()
	r.relists("db--")
	r.does(letter('d'), "GET "+key, "$-1\r\n")
	if got := r.open(); got != "bd" {
		t.Errorf("connections to %s", got)
	}
	var names []string
	for _, s := range r.core.serverStates() {
		names = append(names, fmt.Sprintf("%d %s at %s", s.Index, s.Name, s.Address))
	}
	if got := strings.Join(names, ", "); got != "0 d at d, 1 b at b" {
		t.Errorf("INFO lists %s", got)
	}
	if n := r.core.Stats().Servers[0].Duration.Count(); n != 1 {
		t.Errorf("%d replies are counted of d, which gave one", n)
	}
}

func TestATransactionWhoseKeysANewListScattersIsRefused(t *testing.T) {
	r := newRelistScene(t)
	one, other := r.moving('a', 'a', "abc"), r.moving('a', 'c', "abc")
	r.sends("MULTI\r\nGET " + one + "\r\nGET " + other + "\r\n")
	r.gets("+OK\r\n+QUEUED\r\n+QUEUED\r\n")
	r.holds()
	r.relists("abc-")
	r.sends("EXEC\r\n")
	r.gets("-" + errScattered + "\r\n")
	r.idle()
}

func TestWhatIsWatchedCountsAsChangedAlsoWhileItsConnectionIsYetToEnd(t *testing.T) {
	r := newRelistScene(t)
	key := r.moving('b', 'c', "abc")
	r.sends("WATCH " + key + "\r\n")
	r.at(letter('b'), "WATCH "+key).says("+OK\r\n")
	r.gets("+OK\r\n")
	r.s.tx.lease.Conn().Send(ignored{}, 0, requestPing, false, false) // as a debt of the fence would
	r.holds()
	r.relists("abc-")
	r.sends("MULTI\r\nSET " + key + " v\r\nEXEC\r\n")
	r.gets("+OK\r\n+QUEUED\r\n*-1\r\n")
	r.idle()
}

func TestACursorOfAServerThatHasGoneGoesOnWithTheNext(t *testing.T) {
	r := newRelistScene(t)
	cursor := r.pageAt("0", 'a', "0", "7")
	if cursor != fmt.Sprint(7*testSlots) {
		t.Fatalf("the first cursor is %s", cursor)
	}
	r.holds()
	r.relists("-bc-")
	if cursor = r.pageAt(cursor, 'b', "0", "0"); cursor != "2" {
		t.Fatalf("behind b the cursor is %s", cursor)
	}
	if cursor = r.pageAt(cursor, 'c', "0", "0"); cursor != "0" {
		t.Fatalf("behind the last the cursor is %s", cursor)
	}
}

// pageAt has the client scan; a server is asked with a cursor of its own, and gives another.
func (r *relistScene) pageAt(cursor string, server byte, asked, own string) (next string) {
	r.Helper()
	r.sends("SCAN " + cursor + "\r\n")
	r.at(letter(server), "SCAN "+asked).says(fmt.Sprintf("*2\r\n$%d\r\n%s\r\n*0\r\n", len(own), own))
	r.turn()
	return strings.Split(r.client.take(), "\r\n")[2]
}
