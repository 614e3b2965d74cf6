package integration

import (
	"fmt"
	"strings"
	"testing"

	"ringmain/internal/difftest"
	"ringmain/proxy/tenant"
)

// newTenantStage has the clients of Ringmain be a user with a key_prefix.
func newTenantStage(t *testing.T, options ...option) *stage {
	st := newStage(t, 3, append(options, tenants, loops(2))...)
	st.login = tenantLogin
	return st
}

func TestScenesOfATenantGoAsWithRedis(t *testing.T) {
	st := newTenantStage(t)
	played := 0
	for _, scenes := range []map[string]string{transactionScenes, blockingScenes, trackingScenes} {
		for name, scene := range scenes {
			if refused := refusedIn(t, scene); refused != "" {
				t.Logf("%s: tenants have no %s", name, refused)
				continue
			}
			played++
			st.play(t, name, scene)
		}
	}
	if played < 40 {
		t.Errorf("only %d scenes were played", played)
	}
}

// refusedIn is a command in a scene that tenants are refused.
func refusedIn(t *testing.T, scene string) string {
	for line := range strings.Lines(scene) {
		_, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		words, err := difftest.Words(what, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := lookup(words); c != nil && !tenant.Serves(c) {
			return c.Name
		}
	}
	return ""
}

func TestRandomPlaysOfATenantGoAsWithRedis(t *testing.T) {
	plays := 6
	if torture() {
		plays = 200
	}
	st := newTenantStage(t)
	for n := range plays {
		seed := uint64(1000 + n)
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { improvise(t, st, seed, 120) }) {
			break
		}
	}
}

// publishOthers has others publish on channels that are named like the tenant's, which
// nobody may hear of.
func (a *arena) publishOthers(t *testing.T, args []string) {
	t.Helper()
	if len(args) < 2 || !strings.HasSuffix(strings.ToLower(args[0]), "publish") {
		return
	}
	for _, prefix := range othersPrefixes {
		if _, err := a.nodes[0].Do(args[0], prefix+args[1], "not the tenant's"); err != nil {
			t.Error(err)
		}
	}
}

func TestRandomSubscriptionsOfATenantAreToldWhatRedisTells(t *testing.T) {
	newTenantArena(t, loops(2)).playSubscriptions(t, 3)
}
