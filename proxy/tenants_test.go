package proxy

import (
	"strings"
	"testing"
	"time"

	"ringmain/command"
	"ringmain/proxy/users"
	"ringmain/router"
)

// newTenantScene has two users with a key_prefix, and one without.
func newTenantScene(t *testing.T) *scene {
	t.Helper()
	sc := newScene(t)
	set := users.New()
	set.Add(users.User{Name: "a", Access: command.AccessAdmin, KeyPrefix: "a:"}, "p")
	set.Add(users.User{Name: "b", Access: command.AccessRead, KeyPrefix: "b:"}, "p")
	set.Add(users.User{Name: "all", Access: command.AccessAdmin}, "p")
	sc.core.Users, sc.core.Local.Users = set, set
	return sc.neighbour(2)
}

func TestAnotherTenantWaitsForTheRepliesToTheFirst(t *testing.T) {
	sc := newTenantScene(t)
	sc.sends("AUTH a p\r\n")
	sc.gets("+OK\r\n")
	left := sc.sends("BLPOP_ x\r\nLMPOP 1 k LEFT\r\nAUTH b p\r\nACL WHOAMI\r\n")
	if left != "AUTH b p\r\nACL WHOAMI\r\n" {
		t.Fatalf("%q is left", left)
	}
	sc.gets("-ERR unknown command 'BLPOP_', with args beginning with: 'x' \r\n")
	sc.server("*2\r\n$3\r\na:k\r\n*1\r\n$1\r\nv\r\n")
	sc.gets("*2\r\n$1\r\nk\r\n*1\r\n$1\r\nv\r\n")
	if left = sc.sends(left); left != "" {
		t.Fatalf("%q is left", left)
	}
	sc.gets("+OK\r\n$1\r\nb\r\n")
}

func TestWhoIsNoTenantNeedNotWaitToAuthenticate(t *testing.T) {
	sc := newTenantScene(t)
	sc.sends("AUTH all p\r\nGET k\r\nAUTH a p\r\nGET k\r\n")
	sc.server("$1\r\n1\r\n$1\r\n2\r\n")
	sc.gets("+OK\r\n$1\r\n1\r\n+OK\r\n$1\r\n2\r\n")
}

func TestAnotherTenantHasNothingOfTheFirst(t *testing.T) {
	sc := newTenantScene(t)
	sc.sends("AUTH a p\r\nMULTI\r\nSET k 1\r\nAUTH b p\r\n")
	sc.gets("+OK\r\n+OK\r\n+QUEUED\r\n-ERR command 'auth' is not supported: not within MULTI\r\n")
	sc.sends("RESET\r\nEXEC\r\nAUTH b p\r\nEXEC\r\n")
	sc.gets("+RESET\r\n-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n+OK\r\n-ERR EXEC without MULTI\r\n")
}

func TestATenantIsToldOfItsOwnKeysOnlyThatHaveChanged(t *testing.T) {
	sc := newTenantScene(t)
	sc.sends("AUTH a p\r\n")
	sc.gets("+OK\r\n")
	(&pins{s: sc.s}).Pushed(nil, []byte(">2\r\n$10\r\ninvalidate\r\n*2\r\n$3\r\na:k\r\n$3\r\nb:k\r\n"))
	sc.gets(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n")
}

func TestASurveyCountsPageByPageAndHoldsLaterCommandsBack(t *testing.T) {
	sc := newTenantScene(t)
	sc.sends("AUTH a p\r\n")
	sc.gets("+OK\r\n")
	if left := sc.sends("DBSIZE\r\nGET k\r\n"); left != "GET k\r\n" {
		t.Fatalf("%q is left", left)
	}
	sc.server("*2\r\n$2\r\n17\r\n*2\r\n$3\r\na:1\r\n$3\r\nb:1\r\n")
	sc.server("*2\r\n$1\r\n5\r\n*0\r\n")
	sc.gets("")
	sc.server("*2\r\n$1\r\n0\r\n*1\r\n$3\r\na:2\r\n")
	sc.gets(":2\r\n")
	sc.sends("RANDOMKEY\r\n")
	sc.server("*2\r\n$1\r\n0\r\n*1\r\n$3\r\na:2\r\n")
	sc.gets("$1\r\n2\r\n")
	sc.sends("RANDOMKEY\r\n")
	sc.server("*2\r\n$1\r\n0\r\n*1\r\n$3\r\nb:2\r\n")
	sc.gets("$-1\r\n")
	if sc.s.held != 0 || sc.s.inflight != 0 {
		t.Errorf("%d bytes are held, %d in flight", sc.s.held, sc.s.inflight)
	}
}

func TestASurveyEndsInTimeAndWithTheServersError(t *testing.T) {
	sc := newTenantScene(t)
	sc.sends("AUTH a p\r\n")
	sc.gets("+OK\r\n")
	sc.sends("DBSIZE\r\n")
	sc.loop.now = sc.loop.now.Add(sc.core.Servers[0].Slow + time.Millisecond)
	sc.server("*2\r\n$2\r\n17\r\n*0\r\n")
	sc.gets(errSurvey)
	for reply, want := range map[string]string{
		"-NOPERM no\r\n":                "-NOPERM no\r\n",
		"+OK\r\n":                       "-ERR a server's reply to SCAN is of the wrong type\r\n",
		"*2\r\n$1\r\n0\r\n+x\r\n":       "-ERR a server's reply to SCAN is of the wrong type\r\n",
		"*2\r\n*0\r\n*0\r\n":            "-ERR a server's reply to SCAN is of the wrong type\r\n",
		"*2\r\n$1\r\n0\r\n*1\r\n:1\r\n": ":0\r\n",
	} {
		sc.sends("DBSIZE\r\n")
		sc.server(reply)
		sc.gets(want)
	}
	sc.sends("DBSIZE\r\n")
	sc.s.Closed(nil)
	sc.server("*2\r\n$2\r\n17\r\n*1\r\n$3\r\na:2\r\n") // nobody waits for the rest
}

func TestStrangersHaveFiveSecondsEachTime(t *testing.T) {
	sc := newTenantScene(t)
	other := sc.neighbour(3)
	pass := func(d time.Duration) {
		sc.loop.now = sc.loop.now.Add(d)
		sc.core.closeStrangers()
	}
	other.sends("AUTH a p\r\n")
	pass(strangerTimeout - 1)
	if sc.client.closed {
		t.Fatal("closed too early")
	}
	other.sends("RESET\r\n")
	pass(1)
	if !sc.client.closed || other.client.closed {
		t.Fatalf("closed: %v, who has reset: %v", sc.client.closed, other.client.closed)
	}
	if len(sc.core.strangers) != 1 {
		t.Fatalf("%d wait", len(sc.core.strangers))
	}
	for range 100 { // no more places for many changes of mind
		other.sends("AUTH a p\r\nRESET\r\n")
	}
	if len(sc.core.strangers) != 1 {
		t.Errorf("%d wait", len(sc.core.strangers))
	}
	pass(strangerTimeout)
	pass(strangerTimeout)
	if !other.client.closed || len(sc.core.strangers) != 0 {
		t.Errorf("who has reset is closed: %v; %d wait", other.client.closed, len(sc.core.strangers))
	}
}

func TestAStrangerIsOwedLittle(t *testing.T) {
	sc := newTenantScene(t)
	for range 100 {
		sc.sends(strings.Repeat("GET a\r\n", 100))
	}
	if !sc.client.aborted || sc.client.wrote > 2*strangerOutput {
		t.Errorf("cut off: %v, after %d bytes", sc.client.aborted, sc.client.wrote)
	}
}

func TestATenantsScopeIsThePoolOfItsPrefix(t *testing.T) {
	pools := []router.Pool{{Name: "main", Servers: []router.Server{{Name: "m", Weight: 1}}}, {Name: "other", Servers: []router.Server{{Name: "o", Weight: 1}}}}
	s, err := router.New(1, pools, []router.Route{{Pool: "main"}, {Prefix: "t:", Pool: "other"}, {Prefix: "u:x", Pool: "other"}, {Prefix: "v:x", Pool: "main"}})
	if err != nil {
		t.Fatal(err)
	}
	other, _ := s.ScopeOf("other")
	main, _ := s.ScopeOf("main")
	for prefix, want := range map[string]router.Scope{"t:": other, "t:a:": other, "u:": router.ByRoutes, "v:": main, "w:": main, "t": router.ByRoutes} {
		if got := s.Narrow(router.ByRoutes, []byte(prefix)); got != want {
			t.Errorf("%s: %v, want %v", prefix, got, want)
		}
	}
	if got := s.Narrow(main, []byte("t:")); got != main {
		t.Errorf("of a listener with a pool: %v", got)
	}
}
