package lock

import (
	"math/rand/v2"
	"testing"
	"time"

	"ringmain/quorum"
)

// gateWalk has tasks come and go at random, of which each must end once.
type gateWalk struct {
	*gate
	t    *testing.T
	w    *world
	rng  *rand.Rand
	able bool
	seed uint64

	all        []*task
	ended      int
	runningFor map[string]*task
}

func (w *gateWalk) task() *task {
	keys := []string{"a", "b", "c", "d"}
	w.rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	o := &task{keys: keys[:1+w.rng.IntN(3)], size: 10, ahead: w.rng.IntN(4) == 0, patient: w.rng.IntN(4) == 0}
	takes, ran := time.Duration(w.rng.IntN(400))*time.Millisecond, false
	end := func() {
		w.ended++
		for _, k := range o.keys {
			delete(w.runningFor, k)
		}
		w.leave(o)
	}
	o.run = func() {
		for _, k := range o.keys {
			if ran || w.runningFor[k] != nil {
				w.t.Fatalf("seed %d: twice, or two at %s", w.seed, k)
			}
			w.runningFor[k] = o
		}
		if ran = true; takes%3 > 0 && w.able {
			w.w.after(takes, end)
			return
		}
		end()
	}
	o.refuse = func() {
		if ran || o.gone || o.ahead || o.patient {
			w.t.Fatalf("seed %d: refused is %+v", w.seed, o)
		}
		w.ended++
		o.refused = true
		w.leave(o)
	}
	w.all = append(w.all, o)
	return o
}

func (w *gateWalk) step() {
	switch w.rng.IntN(8) {
	case 0, 1, 2, 3:
		w.enter(w.task())
	case 4:
		o := w.task()
		o.keys, o.patient = o.keys[:1], true
		w.enterFirst(o)
	case 5:
		if o := w.all[w.rng.IntN(len(w.all))]; !o.running && !o.gone {
			w.ended++
			w.leave(o)
		}
	case 6:
		w.able = w.rng.IntN(3) > 0
	case 7:
		w.w.pass(time.Duration(w.rng.IntN(300)) * time.Millisecond)
	}
	for k, q := range w.queues {
		for i, o := range q {
			if i > 0 && o.ahead && !q[i-1].ahead && !q[i-1].running || o.ahead && o.inLine {
				w.t.Fatalf("seed %d: at %s one that goes ahead has to wait", w.seed, k)
			}
		}
	}
}

func TestAWalkThroughTheGate(t *testing.T) {
	for seed := range uint64(1000) {
		w := &gateWalk{t: t, w: &world{now: time.Hour}, rng: rand.New(rand.NewPCG(seed, 1)), able: true, seed: seed, runningFor: map[string]*task{}}
		w.gate = &gate{queues: map[string][]*task{}, turns: newTurns(newMachine(w.w, 1, w.w.now), func() bool { return w.able })}
		w.turns.window = quorum.NewWindow(1 + w.rng.IntN(3))
		w.all = append(w.all, &task{gone: true})
		for range 150 {
			w.step()
		}
		w.w.pass(time.Minute)
		if more := w.w.step(w.w.now + time.Hour); more || w.ended != len(w.all)-1 || len(w.queues) > 0 || w.queued+w.bytes+len(w.turns.line)+w.turns.window.Taken() > 0 {
			t.Fatalf("seed %d: %d of %d have ended, %d queues, %d in line", seed, w.ended, len(w.all)-1, len(w.queues), len(w.turns.line))
		}
	}
}
