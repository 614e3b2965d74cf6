package router

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMaglevFillsTheTableOfThePaper(t *testing.T) {
	// Its table 1: three servers and seven slots; then without B1.
	paper := []preference{{3, 4, 1}, {0, 2, 1}, {3, 1, 1}}
	if got := fillMaglev(slices.Clone(paper), []uint16{0, 1, 2}, 7); !slices.Equal(got, []uint16{1, 0, 1, 0, 2, 2, 0}) {
		t.Errorf("before: %v", got)
	}
	if got := fillMaglev([]preference{paper[0], paper[2]}, []uint16{0, 1}, 7); !slices.Equal(got, []uint16{0, 0, 0, 0, 1, 1, 1}) {
		t.Errorf("after: %v", got)
	}
}

func maglevOf(t testing.TB, servers []Server) *maglev {
	t.Helper()
	m, ok := build(t, "maglev", servers).(*maglev)
	if !ok {
		t.Fatal("not a maglev")
	}
	return m
}

// slotsOf is how many slots each server has.
func slotsOf(t *testing.T, m *maglev, servers int) []int {
	t.Helper()
	slots := make([]int, servers)
	for i, owner := range m.owners {
		if int(owner) >= servers {
			t.Fatalf("slot %d has no owner", i)
		}
		slots[owner]++
	}
	return slots
}

func TestMaglevIsFullAndEven(t *testing.T) {
	for _, n := range []int{1, 2, 3, 100, 655, 656, MaxServers} {
		m := maglevOf(t, manyServers(n))
		slots := slotsOf(t, m, n)
		least, most := slices.Min(slots), slices.Max(slots)
		if most-least > 1 || float64(most) > 1.01*float64(least)+1 {
			t.Errorf("%d servers have %d to %d slots", n, least, most)
		}
		if want := map[bool]int{true: maglevSlots, false: maglevManySlots}[n <= 655]; len(m.owners) != want {
			t.Errorf("%d servers share %d slots", n, len(m.owners))
		}
	}
}

// manyServers are any number of servers.
func manyServers(n int) []Server {
	servers := make([]Server, n)
	for i := range servers {
		servers[i] = Server{Name: fmt.Sprintf("10.1.%d.%d:6379", i/200, i%200), Weight: 1}
	}
	return servers
}

func TestMaglevSharesFollowTheWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(30, 30))
	for range 3 {
		servers := randomServers(rng, 2+rng.IntN(30), MaxWeight)
		weights := 0
		for _, s := range servers {
			weights += s.Weight
		}
		m := maglevOf(t, servers)
		for i, got := range slotsOf(t, m, len(servers)) {
			want := float64(servers[i].Weight) / float64(weights) * float64(len(m.owners))
			if math.Abs(float64(got)-want) > 0.02*want+1 {
				t.Errorf("weight %d of %d has %d slots, want %.1f", servers[i].Weight, weights, got, want)
			}
		}
	}
}

func TestMaglevMovesFewKeysMoreThanItMust(t *testing.T) {
	for _, n := range []int{3, 10, 50, 300} {
		servers := manyServers(n)
		out := n / 3
		before := maglevOf(t, servers).owners
		after := maglevOf(t, slices.Delete(slices.Clone(servers), out, out+1)).owners
		moved := 0
		for slot, was := range before {
			is := after[slot]
			if int(is) >= out {
				is++
			}
			if int(was) != out && was != is {
				moved++
			}
		}
		percent := 100 * float64(moved) / float64(len(before))
		t.Logf("%d servers, one leaves: %.2f %% of the keys of others move", n, percent)
		if percent > 2 {
			t.Errorf("%d servers: %.2f %% of the keys of others move", n, percent)
		}
	}
}

func TestJumpIsThatOfThePaper(t *testing.T) {
	// The reference implementation's buckets for 1 to 19 of them.
	for hash, want := range map[uint64][]int{
		0:                  {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		1:                  {0, 0, 0, 0, 0, 0, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 17, 17},
		0xdeadbeef:         {0, 1, 2, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 16, 16, 16},
		0x0ddc0ffeebadf00d: {0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 15, 15, 15, 15},
	} {
		for i, bucket := range want {
			if got := build(t, "jump", manyServers(i+1)).owner(hash, nil); got != bucket {
				t.Errorf("%#x of %d: bucket %d, want %d", hash, i+1, got, bucket)
			}
		}
	}
}

func TestJumpMovesNoMoreKeysThanItMust(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 31))
	const keys = 20_000
	for _, n := range []int{1, 2, 7, 50} {
		few, more := build(t, "jump", manyServers(n)), build(t, "jump", manyServers(n+1))
		moved := 0
		for range keys {
			hash := rng.Uint64()
			if was, is := few.owner(hash, nil), more.owner(hash, nil); is == n {
				moved++
			} else if was != is {
				t.Fatalf("a key moved from %d to %d when %d was added", was, is, n)
			}
		}
		if want := float64(keys) / float64(n+1); math.Abs(float64(moved)-want) > 6*math.Sqrt(want) {
			t.Errorf("%d keys moved to the new one of %d servers", moved, n+1)
		}
	}
}

func BenchmarkNewMaglev(b *testing.B) {
	for _, n := range []int{5, 655, MaxServers} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			servers := manyServers(n)
			for b.Loop() {
				maglevOf(b, servers)
			}
		})
	}
}
