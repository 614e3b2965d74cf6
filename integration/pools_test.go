package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ringmain/internal/redistest"
)

// holds reports whether a server has a key in a database.
func holds(t *testing.T, s *redistest.Server, database int, key string) bool {
	t.Helper()
	c, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do("SELECT", database); err != nil {
		t.Fatal(err)
	}
	n, err := c.Do("EXISTS", key)
	if err != nil {
		t.Fatal(err)
	}
	return n == int64(1)
}

func TestKeysGoToThePoolOfTheLongestPrefixAndCommandsOfManyKeysAreMerged(t *testing.T) {
	list := startRedis(t, 4)
	r := startFrom(t, fmt.Sprintf(`
listeners: [{address: '127.0.0.1:0'}]
loops: 1
pools:
  main: {nodes: [{name: a, address: '%s'}, {name: b, address: '%s'}]}
  sessions: {nodes: [{name: s, address: '%s'}]}
  admins: {nodes: [{name: t, address: '%s'}], database: 3}
routes:
  - {pool: main}
  - {prefix: 'session:', pool: sessions}
  - {prefix: 'session:admin:', pool: admins}
`, list[0].Addr(), list[1].Addr(), list[2].Addr(), list[3].Addr()))
	w := dial(t, r.Addr())
	keys := []string{"session:1", "plain:1", "session:admin:1", "session:admin", "plain:2", "plain:3", "{session:admin:}x", "plain:4"}
	args := []string{"MSET"}
	for i, key := range keys {
		args = append(args, key, fmt.Sprint(i))
	}
	expect(t, "MSET over three pools", w.do(args...), "+OK\r\n")
	want := "*8\r\n"
	for i := range keys {
		want += fmt.Sprintf("$1\r\n%d\r\n", i)
	}
	expect(t, "MGET over three pools", w.do(append([]string{"MGET"}, keys...)...), want)
	for key, where := range map[string]int{"session:1": 2, "session:admin": 2, "session:admin:1": 3} {
		database := 0
		if where == 3 {
			database = 3
		}
		if !holds(t, list[where], database, key) {
			t.Errorf("%s is not on server %d, database %d", key, where, database)
		}
	}
	for _, key := range []string{"plain:1", "plain:2", "{session:admin:}x"} {
		if holds(t, list[0], 0, key) == holds(t, list[1], 0, key) {
			t.Errorf("%s is not on one of the servers of the catch-all pool", key)
		}
	}
	expect(t, "keys of two pools", w.do("RENAME", "session:1", "plain:1"), "-CROSSSLOT Keys in request don't hash to the same slot\r\n")

	// Commands on the whole fleet touch the catch-all pool alone.
	expect(t, "DBSIZE", w.do("DBSIZE"), ":5\r\n")
	if got := w.do("KEYS", "*"); strings.Contains(got, "session:1") || !strings.HasPrefix(got, "*5\r\n") {
		t.Errorf("KEYS gives %q", got)
	}
	expect(t, "FLUSHALL", w.do("FLUSHALL"), "+OK\r\n")
	expect(t, "MGET after FLUSHALL", w.do("MGET", "plain:1", "session:1", "session:admin:1"), "*3\r\n$-1\r\n$1\r\n0\r\n$1\r\n2\r\n")
	if !r.log.contains("level=WARN", "routes", "FLUSHALL") {
		t.Error("the log does not say what commands on the whole fleet touch")
	}
	expect(t, "DEL over three pools", w.do("DEL", "plain:1", "session:1", "session:admin:1"), ":2\r\n")
}

func TestAListenerWithAPoolHasAllItsKeysThere(t *testing.T) {
	list := startRedis(t, 2)
	r := startFrom(t, fmt.Sprintf(`
listeners:
  - {address: '127.0.0.1:0', pool: one}
  - {address: '127.0.0.1:0', pool: two}
loops: 2
pools:
  one: {nodes: [{name: a, address: '%s'}]}
  two: {nodes: [{name: a, address: '%s'}], database: 5}
`, list[0].Addr(), list[1].Addr()))
	one, two := dial(t, r.addrs[0]), dial(t, r.addrs[1])
	expect(t, "SET by the first", one.do("SET", "k", "1"), "+OK\r\n")
	expect(t, "GET by the second", two.do("GET", "k"), "$-1\r\n")
	expect(t, "SET by the second", two.do("SET", "k", "2"), "+OK\r\n")
	expect(t, "GET by the first", one.do("GET", "k"), "$1\r\n1\r\n")
	if !holds(t, list[0], 0, "k") || !holds(t, list[1], 5, "k") || holds(t, list[1], 0, "k") {
		t.Error("the keys are not where the pools say")
	}
	if _, err := list[1].Do("SET", "elsewhere", "x"); err != nil { // in database 0, which is not the pool's
		t.Fatal(err)
	}
	expect(t, "SCAN in a database of its own", two.do("SCAN", "0"), "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n")
	if info := two.do("INFO", "keyspace"); !strings.Contains(info, "\r\ndb0:keys=1,") {
		t.Errorf("INFO keyspace: %q", info)
	}
	expect(t, "FLUSHALL", two.do("FLUSHALL"), "+OK\r\n")
	if holds(t, list[1], 5, "k") || !holds(t, list[1], 0, "elsewhere") {
		t.Error("FLUSHALL did not empty the pool's database, or another one")
	}
}

func TestADatabaseThatAServerDoesNotHaveIsNamed(t *testing.T) {
	server := redistest.Start(t, "databases", "2")
	r := startFrom(t, fmt.Sprintf("listeners: [{address: '127.0.0.1:0'}]\npools: {main: {nodes: ['%s'], database: 2}}", server.Addr()))
	w := dial(t, r.Addr())
	if got := w.do("GET", "k"); !strings.HasPrefix(got, "-CLUSTERDOWN ") || !strings.Contains(got, "SELECT") || !strings.Contains(got, "DB index is out of range") {
		t.Errorf("the reply is %q", got)
	}
}

func TestUnixSocketsServeOnBothSides(t *testing.T) {
	dir := t.TempDir()
	serverSocket, socket := filepath.Join(dir, "redis.sock"), filepath.Join(dir, "ringmain.sock")
	server := redistest.Start(t, "unixsocket", serverSocket)
	text := fmt.Sprintf("listeners: [{address: 'unix:%s'}, {address: '127.0.0.1:0'}]\npools: {main: {nodes: ['unix:%s']}}", socket, serverSocket)
	r := startFrom(t, text)
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	defer client.Close()
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if !holds(t, server, 0, "k") {
		t.Error("the server has no key")
	}
	out, err := exec.Command("redis-cli", "-s", socket, "MGET", "k", "none").CombinedOutput()
	expect(t, fmt.Sprint("redis-cli (", err, ")"), string(out), "v\n\n")
	if list, err := client.ClientList(t.Context()).Result(); err != nil || !strings.Contains(list, socket) {
		t.Errorf("CLIENT LIST: %q, %v", list, err)
	}
	r.stop()
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestASocketFileThatNobodyListensOnIsReplaced(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ringmain.sock")
	first := startProcessOn(t, socket)
	first.Kill()
	if _, err := os.Stat(socket); err != nil {
		t.Fatal("a killed process leaves no socket: ", err)
	}
	startFrom(t, fmt.Sprintf("listeners: [{address: 'unix:%s'}]\npools: {main: {embedded: 1}}", socket))
	out, err := exec.Command("redis-cli", "-s", socket, "PING").CombinedOutput()
	expect(t, fmt.Sprint("redis-cli (", err, ")"), string(out), "PONG\n")
}

func TestANameThatDoesNotResolveStopsNeitherTheStartNorOtherServers(t *testing.T) {
	server := redistest.Start(t)
	r := startFrom(t, fmt.Sprintf(`
listeners: [{address: '127.0.0.1:0'}]
loops: 1
pools: {main: {nodes: [{name: a, address: '%s'}, {name: b, address: 'no-such-host.invalid:6379'}], timeouts: {connect: 5s}}}
`, server.Addr()))
	w := dial(t, r.Addr())
	good, bad := 0, 0
	for i := range 20 {
		switch got := w.do("SET", fmt.Sprint("key", i), "v"); {
		case got == "+OK\r\n":
			good++
		case strings.HasPrefix(got, "-CLUSTERDOWN node \"b\" (no-such-host.invalid:6379) of pool \"main\" is unreachable"):
			bad++
		default:
			t.Errorf("the reply is %q", got)
		}
	}
	if good == 0 || bad == 0 {
		t.Errorf("%d keys were served and %d were not", good, bad)
	}
	eventually(t, "the log names the name", func() bool { return r.log.contains("server is unreachable", "no-such-host.invalid") })
}

func TestClientsThatAreIdleForTooLongAreClosed(t *testing.T) {
	r := startFrom(t, "listeners: [{address: '127.0.0.1:0'}]\nloops: 1\ntimeouts: {client_idle: 1s}\npools: {main: {embedded: 1}}")
	idle, busy := dial(t, r.Addr()), dial(t, r.Addr())
	expect(t, "PING", idle.do("PING"), "+PONG\r\n")
	closed := make(chan string, 1)
	go func() { closed <- idle.rest() }()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case got := <-closed:
			tick.Stop()
			expect(t, "what the idle client gets", got, "")
			expect(t, "PING by the other", busy.do("PING"), "+PONG\r\n")
			return
		case <-tick.C:
			busy.do("PING")
		}
	}
}

func TestWithoutPreconnectServersAreConnectedToWhenFirstNeeded(t *testing.T) {
	server := redistest.Start(t)
	relay := redistest.StartRelay(t, server.Addr())
	r := startFrom(t, fmt.Sprintf("listeners: [{address: '127.0.0.1:0'}]\nloops: 1\npools: {main: {nodes: ['%s'], preconnect: false, health: {interval: 10m}}}", relay.Addr()))
	w := dial(t, r.Addr())
	expect(t, "PING", w.do("PING"), "+PONG\r\n")
	if n := len(relay.Links()); n != 0 {
		t.Errorf("%d connections before the first command", n)
	}
	expect(t, "SET", w.do("SET", "k", "v"), "+OK\r\n")
	if n := len(relay.Links()); n != 1 {
		t.Errorf("%d connections after it", n)
	}
}

func TestSelectChoosesTheServersDatabasesByTheirNumbers(t *testing.T) {
	list := startRedis(t, 2)
	r := startFrom(t, fmt.Sprintf(`
listeners: [{address: '127.0.0.1:0'}, {address: '127.0.0.1:0', pool: own}]
loops: 1
pools:
  main: {nodes: [{name: a, address: '%s'}, {name: b, address: '%s'}]}
  own: {nodes: [{name: a, address: '%s'}], database: 3}
routes: [{pool: main}]
`, list[0].Addr(), list[1].Addr(), list[0].Addr()))
	w := dial(t, r.Addr())
	w.command("SET", "k", "0")
	w.command("SELECT", "15")
	w.command("SET", "k", "15")
	w.command("MSET", "a", "1", "b", "2", "c", "3", "d", "4")
	w.command("DBSIZE")
	w.command("SELECT", "0")
	w.command("GET", "k")
	w.command("DBSIZE")
	w.command("SELECT", "16")
	w.command("SELECT", "-1")
	w.command("SELECT", "15")
	w.command("GET", "k")
	w.command("FLUSHDB")
	w.command("RESET")
	w.command("DBSIZE")
	for _, want := range []string{"+OK\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n", ":5\r\n", "+OK\r\n", "$1\r\n0\r\n", ":1\r\n",
		"-ERR DB index is out of range\r\n", "-ERR DB index is out of range\r\n", "+OK\r\n", "$2\r\n15\r\n", "+OK\r\n", "+RESET\r\n", ":1\r\n"} {
		expect(t, "a pipeline through databases", w.next(), want)
	}
	if !holds(t, list[0], 0, "k") && !holds(t, list[1], 0, "k") {
		t.Error("no server has the key in its first database")
	}
	own := dial(t, r.addrs[1])
	expect(t, "SELECT 3 of a pool with a database of its own", own.do("SELECT", "3"), "-ERR DB index is out of range\r\n")
	expect(t, "COPY to another database of it", own.do("COPY", "a", "b", "DB", "0"), "-ERR DB index is out of range\r\n")
	expect(t, "MOVE to another database of it", own.do("MOVE", "a", "3"), "-ERR DB index is out of range\r\n")
	expect(t, "SELECT 0 of it", own.do("SELECT", "0"), "+OK\r\n")
}
