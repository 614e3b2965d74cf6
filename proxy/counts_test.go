package proxy

import (
	"strings"
	"testing"
	"time"
)

// info is what a section says to another client, once all loops have told.
func (sc *scene) info(section string, loops ...*stillLoop) string {
	sc.Helper()
	asker := sc.neighbour(78)
	asker.sends("INFO " + section + "\r\n")
	for _, loop := range append(loops, sc.loop) {
		loop.turn()
	}
	return asker.client.take()
}

func TestInfoCountsTheCommandsOfAllLoopsSinceTheLastReset(t *testing.T) {
	sc, loop, other := twoLoops(t)
	sc.core.Config.Local.Connections = func() int64 { return 0 }
	sc.core.Config.Local.Commands = func() uint64 { return 0 }
	for _, client := range []*scene{sc, other} {
		client.sends("GET a\r\n")
		client.loop.now = client.loop.now.Add(3 * time.Microsecond)
		client.server("-WRONGTYPE x\r\n")
	}
	sc.sends("GET\r\nPING\r\nPING a b\r\nNOSUCH\r\nCLIENT KILL x\r\n")
	loop.turn()
	sc.loop.turn()
	stats, errors := sc.info("commandstats", loop), sc.info("errorstats", loop)
	for _, want := range []string{"cmdstat_get:calls=2,usec=6,usec_per_call=3.00,rejected_calls=1,failed_calls=2\r\n",
		"cmdstat_ping:calls=2,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=1\r\n", "cmdstat_client|kill:calls=1,"} {
		if !strings.Contains(stats, want) {
			t.Errorf("INFO lacks %q: %q", want, stats)
		}
	}
	if want := "errorstat_ERR:count=4\r\nerrorstat_WRONGTYPE:count=2\r\n"; !strings.Contains(errors, want) {
		t.Errorf("INFO lacks %q: %q", want, errors)
	}
	before := sc.core.Stats()
	sc.client.take()
	sc.sends("CONFIG RESETSTAT\r\n")
	loop.turn()
	sc.loop.turn()
	sc.gets("+OK\r\n")
	if stats := sc.info("commandstats", loop); strings.Contains(stats, "cmdstat_get") {
		t.Errorf("%q", stats)
	}
	if after := sc.core.Stats(); after.Received < before.Received || after.Sent < before.Sent {
		t.Error("a metric goes back")
	}
}
