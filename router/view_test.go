package router

import (
	"fmt"
	"testing"
)

func viewed(t *testing.T, distribution string, v View) (before, after *Snapshot) {
	t.Helper()
	p := Pool{Name: "main", Distribution: distribution}
	for i := range 5 {
		p.Servers = append(p.Servers, Server{Name: fmt.Sprint("s", i), Weight: 1})
	}
	before, err := New(1, []Pool{p}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return before, before.With(0, v)
}

func TestKeysOfAServerThatIsOutLiveInTheRefugeOfTheNextChoice(t *testing.T) {
	for _, distribution := range []string{"ring", "ketama", "jump", "maglev", "modula"} {
		out := NewServerSet(1, 3)
		before, after := viewed(t, distribution, View{Out: out, Rerouted: NewServerSet(1), Owing: NewServerSet(0), Refuge: 15})
		seen := map[string]int{}
		for i := range 5000 {
			key := fmt.Append(nil, "key", i)
			home, place := before.Pick(ByRoutes, key), after.Pick(ByRoutes, key)
			choices := before.Explain(ByRoutes, key).Choices
			next := choices[1]
			if next == 1 || next == 3 {
				next = choices[2]
			}
			want, kind := home, "home"
			switch {
			case home.Server == 3:
				kind = "not rerouted"
			case home.Server == 1 && next == 0:
				kind = "the next owes"
			case home.Server == 1:
				want, kind = Place{Server: next, Database: 15, Rerouted: true}, "rerouted"
			}
			if distribution == "modula" && home.Server == 1 { // its further choices are its own
				want = place
			}
			seen[kind]++
			if place != want || after.Home(ByRoutes, key) != home {
				t.Fatalf("%s: %s (%s) is at %v, want %v; home %v", distribution, key, kind, place, want, after.Home(ByRoutes, key))
			}
		}
		if len(seen) < 4 && distribution != "modula" {
			t.Errorf("%s: only %v", distribution, seen)
		}
	}
}

func TestFleetsOfAViewLeaveOutWhatIsNotUsed(t *testing.T) {
	before, after := viewed(t, "ring", View{Out: NewServerSet(1, 3), Rerouted: NewServerSet(1), Owing: NewServerSet(0), Refuge: 15})
	places := func(f Fleet) (text string) {
		for i := range f.Count {
			p := f.Place(i)
			text += fmt.Sprint(" ", p.Server, "/", p.Database)
		}
		return text
	}
	for _, c := range []struct{ name, got, want string }{
		{"all", places(after.Fleet(ByRoutes)), " 0/0 1/0 2/0 3/0 4/0"},
		{"keys", places(after.Keys(ByRoutes, false)), " 0/0 2/0 4/0 2/15 4/15"},
		{"homes", places(after.Keys(ByRoutes, true)), " 0/0 2/0 4/0"},
		{"flushed", places(after.Flushed(ByRoutes)), " 0/0 2/0 3/0 4/0"},
		{"before", places(before.Keys(ByRoutes, false)), " 0/0 1/0 2/0 3/0 4/0"},
		{"up again", places(after.With(0, View{Owing: NewServerSet(2)}).Keys(ByRoutes, false)), " 0/0 1/0 2/0 3/0 4/0"},
	} {
		if c.got != c.want {
			t.Errorf("%s:%s, want%s", c.name, c.got, c.want)
		}
	}
	var out []int32
	after.Out(ByRoutes, func(server int32) { out = append(out, server) })
	if fmt.Sprint(out) != "[1 3]" || after.Epoch != before.Epoch+1 {
		t.Errorf("out %v, epoch %d", out, after.Epoch)
	}
}
