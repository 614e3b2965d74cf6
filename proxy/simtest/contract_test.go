package simtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/internal/simredis"
	"ringmain/ioloop"
	"ringmain/proxy"
	"ringmain/resp"
)

// keeper is an Executor: one Redis of its own, which takes any time over each command but
// keeps the order of those on one key. It looks whether locks are in their client's order.
type keeper struct {
	s    *scene
	twin *twin
	last map[string]time.Duration // until when commands on a key are under way
	// ahead is, for each client by the beginning of its keys, how many plain keys its commands
	// have that stand ahead of each command on a lock; touched how many of them were executed.
	ahead   map[string][]int
	touched map[string]int
	fault   error
}

func newKeeper(s *scene) *keeper {
	loop := &twinLoop{now: s.w.Now}
	k := &keeper{s: s, twin: twinClient(simredis.New(loop, simredis.Options{}), loop), last: map[string]time.Duration{},
		ahead: map[string][]int{}, touched: map[string]int{}}
	s.observe = func(_ *server, _ int64, args [][]byte) {
		if len(args) > 1 && bytes.Contains(args[1], []byte(":plain")) {
			step := 1
			if n := len(args); strings.EqualFold(string(args[0]), "set") {
				step = n
			}
			for i := 1; i < len(args); i += step {
				k.touched[owner(args[i])]++
			}
		}
	}
	return k
}

// owner is the client that a key belongs to.
func owner(key []byte) string {
	name, _, _ := strings.Cut(string(key), ":")
	return name
}

// contracts are locks and counters, which keep keeps.
func contracts(keep func(*keeper), lock string) func(*scene) []proxy.Contract {
	return func(s *scene) []proxy.Contract {
		k := newKeeper(s)
		keep(k)
		has := func(text string) func([]byte) bool {
			return func(key []byte) bool { return bytes.Contains(key, []byte(text)) }
		}
		return []proxy.Contract{
			{Name: `locks[0] "*:lock*"`, Kind: lock, Matches: has(":lock"), Executor: k},
			{Name: `counters[0] "*:count*"`, Kind: proxy.KindCounter, Matches: has(":count"), Executor: k},
		}
	}
}

// Execute implements proxy.Executor.
func (k *keeper) Execute(from ioloop.Loop, call proxy.ContractCall, done func([]byte)) (cancel func()) {
	call = call.Kept(nil)
	now := k.s.w.Now()
	at, free := now+k.s.between(0, 3*time.Millisecond), true
	for _, i := range call.Keys {
		last := k.last[string(call.Args[i])]
		at, free = max(at, last+1), free && last < now
	}
	if free && k.s.w.Rand().IntN(8) == 0 {
		done(k.execute(call))
		return nil
	}
	for _, i := range call.Keys {
		k.last[string(call.Args[i])] = at
	}
	k.s.chaos.After(at-now, func() {
		reply := k.execute(call)
		k.s.chaos.After(k.s.between(0, 3*time.Millisecond), func() { from.Post(func() { done(reply) }) })
	})
	return func() {}
}

func (k *keeper) execute(call proxy.ContractCall) []byte {
	var words []string
	for _, arg := range call.Args {
		words = append(words, string(arg))
	}
	k.s.w.Logf("keeper", "executes %q", words)
	if client := owner(call.Args[call.Keys[0]]); strings.Contains(words[call.Keys[0]], ":lock") {
		if want := k.ahead[client]; len(want) == 0 {
			k.fault = fmt.Errorf("%q was not sent", words)
		} else {
			if got := k.touched[client]; got != want[0] {
				k.fault = fmt.Errorf("%q is executed after %d plain keys, want %d", words, got, want[0])
			}
			k.ahead[client] = want[1:]
		}
	}
	k.twin.reply([]string{"HELLO", strconv.Itoa(call.Protocol)})
	switch {
	case call.Name == "delifeq":
		if !k.holds(words[1], words[2]) {
			return []byte(":0\r\n")
		}
		return k.twin.reply([]string{"DEL", words[1]})
	case call.Name == "set" && len(words) > 4 && words[3] == "IFEQ":
		if !k.holds(words[1], words[4]) {
			return resp.AppendNull(nil, call.Protocol)
		}
		return k.twin.reply([]string{"SET", words[1], words[2], "PX", words[6]})
	}
	return bytes.Clone(k.twin.reply(words))
}

func (k *keeper) holds(key, value string) bool {
	text, ok := resp.Bulk(k.twin.reply([]string{"GET", key}))
	return ok && string(text) == value
}

// newMixedTalker makes a client of about n commands on plain keys, locks and counters.
func newMixedTalker(s *scene, k *keeper, address, name string, n int) *talker {
	t := &talker{s: s, address: address}
	c := &mixture{talker: t, rng: s.w.Rand(), twin: newTwin(s), k: k, name: name}
	for len(t.expected) < n {
		c.something()
	}
	return t
}

// mixture makes up what such a client sends.
type mixture struct {
	*talker
	rng     *rand.Rand
	twin    *twin
	k       *keeper
	name    string
	touched int // plain keys so far
	values  int
}

func (c *mixture) do(plain int, args ...string) {
	c.request = resp.AppendCommand(c.request, args...)
	c.expected = append(c.expected, exchange{args: args, reply: bytes.Clone(c.twin.reply(args))})
	c.touched += plain
}

// lock does a command that is carried out once all before it have been.
func (c *mixture) lock(args ...string) {
	c.k.ahead[c.name] = append(c.k.ahead[c.name], c.touched)
	c.do(0, args...)
}

// refused does a command that the proxy refuses, unlike one Redis.
func (c *mixture) refused(args ...string) {
	c.request = resp.AppendCommand(c.request, args...)
	c.expected = append(c.expected, exchange{args: args, reply: []byte("-ERR command '" + strings.ToLower(args[0]) + "' is not supported on the "), begins: true})
}

func (c *mixture) key(kind string) string { return c.name + ":" + kind + strconv.Itoa(c.rng.IntN(4)) }

func (c *mixture) value() string {
	c.values++
	return c.name + "v" + strconv.Itoa(c.values)
}

func (c *mixture) something() {
	lock, count, plain := c.key("lock"), c.key("count"), c.key("plain")
	switch c.rng.IntN(18) {
	case 0, 1:
		c.do(1, "SET", plain, c.value())
	case 2, 3:
		c.do(1, "GET", plain)
	case 4:
		keys := []string{"MGET", plain, c.key("plain"), c.key("plain")}
		c.do(3, keys...)
	case 5:
		c.do(0, "PING")
	case 6:
		c.do(0, "INCR", count)
	case 7:
		c.do(0, "INCRBY", count, "5")
	case 8:
		c.do(0, "MGET", count, c.key("count"))
	case 9:
		c.do(0, "DEL", count)
	case 10, 11:
		c.lock("SET", lock, c.value(), "NX", "PX", "10000000")
	case 12:
		c.lock("GET", lock)
	case 13:
		c.lock("DEL", lock)
	case 14:
		c.refused("MGET", lock, plain)
	case 15:
		c.refused("DEL", count, lock)
	case 16:
		c.transaction(lock)
	case 17:
		c.do(0, "HELLO", strconv.Itoa(2+c.rng.IntN(2)))
	}
}

// transaction is what some clients do to release or extend a lock.
func (c *mixture) transaction(lock string) {
	c.do(0, "WATCH", lock)
	c.lock("GET", lock)
	switch c.rng.IntN(8) {
	case 0:
		c.lock("DEL", lock)
	case 1:
		c.do(1, "SET", c.key("plain"), c.value())
	case 2:
		c.do(0, "INCR", c.key("count"))
	case 3:
		c.do(0, "UNWATCH")
		return
	}
	c.do(0, "MULTI")
	switch c.rng.IntN(4) {
	case 0:
		c.do(0, "DEL", lock)
	case 1:
		c.do(0, "UNLINK", lock)
	case 2:
		c.do(0, "PEXPIRE", lock, "20000000")
	case 3:
		c.do(0, "EXPIRE", lock, "20000")
	}
	if c.rng.IntN(8) == 0 {
		c.do(0, "DISCARD")
		return
	}
	c.lock("EXEC")
}

// converseMixed is one run of clients that pipeline n commands each on all kinds of keys. lock is the
// kind that locks are taken for.
func converseMixed(seed uint64, trace io.Writer, lock string, clients, n int) error {
	var k *keeper
	s := newScene(seed, trace, options{servers: 2, loops: 1 + int(seed%2), contracts: contracts(func(made *keeper) { k = made }, lock)})
	var all []*talker
	for i := range clients {
		all = append(all, newMixedTalker(s, k, proxyAddress(i%len(s.loops)), "c"+strconv.Itoa(i), n))
		all[i].start()
	}
	for _, t := range all {
		s.w.RunUntil(func() bool { return t.fault != nil || t.next == len(t.expected) }, time.Hour)
		if t.fault == nil && t.next < len(t.expected) {
			t.fault = fmt.Errorf("after an hour it has %d of %d replies", t.next, len(t.expected))
		}
	}
	s.run(time.Second) // nothing more may come
	faults := []error{k.fault}
	for i, t := range all {
		if t.fault != nil {
			faults = append(faults, fmt.Errorf("client %d: %w", i, t.fault))
		}
	}
	return errors.Join(faults...)
}

func TestPipelinesOfLocksCountersAndPlainKeysAreAnsweredAsByOneRedis(t *testing.T) {
	explore(t, budget(60, 3000), func(seed uint64, trace io.Writer) error {
		return converseMixed(seed, trace, proxy.KindLock, 4, 200)
	})
}

func TestAProxyThatTreatsLocksAsAnyKeysIsCaught(t *testing.T) {
	for seed := range uint64(5) {
		err := converseMixed(seed, nil, proxy.KindCounter, 1, 200)
		if err == nil || !strings.Contains(err.Error(), "is executed after") {
			t.Errorf("not with seed %d: %v", seed, err)
		}
	}
}
