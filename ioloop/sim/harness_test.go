package sim_test

import (
	"fmt"
	"testing"
	"time"

	"ringmain/ioloop"
	"ringmain/ioloop/looptest"
	"ringmain/ioloop/sim"
)

// harness runs looptest in one world.
type harness struct {
	w *sim.World
	n int
}

func (h *harness) fresh() string {
	h.n++
	return fmt.Sprintf("10.0.0.%d:6379", h.n)
}

func (h *harness) NewLoop(testing.TB) ioloop.Loop { return h.w.NewLoop(h.fresh()) }
func (h *harness) Stop(loop ioloop.Loop)          { loop.(*sim.Loop).Stop() }
func (h *harness) Resets() bool                   { return true }
func (h *harness) Concurrent() bool               { return false }

func (h *harness) Do(loop ioloop.Loop, f func()) {
	done := false
	loop.Post(func() { f(); done = true })
	if !h.w.RunUntil(func() bool { return done }, time.Hour) {
		panic("a posted function is not called")
	}
}

func (h *harness) Wait(_ ioloop.Loop, cond func() bool) bool {
	return h.w.RunUntil(cond, time.Hour)
}

func (h *harness) Listen(_ testing.TB, loop ioloop.Loop, accept func() ioloop.Handler) string {
	address := h.fresh()
	h.w.Listen(address, loop.(*sim.Loop), accept)
	return address
}

func (h *harness) DialPeer(t testing.TB, address string) looptest.Peer {
	p, err := h.w.DialPeer("peer", address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *harness) Refusing(testing.TB) string { return h.fresh() }

func (h *harness) Silent(testing.TB) string {
	address := h.fresh()
	for i := range h.n {
		h.w.Partition(fmt.Sprintf("10.0.0.%d:6379", i), address, true)
	}
	return address
}
