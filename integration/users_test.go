package integration

import (
	"strings"
	"testing"
	"time"

	"ringmain/config"
	"ringmain/internal/difftest"
	"ringmain/internal/redistest"
)

// knownUsers has two: default with the password "secret", who may do everything, and
// reader with "book", who reads.
func knownUsers(c *config.Config) {
	c.Users = []config.User{
		{Name: "default", Password: config.NewSecret("secret"), Access: "admin"},
		{Name: "reader", Password: config.NewSecret("book"), Access: "read"},
	}
}

// sameUsers has a real server know the same two.
func sameUsers(t *testing.T, s *redistest.Server) {
	t.Helper()
	for _, args := range [][]any{
		{"ACL", "SETUSER", "reader", "on", ">book", "~*", "&*", "+@read", "+@connection", "+acl|whoami", "+@transaction", "-@dangerous", "-@write"},
		{"CONFIG", "SET", "requirepass", "secret"},
	} {
		if reply, err := s.Do(args...); err != nil {
			t.Fatalf("%v: %v %v", args, reply, err)
		}
	}
}

// sameTalk sends requests one after the other to both, on a connection of its own, and
// compares the replies byte for byte.
func sameTalk(t *testing.T, proxy, lone string, requests ...string) {
	t.Helper()
	p, l := dial(t, proxy), dial(t, lone)
	for _, text := range requests {
		args := strings.Split(text, " ")
		got, want := p.do(args...), l.do(args...)
		if strings.HasPrefix(want, "*14") || strings.HasPrefix(want, "%7") { // HELLO: the ids differ
			want, got = helloWithoutID(want), helloWithoutID(got)
		}
		if got != want {
			t.Errorf("%q of %q:\n Ringmain: %q\n Redis:    %q", text, requests, got, want)
		}
	}
}

func helloWithoutID(reply string) string {
	before, after, _ := strings.Cut(reply, "$2\r\nid\r\n:")
	_, after, _ = strings.Cut(after, "\r\n")
	return before + after
}

func TestAuthenticationSaysWhatRedisSays(t *testing.T) {
	lone := redistest.Start(t)
	r := start(t, servers(startRedis(t, 2)...), knownUsers)
	sameUsers(t, lone)
	for _, talk := range [][]string{
		{"GET a", "PING", "nonsense", "GET", "CLIENT", "CLIENT nonsense", "COMMAND COUNT", "HELLO", "HELLO 3", "HELLO 9", "QUIT"},
		{"AUTH", "AUTH secret", "GET a", "ACL WHOAMI"},
		{"AUTH wrong", "GET a", "AUTH default wrong", "AUTH nobody secret", "AUTH a b c", "AUTH reader book", "ACL WHOAMI"},
		{"AUTH reader secret", "AUTH reader book", "AUTH secret", "ACL WHOAMI", "AUTH reader wrong", "ACL WHOAMI"},
		{"HELLO 2 AUTH reader book", "ACL WHOAMI", "GET a"},
		{"HELLO 3 AUTH default secret SETNAME me", "CLIENT GETNAME", "GET a"},
		{"HELLO 3 SETNAME me AUTH reader book", "CLIENT GETNAME", "GET a"},
		{"HELLO 3 AUTH reader wrong", "HELLO 3", "HELLO 2", "PING"},
		{"HELLO 3 AUTH reader", "HELLO 3 AUTH reader book nonsense", "PING", "HELLO 3 AUTH reader wrong nonsense"},
		{"HELLO 3 AUTH reader wrong SETNAME", "PING", "HELLO 3 AUTH reader book SETNAME a\tb", "PING"},
		{"AUTH secret", "RESET", "PING", "HELLO", "AUTH reader book", "PING"},
		{"HELLO 3 AUTH reader book", "RESET", "PING", "AUTH secret", "PING"},
		{"AUTH reader book", "SET a 1", "DEL a", "GET a", "FLUSHALL", "CONFIG GET maxclients", "CLIENT KILL ID 1", "KEYS *", "MONITOR",
			"PUBLISH a b", "SHUTDOWN", "XGROUP CREATE a b $", "INCR"},
		{"MULTI", "AUTH reader book", "MULTI", "SET a 1", "GET a", "EXEC", "GET a", "MULTI", "GET a", "EXEC", "WATCH a", "RESET", "MULTI", "EXEC"},
		{"AUTH secret", "MULTI", "SET a 1", "RESET", "EXEC", "AUTH reader book", "EXEC"},
		{"AUTH secret", "SET a 1", "AUTH reader book", "GET a", "SET a 2", "GET a"},
	} {
		sameTalk(t, r.addr, lone.Addr(), talk...)
	}
}

func TestAUTHInAPipelineHoldsForWhatFollows(t *testing.T) {
	lone := redistest.Start(t)
	r := start(t, servers(startRedis(t, 2)...), knownUsers)
	sameUsers(t, lone)
	text := ""
	for _, args := range []string{"SET a 1", "AUTH reader book", "SET a 2", "GET a", "AUTH secret", "SET a 3", "GET a", "RESET", "GET a",
		"HELLO 3 AUTH default secret", "GET b", "AUTH wrong", "GET a"} {
		text += string(difftest.AppendRequest(nil, strings.Split(args, " ")))
	}
	text += "*20\r\n$3\r\nDEL\r\n" + strings.Repeat("$1\r\nx\r\n", 19) // too many before AUTH
	got, want := dial(t, r.addr), dial(t, lone.Addr())
	got.send(text)
	want.send(text)
	for i := range 14 {
		g, w := got.next(), want.next()
		if i == 9 {
			g, w = helloWithoutID(g), helloWithoutID(w)
		}
		if g != w {
			t.Errorf("reply %d: %q, Redis: %q", i, g, w)
		}
	}
}

func TestLittleIsTakenFromWhoHasNotAuthenticated(t *testing.T) {
	lone := redistest.Start(t)
	r := start(t, servers(startRedis(t, 1)...), knownUsers)
	sameUsers(t, lone)
	for name, text := range map[string]string{
		"arguments": "*11\r\n",
		"a bulk":    "*2\r\n$4\r\nAUTH\r\n$16385\r\n",
	} {
		got, want := dial(t, r.addr), dial(t, lone.Addr())
		got.send(text)
		want.send(text)
		if g, w := got.rest(), want.rest(); g != w {
			t.Errorf("%s: %q, Redis: %q", name, g, w)
		}
	}
	// What is allowed at most.
	w := dial(t, r.addr)
	w.send("*10\r\n$3\r\nGET\r\n" + strings.Repeat("$16384\r\n"+strings.Repeat("x", 16384)+"\r\n", 9))
	expect(t, "the largest request", w.next(), "-ERR wrong number of arguments for 'get' command\r\n")
	for range 10 {
		_ = w.write([]byte(strings.Repeat("*2\r\n$4\r\nAUTH\r\n$16384\r\n"+strings.Repeat("x", 16384)+"\r\n", 6))) // the last may be cut short
	}
	if got := w.rest(); !strings.HasPrefix(got, "-WRONGPASS") {
		t.Errorf("after more than 1 MiB: %.100q", got)
	}
	eventually(t, "the cut is logged", func() bool { return r.log.contains("client cut off", "before it authenticated") })
	if n := strings.Count(r.log.String(), "a client gave a wrong password"); n != 1 {
		t.Errorf("%d lines about wrong passwords, want one", n)
	}
	if strings.Contains(r.log.String(), "secret") || strings.Contains(r.log.String(), "book") {
		t.Error("a password is in the log")
	}
}

func TestWhoDoesNotAuthenticateInTimeIsClosed(t *testing.T) {
	t.Parallel() // it mostly waits
	r := start(t, servers(startRedis(t, 1)...), knownUsers)
	began := time.Now()
	silent, known, again := dial(t, r.addr), dial(t, r.addr), dial(t, r.addr)
	expect(t, "AUTH", known.do("AUTH", "secret"), "+OK\r\n")
	expect(t, "AUTH", again.do("AUTH", "secret"), "+OK\r\n")
	expect(t, "RESET", again.do("RESET"), "+RESET\r\n")
	for _, w := range []*wire{silent, again} {
		if got := w.rest(); got != "" {
			t.Errorf("it was told %q", got)
		}
	}
	if waited := time.Since(began); waited < 3*time.Second {
		t.Errorf("closed after %v", waited)
	}
	expect(t, "PING", known.do("PING"), "+PONG\r\n")
}

func TestWithUsersAnyAddressMayBeListenedOn(t *testing.T) {
	text := "listeners: [{address: '0.0.0.0:0'}]\nusers: [{name: a, password: b, access: read}]\npools: {main: {embedded: 1}}\n"
	if _, err := config.Parse("f", []byte(text)); err != nil {
		t.Error(err)
	}
}

func TestPasswordsAreShownNowhere(t *testing.T) {
	r := start(t, servers(startRedis(t, 1)...), knownUsers)
	w := dial(t, r.addr)
	expect(t, "AUTH", w.do("AUTH", "secret"), "+OK\r\n")
	for _, args := range [][]string{{"CONFIG", "GET", "*"}, {"CLIENT", "LIST"}, {"INFO", "everything"}} {
		if reply := w.do(args...); strings.Contains(reply, "secret") {
			t.Errorf("%v: %s", args, reply)
		}
	}
	if line := w.do("CLIENT", "LIST"); !strings.Contains(line, " user=default ") {
		t.Errorf("CLIENT LIST: %s", line)
	}
	other := dial(t, r.addr)
	expect(t, "AUTH", other.do("AUTH", "reader", "book"), "+OK\r\n")
	if line := other.do("CLIENT", "INFO"); !strings.Contains(line, " user=reader ") {
		t.Errorf("CLIENT INFO: %s", line)
	}
}
