package integration

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ringmain/command"
	"ringmain/config"
	"ringmain/internal/difftest"
	"ringmain/internal/redistest"
	"ringmain/proxy/tenant"
)

// hostileUsers are tenants: one may read, one may do everything.
func hostileUsers(c *config.Config) {
	tenants(c)
	c.Users = append(c.Users, config.User{Name: "reader", Password: config.NewSecret("mine"), Access: "read", KeyPrefix: tenantPrefix})
}

// siege is two Ringmains with a server each, of which only the first has keys of others.
// Whatever a tenant sends, the replies are to be the same.
type siege struct {
	nodes   []*redistest.Server
	proxies []*ringmain
	tag     string
	clean   []byte // removes the tenant's keys and makes some
}

func newSiege(t *testing.T) *siege {
	t.Helper()
	s := &siege{nodes: startRedis(t, 2), tag: "t"}
	for _, n := range s.nodes {
		s.proxies = append(s.proxies, start(t, servers(n), hostileUsers))
	}
	glob, _, _ := tenant.New(tenantPrefix).Request(&tenant.Buffer{}, command.ByName([]byte("keys")), [][]byte{[]byte("KEYS"), []byte("*")})
	for _, database := range []string{"1", "0"} {
		s.clean = difftest.AppendRequest(s.clean, []string{"SELECT", database})
		s.clean = difftest.AppendRequest(s.clean, []string{"EVAL", "for _, k in ipairs(redis.call('keys', ARGV[1])) do redis.call('del', k) end", "0", string(glob[1])})
	}
	for _, name := range fixtureNames {
		requests, err := setup(name, naming{tag: s.tag})
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range requests {
			at := 1
			switch strings.ToLower(args[0]) {
			case "xgroup":
				at = 2
			case "xreadgroup":
				at = slices.Index(args, "STREAMS") + 1
			}
			args[at] = tenantPrefix + args[at]
			s.clean = difftest.AppendRequest(s.clean, args)
		}
	}
	return s
}

// reset puts the tenant's keys back to how they were.
func (s *siege) reset(t *testing.T) {
	t.Helper()
	for _, out := range talk(t, s.nodes, string(s.clean)) {
		if strings.Contains(out, "-ERR") {
			t.Fatal(out)
		}
	}
}

// talk sends the same to all at once, and receives all until the other side ends.
func talk[S addresser](t *testing.T, to []S, text string) []string {
	t.Helper()
	replies, failed := make([]string, len(to)), make([]error, len(to))
	var all sync.WaitGroup
	for i, s := range to {
		all.Go(func() { replies[i], failed[i] = converse(s.Addr(), text) })
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
	return replies
}

func converse(addr, text string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, gross)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(gross))
	if _, err := io.WriteString(c, text+"QUIT\r\n"); err != nil {
		return "", nil // it was ended before
	}
	out, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "", fmt.Errorf("no end of the replies to %.300q after %.300q", text, out)
	}
	return string(out), nil
}

// nowords are what a request is made of besides the words of its command's syntax.
var nowords = []string{"0", "1", "2", "3", "-1", "100", "9223372036854775807", "0.01", "*", "?*", "", "$", ">", "-", "+", "(1", "[a", "0-0", "1-1", "g1", "c1",
	"f1", "STORE", "BY", "GET", "MATCH", "LIMIT", "STREAMS", "PREFIX", "BCAST", "ON", "KEYS", "w_*", "#", "by\x00", "store\x00x", "streams\x00", "match\x00", "get\x00"}

var syntaxWord = regexp.MustCompile(`[A-Z][A-Z0-9_-]+`)

// request makes up a request of a command.
func (s *siege) request(r *rand.Rand, c *command.Command) []string {
	args := strings.Split(c.Name, "|")
	n := c.Arity
	if n < 0 {
		n = -n + r.IntN(7)
	}
	blocks := c.Flags&command.Blocking != 0 || strings.HasPrefix(c.Name, "wait")
	words := syntaxWord.FindAllString(c.Args, -1)
	for len(args) < n {
		switch p := r.IntN(10); {
		case p < 5:
			key := naming{tag: s.tag}.key(fixtureNames[r.IntN(len(fixtureNames))])
			args = append(args, []string{"", "", "", "other:", tenantPrefix}[r.IntN(5)]+key)
		case p < 7 && len(words) > 0:
			args = append(args, words[r.IntN(len(words))]+[]string{"", "", "", "\x00x"}[r.IntN(4)])
		case blocks:
			args = append(args, []string{"1", "2", "3", "-1", ">", "$", "STREAMS", "COUNT", "g1", "c1", "GROUP"}[r.IntN(11)])
		default:
			args = append(args, nowords[r.IntN(len(nowords))])
		}
	}
	if timeout := "0.01"; blocks && len(args) > 1 {
		switch c.Name {
		case "wait", "waitaof", "xread", "xreadgroup":
		case "blmpop", "bzmpop":
			args[1] = timeout
		default:
			args[len(args)-1] = timeout
		}
	}
	return args
}

// aimed are requests that would be served if a command were, and that chance does not
// make up.
func (s *siege) aimed(name string) [][]string {
	key := func(word string) string { return naming{tag: s.tag}.key(word) }
	switch name {
	case "sort", "sort_ro": // others' keys are named after the elements
		return [][]string{{name, key("@set"), "ALPHA", "GET", key("@*")}, {name, key("@ints"), "GET", "#", "get\x00", key("@*") + "->f1"},
			{name, key("@ints"), "BY", key("@*"), "GET", key("@*")}}
	case "eval", "eval_ro":
		read := fmt.Sprintf("for _, k in ipairs(redis.call('keys', '*')) do if redis.call('type', k).ok == 'string' and not string.find(k, '%s', 1, true) then return redis.call('get', k) end end",
			`t*?[a-z]\\^:`)
		return [][]string{{name, read, "0"}, {name, read, "1", key("@str")}, {name, "return redis.call('get', KEYS[1])", "1", key("@str")}}
	case "script|load", "function|load":
		return [][]string{append(strings.Split(name, "|"), "return 1"), append(strings.Split(name, "|"), "#!lua name=l\nredis.register_function('f', function() return 1 end)")}
	case "info":
		return [][]string{{name}, {name, "keyspace"}, {name, "everything"}}
	case "subscribe", "psubscribe", "ssubscribe":
		return [][]string{{name, "*", "other:*", "__keyspace@0__:*"}}
	}
	return nil
}

// ways are how requests are sent.
var ways = map[string]func(requests [][]string) string{
	"RESP2": func(requests [][]string) string { return arrays(requests) },
	"RESP3": func(requests [][]string) string { return arrays(append([][]string{{"HELLO", "3"}}, requests...)) },
	"MULTI": func(requests [][]string) string {
		var text string
		for _, args := range requests {
			text += arrays([][]string{{"MULTI"}, args, {"EXEC"}})
		}
		return text
	},
	"inline": func(requests [][]string) string {
		var text strings.Builder
		for _, args := range requests {
			for i, a := range args {
				if i > 0 {
					text.WriteByte(' ')
				}
				text.WriteByte('"')
				for _, b := range []byte(a) {
					fmt.Fprintf(&text, `\x%02x`, b)
				}
				text.WriteByte('"')
			}
			text.WriteString("\r\n")
		}
		return text.String()
	},
}

func arrays(requests [][]string) string {
	var text []byte
	for _, args := range requests {
		text = difftest.AppendRequest(text, args)
	}
	return string(text)
}

// allRows are all commands, with their subcommands.
func allRows() (list []*command.Command) {
	for c := range command.All() {
		list = append(list, c)
		list = slices.AppendSeq(list, c.Subcommands())
	}
	return list
}

// unlike are commands whose replies differ from one server, or one time, to the next,
// besides those that have a mode.
var unlike = map[string]bool{"client|kill": true, "client|unblock": true, "cluster|myid": true, "cluster|nodes": true, "cluster|shards": true,
	"cluster|slots": true, "cluster|myshardid": true, "cluster|replicas": true, "cluster|slaves": true, "restore": true, "acl|genpass": true, "role": true}

func TestATenantReachesNothingOutside(t *testing.T) {
	s := newSiege(t)
	others, planted := s.nodes[0], []string{s.tag}
	plant(t, others, planted)
	before := keysOfOthers(t, others)
	seen := watchServer(t, others)
	rounds := 6
	if torture() {
		rounds = 60
	}
	compared, served := 0, map[string]bool{}
	for _, user := range []string{"tenant", "reader"} {
		for _, c := range allRows() {
			s.reset(t)
			var requests [][]string
			requests = append(requests, s.aimed(c.Name)...)
			for n := range rounds {
				h := fnv.New64a()
				fmt.Fprint(h, c.Name, n)
				requests = append(requests, s.request(rand.New(rand.NewPCG(h.Sum64(), 1)), c))
			}
			for _, way := range slices.Sorted(maps.Keys(ways)) {
				text := array("AUTH", user, "mine") + ways[way](requests)
				replies := talk(t, s.proxies, text)
				if strings.Contains(replies[0], secret) || strings.Contains(replies[0], ":keys=") {
					t.Errorf("%s, %s, %s: sees others' keys\nrequests %q\nreplies %q", user, c.Name, way, requests, replies[0])
				}
				if _, loose := modes[c.Name]; loose || unlike[c.Name] || strings.HasPrefix(c.Name, "sort") {
					continue
				}
				if compared++; replies[0] != replies[1] {
					t.Errorf("%s, %s, %s: others' keys make a difference\nrequests %q\nwith    %q\nwithout %q", user, c.Name, way, requests, replies[0], replies[1])
				}
				if strings.Contains(replies[0], "\r\n:") || strings.Contains(replies[0], "\r\n$") {
					served[c.Name] = true
				}
			}
		}
	}
	if compared < 3500 || len(served) < 100 {
		t.Errorf("only %d conversations were compared, of %d commands that are served", compared, len(served))
	}
	seen.stop(t, others)
	if after := keysOfOthers(t, others); !maps.Equal(before, after) || len(before) < 100 {
		t.Errorf("of %d keys of others there are %d, or they have changed", len(before), len(after))
	}
	seen.check(t)
}

// watched is what a server was seen to execute, and the messages that it gave out.
type watched struct {
	mu    sync.Mutex
	lines []string
	ended bool
}

// watchServer watches a server by MONITOR until the end of the test.
func watchServer(t *testing.T, s *redistest.Server) *watched {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); line != "+OK\r\n" {
		t.Fatal(line, err)
	}
	w := &watched{}
	go func() {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			w.mu.Lock()
			if !w.ended {
				w.lines = append(w.lines, line)
			}
			w.mu.Unlock()
		}
	}()
	return w
}

// stop forgets what comes from now on.
func (w *watched) stop(t *testing.T, s *redistest.Server) {
	t.Helper()
	if _, err := s.Do("ECHO", "that is all"); err != nil {
		t.Fatal(err)
	}
	end := func(line string) bool { return strings.HasSuffix(line, "\"that is all\"\r\n") }
	eventually(t, "the end is seen", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		n := slices.IndexFunc(w.lines, end)
		if n >= 0 {
			w.lines, w.ended = w.lines[:n:n], true
		}
		return n >= 0
	})
}

// check looks at every argument that the server took for a key or a channel.
func (w *watched) check(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	keys, invalid := 0, 0
	glob, _, _ := tenant.New(tenantPrefix).Request(&tenant.Buffer{}, command.ByName([]byte("keys")), [][]byte{[]byte("KEYS"), []byte("")})
	for _, line := range w.lines {
		args := monitorArgs(t, line)
		c := command.Lookup(args)
		if c == nil || strings.Contains(line, " lua]") || c.Flags&command.NoScript != 0 && c.Flags&command.PubSub == 0 {
			continue
		}
		it := c.KeyPositions(args)
		var at []int
		for i, ok := it.Next(); ok; i, ok = it.Next() {
			at = append(at, i)
		}
		switch {
		case it.Invalid():
			invalid++
			at = at[:0]
			streams := slices.IndexFunc(args, func(arg []byte) bool { return command.IsWord(arg, "streams") })
			for i, arg := range args { // any may be one, but for what comes before STREAMS
				if i > max(0, streams) && bytes.Contains(arg, []byte("{t}")) {
					at = append(at, i)
				}
			}
		case c.Name == "publish":
			at = []int{1}
		}
		for _, i := range at {
			if keys++; !bytes.HasPrefix(args[i], []byte(tenantPrefix)) {
				t.Errorf("the server was asked for %q: %s", args[i], line)
			}
		}
		if (c.Name == "keys" || c.Name == "scan") && !bytes.Contains(bytes.Join(args, nil), glob[1]) {
			t.Errorf("the server was asked for all keys: %s", line)
		}
		if c.Name == "dbsize" || c.Name == "randomkey" || c.Name == "flushall" || c.Name == "flushdb" {
			t.Errorf("the server was asked for %s", line)
		}
	}
	if keys < 5000 || invalid < 100 {
		t.Errorf("only %d keys, and %d requests without, were seen", keys, invalid)
	}
}

// monitorArgs takes a line of MONITOR apart.
func monitorArgs(t *testing.T, line string) [][]byte {
	t.Helper()
	_, rest, _ := strings.Cut(strings.TrimSpace(line), "] ")
	var args [][]byte
	for rest != "" {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		args = append(args, []byte(text))
		rest = strings.TrimPrefix(rest[len(quoted):], " ")
	}
	return args
}
