package looptest

import (
	"slices"
	"sync"
	"time"

	"ringmain/ioloop"
)

// turnTests: timers, posted calls and the order within an iteration.
var turnTests = []test{
	{"AtEnd runs once, at the end of the iteration and before the output goes", func(e *env) {
		client, server := newProbe(e), newProbe(e)
		e.pair(client, server)
		ran := 0
		server.data = func(b []byte) int {
			turn := e.turn
			server.conn.Write([]byte("in Data, "))
			e.loop.AtEnd(func() {
				ran++
				if e.busy != "" || e.turn != turn {
					e.Errorf("it runs inside %q, %d iterations later", e.busy, e.turn-turn)
				}
				if n := server.conn.Buffered(); n != 9 {
					e.Errorf("Buffered is %d at the end", n)
				}
				server.conn.Write([]byte("at the end"))
			})
			if ran > 0 {
				e.Error("it runs at once")
			}
			return len(b)
		}
		e.do(func() { client.conn.Write([]byte("x")) })
		e.wait("both replies arrive", func() bool { return string(client.got) == "in Data, at the end" })
		e.settle()
		e.do(func() {
			if ran != 1 {
				e.Errorf("it ran %d times", ran)
			}
		})
	}},
	{"what AtEnd registers runs without a further event", func(e *env) {
		ran := false
		e.do(func() { e.loop.AtEnd(func() { e.loop.AtEnd(func() { ran = true }) }) })
		e.wait("it ran", func() bool { return ran })
	}},
	{"AtEnd from a timer and from Closed runs", func(e *env) {
		server := newProbe(e)
		e.peer(server)
		ran := 0
		server.onClosed = func() { e.loop.AtEnd(func() { ran++ }) }
		e.do(func() {
			e.loop.After(time.Millisecond, func() {
				e.loop.AtEnd(func() { ran++ })
				server.abort()
			})
		})
		e.wait("both ran", func() bool { return ran == 2 })
	}},
	{"timers are called in order, not before their time, and once", timersInOrder},
	{"a stopped timer is not called", timersStop},
	{"a timer may be made and stopped within timers", func(e *env) {
		var calls []string
		e.do(func() {
			var victim ioloop.Timer
			e.loop.After(time.Millisecond, func() {
				calls = append(calls, "first")
				victim.Stop()
				e.loop.After(0, func() { calls = append(calls, "nested") })
				if len(calls) != 1 {
					e.Error("a timer is called inside After")
				}
			})
			victim = e.loop.After(2*time.Millisecond, func() { calls = append(calls, "victim") })
			e.loop.After(20*time.Millisecond, func() { calls = append(calls, "last") })
		})
		e.wait("the last is called", func() bool { return slices.Contains(calls, "last") })
		e.do(func() {
			if !slices.Equal(calls, []string{"first", "nested", "last"}) {
				e.Errorf("called: %v", calls)
			}
		})
	}},
	{"the clock does not move within a call, never goes back, and counts the same both ways", func(e *env) {
		var at []time.Time
		e.do(func() {
			a, elapsed := e.loop.Now(), e.loop.Elapsed()
			if !e.loop.Now().Equal(a) || e.loop.Elapsed() != elapsed || elapsed <= 0 {
				e.Errorf("now %v, elapsed %v; a moment ago %v, %v", e.loop.Now(), e.loop.Elapsed(), a, elapsed)
			}
			e.loop.AtEnd(func() {
				if e.loop.Now().Before(a) || e.loop.Elapsed() < elapsed {
					e.Error("it goes back")
				}
			})
			at = append(at, a)
			e.loop.After(5*time.Millisecond, func() {
				at = append(at, e.loop.Now())
				if a, b := at[1].Sub(at[0]), e.loop.Elapsed()-elapsed; a != b {
					e.Errorf("%v or %v have passed", a, b)
				}
			})
		})
		e.wait("the timer is called", func() bool { return len(at) == 2 })
		if d := at[1].Sub(at[0]); d < 5*time.Millisecond {
			e.Errorf("it moved by %v", d)
		}
	}},
	{"posted calls come in order, and not inside Post", func(e *env) {
		var calls []int
		e.do(func() {
			for i := range 100 {
				e.loop.Post(func() { calls = append(calls, i) })
			}
			if len(calls) > 0 {
				e.Error("a call is made inside Post")
			}
		})
		e.wait("all are made", func() bool { return len(calls) == 100 })
		e.do(func() {
			if !slices.IsSorted(calls) {
				e.Error("they come out of order")
			}
		})
	}},
	{"posted calls may come from other goroutines", postFromGoroutines},
	{"a posted call that posts does not starve connections", func(e *env) {
		client, server := newProbe(e), newProbe(e).echo()
		e.pair(client, server)
		stop := false
		var again func()
		again = func() {
			if !stop {
				e.loop.Post(again)
			}
		}
		e.do(func() {
			again()
			client.conn.Write([]byte("x"))
		})
		e.wait("the echo arrives", func() bool { return len(client.got) == 1 })
		e.do(func() { stop = true })
	}},
	{"the queue of posted calls is bounded", func(e *env) {
		full, called := 0, 0
		e.do(func() {
			for range ioloop.MaxPosted + 10 {
				if !e.loop.Post(func() { called++ }) {
					full++
				}
			}
		})
		if full < 10 || full > 11 {
			e.Errorf("%d of %d calls are refused", full, ioloop.MaxPosted+10)
		}
		e.wait("the others are called", func() bool { return called == ioloop.MaxPosted+10-full })
	}},
}

func (e *env) now() (t time.Time) {
	e.do(func() { t = e.loop.Now() })
	return t
}

func timersInOrder(e *env) {
	var calls []int
	e.do(func() {
		start := e.loop.Now()
		for _, ms := range []int{30, 10, 0, 20, 5, -7, 15} {
			d := time.Duration(ms) * time.Millisecond
			e.loop.After(d, func() {
				defer e.enter("a timer")()
				calls = append(calls, ms)
				if late := e.loop.Now().Sub(start); late < d {
					e.Errorf("the timer of %v is called after %v", d, late)
				}
			})
		}
	})
	e.wait("all are called", func() bool { return len(calls) == 7 })
	e.settle()
	e.do(func() {
		slices.Sort(calls[:2]) // both were due at once
		if !slices.Equal(calls, []int{-7, 0, 5, 10, 15, 20, 30}) {
			e.Errorf("they are called in the order %v", calls)
		}
	})
}

func timersStop(e *env) {
	called := false
	var early ioloop.Timer
	e.do(func() {
		stopped := e.loop.After(time.Millisecond, func() { e.Error("a stopped timer is called") })
		early = e.loop.After(2*time.Millisecond, func() {
			if early.Stop() {
				e.Error("Stop of a timer that is being called reports true")
			}
		})
		e.loop.After(10*time.Millisecond, func() { called = true })
		if !stopped.Stop() {
			e.Error("Stop of a pending timer reports false")
		}
		if stopped.Stop() {
			e.Error("a second Stop reports true")
		}
	})
	e.wait("the last is called", func() bool { return called })
	e.do(func() {
		if early.Stop() {
			e.Error("Stop of a timer that was called reports true")
		}
	})
}

// postFromGoroutines has several goroutines post while the loop works. A driver
// that has only one goroutine is called from that.
func postFromGoroutines(e *env) {
	const posters, each = 8, 500
	var next [posters]int
	post := func(i int) {
		for k := range each {
			f := func() {
				defer e.enter("a posted function")()
				if next[i] != k {
					e.Errorf("call %d of goroutine %d comes after %d others", k, i, next[i])
				}
				next[i]++
			}
			if !e.loop.Post(f) {
				e.Errorf("Post reports false with little in the queue")
			}
		}
	}
	var all sync.WaitGroup
	for i := range posters {
		if e.h.Concurrent() {
			all.Go(func() { post(i) })
		} else {
			post(i)
		}
	}
	all.Wait()
	e.wait("all calls are made", func() bool {
		for _, n := range next {
			if n < each {
				return false
			}
		}
		return true
	})
}
