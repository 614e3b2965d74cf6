package quorum

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// copying is a refill that a test ends.
type copying struct {
	server  int
	mark    string
	done    func(error)
	stopped bool
}

func (c *copying) Copied() int { return 7 }
func (c *copying) Stop()       { c.stopped = true }

// repaired is a bench whose set repairs its servers; started are the refills that have begun.
func repaired(t *testing.T) (b *bench, started *[]*copying) { return repairedOf(t, 3) }

func repairedOf(t *testing.T, servers int) (b *bench, started *[]*copying) {
	started = &[]*copying{}
	b = newBench(t, servers, FsyncAlways, func(s *Settings) {
		s.Refill = func(server int, mark string, done func(error)) Refilling {
			c := &copying{server: server, mark: mark, done: done}
			*started = append(*started, c)
			return c
		}
	}).initialised()
	b.set.Start()
	return b, started
}

func TestAServerThatHasLostAllVotesAgainWhenItIsRepaired(t *testing.T) {
	b, started := repaired(t)
	b.restart(1, map[string]string{})
	b.clock.pass(beat)
	if len(*started) != 1 || (*started)[0].server != 1 || b.models[1].keys[RepairKey] != (*started)[0].mark {
		t.Fatalf("refills %+v, the server has %q", *started, b.models[1].keys)
	}
	b.expectBarred(1, Vote, underRepair)
	b.expectBarred(1, Register, underRepair)
	b.expectBarred(1, Refill, "")
	b.clock.pass(time.Minute)
	if len(*started) != 1 {
		t.Errorf("%d refills at once", len(*started))
	}
	b.expectBarred(1, Register, underRepair)
	(*started)[0].done(nil)
	b.expectBarred(1, Register, "")
	b.expectBarred(1, Vote, "casts no vote for another 12 s: it has got another identity")
	if left := b.models[1].quarantine - b.clock.now; left != b.set.quarantine() {
		t.Errorf("other proxies hear of a quarantine of %v", left)
	}
	if id, ok := ParseIdentity(b.models[1].keys[IdentityKey]); !ok || id.Set != "set-a" || id.Index != 1 {
		t.Errorf("its identity is %q", b.models[1].keys[IdentityKey])
	}
	b.clock.pass(12 * time.Second)
	b.expectBarred(1, Vote, "")
	if !strings.Contains(b.log.String(), "server of a quorum is repaired") || b.set.Repaired != 1 {
		t.Errorf("%d repairs are counted, and the log says\n%s", b.set.Repaired, b.log.String())
	}
}

func TestAServerThatIsEmptiedDuringItsRepairIsRepairedAnew(t *testing.T) {
	b, started := repaired(t)
	b.models[1].keys = map[string]string{}
	b.clock.pass(time.Second)
	b.models[1].keys = map[string]string{} // with the mark
	(*started)[0].done(nil)
	if len(b.models[1].keys) != 0 {
		t.Errorf("without the mark it has got %q", b.models[1].keys)
	}
	b.expectBarred(1, Register, noIdentity)
	b.clock.pass(repairEvery + beat)
	if len(*started) != 2 {
		t.Fatalf("%d refills", len(*started))
	}
	b.restart(1, map[string]string{})
	if !(*started)[1].stopped {
		t.Error("it goes on with a process that is gone")
	}
	b.clock.pass(repairEvery + beat)
	(*started)[1].done(nil) // too late
	b.expectBarred(1, Register, underRepair)
	(*started)[2].done(errors.New("too few of the other servers can vote"))
	b.expectBarred(1, Register, noIdentity)
	delete(b.models[1].keys, RepairKey) // which expires
	b.clock.pass(repairEvery + beat)
	(*started)[3].done(nil)
	b.expectBarred(1, Register, "")
}

func TestNothingIsRepairedThatMustNotBe(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(b *bench)
		want   string // why the second server is barred
	}{
		{"without a majority that is whole", func(b *bench) { b.models[1].keys, b.models[2].keys = map[string]string{}, map[string]string{} }, noIdentity},
		{"another is down", func(b *bench) { b.models[1].keys, b.models[2].down = map[string]string{}, "is unreachable" }, noIdentity},
		{"by two", func(b *bench) {
			b.models[1].keys = map[string]string{RepairKey: "other", SettingsKey: "h1", mendingKey: "set-a"}
		}, noIdentity},
		{"foreign data", func(b *bench) { b.models[1].keys = map[string]string{"session:1": "x"} }, hasData},
		{"settings alone", func(b *bench) { b.models[1].keys = map[string]string{SettingsKey: "h1"} }, hasData},
		{"half of another set's repair", func(b *bench) {
			b.models[1].keys = map[string]string{SettingsKey: "h1", mendingKey: "set-b"}
		}, hasData},
		{"half of another set's init", func(b *bench) {
			b.models[1].keys = map[string]string{SettingsKey: "h1", foundingKey: "set-b"}
		}, hasData},
		{"only the identity lost", func(b *bench) { delete(b.models[1].keys, IdentityKey) }, hasData},
		{"without fsync", func(b *bench) {
			b.models[1].keys = map[string]string{}
			b.models[1].config["appendfsync"] = "no"
		}, `does not keep all that it acknowledges: appendfsync is "no", not "always"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, started := repaired(t)
			test.change(b)
			b.clock.pass(time.Minute)
			if len(*started) != 0 {
				t.Errorf("%d refills", len(*started))
			}
			b.expectBarred(1, Register, test.want)
			if n := strings.Count(b.log.String(), "\n"); n > 9 {
				t.Errorf("the log says the same again and again:\n%s", b.log.String())
			}
		})
	}
	b := newBench(t, 3, FsyncAlways).initialised() // repair: off
	b.set.Start()
	b.models[1].keys = map[string]string{}
	b.clock.pass(time.Minute)
	b.expectBarred(1, Register, noIdentity)
}

func TestAServerThatCannotBeRepairedKeepsNoOtherWaiting(t *testing.T) {
	for _, test := range []struct {
		name string
		last func(b *bench, m *model)
	}{
		{"foreign data", func(_ *bench, m *model) { m.keys = map[string]string{"session:1": "x"} }},
		{"no room", func(_ *bench, m *model) { m.keys, m.refuses["EVAL"] = map[string]string{}, "OOM no room" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, started := repairedOf(t, 5)
			b.models[1].keys = map[string]string{}
			test.last(b, b.models[4])
			b.clock.pass(10 * time.Second)
			if len(*started) != 1 || (*started)[0].server != 1 {
				t.Fatalf("%d refills", len(*started))
			}
			(*started)[0].done(nil)
			b.expectBarred(1, Register, "")
		})
	}
}

func TestARepairThatAlwaysFailsIsTriedEverMoreSeldom(t *testing.T) {
	b, started := repaired(t)
	b.models[1].keys = map[string]string{}
	failed := 0
	fail := func(d time.Duration) {
		for range d / beat {
			b.clock.pass(beat)
			for ; failed < len(*started); failed++ {
				delete(b.models[1].keys, RepairKey) // which expires
				(*started)[failed].done(errors.New("refuses the script counter copy: OOM"))
			}
		}
	}
	fail(repairEvery + 2*beat)
	if failed != 2 {
		t.Errorf("%d attempts in the first seconds", failed)
	}
	fail(time.Hour)
	if failed < 50 || failed > 75 {
		t.Errorf("%d attempts in an hour", failed)
	}
	b.clock.pass(repairSeldom + beat)
	(*started)[failed].done(nil)
	b.expectBarred(1, Register, "")
	b.models[1].keys = map[string]string{}
	b.clock.pass(repairEvery + beat)
	if len(*started) != failed+2 {
		t.Error("a server that was repaired has to wait for what went wrong before")
	}
}

func TestAnInterruptedRepairOrInitIsFinishedByARepairWhateverTheSettingsWere(t *testing.T) {
	for _, key := range []string{mendingKey, foundingKey} {
		b, started := repaired(t)
		b.models[1].keys = map[string]string{SettingsKey: "h0", key: "set-a"}
		b.clock.pass(repairEvery + beat)
		if len(*started) != 1 {
			t.Fatalf("%s: %d refills", key, len(*started))
		}
		if _, is := b.models[1].keys[foundingKey]; is {
			t.Error("an init that goes on would end the repair")
		}
		(*started)[0].done(nil)
		b.expectBarred(1, Register, "")
		if n := len(b.models[1].keys); n != 2 {
			t.Errorf("%s: the server has %q", key, b.models[1].keys)
		}
	}
}
