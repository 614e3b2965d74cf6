package fanout

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestACursorNamesItsServerAndComesBackAsTheServersOwn(t *testing.T) {
	for _, servers := range []int{1, 3, 1000} {
		for _, own := range []uint64{1, 17, 1 << 40, math.MaxUint64 / uint64(servers) / 2} {
			for _, server := range []int{0, servers / 2, servers - 1} {
				next, ok := Cursors{Place: server, Places: servers}.next(own)
				if !ok {
					t.Fatalf("%d on server %d of %d has no room", own, server, servers)
				}
				at, got, ok := ParseCursor(strconv.AppendUint(nil, next, 10), servers)
				if !ok || at != server || got != own {
					t.Errorf("%d on server %d of %d comes back as %d on %d", own, server, servers, got, at)
				}
			}
		}
	}
}

func TestAtAServersEndTheCursorGoesOnToTheNextAndAtTheLastOnesEndToZero(t *testing.T) {
	for server, next := range []int{2, 2, 0} {
		if got, ok := (Cursors{Place: server, Places: 3, Next: next}).next(0); !ok || got != uint64(next) {
			t.Errorf("behind server %d comes %d, want %d", server, got, next)
		}
	}
}

func TestACursorWithoutRoomIsAnError(t *testing.T) {
	for _, own := range []uint64{math.MaxUint64, math.MaxUint64/3 + 1} {
		if next, ok := (Cursors{Place: 2, Places: 3}).next(own); ok {
			t.Errorf("%d on server 2 of 3 became %d", own, next)
		}
		got := fleetMerged(Scan, Cursors{Place: 2, Places: 3}, reply("a", "*2\r\n$20\r\n"+strconv.FormatUint(own, 10)+"\r\n*0\r\n"))
		if !strings.HasPrefix(got, "-ERR node \"a\"") {
			t.Errorf("the reply is %q", got)
		}
	}
}

func TestWhatIsNoCursorIsRefused(t *testing.T) {
	for _, text := range []string{"", "x", "-1", "1x", " 1", "18446744073709551616"} {
		if place, own, ok := ParseCursor([]byte(text), 3); ok {
			t.Errorf("%q is taken for %d on %d", text, own, place)
		}
	}
}

// fleetMerged is the reply for parts of which keys that begin with their node's
// name may be shown.
func fleetMerged(kind Kind, cursors Cursors, parts ...Part) string {
	var out strings.Builder
	Merge(func(b []byte) { out.Write(b) }, &Whole{
		Kind: kind, Cursors: cursors, Protocol: 2, Intn: func(n int64) int64 { return n - 1 },
		Shows: func(part int, key []byte) bool { return strings.HasPrefix(string(key), parts[part].Node) },
	}, parts)
	return out.String()
}

func TestAPageOfScanHasOnlyTheServersOwnKeys(t *testing.T) {
	got := fleetMerged(Scan, Cursors{Place: 1, Places: 3, Next: 2}, reply("b", "*2\r\n$1\r\n7\r\n*3\r\n$2\r\nb1\r\n$2\r\na1\r\n$2\r\nb2\r\n"))
	if want := "*2\r\n$2\r\n22\r\n*2\r\n$2\r\nb1\r\n$2\r\nb2\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAReplyInAnyPiecesIsReadTheSame(t *testing.T) {
	text := "*2\r\n$1\r\n7\r\n*4\r\n$2\r\nb1\r\n$2\r\na1\r\n$0\r\n\r\n$4\r\nb\r\n2\r\n"
	want := "*2\r\n$2\r\n22\r\n*2\r\n$2\r\nb1\r\n$4\r\nb\r\n2\r\n"
	for first := len("*2\r\n"); first < len(text); first++ {
		for second := first; second < len(text); second++ {
			p := Part{Node: "b", Reply: [][]byte{[]byte(text[:first]), []byte(text[first:second]), []byte(text[second:])}}
			if got := fleetMerged(Scan, Cursors{Place: 1, Places: 3, Next: 2}, p); got != want {
				t.Fatalf("cut at %d and %d: %q, want %q", first, second, got, want)
			}
		}
	}
}

func TestKeysOfAllServersMakeOneArray(t *testing.T) {
	got := fleetMerged(Arrays, Cursors{}, reply("a", "*2\r\n$2\r\na1\r\n$2\r\nb1\r\n"), reply("b", "*0\r\n"), reply("c", "*1\r\n$2\r\nc1\r\n"))
	if want := "*2\r\n$2\r\na1\r\n$2\r\nc1\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestARandomKeyIsOneOfAServerThatHasKeysAndOwnsIt(t *testing.T) {
	empty := []Part{reply("a", "$-1\r\n"), reply("a", ":0\r\n")}
	foreign := []Part{reply("b", "$2\r\nz1\r\n"), reply("b", ":9\r\n")}
	full := []Part{reply("c", "$2\r\nc1\r\n"), reply("c", ":1\r\n")}
	first := func(n int64) int64 { return 0 }
	for _, test := range []struct {
		parts []Part
		want  string
	}{
		{append(append(append([]Part{}, empty...), foreign...), full...), "$2\r\nc1\r\n"},
		{append(append([]Part{}, empty...), foreign...), "$-1\r\n"},
	} {
		var out strings.Builder
		Merge(func(b []byte) { out.Write(b) }, &Whole{Kind: Random, Protocol: 2, Intn: first,
			Shows: func(part int, key []byte) bool { return key[0] == test.parts[part].Node[0] }}, test.parts)
		if out.String() != test.want {
			t.Errorf("got %q, want %q", out.String(), test.want)
		}
	}
}

func TestARandomKeysChanceIsItsServersShareOfTheKeys(t *testing.T) {
	parts := []Part{reply("a", "$2\r\na1\r\n"), reply("a", ":3\r\n"), reply("b", "$2\r\nb1\r\n"), reply("b", ":1\r\n")}
	for draw, want := range map[int64]string{0: "$2\r\nb1\r\n", 1: "$2\r\na1\r\n", 3: "$2\r\na1\r\n"} {
		var out strings.Builder
		Merge(func(b []byte) { out.Write(b) }, &Whole{Kind: Random, Intn: func(n int64) int64 { return min(draw, n-1) },
			Shows: func(int, []byte) bool { return true }}, parts)
		if out.String() != want {
			t.Errorf("draw %d gives %q, want %q", draw, out.String(), want)
		}
	}
}

func TestAWholeFleetCommandFailsIfOneServerDoes(t *testing.T) {
	for kind, answer := range map[Kind]string{Sum: ":1\r\n", Arrays: "*0\r\n", Random: "$2\r\na1\r\n", OK: "+OK\r\n"} {
		if got := fleetMerged(kind, Cursors{}, reply("a", answer), failed("b", "CLUSTERDOWN b", false)); got != "-CLUSTERDOWN b\r\n" {
			t.Errorf("kind %d: %q", kind, got)
		}
	}
}
