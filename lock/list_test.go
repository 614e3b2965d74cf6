package lock

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringmain/quorum"
)

// list is a listing of one proxy's, as text.
func (sc *scene) list(proxy int, match func(string) bool) string {
	sc.t.Helper()
	var got []string
	answered := false
	sc.proxies[proxy].engine.List(match, func(all []Listed, text string) {
		answered = true
		if text != "" {
			got = append(got, text)
		}
		for _, l := range all {
			got = append(got, fmt.Sprintf("%s %s %v #%d at %d, %d wait", l.Key, l.Token, l.Left.Round(100*time.Millisecond), l.Fence, l.Servers, l.Waiting))
		}
	})
	if !sc.until(func() bool { return answered }) {
		sc.t.Fatal("there is no list")
	}
	return strings.Join(got, "\n")
}

func every(string) bool { return true }

func TestLocksAreListedAsAMajorityHasThem(t *testing.T) {
	sc := newScene(t, 3, 2)
	if got := sc.list(0, every); got != "" {
		t.Errorf("there are %q", got)
	}
	sc.expect(0, "RINGMAIN.LOCK lock:b t1 PX 5000", "*3\r\n:1\r\n:1\r\n")
	sc.proxies[0].command("RINGMAIN.LOCK lock:b t2 PX 5000 WAIT 4000", func(string) {})
	sc.expect(1, "SET lock:a t3 NX PX 8000", "+OK")
	sc.expect(1, "SET lock:c t4 NX PX 8000", "+OK")
	delete(sc.servers[1].keys, "lock:c")
	sc.servers[2].set("lock:d", "leftover", time.Second)
	sc.servers[2].set(companionPrefix+"lock:d", companion{grant: strings.Repeat("0", 16), op: strings.Repeat("0", 16)}.String(), time.Second)
	sc.pass(time.Millisecond)
	for proxy, waiting := range []string{"1", "0"} {
		want := "lock:a t3 8s #0 at 3, 0 wait\nlock:b t1 5s #1 at 3, " + waiting + " wait\nlock:c t4 8s #0 at 2, 0 wait"
		if got := sc.list(proxy, every); got != want {
			t.Errorf("proxy %d lists\n%s\nwant\n%s", proxy, got, want)
		}
	}
	if got := sc.list(0, func(key string) bool { return key == "lock:a" }); got != "lock:a t3 8s #0 at 3, 0 wait" {
		t.Errorf("by a pattern: %s", got)
	}
	sc.pass(9 * time.Second)
	if got := sc.list(0, every); strings.Contains(got, "lock:a") {
		t.Errorf("what has ended is listed: %s", got)
	}
}

func TestAListNeedsAMajorityAndIsBounded(t *testing.T) {
	sc := newScene(t, 3, 1)
	sc.expect(0, "SET lock:a t NX PX 9000", "+OK")
	sc.cutOff(0, 0)
	if got := sc.list(0, every); !strings.HasPrefix(got, "lock:a t ") || !strings.HasSuffix(got, "at 2, 0 wait") {
		t.Errorf("with one server down: %s", got)
	}
	sc.cutOff(0, 0, 1)
	if got := sc.list(0, every); !strings.HasPrefix(got, "NOQUORUM 1/3") {
		t.Errorf("with two down: %s", got)
	}
	sc.restore(0, 0, 1)
	sc.pass(5 * time.Second)
	for i := range maxListed {
		key := fmt.Sprint("lock:", i)
		sc.servers[0].set(key, "t", time.Minute)
		sc.servers[0].set(companionPrefix+key, "", time.Minute)
	}
	if got := sc.list(0, every); !strings.HasPrefix(got, "ERR there are more than 10000 locks") {
		t.Errorf("of very many: %s", got)
	}
	if got := sc.list(0, func(key string) bool { return key == "lock:a" }); !strings.HasPrefix(got, "lock:a t ") {
		t.Errorf("of many, by a pattern: %s", got)
	}
}

func TestAListIsBoundedInBytes(t *testing.T) {
	sc := newScene(t, 3, 1)
	token := strings.Repeat("t", maxSize)
	for i := range maxListedBytes/maxSize + 1 {
		key := fmt.Sprint("lock:", i)
		sc.servers[0].set(key, token, time.Minute)
		sc.servers[0].set(companionPrefix+key, "", time.Minute)
	}
	if got := sc.list(0, every); !strings.HasPrefix(got, "ERR there are more than 10000 locks, or 64 MiB of them") {
		t.Errorf("of long tokens: %.200s", got)
	}
}

func TestThereIsOneListingAtATime(t *testing.T) {
	sc := newScene(t, 3, 1)
	ended := false
	sc.proxies[0].engine.List(every, func([]Listed, string) { ended = true })
	if got := sc.list(0, every); !strings.HasPrefix(got, "ERR the locks are being listed") {
		t.Errorf("the second gets %q", got)
	}
	sc.until(func() bool { return ended })
	if got := sc.list(0, every); got != "" {
		t.Errorf("the third gets %q", got)
	}
}

// paged are servers with pages of one lock each, which never end.
type paged struct {
	Servers
	calls int
}

func (p *paged) Call(c quorum.Call, done func(quorum.Answer)) {
	p.calls++
	done(quorum.Answer{Values: []quorum.Value{{Text: fmt.Sprint(p.calls)}}})
}

func TestAServerWhosePagesNeverEndEndsAListing(t *testing.T) {
	sc := newScene(t, 3, 1)
	e := sc.proxies[0].engine
	e.servers = &paged{Servers: e.servers}
	if got := sc.list(0, every); !strings.HasPrefix(got, "ERR there are more than 10000 locks") {
		t.Errorf("got %q", got)
	}
}
