package admin

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"ringmain/quorum"
)

func TestQuorumsOfAllLoopsAreTold(t *testing.T) {
	one, other := newFakeLoop(t), newFakeLoop(t)
	one.stats.Quorums = []QuorumStats{{Status: quorum.Status{Name: "z", Repaired: 1, Servers: []quorum.ServerStatus{
		{Name: "127.0.0.1:1", State: quorum.StateVotes, Since: time.Hour},
		{Name: "127.0.0.1:2", State: quorum.StateRepair, Reason: "is being repaired", Copied: 7},
		{Name: "127.0.0.1:3", State: quorum.StateQuarantine, Reason: "was restarted"},
	}}}}
	other.stats.Quorums = []QuorumStats{{Status: quorum.Status{Name: "a", Servers: []quorum.ServerStatus{{Name: "s", State: quorum.StateDown, Reason: "is unreachable"}}}}}
	opt := newAdmin(one, other).opt
	opt.Operator = &fakeOperator{}
	answer := ask(New(opt), "/api/quorums")
	var told struct {
		Quorums []struct {
			Name             string
			Majority, Voting int
			Repaired         uint64
			Servers          []struct {
				Node, State, Reason string
				Since               time.Time
				Copied              int
			}
		}
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &told); err != nil || answer.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", answer.Code, answer.Body, err)
	}
	if len(told.Quorums) != 2 || told.Quorums[0].Name != "a" || told.Quorums[0].Voting != 0 || told.Quorums[0].Majority != 1 {
		t.Fatalf("told %+v", told)
	}
	z := told.Quorums[1]
	if z.Name != "z" || z.Majority != 2 || z.Voting != 1 || z.Repaired != 1 || len(z.Servers) != 3 {
		t.Fatalf("told %+v", z)
	}
	if s := z.Servers[1]; s.Node != "127.0.0.1:2" || s.State != "repair" || s.Reason != "is being repaired" || s.Copied != 7 {
		t.Errorf("told %+v", s)
	}
	if since := time.Since(z.Servers[0].Since); since < time.Hour || since > time.Hour+time.Minute {
		t.Errorf("the first has been as it is for %v", since)
	}
}
