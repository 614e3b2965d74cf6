package integration

import (
	"strings"
	"testing"

	"ringmain/config"
	"ringmain/internal/redistest"
)

// The user whose requests are compared, and what its keys begin with on the servers.
// The prefix has every character that means something in a pattern.
const tenantPrefix = `t*?[a-z]\^:`

var tenantLogin = []string{"AUTH", "tenant", "mine"}

func tenants(c *config.Config) {
	c.Users = []config.User{
		{Name: "tenant", Password: config.NewSecret("mine"), Access: "admin", KeyPrefix: tenantPrefix},
		{Name: "other", Password: config.NewSecret("theirs"), Access: "admin", KeyPrefix: "other:"},
		{Name: "default", Password: config.NewSecret("all"), Access: "admin"},
	}
}

func (a *arena) login() []string {
	if a.tenant {
		return tenantLogin
	}
	return nil
}

// newTenantArena compares what a user with a key_prefix sees with what one Redis shows.
func newTenantArena(t *testing.T, options ...option) *arena {
	t.Helper()
	a := &arena{nodes: startRedis(t, 3), lone: redistest.Start(t), known: map[string]bool{}, tally: newTally(), tenant: true}
	return a.begin(t, append(options, tenants)...)
}

// plantOthers puts keys of others on all servers, whose names are alike.
func (a *arena) plantOthers(t *testing.T) {
	t.Helper()
	for _, s := range a.nodes {
		for _, tag := range a.tags {
			for _, prefix := range []string{"", "other:", "t", "tabc:", "{" + tenantPrefix + "}", strings.ToUpper(tenantPrefix)} {
				if _, err := s.Do("SET", prefix+"{"+tag+"}str", "not the tenant's"); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestATenantSeesWhatOneRedisWouldShow(t *testing.T) {
	a := newTenantArena(t)
	a.playAll(t)
	if a.tally.requests < 8_000 || len(a.tally.commands) < 140 {
		t.Errorf("only %d requests of %d commands were compared", a.tally.requests, len(a.tally.commands))
	}
}
