package quorum

import (
	"maps"
	"strings"
	"testing"
	"time"
)

func TestAnInitialisedSetMayVoteAtOnceWhereItPersists(t *testing.T) {
	b := newBench(t, 3, FsyncAlways).initialised()
	b.expectAll(Vote, unseen)
	b.set.Start()
	b.expectAll(Vote, "")
	b.expectAll(Register, "")
	b.models[1].body = func([]string) string { return ":7\r\n" }
	if a := b.call(1, vote); a.Outcome != Done || len(a.Values) != 1 || a.Values[0].Int != 7 {
		t.Errorf("a vote gives %+v", a)
	}
	if a := b.call(1, read); a.Outcome != Done || len(a.Values) != 1 || a.Values[0].Int != 7 {
		t.Errorf("a read gives %+v", a)
	}
	if got := b.set.Missing(Vote); got != `3/3 servers of quorum "safe" can vote` {
		t.Errorf("missing: %s", got)
	}
}

func TestAServerThatIsNotWhatItMustBeTakesNoPart(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(b *bench, m *model)
		want   string
	}{
		{"without fsync", func(_ *bench, m *model) { m.config["appendfsync"] = "everysec" },
			`does not keep all that it acknowledges: appendfsync is "everysec", not "always"`},
		{"without AOF", func(_ *bench, m *model) { m.config["appendonly"] = "no" },
			`does not keep all that it acknowledges: appendonly is "no", not "yes"`},
		{"no fsync in rewrites", func(_ *bench, m *model) { m.config["no-appendfsync-on-rewrite"] = "yes" },
			`does not keep all that it acknowledges: no-appendfsync-on-rewrite is "yes", not "no"`},
		{"CONFIG refused", func(_ *bench, m *model) { m.refuses["CONFIG"] = "NOPERM no" }, `refuses CONFIG: NOPERM no`},
		{"INFO refused", func(_ *bench, m *model) { m.refuses["INFO"] = "NOPERM no" }, `refuses INFO: NOPERM no`},
		{"evicting", func(_ *bench, m *model) { m.info = "maxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n" },
			`may evict keys: maxmemory-policy is "allkeys-lru"`},
		{"evicting, but never full", func(_ *bench, m *model) { m.info = "maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n" }, ""},
		{"bounded", func(_ *bench, m *model) { m.info = "maxmemory:100\r\nmaxmemory_policy:noeviction\r\n" }, ""},
		{"a replica", func(_ *bench, m *model) { m.role = "slave" }, "is a replica"},
		{"promoted", func(_ *bench, m *model) { m.info = "second_repl_offset:120\r\n" },
			"was a replica once, and may lack what it had not received"},
		{"never a replica", func(_ *bench, m *model) { m.info = "second_repl_offset:-1\r\n" }, ""},
		{"of a cluster", func(_ *bench, m *model) { m.info = "cluster_enabled:1\r\n" }, "is a node of a Redis Cluster"},
		{"emptied", func(_ *bench, m *model) { clear(m.keys) }, noIdentity},
		{"half an identity", func(_ *bench, m *model) { delete(m.keys, SettingsKey) }, "has half of an identity: its settings are missing"},
		{"a strange identity", func(_ *bench, m *model) { m.keys[IdentityKey] = "x" }, "has an identity that is not understood"},
		{"another set's", func(b *bench, _ *model) { b.identify(0, "set-b") },
			"belongs to another set, or the set was initialised anew: in that case start Ringmain anew"},
		{"other servers'", func(_ *bench, m *model) { m.keys[IdentityKey] = "set-a 0 feed g" },
			"belongs to a set of other servers than this proxy is configured with"},
		{"at another place", func(b *bench, m *model) { m.keys[IdentityKey] = "set-a 2 " + b.set.Nodes + " g" },
			"is server 3 of its set, and stands as 1 in this proxy's configuration"},
		{"made by itself", func(b *bench, m *model) { m.keys[IdentityKey] = b.set.Nodes + " 0 " + b.set.Nodes + " g" },
			"belongs to a set that does not persist, which it must in this proxy's configuration"},
		{"other settings", func(_ *bench, m *model) { m.keys[SettingsKey] = "h2" }, otherSettings},
		{"unreachable", func(_ *bench, m *model) { m.down = "is unreachable" }, "is unreachable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, 3, FsyncAlways).initialised()
			test.change(b, b.models[0])
			b.set.Start()
			for _, kind := range []Kind{Vote, Register, Owned} {
				b.expectBarred(0, kind, test.want)
				b.expectBarred(1, kind, "")
			}
			outcome := Done
			if test.want != "" {
				outcome = NotDone
				if got := b.set.Missing(Vote); got != `2/3 servers of quorum "safe" can vote: s0 `+test.want {
					t.Errorf("missing: %s", got)
				}
			}
			if a := b.call(0, vote); a.Outcome != outcome || a.Reason != test.want {
				t.Errorf("a vote gives %+v", a)
			}
		})
	}
}

func TestASetThatWasNeverInitialisedSaysWhatToDo(t *testing.T) {
	b := newBench(t, 3, FsyncAlways)
	b.set.Start()
	if got, want := b.set.Refusal(Register), "NOQUORUM 0/3 servers of quorum \"safe\" can vote: s0, s1, s2: each "+noIdentity+
		"; run: ringmain quorum init safe"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for i := range b.models {
		if len(b.models[i].keys) > 0 {
			t.Error("an identity was written where only quorum init may")
		}
		b.identify(i, "set-a")
	}
	b.clock.pass(2 * time.Second)
	b.expectAll(Vote, "")
}

func TestOneServerOfASetIsNotBelievedWhichSetItIs(t *testing.T) {
	b := newBench(t, 3, FsyncAlways).initialised()
	b.models[1].down, b.models[2].down = "is unreachable", "is unreachable"
	b.identify(0, "set-b")
	b.set.Start()
	b.expectBarred(0, Register, unsettled)
	b.models[1].down, b.models[2].down = "", ""
	b.set.Connected(1)
	b.set.Connected(2)
	b.expectBarred(1, Register, "")
	b.expectBarred(0, Register, "belongs to another set, or the set was initialised anew: in that case start Ringmain anew")
}

func TestProxiesThatDoNotAgreeAreToldSo(t *testing.T) {
	b := newBench(t, 3, FsyncAlways).initialised()
	b.models[0].keys[SettingsKey] = "h2"
	b.set.Start()
	b.models[1].down = "is unreachable"
	if got := b.set.Refusal(Vote); !strings.HasPrefix(got, "NOQUORUM 1/3 servers") {
		t.Errorf("with one that differs: %s", got)
	}
	b.models[1].down = ""
	b.models[1].keys[SettingsKey] = "h2"
	if a := b.call(1, vote); a.Outcome != NotDone || a.Reason != otherSettings {
		t.Errorf("a vote gives %+v", a)
	}
	if got := b.set.Refusal(Vote); !strings.HasPrefix(got, "LOCKSET 1/3 servers") || !strings.Contains(got, "; give all proxies the same configuration") {
		t.Errorf("with two that differ: %s", got)
	}
}

func TestASetWithoutPersistenceInitialisesItselfAndWaits(t *testing.T) {
	b := newBench(t, 3, None)
	b.set.Start()
	want := "casts no vote for another 12 s: it was initialised, changed or repaired lately"
	b.expectAll(Vote, want)
	b.expectAll(Register, "")
	if got := b.set.Missing(Vote); !strings.Contains(got, "s2: each "+want) {
		t.Errorf("missing: %s", got)
	}
	b.clock.pass(11 * time.Second)
	b.expectBarred(0, Vote, "casts no vote for another 1 s: it was initialised, changed or repaired lately")
	if a := b.call(0, vote); a.Outcome != NotDone {
		t.Errorf("a vote gives %+v", a)
	}
	b.clock.pass(100 * time.Millisecond)
	b.expectAll(Vote, "")
	if b.set.Persistent() {
		t.Error("the set claims to persist")
	}
}

func TestAnEmbeddedSetVotesAtOnce(t *testing.T) {
	b := newBench(t, 3, Embedded)
	for _, m := range b.models {
		m.began = b.clock.now
		m.refuses["CONFIG"] = "ERR unknown command"
	}
	b.set.Start()
	b.expectAll(Vote, "")
	if !b.set.Persistent() {
		t.Error("an embedded set does not count as persistent")
	}
	b.models[1].ahead = time.Hour
	if a := b.call(1, vote); a.Outcome != Done {
		t.Errorf("a vote gives %+v", a)
	}
}

func TestTheFirstStartOfASetThatInitialisesItselfIsNoTrouble(t *testing.T) {
	for p, warnings := range map[Persistence]int{Embedded: 0, None: 3} { // that those are in quarantine
		b := newBench(t, 3, p)
		b.set.Start()
		if got := strings.Count(b.log.String(), "level=WARN"); got != warnings || strings.Contains(b.log.String(), "may not vote") {
			t.Errorf("persistence %d: the log has %d warnings:\n%s", p, got, b.log.String())
		}
		b.models[1].keys = map[string]string{}
		b.models[1].refuses["EVAL"] = "NOPERM no"
		b.clock.pass(time.Minute)
		if !strings.Contains(b.log.String(), "may not vote") {
			t.Errorf("persistence %d: the log does not tell of a server that has lost its identity", p)
		}
	}
}

func TestAQuarantineForTwoReasonsIsToldOnce(t *testing.T) {
	b := newBench(t, 3, None)
	b.set.Start()
	s := b.set.servers[0]
	for i := range 20 {
		s.until, s.why = s.kept+time.Duration(i%3-1)*time.Millisecond, "was started lately, and may have lost locks"
		b.clock.pass(beat)
	}
	if got := strings.Count(b.log.String(), "casts no vote for a time\" quorum=safe server=s0"); got != 1 {
		t.Errorf("the log tells %d times of one server:\n%s", got, b.log.String())
	}
	s.isolate(time.Hour, "had its clock jump")
	b.clock.pass(beat)
	if !strings.Contains(b.log.String(), "jump") {
		t.Error("the log does not tell of a longer one")
	}
}

func TestAServerThatWasStartedLatelyWaitsForItsLocksToEnd(t *testing.T) {
	b := newBench(t, 3, None)
	b.set.Start()
	b.clock.pass(20 * time.Second)
	b.models[0].began = b.clock.now - 4*time.Second

	other := *b // another proxy, which sees the server for the first time
	other.expects = make([]string, 3)
	other.set = New(b.set.Settings)
	other.set.Start()
	other.expectBarred(0, Vote, "casts no vote for another 9 s: it was started lately, and may have lost locks")
	other.expectBarred(1, Vote, "")
	b.expectAll(Vote, "") // which knows the process
	b.clock.pass(8101 * time.Millisecond)
	other.expectBarred(0, Vote, "")
}

func TestAServerThatWasStartedInTheLastMomentOfASecondWaitsAsLong(t *testing.T) {
	b := newBench(t, 3, None)
	b.set.Start()
	b.clock.pass(20 * time.Second)
	// Redis counts whole seconds of its clock: it was started 4.1 s ago, and says 5.
	b.models[0].began = b.clock.now - 5*time.Second
	other := *b
	other.expects = make([]string, 3)
	other.set = New(b.set.Settings)
	other.set.Start()
	b.clock.pass(Quarantine(10*time.Second, 0.01) - 4100*time.Millisecond - time.Millisecond)
	if other.set.Barred(0, Vote) == "" {
		t.Error("it votes before the last lock that it may have forgotten has ended")
	}
}

func TestARestartedServerThatMayHaveLostLocksWaits(t *testing.T) {
	b := newBench(t, 3, None)
	b.set.Start()
	b.clock.pass(20 * time.Second)
	old := b.models[0].keys
	b.restart(0, old) // from a dump
	b.expectBarred(0, Vote, "casts no vote for another 12 s: it was restarted, and may have lost locks")
	b.expectBarred(0, Register, "")
	b.clock.pass(5 * time.Second)
	b.restart(0, old)
	b.expectBarred(0, Vote, "casts no vote for another 12 s: it was restarted, and may have lost locks")
	b.clock.pass(11200 * time.Millisecond)
	b.expectBarred(0, Vote, "")
}

func TestARestartedServerThatKeepsAllVotesAtOnce(t *testing.T) {
	b := newBench(t, 3, FsyncAlways).initialised()
	b.set.Start()
	b.restart(0, b.models[0].keys)
	b.expectBarred(0, Vote, "")
	b.restart(0, map[string]string{})
	b.expectBarred(0, Vote, noIdentity)
	b.expectBarred(0, Owned, noIdentity)
}

func TestAFlushIsFoundByTheVoteItself(t *testing.T) {
	for _, p := range []Persistence{None, FsyncAlways} {
		b := newBench(t, 3, p)
		if p == FsyncAlways {
			b.initialised()
		}
		b.set.Start()
		b.clock.pass(20 * time.Second)
		b.expectBarred(0, Vote, "")
		b.models[0].keys = map[string]string{}
		if a := b.call(0, vote); a.Outcome != NotDone || a.Reason != noIdentity {
			t.Errorf("a vote gives %+v", a)
		}
		if p == FsyncAlways {
			b.expectBarred(0, Vote, noIdentity)
		} else {
			b.expectBarred(0, Vote, "casts no vote for another 12 s: it has got another identity")
		}
	}
}

func TestAFlushIsFoundWithoutAnyVote(t *testing.T) {
	b := newBench(t, 3, FsyncAlways).initialised()
	b.set.Start()
	b.models[0].keys = map[string]string{}
	b.clock.pass(2 * beat)
	b.expectBarred(0, Vote, noIdentity)
	if n := strings.Count(b.log.String(), "server of a quorum may not vote"); n != 1 {
		t.Errorf("said %d times:\n%s", n, b.log.String())
	}
}

func TestAQuarantineOfTheServersOwnHolds(t *testing.T) {
	b := newBench(t, 3, FsyncAlways).initialised()
	b.models[0].quarantine = b.clock.now + 3*time.Second
	b.set.Start()
	b.expectBarred(0, Vote, "casts no vote for another 3 s: it was initialised, changed or repaired lately")
	b.expectBarred(0, Register, "")
	b.models[1].quarantine = b.clock.now + 3*time.Second // written after it was examined
	if a := b.call(1, vote); a.Outcome != NotDone || a.Reason != "casts no vote for another 3 s: it was initialised, changed or repaired lately" {
		t.Errorf("a vote gives %+v", a)
	}
	b.clock.pass(3 * time.Second)
	b.expectAll(Vote, "")
}

func TestAClockThatJumpsIsNoVote(t *testing.T) {
	for _, step := range []time.Duration{time.Second, -time.Second} {
		b := newBench(t, 3, FsyncAlways).initialised()
		b.set.Start()
		b.clock.pass(time.Second)
		b.models[0].ahead = step
		if a := b.call(0, vote); a.Outcome != Unknown || a.Reason != "had its clock jump" {
			t.Errorf("a vote after %v gives %+v", step, a)
		}
		b.expectBarred(0, Vote, "casts no vote for another 12 s: it had its clock jump")
		b.expectBarred(0, Register, "")
		b.expectBarred(1, Vote, "")
		b.clock.pass(12 * time.Second)
		b.expectBarred(0, Vote, "")
		b.models[1].ahead = step // found though nobody votes
		b.clock.pass(time.Second)
		b.expectBarred(1, Vote, "casts no vote for another 11 s: it had its clock jump")
	}
}

func TestNoVoteThatWasUnderWayWhenAClockJumpedCounts(t *testing.T) {
	b := running(t)
	b.clock.pass(time.Second)
	b.models[0].ahead = time.Minute // every lock there has ended
	b.models[0].silent = true
	var got []Answer
	for range 3 {
		b.set.Call(Call{Script: vote}, func(a Answer) { got = append(got, a) })
	}
	b.models[0].answer()
	for i, a := range got {
		if a.Outcome != Unknown || a.Reason != "had its clock jump" {
			t.Errorf("vote %d gives %+v", i, a)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d answers", len(got))
	}
}

func TestAClockThatHasJumpedWhileItsServerWasAwayIsNoVote(t *testing.T) {
	b := running(t)
	b.clock.pass(time.Second)
	b.models[0].ahead = time.Minute
	b.restart(0, b.models[0].keys)
	b.call(0, vote)
	b.expectBarred(0, Vote, "casts no vote for another 12 s: it had its clock jump")
	b.restart(1, b.models[1].keys)
	b.call(1, vote)
	b.expectBarred(1, Vote, "")
}

func TestAnExaminationIsRepeatedWhileTheProcessRuns(t *testing.T) {
	b := newBench(t, 3, FsyncAlways).initialised()
	b.set.Start()
	b.models[0].config["appendfsync"] = "no"
	b.clock.pass(examineEvery * beat)
	b.expectBarred(0, Register, `does not keep all that it acknowledges: appendfsync is "no", not "always"`)
	b.models[0].config["appendfsync"] = "always"
	b.clock.pass(examineEvery * beat / 2)
	b.expectBarred(0, Register, "")
}

func TestAServerThatIsYetToWriteItsFirstFileIsNotTrusted(t *testing.T) {
	b := newBench(t, 3, FsyncAlways).initialised()
	m := b.models[0]
	m.info = "aof_rewrite_in_progress:1\r\n"
	b.set.Start()
	b.expectBarred(0, Register, firstFile)
	m.info = ""
	b.clock.pass(2 * time.Second)
	b.expectBarred(0, Register, "")
	m.info = "aof_rewrite_in_progress:1\r\n" // of the file that it has
	b.clock.pass(5 * time.Second)
	b.expectBarred(0, Register, "")
	m.config["appendonly"] = "no"
	b.clock.pass(5 * time.Second)
	m.config["appendonly"] = "yes"
	b.clock.pass(5 * time.Second)
	b.expectBarred(0, Register, firstFile)
}

func TestAClosedSetIsRefused(t *testing.T) {
	b := newBench(t, 3, FsyncAlways).initialised()
	b.set.Start()
	b.set.Close()
	if a := b.call(0, vote); a.Outcome != NotDone || a.Reason != "is not used any more: the proxy is stopping" {
		t.Errorf("a vote gives %+v", a)
	}
	n := len(b.models[0].seen)
	b.clock.pass(time.Minute)
	if len(b.models[0].seen) != n {
		t.Error("servers are still asked")
	}
}

func TestAnOldCopyOfAServersDataThatIsPutBackIsNotBelieved(t *testing.T) {
	b, started := repaired(t)
	old := maps.Clone(b.models[1].keys)
	b.restart(1, map[string]string{})
	b.clock.pass(beat)
	(*started)[0].done(nil)
	b.expectBarred(1, Register, "")
	repaired := maps.Clone(b.models[1].keys)
	b.restart(1, old)
	b.expectBarred(1, Register, rolledBack)
	b.expectBarred(1, Vote, rolledBack)
	b.restart(1, repaired)
	b.expectBarred(1, Register, "")
	b.models[1].keys = old // as SWAPDB does
	b.call(1, read)
	b.expectBarred(1, Register, rolledBack)
	b.models[1].keys = map[string]string{}
	b.clock.pass(repairEvery + time.Second)
	(*started)[1].done(nil)
	b.expectBarred(1, Register, "")
}

func TestAProcessThatBeganWithoutItsFileIsNotBelievedWhenItIsToldToKeepThingsFromNowOn(t *testing.T) {
	const off = `does not keep all that it acknowledges: appendonly is "no", not "yes"`
	b, started := repaired(t)
	keys := b.models[1].keys
	b.models[1].config["appendonly"] = "no"
	b.restart(1, keys)
	b.expectBarred(1, Register, off)
	b.models[1].config["appendonly"] = "yes"
	b.restart(1, keys)
	b.expectBarred(1, Register, "") // it has read its file

	b.models[1].config["appendonly"] = "no"
	b.clock.pass(2 * examineEvery * beat)
	b.expectBarred(1, Register, off)
	b.models[1].config["appendonly"] = "yes"
	b.clock.pass(2 * examineEvery * beat)
	b.expectBarred(1, Register, "") // the same process has forgotten nothing

	b.models[1].config["appendonly"] = "no"
	b.restart(1, keys)
	b.models[1].config["appendonly"] = "yes"
	b.clock.pass(2 * examineEvery * beat)
	b.expectBarred(1, Register, unkept)
	b.restart(1, keys)
	b.expectBarred(1, Register, unkept)
	b.models[1].keys = map[string]string{}
	b.clock.pass(repairEvery + 2*examineEvery*beat)
	(*started)[0].done(nil)
	b.expectBarred(1, Register, "")
}
