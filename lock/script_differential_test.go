package lock

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/internal/difftest"
	"ringmain/internal/redistest"
	"ringmain/lock/scripts"
	"ringmain/quorum"
	"ringmain/resp"
)

// A script that a library sends must be answered by a quorum as it is by one Redis that
// runs it. Here each known text is executed by one, and carried out on three others, and
// the bytes of the replies are compared, and what is locked then.

// realServers are Servers of real ones. Calls are answered before they return.
type realServers struct {
	t     testing.TB
	conns []*redistest.Conn
}

func (s *realServers) Len() int                       { return len(s.conns) }
func (s *realServers) Barred(int, quorum.Kind) string { return "" }
func (s *realServers) Missing(quorum.Kind) string     { return "all are there" }
func (s *realServers) Refusal(quorum.Kind) string     { return "all are there" }
func (s *realServers) Persistent() bool               { return true }

// Call sends the guards' keys and values as a Set does, which these servers have none of.
func (s *realServers) Call(c quorum.Call, done func(quorum.Answer)) {
	keys := append(slices.Clone(c.Keys), quorum.IdentityKey, quorum.SettingsKey)
	said := 1 // "ok"
	if c.Script.Kind == quorum.Vote {
		keys = append(keys, quorum.QuarantineKey)
		said = 3 // and the time
	}
	request := []any{"EVAL", c.Script.Text, strconv.Itoa(len(keys))}
	for _, word := range slices.Concat(keys, c.Args, []string{"identity", "settings"}) {
		request = append(request, word)
	}
	reply, err := s.conns[c.Server].Do(request...)
	elements, ok := reply.([]any)
	if err != nil || !ok || len(elements) < said || fmt.Sprint(elements[0]) != "ok" {
		s.t.Fatalf("%s: %v, %v", c.Script.Name, reply, err)
	}
	var values []quorum.Value
	for _, e := range elements[said:] {
		switch e := e.(type) {
		case nil:
			values = append(values, quorum.Value{Null: true})
		case int64:
			values = append(values, quorum.Value{Int: e})
		default:
			values = append(values, quorum.Value{Text: fmt.Sprint(e)})
		}
	}
	done(quorum.Answer{Outcome: quorum.Done, Values: values})
}

// realClock tells this machine's time. What is due later than now is left undone: nothing
// in these tests waits for it.
type realClock struct{ start time.Time }

func (c realClock) Now() quorum.Instant {
	return quorum.Instant{Monotonic: time.Since(c.start), Wall: time.Duration(time.Now().UnixNano())}
}
func (c realClock) After(time.Duration, func()) quorum.Timer { return neverDue{} }

type neverDue struct{}

func (neverDue) Stop() bool { return true }

// twins are one Redis and an Engine on three others, which get the same commands.
type twins struct {
	t      testing.TB
	conn   net.Conn
	reader *difftest.Reader
	engine *Engine
	// met are the texts that the proxy has met, by their digests.
	met map[string]string
}

const twinPattern = `locks[0], "lock:*"`

// lives is how long what the tests lock lives. It does not expire.
const lives = 30 * time.Second

func startTwins(t testing.TB) *twins {
	conn, err := net.Dial("tcp", redistest.Start(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	servers := &realServers{t: t}
	for range 3 {
		c, err := redistest.Dial(redistest.Start(t).Addr(), 2*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		for key, value := range map[string]string{quorum.IdentityKey: "identity", quorum.SettingsKey: "settings"} {
			if _, err := c.Do("SET", key, value); err != nil {
				t.Fatal(err)
			}
		}
		servers.conns = append(servers.conns, c)
	}
	settings := Settings{NodeTimeout: time.Second, Patterns: []Pattern{{
		Name: twinPattern, MinTTL: time.Millisecond, MaxTTL: 10 * lives, DriftFactor: 0.01, NodeTimeoutFactor: 0.05, PadTTL: true, AllowDel: true,
	}}}
	engine := New(settings, servers, realClock{time.Now()}, rand.New(rand.NewPCG(1, 2)), nil)
	return &twins{t: t, conn: conn, reader: difftest.NewReader(conn), engine: engine, met: map[string]string{}}
}

func (w *twins) plain(args ...string) difftest.Reply {
	w.t.Helper()
	if _, err := w.conn.Write(resp.AppendCommand(nil, args...)); err != nil {
		w.t.Fatal(err)
	}
	reply, err := w.reader.Read()
	if err != nil {
		w.t.Fatal(err)
	}
	return reply
}

// speak has both speak a version of the protocol.
func (w *twins) speak(protocol int) { w.plain("HELLO", strconv.Itoa(protocol)) }

// locked has the engine carry out a command with n keys at a place.
func (w *twins) locked(protocol, first, n int, args ...string) difftest.Reply {
	w.t.Helper()
	c := quorum.Command{Name: strings.ToLower(args[0]), Protocol: protocol}
	for i, a := range args {
		c.Args = append(c.Args, []byte(a))
		if i >= first && i < first+n {
			c.Keys = append(c.Keys, i)
		}
	}
	if text, ok := w.met[args[1]]; ok {
		c.Text = []byte(text)
	}
	var raw []byte
	w.engine.Do(c, func(reply []byte) { raw = reply })
	reply, err := difftest.NewReader(strings.NewReader(string(raw))).Read()
	if err != nil || reply.Raw != string(raw) {
		w.t.Fatalf("%q is no reply: %v", raw, err)
	}
	return reply
}

// both executes a script at both, and compares.
func (w *twins) both(what string, protocol int, keys []string, script, text string, argv []string) {
	w.t.Helper()
	args := slices.Concat([]string{script, text, strconv.Itoa(len(keys))}, keys, argv)
	got, want := w.locked(protocol, 3, len(keys), args...), w.plain(args...)
	// A time to live may differ by how long this took.
	if diff := difftest.Within(lives.Milliseconds()/2, 8)(&got, &want); diff != "" {
		w.t.Errorf("%s: %s %q on %v: %q, where Redis says %q: %s", what, script, argv, keys, got.Raw, want.Raw, diff)
	}
	for _, k := range keys {
		w.same(what, protocol, "GET", k)
		w.same(what, protocol, "PTTL", k)
	}
}

// same compares what both reply to a command on a key.
func (w *twins) same(what string, protocol int, command, key string) {
	w.t.Helper()
	got, want := w.locked(protocol, 1, 1, command, key), w.plain(command, key)
	if diff := difftest.Within(lives.Milliseconds()/2, 8)(&got, &want); diff != "" {
		w.t.Errorf("%s: then %s of %s is %q, not %q", what, command, key, got.Raw, want.Raw)
	}
}

// hold gives a key to a token at both, or to nobody.
func (w *twins) hold(key, token string) {
	w.t.Helper()
	w.plain("DEL", key)
	w.locked(2, 1, 1, "DEL", key)
	if token == "" {
		return
	}
	ms := strconv.FormatInt(lives.Milliseconds(), 10)
	args := []string{"SET", key, token, "NX", "PX", ms}
	if got, want := w.locked(2, 1, 1, args...), w.plain(args...); got.Raw != want.Raw || got.Raw != "+OK\r\n" {
		w.t.Fatalf("SET of %s: %q, %q", key, got.Raw, want.Raw)
	}
}

// knownText is a script of the recogniser's test data.
type knownText struct {
	name, text string
	*scripts.Entry
}

func knownTexts(t testing.TB) (all []knownText) {
	for _, pattern := range []string{"scripts/testdata/*.lua", "scripts/testdata/composed/*.lua"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v %v", pattern, files, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e, ok := scripts.Recognise(string(b))
			if !ok {
				t.Fatalf("%s is not recognised", file)
			}
			all = append(all, knownText{e.Libraries[0] + " " + filepath.Base(file), string(b), e})
		}
	}
	return all
}

// argv are arguments for a script, for a token. Of a variant's bits, 1 says no to what New
// asks, and 2 has Adds set the time anew.
func (k knownText) argv(token string, variant int) []string {
	argv := make([]string, k.Args)
	set := func(at int, value string) {
		if at > 0 {
			argv[at-1] = value
		}
	}
	set(k.Token, token)
	set(k.Prefix, strconv.Itoa(len(alice)))
	switch k.Unit {
	case scripts.Milliseconds:
		set(k.TTL, strconv.FormatInt(lives.Milliseconds(), 10))
	case scripts.Seconds:
		set(k.TTL, strconv.Itoa(int(lives/time.Second)))
	case scripts.UnixMilliseconds:
		set(k.TTL, strconv.FormatInt(time.Now().Add(lives).UnixMilli(), 10))
	}
	set(k.New, []string{"yes", "no"}[variant&1])
	set(k.Adds, []string{"0", "1"}[variant>>1&1])
	return argv
}

// Holders of locks. Alices has alice's locks where the beginning of a token decides.
const (
	nobody  = ""
	alice   = "alice"
	alices  = "alice and more"
	bob     = "bob's"
	nearly  = "alicf"
	prefixs = "alic"
)

func TestEveryKnownScriptIsAnsweredAsByOneRedisThatRunsIt(t *testing.T) {
	w := startTwins(t)
	for _, k := range knownTexts(t) {
		if k.Class == scripts.Unsupported {
			continue
		}
		takes := k.Class == scripts.AcquireOrExtend
		var cases [][]string
		for _, holder := range []string{nobody, alice, alices, bob, nearly, prefixs} {
			cases = append(cases, []string{holder})
			if k.Keys == 0 {
				for _, second := range []string{nobody, alice, bob} {
					if takes && (holder == nobody) != (second == nobody) && second != bob && holder != bob {
						continue // locks of which some are the token's are all taken
					}
					cases = append(cases, []string{holder, second})
				}
				cases = append(cases, []string{holder, holder, "twice"})
			}
		}
		for _, protocol := range []int{2, 3} {
			w.speak(protocol)
			for _, holders := range cases {
				for variant := range 4 {
					if variant&1 > 0 && k.New == 0 || variant&2 > 0 && k.Adds == 0 {
						continue
					}
					var keys []string
					for i, holder := range holders {
						if holder == "twice" {
							keys = []string{keys[0], keys[0]}
							break
						}
						keys = append(keys, fmt.Sprintf("lock:%d", i))
						w.hold(keys[i], holder)
					}
					what := fmt.Sprintf("%s, held by %q", k.name, holders)
					w.both(what, protocol, keys, "EVAL", k.text, k.argv(alice, variant))
					digest := w.plain("SCRIPT", "LOAD", k.text).Text
					if _, ok := scripts.BySHA(digest); !ok {
						w.met[digest] = k.text
					}
					w.both(what+", again", protocol, keys, "EVALSHA", digest, k.argv(alice, variant))
				}
			}
		}
	}
}

// TestLibrariesTogetherAreAnsweredAsByOneRedis has clients of all libraries want the same
// few locks, in any order.
func TestLibrariesTogetherAreAnsweredAsByOneRedis(t *testing.T) {
	w := startTwins(t)
	texts := slices.DeleteFunc(knownTexts(t), func(k knownText) bool { return k.Class == scripts.Unsupported })
	rng := rand.New(rand.NewPCG(7, 1))
	tokens := []string{alice, alices, bob}
	granted := 0
	for step := range 1500 {
		k := texts[rng.IntN(len(texts))]
		keys := []string{fmt.Sprintf("lock:%d", rng.IntN(3))}
		if k.Keys == 0 && k.Class != scripts.AcquireOrExtend && rng.IntN(3) == 0 {
			keys = []string{"lock:1", "lock:2"}
		}
		token := tokens[rng.IntN(len(tokens))]
		w.both(fmt.Sprintf("step %d: %s", step, k.name), 2, keys, "EVAL", k.text, k.argv(token, rng.IntN(2)|2))
		if w.plain("GET", keys[0]).Text == token {
			granted++
		}
		if t.Failed() {
			return
		}
	}
	if granted < 200 {
		t.Errorf("only after %d steps the token had the lock: this tries little", granted)
	}
}

func TestALockThatHasEndedIsGoneForEveryScript(t *testing.T) {
	w := startTwins(t)
	for i, k := range knownTexts(t) {
		if k.Class == scripts.Unsupported {
			continue
		}
		key := fmt.Sprintf("lock:%d", i)
		args := []string{"SET", key, alice, "NX", "PX", "5"}
		w.locked(2, 1, 1, args...)
		w.plain(args...)
		deadline := time.Now().Add(10 * time.Second)
		for !w.plain("GET", key).Null || !w.locked(2, 1, 1, "GET", key).Null {
			if time.Now().After(deadline) {
				t.Fatalf("%s does not end", key)
			}
		}
		w.both(k.name+", after it has ended", 2, []string{key}, "EVAL", k.text, k.argv(alice, 0))
	}
}
