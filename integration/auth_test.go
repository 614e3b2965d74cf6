package integration

import (
	"strings"
	"testing"
	"time"

	"ringmain/config"
)

const password = "open sesame"

func auth(user, text string) option {
	return func(c *config.Config) {
		mainPool(c).Auth = config.Auth{Username: user, Password: config.NewSecret(text)}
	}
}

// everyWay uses both versions of the protocol, and all servers.
func everyWay(t *testing.T, addr string) []string {
	w := dial(t, addr)
	mset := []string{"MSET", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g", "7", "h", "8"}
	replies := []string{w.do(mset...)}
	w.do("HELLO", "3")
	return append(replies, w.do(mset...), w.do("GET", "a"))
}

func TestRingmainAuthenticatesItselfToTheServers(t *testing.T) {
	list := startRedis(t, 3, "requirepass", password, "user", "proxy on >"+strings.ReplaceAll(password, " ", "-")+" ~* &* +@all")
	for _, o := range []option{auth("", password), auth("default", password), auth("proxy", strings.ReplaceAll(password, " ", "-"))} {
		for _, s := range list {
			told(t, s, "CONFIG", "RESETSTAT")
		}
		r := start(t, servers(list...), o, healthChecks(50*time.Millisecond))
		for _, s := range list {
			eventually(t, "health checks log in too", func() bool { return calls(t, s, "role") >= 5 })
		}
		if got := strings.Join(everyWay(t, r.Addr()), ""); got != "+OK\r\n+OK\r\n$1\r\n1\r\n" {
			t.Errorf("replies %q", got)
		}
		if r.log.contains("level=WARN") {
			t.Error("the log has warnings")
		}
	}
}

func TestAPasswordThatIsWrongOrMissingIsAClearErrorAndIsLoggedWithoutThePassword(t *testing.T) {
	list := startRedis(t, 3, "requirepass", password)
	for reason, o := range map[string]option{
		"WRONGPASS": auth("", "not-it-at-all"),
		"NOAUTH":    auth("", ""),
	} {
		t.Run(reason, func(t *testing.T) {
			r := start(t, servers(list...), o)
			eventually(t, "the log says why", func() bool { return r.log.contains("level=WARN", reason, list[1].Addr()) })
			for _, reply := range everyWay(t, r.Addr()) {
				if !strings.HasPrefix(reply, "-CLUSTERDOWN node ") || !strings.Contains(reply, reason) {
					t.Errorf("the client reads %q", reply)
				}
			}
			expect(t, "PING", dial(t, r.Addr()).do("PING"), "+PONG\r\n")
			if r.log.contains("not-it-at-all") {
				t.Error("the log has the password")
			}
		})
	}
}

func TestAPasswordThatServersDoNotWantIsAClearError(t *testing.T) {
	r := start(t, servers(startRedis(t, 1)...), auth("", password))
	eventually(t, "the client is told", func() bool {
		reply := dial(t, r.Addr()).do("GET", "k")
		return strings.HasPrefix(reply, "-CLUSTERDOWN node ") && strings.Contains(reply, "without any password configured")
	})
	if r.log.contains(password) {
		t.Error("the log has the password")
	}
}
