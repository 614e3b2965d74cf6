package router

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestKetamaHasThePointsThatFloatsGive(t *testing.T) {
	// The sizes up to 150 at which 32-bit floats give 156 points, not 160.
	short := []int{25, 47, 50, 55, 61, 71, 94, 100, 107, 109, 110, 115, 122, 142}
	for n := 1; n <= 150; n++ {
		want := 40
		if slices.Contains(short, n) {
			want = 39
		}
		if got := ketamaSums(1, uint32(n), n); got != want {
			t.Errorf("%d servers: %d sums, want %d", n, got, want)
		}
	}
	for _, c := range []struct {
		weight  int
		total   uint32
		servers int
		want    int
	}{
		{3, 7, 5, 85}, {1, 7, 5, 28}, {2, 6, 4, 53}, {1, 6, 4, 26}, {1, 1001, 2, 0}, {1000, 1001, 2, 79},
	} {
		if got := ketamaSums(c.weight, c.total, c.servers); got != c.want {
			t.Errorf("%+v: %d sums", c, got)
		}
	}
}

func TestKetamaPointsAreWordsOfMD5(t *testing.T) {
	points := ketamaPointsOf([]Server{{Name: "bb", Weight: 1}, {Name: "a", Weight: 1}})
	// By another program: the MD5 sum of "a-0" is a165efd196e17ba1…, that of "bb-39"
	// ends with 572d8469.
	for at, want := range map[int]point{0: {0xd1ef65a1 << 32, 1}, 1: {0xa17be196 << 32, 1}, 319: {0x69842d57 << 32, 0}} {
		if len(points) != 320 || points[at] != want {
			t.Errorf("point %d of %d is %x, want %x", at, len(points), points[at], want)
		}
	}
}

func TestKetamaCutsLongNames(t *testing.T) {
	name := strings.Repeat("x", 272)
	for _, c := range []struct {
		cut, different int
	}{{272, 4}, {271, 4}, {270, 40}, {269, 160}} {
		points := map[uint64]bool{}
		for _, p := range ketamaPointsOf([]Server{{Name: name[:c.cut], Weight: 1}}) {
			points[p.hash] = true
		}
		if len(points) != c.different {
			t.Errorf("a name of %d bytes has %d points that differ, want %d", c.cut, len(points), c.different)
		}
	}
}

func TestAServerWithoutPointsIsTheLastChoice(t *testing.T) {
	d := build(t, "ketama", []Server{{Name: "light", Weight: 1}, {Name: "a", Weight: 1000}, {Name: "b", Weight: 1000}})
	for i := range uint64(1000) {
		hash := i * golden
		if got := d.owner(hash, nil); got == 0 {
			t.Fatal("a server without points owns a key")
		}
		if got := d.owner(hash, NewServerSet(1, 2)); got != 0 {
			t.Fatalf("only server 0 is up, but %d has a key", got)
		}
		if got := d.owner(hash, NewServerSet(0, 1, 2)); got != -1 {
			t.Fatalf("all are down, but %d has a key", got)
		}
	}
}

func TestModulaListsShorterNamesFirst(t *testing.T) {
	servers := []Server{{Name: "b10", Weight: 1}, {Name: "b9", Weight: 3}, {Name: "a10", Weight: 2}, {Name: "é", Weight: 1}}
	d := build(t, "modula", servers)
	var got []string
	for hash := range uint64(8) {
		got = append(got, servers[d.owner(hash+7<<32, nil)].Name) // the upper half does not count
	}
	if want := "b9 b9 b9 é a10 a10 b10 b9"; fmt.Sprint(got) != "["+want+"]" {
		t.Errorf("%v, want %s", got, want)
	}
}
