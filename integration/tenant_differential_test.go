package integration

import (
	"fmt"
	"maps"
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

// plantOthers puts keys of others on all servers, under names that the requests have,
// and under names that are like the tenant's.
func (a *arena) plantOthers(t *testing.T) {
	t.Helper()
	a.others = nil
	for _, s := range a.nodes {
		plant(t, s, a.tags)
		a.others = append(a.others, keysOfOthers(t, s))
	}
}

// secret is in the value of each key of others, in names of some, and in no request.
const secret = "not to be seen"

// othersPrefixes are before the names of others' keys.
var othersPrefixes = []string{"", "other:", "t", "tabc:", "{" + tenantPrefix + "}", strings.ToUpper(tenantPrefix)}

func plant(t *testing.T, s *redistest.Server, tags []string) {
	t.Helper()
	c, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := 0
	for _, prefix := range othersPrefixes {
		for _, tag := range tags {
			for i, name := range append(fixtureNames, "@none", "@new", "@a", "@1", "@"+secret) {
				key := prefix + naming{tag: tag}.key(name)
				// Of another type than the fixture, mostly.
				request := [][]any{{"RPUSH", key, secret, "b"}, {"SET", key, secret}, {"HSET", key, "f1", secret}}[i%3]
				if name == "@a" || name == "@1" { // elements, for SORT's GET
					request = []any{"SET", key, secret}
				}
				if err := c.Send(request...); err != nil {
					t.Fatal(err)
				}
				sent++
			}
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for range sent {
		if reply, err := c.Receive(); err != nil {
			t.Fatal(reply, err)
		}
	}
}

// keysOfOthers are all keys of a server but the tenant's, with their contents.
func keysOfOthers(t *testing.T, s *redistest.Server) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, database := range []string{"0", "1"} {
		c, err := s.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		must := func(args ...any) any {
			reply, err := c.Do(args...)
			if err != nil {
				t.Fatalf("%q: %v", args, err)
			}
			return reply
		}
		must("SELECT", database)
		for _, key := range must("KEYS", "*").([]any) {
			if name := key.(string); !strings.HasPrefix(name, tenantPrefix) {
				found[database+" "+name] = fmt.Sprint(must("DUMP", name), must("PTTL", name))
			}
		}
	}
	return found
}

// sameOthers fails the test if a key of others has changed since they were planted.
func (a *arena) sameOthers(t *testing.T) {
	t.Helper()
	for i, s := range a.nodes {
		if len(a.others[i]) < 900 {
			t.Errorf("server %d had %d keys of others only", i, len(a.others[i]))
		}
		if after := keysOfOthers(t, s); !maps.Equal(a.others[i], after) {
			for key, was := range a.others[i] {
				if after[key] != was {
					t.Errorf("server %d: %q was %.100q, is %.100q", i, key, was, after[key])
				}
			}
			t.Errorf("server %d: %d keys of others have become %d", i, len(a.others[i]), len(after))
		}
	}
}

func TestATenantSeesWhatOneRedisWouldShow(t *testing.T) {
	a := newTenantArena(t)
	a.playAll(t)
	a.sameOthers(t)
	if a.tally.requests < 8_000 || len(a.tally.commands) < 140 {
		t.Errorf("only %d requests of %d commands were compared", a.tally.requests, len(a.tally.commands))
	}
}
