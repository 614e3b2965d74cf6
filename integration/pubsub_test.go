package integration

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ringmain/config"
	"ringmain/internal/redistest"
	"ringmain/resp"
)

// audience is a client that listens, and what it has to get.
type audience struct {
	*wire
	protocol int
	names    []string // channels, and patterns behind a '~'
	want     int      // messages
	err      error
}

// listen subscribes to channels and, with a '~' before them, patterns.
func (a *audience) listen(names ...string) {
	a.t.Helper()
	for _, name := range names {
		word := "SUBSCRIBE"
		pattern, isPattern := strings.CutPrefix(name, "~")
		if isPattern {
			word = "PSUBSCRIBE"
		}
		a.names = append(a.names, name)
		if got, want := a.do(word, pattern), fmt.Sprintf(":%d\r\n", len(a.names)); !strings.HasSuffix(got, want) {
			a.t.Fatalf("%s %s: %q", word, pattern, got)
		}
	}
}

// hears is how often the audience is to get a message on a channel.
func (a *audience) hears(channel string) (n int) {
	for _, name := range a.names {
		pattern, isPattern := strings.CutPrefix(name, "~")
		if matches, _ := path.Match(pattern, channel); name == channel || isPattern && matches {
			n++
		}
	}
	return n
}

// check reads all messages, and nothing else: from each publisher, on each channel, for each
// subscription, "publisher number" with the numbers from 0 on.
func (a *audience) check() error {
	next := map[string]int{}
	for n := range a.want {
		raw, err := a.receive()
		if err != nil {
			return fmt.Errorf("after %d of %d messages: %w (%q)", n, a.want, err, clip(raw))
		}
		if a.protocol == 3 && raw[0] == '>' {
			raw = "*" + raw[1:]
		} else if a.protocol == 3 {
			return fmt.Errorf("%q is no push", clip(raw))
		}
		p, ok := resp.ReadPublished([]byte(raw))
		if !ok {
			return fmt.Errorf("%q is no message", clip(raw))
		}
		var publisher string
		var number int
		if _, err := fmt.Sscan(string(p.Payload), &publisher, &number); err != nil {
			return fmt.Errorf("%q: %w", clip(raw), err)
		}
		stream := fmt.Sprintf("%q %q %s", p.Pattern, p.Channel, publisher)
		if number != next[stream] {
			return fmt.Errorf("%s: message %d comes, want %d", stream, number, next[stream])
		}
		next[stream]++
	}
	if err := a.write([]byte(array("PING", "end"))); err != nil {
		return err
	}
	if raw, err := a.receive(); err != nil || !strings.HasSuffix(raw, "$3\r\nend\r\n") {
		return fmt.Errorf("after all messages: %q, %w", clip(raw), err)
	}
	return nil
}

// publish has a publisher send messages to each channel in turn, and checks what the
// replies count.
func publish(t *testing.T, addr, name string, channels []string, each int, receivers func(channel string) int) {
	w := dial(t, addr)
	done := make(chan error, 1)
	go func() {
		for i := range each {
			for _, channel := range channels {
				r, err := w.receive()
				if want := fmt.Sprintf(":%d\r\n", receivers(channel)); err != nil || r[0] != ':' || r != want && want != ":-1\r\n" {
					done <- fmt.Errorf("%s, message %d on %s: %q, want %q; %w", name, i, channel, r, want, err)
					return
				}
			}
		}
		done <- nil
	}()
	for i := range each {
		var text strings.Builder
		for _, channel := range channels {
			text.WriteString(array("PUBLISH", channel, fmt.Sprint(name, " ", i)))
		}
		if err := w.write([]byte(text.String())); err != nil {
			t.Error(err)
			break
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestEverySubscriberGetsEachMessageOnceWhereverItIsPublished(t *testing.T) {
	const (
		subscribers = 200
		each        = 10
	)
	list := startRedis(t, 3)
	r := start(t, servers(list...), loops(2), func(c *config.Config) { c.Limits.ClientOutput = 8 << 20 })
	var channels []string
	for i := range 50 {
		channels = append(channels, fmt.Sprintf("c%02d", i))
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	deaf := &audience{wire: dial(t, r.Addr()), protocol: 2}
	deaf.listen("~*")
	var all []*audience
	for i := range subscribers {
		a := &audience{wire: dial(t, r.Addr()), protocol: 2 + i%2}
		if a.protocol == 3 {
			a.do("HELLO", "3")
		}
		a.listen(channels[i%50])
		if i%3 == 0 {
			a.listen(channels[(i+7)%50], "~c"+string(rune('0'+rnd.IntN(5)))+"?")
		}
		if i%7 == 0 {
			a.listen("~c?"+string(rune('0'+rnd.IntN(10))), "~c0[1-5]")
		}
		all = append(all, a)
	}
	expected := map[string]int{}
	for _, channel := range channels {
		for _, a := range all {
			n := a.hears(channel)
			a.want += n * each * 6
			expected[channel] += n
		}
	}
	var publishers, listeners sync.WaitGroup
	for _, a := range all {
		listeners.Go(func() { a.err = a.check() })
	}
	for i := range 3 {
		publishers.Go(func() {
			publish(t, list[i].Addr(), fmt.Sprint("direct", i), channels, each, func(string) int { return -1 })
		})
		publishers.Go(func() {
			publish(t, r.Addr(), fmt.Sprint("proxy", i), channels, each, func(c string) int { return -1 })
		})
	}
	publishers.Go(func() { // until the deaf one is cut off
		w := dial(t, r.Addr())
		for range 200 {
			if got := w.do("PUBLISH", "big", repeat(128<<10, "x")); got[0] != ':' {
				t.Errorf("%q", got)
				return
			}
		}
	})
	publishers.Wait()
	listeners.Wait()
	failed := 0
	for i, a := range all {
		if a.err != nil {
			if failed++; failed < 5 {
				t.Errorf("subscriber %d to %q: %v", i, a.names, a.err)
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d subscribers in all", failed)
	}
	eventually(t, "the one that does not read is cut off", func() bool { return r.log.contains("cut off", "messages") })
	asker := dial(t, r.Addr()) // the log is a little ahead of the count
	eventually(t, "it is counted no more", func() bool {
		return asker.do("PUBLISH", channels[0], "all over") == fmt.Sprintf(":%d\r\n", expected[channels[0]])
	})
	publish(t, r.Addr(), "last", channels, 1, func(c string) int { return expected[c] })
}

// listeningAt waits until a channel has so many subscribers on a server.
func listeningAt(t *testing.T, s *redistest.Server, channel string, n int64) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " listen to ", channel), func() bool {
		reply, err := s.Do("PUBSUB", "NUMSUB", channel)
		list, ok := reply.([]any)
		return err == nil && ok && list[1] == n
	})
}

func TestKeyspaceNotificationsOfAllServersComeOnce(t *testing.T) {
	list := startRedis(t, 3, "notify-keyspace-events", "KEA")
	r := start(t, servers(list...), loops(2))
	for _, protocol := range []string{"2", "3"} {
		w, keys := dial(t, r.Addr()), dial(t, r.Addr())
		w.do("HELLO", protocol)
		w.do("PSUBSCRIBE", "__key*@0__:*")
		seen := map[string]int{}
		for i := range 60 {
			expect(t, "SET", keys.do("SET", fmt.Sprint("key:", i), "x"), "+OK\r\n")
		}
		for _, raw := range w.replies(120) {
			p, ok := resp.ReadPublished([]byte("*" + raw[1:]))
			if !ok {
				t.Fatalf("%q", raw)
			}
			seen[string(p.Channel)+" "+string(p.Payload)]++
		}
		for i := range 60 {
			if n, m := seen[fmt.Sprintf("__keyspace@0__:key:%d set", i)], seen[fmt.Sprintf("__keyevent@0__:set key:%d", i)]; n != 1 || m != 1 {
				t.Errorf("key %d: %d and %d notifications", i, n, m)
			}
		}
		w.command("PING", "end")
		if got := w.next(); !strings.HasSuffix(got, "$3\r\nend\r\n") {
			t.Errorf("one more: %q", got)
		}
	}
}

func TestProxiesOfTheSameServersShareChannels(t *testing.T) {
	list := startRedis(t, 3)
	proxies := []*ringmain{start(t, servers(list...), loops(2)), start(t, servers(list...))}
	channels := []string{"a", "b", "c", "d", "e"}
	var all []*audience
	for _, r := range proxies {
		for range 3 {
			a := &audience{wire: dial(t, r.Addr()), protocol: 2, want: 2 * 20 * (2*len(channels) + 1)}
			a.listen("~?", "a", "~[b-e]", "~a*")
			all = append(all, a)
		}
	}
	var both sync.WaitGroup
	for i, r := range proxies {
		both.Go(func() { publish(t, r.Addr(), fmt.Sprint("p", i), channels, 20, func(string) int { return -1 }) })
	}
	both.Wait()
	for i, a := range all {
		if err := a.check(); err != nil {
			t.Errorf("subscriber %d: %v", i, err)
		}
	}
}

func TestSubscriptionsOutliveServersAndConnections(t *testing.T) {
	list := startRedis(t, 2)
	r := start(t, servers(list...))
	w, publisher := dial(t, r.Addr()), dial(t, r.Addr())
	w.do("SUBSCRIBE", "c")
	w.do("SSUBSCRIBE", "s")
	listens := func(what string) {
		t.Helper()
		for i, s := range list {
			listeningAt(t, s, "c", 1)
			text := fmt.Sprint(what, " at ", i)
			if got, err := s.Do("PUBLISH", "c", text); err != nil || got != int64(1) {
				t.Errorf("PUBLISH: %v, %v", got, err)
			}
			expect(t, text, w.next(), array("message", "c", text))
			eventually(t, "the shard channel is subscribed to, too", func() bool {
				got, err := s.Do("SPUBLISH", "s", text)
				return err == nil && got == int64(1)
			})
			expect(t, text, w.next(), array("smessage", "s", text))
		}
	}
	listens("in the beginning")
	for i, s := range list {
		if _, err := s.Do("CLIENT", "KILL", "TYPE", "pubsub"); err != nil {
			t.Fatal(err)
		}
		listens(fmt.Sprint("after connection ", i, " was killed"))
	}
	for i, s := range list {
		s.Kill()
		for n := range 20 { // those channels whose server is down take the other one
			channel := fmt.Sprint("other", n)
			eventually(t, "PUBLISH works", func() bool { return publisher.do("PUBLISH", channel, "x") == ":0\r\n" })
		}
		late := dial(t, r.Addr())
		if got := late.do("SUBSCRIBE", "late"); got != subscribedTo("late") {
			t.Errorf("with a server down: %q", got)
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		listens(fmt.Sprint("after server ", i, " began anew"))
		listeningAt(t, s, "late", 1)
		_ = late.Close()
	}
	expect(t, "PING", w.do("PING"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n")
}

func subscribedTo(channel string) string {
	return fmt.Sprintf("*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n", len(channel), channel)
}

func TestAServerThatHangsHoldsUpNoSubscriberForLong(t *testing.T) {
	list := startRedis(t, 2)
	r := start(t, servers(list...), requestTimeout(200*time.Millisecond))
	w := dial(t, r.Addr())
	w.do("SUBSCRIBE", "c")
	if err := list[0].Stop(); err != nil {
		t.Fatal(err)
	}
	for _, channel := range []string{"d", "e"} {
		late := dial(t, r.Addr())
		expect(t, "SUBSCRIBE", late.do("SUBSCRIBE", channel), subscribedTo(channel))
	}
	if _, err := list[1].Do("PUBLISH", "c", "x"); err != nil {
		t.Fatal(err)
	}
	expect(t, "message", w.next(), array("message", "c", "x"))
	if err := list[0].Cont(); err != nil {
		t.Fatal(err)
	}
	listeningAt(t, list[0], "d", 1)
	listeningAt(t, list[0], "e", 1)
	if _, err := list[0].Do("PUBLISH", "c", "after"); err != nil {
		t.Fatal(err)
	}
	expect(t, "message", w.next(), array("message", "c", "after"))
}

func TestPublishWithinATransactionCountsAsOutsideOne(t *testing.T) {
	list := startRedis(t, 3)
	r := start(t, servers(list...), loops(2))
	var all []*wire
	for range 4 {
		w := dial(t, r.Addr())
		w.do("SUBSCRIBE", "c")
		all = append(all, w)
	}
	w := dial(t, r.Addr())
	for i := range 6 { // on all servers
		w.send(array("MULTI") + array("SET", fmt.Sprint("k", i), "x") + array("PUBLISH", "c", fmt.Sprint(i)) + array("EXEC"))
		if got := strings.Join(w.replies(4), ""); got != "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:4\r\n" {
			t.Errorf("%q", got)
		}
		for _, s := range all {
			expect(t, "message", s.next(), array("message", "c", fmt.Sprint(i)))
		}
	}
}

func TestSubscribersEndInGoodOrderAtADrain(t *testing.T) {
	r := start(t, servers(startRedis(t, 2)...))
	w := dial(t, r.Addr())
	w.do("SUBSCRIBE", "c")
	dial(t, r.Addr()).do("PUBLISH", "c", "last")
	expect(t, "message", w.next(), array("message", "c", "last"))
	r.drain()
	expect(t, "the rest", w.rest(), "")
	r.stop()
}

func TestEmbeddedServersPublish(t *testing.T) {
	r := start(t, nil)
	w := dial(t, r.Addr())
	expect(t, "SUBSCRIBE", w.do("SUBSCRIBE", "c"), subscribedTo("c"))
	expect(t, "PUBLISH", dial(t, r.Addr()).do("PUBLISH", "c", "x"), ":1\r\n")
	expect(t, "message", w.next(), array("message", "c", "x"))
}

func TestGoRedisSubscribes(t *testing.T) {
	list := startRedis(t, 3)
	r := start(t, servers(list...), loops(2))
	for _, protocol := range []int{2, 3} {
		c := redis.NewClient(&redis.Options{Addr: r.Addr(), Protocol: protocol})
		defer func() { _ = c.Close() }()
		sub := c.Subscribe(t.Context(), "c", "d")
		defer func() { _ = sub.Close() }()
		for range 2 {
			if _, err := sub.Receive(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := sub.PSubscribe(t.Context(), "p*"); err != nil {
			t.Fatal(err)
		}
		if _, err := sub.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, channel := range []string{"c", "pq", "d"} {
			if n, err := c.Publish(t.Context(), channel, i).Result(); n != 1 || err != nil {
				t.Errorf("PUBLISH: %d, %v", n, err)
			}
			m, err := sub.ReceiveMessage(t.Context())
			if err != nil || m.Channel != channel || m.Payload != fmt.Sprint(i) {
				t.Errorf("%v, %v", m, err)
			}
		}
		_ = sub.Close()
	}
}

func TestALargeMessageComesWhole(t *testing.T) {
	list := startRedis(t, 1)
	r := start(t, servers(list...))
	w, other := dial(t, r.Addr()), dial(t, r.Addr())
	w.do("SUBSCRIBE", "c")
	for _, size := range []int{1 << 20, 20 << 20, 0} {
		payload := repeat(size, "x")
		expect(t, "PUBLISH", other.do("PUBLISH", "c", payload), ":1\r\n")
		expect(t, "message", w.next(), array("message", "c", payload))
	}
}

// While a client begins to listen, a publisher may be told of it only if it gets the message.
func TestAPublisherIsToldOnlyOfThoseWhoGetItsMessage(t *testing.T) {
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint(n, " loops"), func(t *testing.T) {
			list := startRedis(t, 3)
			r := start(t, servers(list...), loops(n))
			for range 8 { // connections, on whichever loops
				a, b := dial(t, r.Addr()), dial(t, r.Addr())
				for round := range 50 {
					subscribeAmidPublishing(a, b, fmt.Sprint("c", round))
				}
				_, _ = a.Close(), b.Close()
				eventually(t, "nobody listens", func() bool { return b.t.Failed() || dial(t, r.Addr()).do("PUBLISH", "c0", "x") == ":0\r\n" })
			}
		})
	}
}

// subscribeAmidPublishing has a subscribe to a channel while b publishes on it.
func subscribeAmidPublishing(a, b *wire, channel string) {
	a.t.Helper()
	const after = 3 // messages behind the confirmation
	confirmed := make(chan struct{})
	told := make(chan []bool)
	go func() {
		var list []bool
		for left := after; left > 0; {
			select {
			case <-confirmed:
				left--
			default:
			}
			list = append(list, b.do("PUBLISH", channel, fmt.Sprint(len(list))) == ":1\r\n")
		}
		told <- list
	}()
	expect(a.t, "SUBSCRIBE", a.do("SUBSCRIBE", channel), subscribedTo(channel))
	close(confirmed)
	counted := <-told
	a.command("UNSUBSCRIBE")
	got := map[string]bool{}
	for {
		raw := a.next()
		p, ok := resp.ReadPublished([]byte(raw))
		if !ok {
			break // UNSUBSCRIBE's
		}
		got[string(p.Payload)] = true
	}
	for i, one := range counted {
		if payload := fmt.Sprint(i); one && !got[payload] {
			a.t.Errorf("on %s message %d of %d is told to have one receiver, which has not got it", channel, i, len(counted))
		} else if !one && i >= len(counted)-after {
			a.t.Errorf("on %s message %d of %d, behind the confirmation, is told to have no receiver", channel, i, len(counted))
		}
	}
}
