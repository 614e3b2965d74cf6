package quorum

import (
	"slices"
	"testing"
	"time"
)

func running(t *testing.T) *bench {
	b := newBench(t, 3, FsyncAlways).initialised()
	b.set.Start()
	for _, m := range b.models {
		m.seen = nil
	}
	return b
}

func TestAScriptIsSentOnceAndThenNamed(t *testing.T) {
	b := running(t)
	m := b.models[0]
	b.call(0, vote)
	b.call(0, vote)
	m.scripts = map[string]string{} // SCRIPT FLUSH
	if a := b.call(0, vote); a.Outcome != Done {
		t.Errorf("after SCRIPT FLUSH: %+v", a)
	}
	b.restart(0, m.keys)
	m.seen = nil
	b.call(0, vote)
	if want := []string{"EVAL"}; !slices.Equal(m.seen, want) {
		t.Errorf("a new process is sent %q, want %q", m.seen, want)
	}
}

func TestACallEndsWhenItsTimeIsOver(t *testing.T) {
	b := running(t)
	b.models[0].silent = true
	var got []Answer
	b.set.Call(Call{Script: vote, Within: 5 * time.Millisecond}, func(a Answer) { got = append(got, a) })
	b.clock.pass(4 * time.Millisecond)
	if len(got) != 0 {
		t.Fatalf("too early: %+v", got)
	}
	b.clock.pass(time.Millisecond)
	if len(got) != 1 || got[0].Outcome != Unknown || got[0].Reason != "did not answer within 5ms" {
		t.Fatalf("got %+v", got)
	}
	if text := b.set.Missing(Vote); text != `2/3 servers of quorum "safe" can vote: s0 did not answer within 5ms` {
		t.Errorf("missing: %s", text)
	}
	b.models[0].answer()
	if len(got) != 1 {
		t.Errorf("told again: %+v", got)
	}
	b.expectBarred(0, Vote, "")
}

func TestWhatTheLinkLosesIsUnknownOnlyIfItWasSent(t *testing.T) {
	b := running(t)
	for _, test := range []struct {
		sent bool
		want Outcome
	}{{true, Unknown}, {false, NotDone}} {
		b.set.Link = failing{b, test.sent}
		if a := b.call(0, vote); a.Outcome != test.want || a.Reason != "was cut off" {
			t.Errorf("%+v: %+v", test, a)
		}
	}
}

type failing struct {
	*bench
	sent bool
}

func (f failing) Send(_ int, _ []byte, to Receiver) { to.Failed(f.sent, "was cut off") }

func TestErrorsSayWhetherTheScriptRan(t *testing.T) {
	for text, want := range map[string]Outcome{
		"OOM command not allowed":             NotDone,
		"LOADING Redis is loading":            NotDone,
		"BUSY Redis is busy running a script": NotDone,
		"READONLY You can't write":            NotDone,
		"MISCONF Errors writing to the AOF":   NotDone,
		"NOREPLICAS Not enough":               NotDone,
		"ERR user_script:3: attempt to":       Unknown,
		"WRONGTYPE Operation against a key":   Unknown,
	} {
		b := running(t)
		b.models[0].refuses["EVAL"] = text
		if a := b.call(0, vote); a.Outcome != want || a.Reason != "refuses the script vote: "+text {
			t.Errorf("%s: %+v", text, a)
		}
	}
}

func TestAnAnswerOfAnotherProcessIsNoVote(t *testing.T) {
	b := running(t)
	b.models[0].silent = true
	var got []Answer
	b.set.Call(Call{Script: vote}, func(a Answer) { got = append(got, a) })
	kept := b.models[0].kept
	b.models[0].kept, b.models[0].silent = nil, false
	b.restart(0, b.models[0].keys)
	for _, f := range kept {
		f()
	}
	if len(got) != 1 || got[0].Outcome != Unknown {
		t.Errorf("got %+v", got)
	}
	b.expectBarred(0, Vote, "")
}

func TestAnIdentityThatChangesDuringACallIsExaminedOnce(t *testing.T) {
	b := newBench(t, 3, None)
	b.set.Start()
	b.clock.pass(20 * time.Second)
	m := b.models[0]
	m.keys = map[string]string{}
	m.silent = true
	for range 2 {
		b.set.Call(Call{Script: vote}, func(a Answer) {
			if a.Outcome != NotDone {
				t.Errorf("got %+v", a)
			}
		})
	}
	m.answer()
	b.expectBarred(0, Vote, "casts no vote for another 12 s: it has got another identity")
}

func TestStrangeAnswersAreNoVotes(t *testing.T) {
	for _, reply := range []string{
		":1\r\n", "*0\r\n", "+OK\r\n", "$-1\r\n", "*1\r\n$2\r\nok\r\n", "*3\r\n$2\r\nok\r\n$1\r\nx\r\n$1\r\n0\r\n",
		"*3\r\n$2\r\nok\r\n$1\r\n5\r\n$7\r\n1000000\r\n", "*3\r\n$2\r\nok\r\n$2\r\n-5\r\n$1\r\n1\r\n",
		"*3\r\n$2\r\nok\r\n$19\r\n9223372036854775807\r\n$1\r\n1\r\n", "*3\r\n$3\r\nwho\r\n$1\r\n5\r\n$1\r\n1\r\n",
		"*4\r\n$2\r\nok\r\n$1\r\n5\r\n$1\r\n1\r\n*1\r\n:1\r\n",
	} {
		b := running(t)
		b.set.Link = saying{b, reply}
		if a := b.call(0, vote); a.Outcome != Unknown {
			t.Errorf("%q: %+v", reply, a)
		}
	}
}

type saying struct {
	*bench
	reply string
}

func (s saying) Send(_ int, _ []byte, to Receiver) { to.Replied([]byte(s.reply)) }

func TestCallsUnderWayAreBounded(t *testing.T) {
	b := running(t)
	b.models[0].silent = true
	refused := 0
	for range maxCalls + 3 {
		b.set.Call(Call{Script: read}, func(a Answer) {
			if a.Outcome == NotDone {
				refused++
			}
		})
	}
	if refused != 3 {
		t.Errorf("%d of %d are refused", refused, maxCalls+3)
	}
	b.models[0].answer()
	if a := b.call(0, read); a.Outcome != Done {
		t.Errorf("afterwards: %+v", a)
	}
}
