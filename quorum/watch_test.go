package quorum

import (
	"math/rand/v2"
	"testing"
	"time"
)

func newWatch() *watch { return &watch{drift: 0.01, memory: time.Minute} }

// at is a look at a clock that is ahead, at a moment, which takes some time there and back.
func at(now, ahead, there, back time.Duration) sample {
	return sample{server: now + ahead, sent: now - there, received: now + back}
}

func TestAClockThatGoesOnIsNeverSuspected(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		w := newWatch()
		rate := 1 + (random.Float64()-0.5)*0.019 // within the drift
		now := time.Hour
		for range 300 {
			now += time.Duration(random.ExpFloat64() * float64(300*time.Millisecond))
			s := at(now, 0, time.Duration(random.IntN(50e6)), time.Duration(random.IntN(50e6)))
			s.server = time.Duration(float64(now) * rate)
			if jump := w.look(s); jump != 0 {
				t.Fatalf("seed %d: a jump by %v", seed, jump)
			}
		}
	}
}

func TestAStepIsFoundWhateverTheWayThereTakes(t *testing.T) {
	const there, back = 3 * time.Millisecond, 4 * time.Millisecond
	for _, step := range []time.Duration{40 * time.Millisecond, -40 * time.Millisecond, time.Second, -time.Hour} {
		w := newWatch()
		now := time.Hour
		for range 50 {
			w.look(at(now, 0, there, back))
			now += 250 * time.Millisecond
		}
		if jump := w.look(at(now, step, there, back)); jump == 0 {
			t.Errorf("a step by %v is not found", step)
		}
		now += 250 * time.Millisecond
		if jump := w.look(at(now, step, there, back)); jump != 0 {
			t.Errorf("a step by %v is found twice", step)
		}
	}
}

func TestAClockThatRunsTooFastIsFoundThoughEachStepIsSmall(t *testing.T) {
	w := newWatch()
	now, ahead := time.Hour, time.Duration(0)
	for range 40 {
		if w.look(at(now, ahead, 0, 0)) != 0 {
			return
		}
		now += 250 * time.Millisecond
		ahead += 5 * time.Millisecond // 2 %
	}
	t.Errorf("ahead by %v", ahead)
}

func TestAfterALongSilenceAStepIsFoundThatDriftCannotExplainWithinALocksLife(t *testing.T) {
	w := newWatch()
	w.look(at(time.Hour, 0, 0, 0))
	if w.look(at(11*time.Hour, 2*time.Second, 0, 0)) == 0 {
		t.Error("2 s after ten hours are not found")
	}
	w = newWatch()
	w.look(at(time.Hour, 0, 0, 0))
	if w.look(at(11*time.Hour, 500*time.Millisecond, 0, 0)) != 0 {
		t.Error("half a second after ten hours, as of a good clock, is found")
	}
}
