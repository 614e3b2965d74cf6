package health

import (
	"math/rand/v2"
	"testing"
	"time"
)

var start = time.Unix(1000, 0)

var usual = Settings{Interval: time.Second, Fall: 3, Rise: 2, Hold: time.Second, HoldMax: 8 * time.Second, Slow: 30 * time.Second}

// course plays a detector of one server: it answers every probe that is due with what
// the server does then.
type course struct {
	*testing.T
	d       *Detector
	now     time.Time
	server  func(now time.Time) Outcome
	changes []Change
	probes  int
	slow    bool
}

func newCourse(t *testing.T, s Settings) *course {
	return &course{T: t, d: NewDetector(1, s, start, func() float64 { return 0.5 }), now: start, server: fine}
}

func fine(time.Time) Outcome   { return Outcome{Kind: OK} }
func silent(time.Time) Outcome { return Outcome{Failed, "does not answer"} }
func busy(time.Time) Outcome   { return Outcome{Busy, "is busy with a script"} }

// pass lets time go by in small steps.
func (c *course) pass(d time.Duration) {
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(10 * time.Millisecond) {
		for _, i := range c.d.Due(c.now) {
			c.probes++
			if change, changed := c.d.Probed(c.now, i, c.server(c.now), c.slow); changed {
				c.changes = append(c.changes, change)
			}
		}
	}
}

// is checks the state and how many changes there have been.
func (c *course) is(want State, changes int) {
	c.Helper()
	if got := c.d.Verdict(0); got.State != want || len(c.changes) != changes {
		c.Fatalf("after %v: %v after %d changes, want %v after %d", c.now.Sub(start), got, len(c.changes), want, changes)
	}
}

func TestAServerFallsAfterFailedProbesInARowAndRisesAfterGoodOnes(t *testing.T) {
	c := newCourse(t, usual)
	c.pass(10 * time.Second)
	c.is(Up, 0)
	c.server = silent
	c.pass(2100 * time.Millisecond)
	c.is(Up, 0)
	c.pass(time.Second)
	c.is(Down, 1)
	if v := c.d.Verdict(0); v.Reason != "does not answer" || v.Falls != 1 {
		t.Errorf("the verdict is %+v", v)
	}
	c.server = fine
	c.pass(1100 * time.Millisecond)
	c.is(Down, 1)
	c.pass(time.Second)
	c.is(Up, 2)
	if c.probes > 20 {
		t.Errorf("%d probes in %v", c.probes, c.now.Sub(start))
	}
}

func TestFailedProbesWithGoodOnesBetweenTakeNothingDown(t *testing.T) {
	c := newCourse(t, usual)
	n := 0
	c.server = func(now time.Time) Outcome {
		if n++; n%3 == 0 {
			return fine(now)
		}
		return silent(now)
	}
	c.pass(time.Minute)
	c.is(Up, 0)
}

func TestRefusedConnectionsAndOneProbeThatAgreesAreEnough(t *testing.T) {
	c := newCourse(t, usual)
	c.pass(2 * time.Second)
	c.server = func(time.Time) Outcome { return Outcome{Failed, "refuses connections"} }
	c.d.Suspect(c.now, 0, true)
	c.pass(2 * suspicion)
	c.is(Down, 1)

	c = newCourse(t, usual)
	c.pass(2 * time.Second)
	c.d.Suspect(c.now, 0, true) // the probe does not agree
	c.pass(2 * suspicion)
	c.is(Up, 0)
}

func TestSuspicionsDoNotMultiplyProbes(t *testing.T) {
	c := newCourse(t, usual)
	c.pass(2 * time.Second)
	c.probes = 0
	for range 1000 {
		c.d.Suspect(c.now, 0, false)
		c.pass(10 * time.Millisecond)
	}
	if most := int(10*time.Second/suspicion) + 1; c.probes > most {
		t.Errorf("%d probes in 10 s, at most %d", c.probes, most)
	}
	c.is(Up, 0)
}

func TestABusyServerIsDownOnlyWhenItIsBusyForTooLong(t *testing.T) {
	c := newCourse(t, usual)
	c.server = busy
	c.pass(29 * time.Second)
	c.is(Up, 0)
	c.server = fine
	c.pass(2 * time.Second)
	c.server = busy
	c.pass(29 * time.Second)
	c.is(Up, 0)
	c.pass(5 * time.Second)
	c.is(Down, 1)
}

func TestWhileASlowCommandRunsASilentServerIsNotDown(t *testing.T) {
	c := newCourse(t, usual)
	c.server = silent
	c.slow = true
	c.pass(20 * time.Second)
	c.is(Up, 0)
	c.slow = false
	c.pass(4 * time.Second)
	c.is(Down, 1)
}

func TestEachFallInARowHoldsLongerAndCalmForgetsThem(t *testing.T) {
	c := newCourse(t, usual)
	var held []time.Duration
	for range 6 {
		fell := len(c.changes)
		c.server = silent
		for len(c.changes) == fell {
			c.pass(10 * time.Millisecond)
		}
		at := c.now
		c.server = fine
		for len(c.changes) == fell+1 {
			c.pass(10 * time.Millisecond)
		}
		held = append(held, c.now.Sub(at))
	}
	for i := 1; i < len(held); i++ {
		if held[i] < held[i-1]-time.Second {
			t.Errorf("held for %v", held)
		}
	}
	if last := held[len(held)-1]; last < usual.HoldMax || last > usual.HoldMax+2*usual.Interval {
		t.Errorf("held for %v, at most %v", held, usual.HoldMax)
	}
	c.pass(calm*usual.HoldMax + time.Second)
	c.server = silent
	c.pass(4 * time.Second)
	c.server = fine
	c.pass(usual.Hold + time.Duration(usual.Rise)*usual.Interval + time.Second)
	c.is(Up, 14)
}

func TestAFlappingServerChangesItsStateSeldom(t *testing.T) {
	s := usual
	s.HoldMax = time.Minute
	c := newCourse(t, s)
	c.server = func(now time.Time) Outcome {
		if now.Sub(start)/(500*time.Millisecond)%2 == 0 {
			return fine(now)
		}
		return Outcome{Failed, "refuses connections"}
	}
	for range 60 * 20 {
		c.d.Suspect(c.now, 0, true)
		c.pass(50 * time.Millisecond)
	}
	if len(c.changes) > 12 { // 1+2+4+8+16+32 s of holding make six falls
		t.Errorf("%d changes in a minute: %v", len(c.changes), c.changes)
	}
}

// TestWhateverHappensADetectorKeepsItsRules plays random outcomes and signals.
func TestWhateverHappensADetectorKeepsItsRules(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := Settings{
			Interval: time.Duration(1+rng.IntN(20)) * 100 * time.Millisecond, Fall: 1 + rng.IntN(4), Rise: 1 + rng.IntN(4),
			Hold: time.Duration(rng.IntN(30)) * 100 * time.Millisecond, HoldMax: time.Minute, Slow: 3 * time.Second,
		}
		d := NewDetector(1, s, start, rng.Float64)
		now, bad, good := start, 0, 0
		var refused bool
		for range 300 {
			now = now.Add(time.Duration(rng.IntN(500)) * time.Millisecond)
			if rng.IntN(4) == 0 {
				r := rng.IntN(2) == 0
				d.Suspect(now, 0, r)
				refused = refused || r
			}
			before := d.Verdict(0)
			for range d.Due(now) {
				o := []Outcome{{Kind: OK}, {Kind: OK}, {Failed, "x"}, {Failed, "x"}, {Busy, "y"}}[rng.IntN(5)]
				change, changed := d.Probed(now, 0, o, false)
				switch o.Kind {
				case OK:
					bad, good, refused = 0, good+1, false
				case Failed:
					bad, good = bad+1, 0
				}
				switch {
				case changed && change.State == Down && before.State == Down, changed && change.State == Up && before.State == Up:
					t.Fatalf("seed %d: from %v to %v", seed, before, change)
				case changed && change.State == Down && o.Kind == OK:
					t.Fatalf("seed %d: down after a good probe", seed)
				case changed && change.State == Up && (good < s.Rise || now.Sub(before.Since) < s.Hold):
					t.Fatalf("seed %d: up after %d good probes and %v", seed, good, now.Sub(before.Since))
				}
				if changed {
					bad = 0
				}
			}
			if at, ok := d.Next(); !ok || at.Sub(now) > 2*s.Interval {
				t.Fatalf("seed %d: no probe is planned", seed)
			}
		}
	}
}

func TestTheFirstProbeDecidesOfAServerThatHasToProveItself(t *testing.T) {
	c := newCourse(t, usual)
	c.d.Doubt(0, "is new")
	c.is(Down, 0)
	c.server = busy // says nothing
	c.pass(500 * time.Millisecond)
	if c.is(Down, 0); c.probes != 1 {
		t.Errorf("%d probes at once", c.probes)
	}
	c.server = fine
	c.pass(1100 * time.Millisecond)
	c.is(Up, 1)
	c.server = silent
	c.pass(2 * time.Second)
	c.is(Up, 1)

	c = newCourse(t, usual)
	c.d.Doubt(0, "is new")
	c.server = silent
	c.pass(10 * time.Millisecond)
	if c.is(Down, 1); c.changes[0].Reason != "does not answer" {
		t.Errorf("the verdict is %+v", c.changes[0])
	}
	c.server = fine
	c.pass(4 * time.Second)
	c.is(Up, 2)
}

func TestAServerThatWasReplacedIsUpAndProbedAtOnce(t *testing.T) {
	c := newCourse(t, usual)
	c.server = silent
	c.pass(4 * time.Second)
	c.is(Down, 1)
	c.server = fine
	if v := c.d.Replaced(c.now, 0, "has moved"); v != (Verdict{Since: c.now, Reason: "has moved"}) || v != c.d.Verdict(0) {
		t.Errorf("the verdict is %+v", v)
	}
	c.probes = 0
	c.pass(10 * time.Millisecond)
	if c.probes != 1 {
		t.Errorf("%d probes", c.probes)
	}
	c.is(Up, 1)
	c.server = silent
	c.pass(4 * time.Second)
	c.is(Down, 2) // and is held for a time
	c.server = fine
	c.pass(usual.Hold / 2)
	c.is(Down, 2)
}

func TestAServerThatIsRetiredIsNotProbedUntilAnotherTakesItsPlace(t *testing.T) {
	c := newCourse(t, usual)
	c.d.Retire(0)
	c.probes = 0
	c.d.Suspect(c.now, 0, true)
	if at, ok := c.d.Next(); ok {
		t.Errorf("it is probed at %v", at)
	}
	c.pass(4 * time.Second)
	if c.probes != 0 {
		t.Errorf("%d probes", c.probes)
	}
	c.d.Replaced(c.now, 0, "has come")
	c.pass(10 * time.Millisecond)
	if c.probes != 1 {
		t.Errorf("%d probes of the other one", c.probes)
	}
}

// Each probe of a server that hangs takes its whole timeout, and is followed by the next one
// all the same when an interval has passed.
func TestAServerThatHangsIsFoundDownAfterSoManyIntervalsAndATimeout(t *testing.T) {
	const timeout = 500 * time.Millisecond
	for _, random := range []float64{0, 0.5, 0.999} {
		d := NewDetector(1, usual, start, func() float64 { return random })
		now, answer := start, time.Time{}
		for d.Verdict(0).State == Up && now.Before(start.Add(time.Minute)) {
			now = now.Add(10 * time.Millisecond)
			if len(d.Due(now)) > 0 {
				answer = now.Add(timeout)
			}
			if now.Equal(answer) {
				d.Probed(now, 0, silent(now), false)
			}
		}
		intervals := time.Duration(1.1 * float64(time.Duration(usual.Fall)*usual.Interval))
		if took := now.Sub(start); took > intervals+timeout+20*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	}
}
