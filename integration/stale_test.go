package integration

import (
	"testing"
	"time"

	"ringmain/internal/ledger"
	"ringmain/internal/redistest"
)

// judged reports what a load's ledger has against the proxy.
func judged(t testing.TB, l *ledger.Load) {
	t.Helper()
	t.Log(l)
	for _, fault := range l.Faults() {
		t.Error(fault)
	}
}

// succeed ends the test with an error.
func succeed(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What a proxy does that takes servers out and back without a thought for what they still
// have: so the ledger finds lies, and these faults bring them about.
func TestTwemproxyThatEjectsServersServesStaleValues(t *testing.T) {
	t.Parallel()
	lasts := 3 * time.Second
	if torture() {
		lasts = time.Minute
	}
	list := startRedis(t, 5)
	var addresses []string
	for _, s := range list {
		addresses = append(addresses, s.Addr())
	}
	proxy := redistest.Nutcracker(t, addresses, "ketama", "fnv1a_64", "hash_tag", `"{}"`, "timeout", "100",
		"auto_eject_hosts", "true", "server_failure_limit", "1", "server_retry_timeout", "200")
	l := ledger.New(ledger.Options{Addr: proxy.Addr(), Actors: 8, Pairs: 60, Plain: true, MayClose: true,
		Judge: func(string) ledger.Outcome { return ledger.Uncertain }})
	defer l.Close()
	succeed(t, l.Fill(gross))
	l.Begin()
	pain := &agony{victims: victimsOf(list, 2, time.Second, 1), faults: append(pauses, crashes...)}
	err := pain.last(lasts)
	l.End()
	succeed(t, err)
	t.Logf("twemproxy for %v: %v; faults: %v", lasts, l, pain.suffered)
	if l.Lies.Load() == 0 {
		t.Error("no stale read was found")
	}
	if l.Hits.Load()*3 < l.Reads.Load() {
		t.Error("too few reads hit to tell anything")
	}
}

// In a pool that fails nothing is lost or stale as long as the servers keep what they have,
// whatever the network does.
func TestInAPoolThatFailsNothingIsLostWhereServersPauseAndTheNetworkMisbehaves(t *testing.T) {
	t.Parallel()
	lasts := 3 * time.Second
	if torture() {
		lasts = time.Minute
	}
	list := startRedis(t, 3)
	victims := victimsOf(list, 2, time.Second, 2)
	front := append(poisoned(t, victims), list[2])
	r := start(t, front, loops(2), healthChecks(100*time.Millisecond), requestTimeout(300*time.Millisecond))
	l := ledger.New(ledger.Options{Addr: r.Addr(), Actors: 8, Pairs: 60, Seed: 2,
		MayClose: true}) // in the middle of a reply
	t.Cleanup(l.Close)
	succeed(t, l.Fill(gross))
	l.Begin()
	pain := &agony{victims: victims, faults: append(poisons(), pauses...), first: 4}
	err := pain.last(lasts)
	l.End()
	succeed(t, err)
	succeed(t, l.Read(gross))
	judged(t, l)
	if n := l.Forgotten.Load(); n > 0 {
		t.Errorf("%d reads found forgotten what was written", n)
	}
	t.Logf("faults: %v", pain.suffered)
}
