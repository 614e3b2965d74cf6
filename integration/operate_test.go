package integration

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ringmain/admin"
)

// told is what operators are told of the servers of the pool main.
func (r *ringmain) told(t *testing.T) admin.PoolState {
	t.Helper()
	var got struct{ Pools []admin.PoolState }
	if status, body := r.get(t, "/api/pools"); json.Unmarshal([]byte(body), &got) != nil || len(got.Pools) != 1 {
		t.Fatalf("%d %s", status, body)
	}
	return got.Pools[0]
}

func TestOperatorsAndInfoTellWhatBecomesOfTheKeysOfADrainedServer(t *testing.T) {
	st := newStage(t, 3, rerouting(soon), admitted)
	o, w := newOperator(t, st.proxy), dial(t, st.proxy.addr)
	key := st.keyOn(t, 1)
	o.must("drain", "b")
	if b := st.proxy.told(t).Servers[1]; b.State != "rerouted" || b.Reason != "is drained" {
		t.Errorf("it is told that %+v", b)
	}
	if state, reason := st.state(t, "b"); state != "rerouted" || reason != "is drained" {
		t.Errorf("INFO tells %s, %s", state, reason)
	}
	expect(t, "a key of a drained server", w.do("GET", key), "$-1\r\n")
	for args, want := range map[string]string{
		"drain b": "is drained already", "drain main/a": "max_down_percent", "undrain c": "is not drained", "adopt main": "no server holds data",
	} {
		if out, err := o.run(strings.Fields(args)...); err == nil || !strings.Contains(out, want) || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: %s, %v", args, out, err)
		}
	}
	o.must("undrain", "main/b")
	if b := st.proxy.told(t).Servers[1]; b.State != "up" || b.Reason != "is back" {
		t.Errorf("it is told that %+v", b)
	}
	expect(t, "a key that was not written meanwhile", w.do("GET", key), "$1\r\nv\r\n")
}

// The controller looks at servers in turn, also while one of them hangs.
func TestAServerFallsAlthoughAnotherOneHangs(t *testing.T) {
	st := newStage(t, 5, rerouting(soon), admitted, requestTimeout(gross/3))
	key := st.keyOn(t, 0)
	began := time.Now()
	if err := st.servers[1].Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is rerouted", func() bool { return st.proxy.told(t).Servers[1].State == "rerouted" })
	st.servers[0].Kill()
	eventually(t, "another one is", func() bool { return st.proxy.told(t).Servers[0].State == "rerouted" })
	expect(t, "GET", dial(t, st.proxy.addr).do("GET", key), "$-1\r\n")
	if took := time.Since(began); took > gross/3 {
		t.Errorf("it took %v, as long as a reply is waited for", took)
	}
	if err := st.servers[1].Cont(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool { return st.proxy.told(t).Servers[1].State == "up" })
}

func TestServersThatHaveNeverBeenReachedAreNotToldToBeUp(t *testing.T) {
	list := startRedis(t, 2)
	for _, s := range list {
		s.Kill()
	}
	r := start(t, servers(list...), rerouting(soon), admitted)
	for i, b := range r.told(t).Servers {
		if b.State != "down" || b.Reason == "" || b.Since.IsZero() || b.Falls != 0 {
			t.Errorf("server %d is told to be %+v", i, b)
		}
	}
}
