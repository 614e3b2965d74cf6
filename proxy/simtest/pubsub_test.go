package simtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/resp"
)

// subscriber listens to channels and patterns. When its connection breaks it makes a new
// one and subscribes anew.
type subscriber struct {
	s        *scene
	address  string
	protocol int
	requests [][]string // SUBSCRIBE and PSUBSCRIBE
	conn     ioloop.Conn
	left     int // confirmations to come
	// heard are the messages of each publisher on each channel by subscription, in the
	// order in which they came.
	heard map[string][]int
	fault error
}

func (c *subscriber) dial() {
	c.conn = nil
	c.s.clients.Dial(c.address, time.Minute, c)
}

// Opened implements ioloop.Handler.
func (c *subscriber) Opened(conn ioloop.Conn, err error) {
	if err != nil {
		c.s.clients.After(50*time.Millisecond, c.dial)
		return
	}
	c.conn, c.left = conn, 0
	if c.protocol == 3 {
		c.left++
		conn.Write(resp.AppendCommand(nil, "HELLO", "3"))
	}
	for _, r := range c.requests {
		c.left += len(r) - 1
		conn.Write(resp.AppendCommand(nil, r...))
	}
}

// Data implements ioloop.Handler.
func (c *subscriber) Data(b []byte) (used int) {
	for used < len(b) {
		elem, _, err := resp.Element(b[used:])
		switch {
		case errors.Is(err, resp.ErrIncomplete):
			return used
		case err != nil:
			c.fault = err
			return len(b)
		}
		c.take(elem)
		used += len(elem)
	}
	return used
}

func (c *subscriber) take(reply []byte) {
	array := bytes.Clone(reply)
	if array[0] == '>' {
		array[0] = '*'
	}
	if p, ok := resp.ReadPublished(array); ok {
		var publisher string
		var number int
		if _, err := fmt.Sscan(string(p.Payload), &publisher, &number); err != nil {
			c.fault = err
		}
		stream := fmt.Sprintf("%q %s %s", p.Pattern, p.Channel, publisher)
		c.heard[stream] = append(c.heard[stream], number)
		return
	}
	if c.left--; c.left < 0 {
		c.fault = fmt.Errorf("%q comes unasked", reply)
	}
}

// Drained implements ioloop.Handler.
func (c *subscriber) Drained() {}

// HalfClosed implements ioloop.Handler.
func (c *subscriber) HalfClosed() { c.conn.Abort() }

// Closed implements ioloop.Handler.
func (c *subscriber) Closed(error) {
	c.conn = nil
	c.s.clients.After(10*time.Millisecond, c.dial)
}

// repeated is a message that has come twice.
func (c *subscriber) repeated() error {
	for stream, numbers := range c.heard {
		sorted := slices.Sorted(slices.Values(numbers))
		if len(slices.Compact(sorted)) != len(numbers) {
			return fmt.Errorf("%s: %v has a message twice", stream, numbers)
		}
	}
	return nil
}

// hears is how many of the client's subscriptions are to a channel. Patterns end in *.
func (c *subscriber) hears(channel string) (n int) {
	for _, r := range c.requests {
		for _, name := range r[1:] {
			prefix, isPattern := strings.CutSuffix(name, "*")
			if name == channel || isPattern && strings.HasPrefix(channel, prefix) {
				n++
			}
		}
	}
	return n
}

// publishers are clients of the proxy and of each server, that send n messages each;
// told gets the outcomes of those that the proxy was given.
func (s *scene) publishers(name string, n int, told func(channel string, reply []byte)) []*client {
	var list []*client
	for i := range len(s.servers) + 4 {
		c := &client{s: s, think: func() time.Duration { return s.between(0, 50*time.Millisecond) }}
		direct := i < len(s.servers)
		if direct {
			c.address = s.servers[i].Address()
		} else {
			c.address = proxyAddress(i % len(s.loops))
		}
		next := map[string]int{}
		left := n
		c.next = func() []string {
			if left == 0 {
				return nil
			}
			left--
			channel := []string{"ab", "ac", "b"}[left%3]
			next[channel]++
			return []string{"PUBLISH", channel, fmt.Sprintf("%s%d %d", name, i, next[channel]-1)}
		}
		c.done = func(args []string, reply []byte) {
			if !direct {
				told(args[1], reply)
			}
		}
		list = append(list, c)
		c.start()
	}
	return list
}

// listenUnderFaults is one run: subscribers, publishers, servers that die and connections
// that break. When all that is over every message has to come again, once and in order.
func listenUnderFaults(seed uint64, trace io.Writer) (heard int, err error) {
	s := newScene(seed, trace, options{servers: 3, loops: 1 + int(seed%2)})
	var list []*subscriber
	for i, words := range []string{"SUBSCRIBE ab b", "SUBSCRIBE ac", "PSUBSCRIBE a*", "PSUBSCRIBE *", "SUBSCRIBE ab|PSUBSCRIBE a* ab*"} {
		c := &subscriber{s: s, address: proxyAddress(i % len(s.loops)), protocol: 2 + int(seed+uint64(i))%2, heard: map[string][]int{}}
		for line := range strings.SplitSeq(words, "|") {
			c.requests = append(c.requests, strings.Fields(line))
		}
		list = append(list, c)
		c.dial()
	}
	s.run(time.Second)
	s.trouble(time.Second, 3+s.w.Rand().IntN(6))
	clients := s.publishers("rough", 30, func(string, []byte) {})
	if !s.w.RunUntil(allEnded(clients), time.Minute) {
		return 0, fmt.Errorf("after a minute publishers still wait for a reply")
	}
	s.run(10 * time.Second) // hubs notice what they have lost
	for i, c := range list {
		if err := errors.Join(c.repeated(), c.fault); err != nil || c.left > 0 {
			return 0, fmt.Errorf("subscriber %d waits for %d confirmations: %w", i, c.left, err)
		}
		for _, numbers := range c.heard {
			heard += len(numbers)
		}
		c.heard = map[string][]int{}
	}
	return heard, s.listenInPeace(list)
}

func (s *scene) listenInPeace(list []*subscriber) (fault error) {
	const n = 9
	clients := s.publishers("calm", n, func(channel string, reply []byte) {
		receivers := 0
		for _, c := range list {
			receivers += c.hears(channel)
		}
		if want := fmt.Sprintf(":%d\r\n", receivers); string(reply) != want {
			fault = fmt.Errorf("PUBLISH to %s is answered %q, want %q", channel, reply, want)
		}
	})
	if !s.w.RunUntil(allEnded(clients), time.Minute) {
		return fmt.Errorf("after a minute publishers still wait for a reply")
	}
	s.run(time.Second)
	for i, c := range list {
		total := 0
		for stream, numbers := range c.heard {
			if !slices.Equal(numbers, []int{0, 1, 2}) {
				return fmt.Errorf("subscriber %d, %s: %v", i, stream, numbers)
			}
			total++
		}
		want := (c.hears("ab") + c.hears("ac") + c.hears("b")) * len(clients)
		if total != want {
			return fmt.Errorf("subscriber %d hears %d streams of messages, want %d", i, total, want)
		}
	}
	return fault
}

func TestARunWithSubscribersFollowsFromItsSeed(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		var first, second bytes.Buffer
		_, errFirst := listenUnderFaults(seed, &first)
		_, errSecond := listenUnderFaults(seed, &second)
		if !bytes.Equal(first.Bytes(), second.Bytes()) || errors.Join(errFirst, errSecond) != nil {
			t.Fatalf("two runs with seed %d differ, or fail: %v, %v", seed, errFirst, errSecond)
		}
	}
}

func TestMessagesComeAtMostOnceUnderFaultsAndExactlyOnceAfterThem(t *testing.T) {
	n := budget(300, 5000)
	var heard atomic.Int64
	explore(t, n, func(seed uint64, trace io.Writer) error {
		got, err := listenUnderFaults(seed, trace)
		heard.Add(int64(got))
		return err
	})
	t.Logf("%d messages were heard under faults", heard.Load())
	if _, _, replay := oneSeed(t); !replay && heard.Load() < int64(n)*200 {
		t.Error("the runs are too rough to tell anything")
	}
}
