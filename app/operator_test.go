package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"ringmain/config"
)

// fakeRerouter notes what it is asked for, and answers with an error.
type fakeRerouter struct{ asked []string }

var errFake = errors.New("fake")

func (f *fakeRerouter) note(format string, args ...any) error {
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return errFake
}

func (f *fakeRerouter) Drain(_ context.Context, server int) error { return f.note("drain %d", server) }
func (f *fakeRerouter) Undrain(_ context.Context, server int) error {
	return f.note("undrain %d", server)
}
func (f *fakeRerouter) Adopt(_ context.Context, empty bool) error { return f.note("adopt %v", empty) }

func TestWhatAnOperatorAsksForGoesToThePoolsRerouter(t *testing.T) {
	cfg, err := config.Parse("test", []byte(`
topology: {sole_proxy: true}
pools:
  cache: {on_node_down: reroute, nodes: [{name: a, address: 'h:1'}, {name: b, address: 'h:2'}]}
  data: {nodes: [{name: a, address: 'h:3'}]}
  later: {on_node_down: reroute, nodes: [{name: a, address: 'h:4'}, {name: b, address: 'h:5'}]}
routes: [{pool: cache}, {prefix: d, pool: data}, {prefix: l, pool: later}]
`))
	if err != nil {
		t.Fatal(err)
	}
	a := New(cfg, slog.New(slog.DiscardHandler))
	f := &fakeRerouter{}
	a.rerouters = map[string]rerouter{"cache": f}
	o := &operator{app: a}
	for i, c := range []struct {
		err  error
		want string
	}{
		{o.Drain(t.Context(), "cache", "b"), "fake"},
		{o.Undrain(t.Context(), "cache", "a"), "fake"},
		{o.Adopt(t.Context(), "cache", true), "fake"},
		{o.Drain(t.Context(), "cache", "c"), `pool "cache" has no node "c"`},
		{o.Drain(t.Context(), "data", "a"), `pool "data" fails`},
		{o.Adopt(t.Context(), "data", false), `pool "data" fails`},
		{o.Undrain(t.Context(), "later", "a"), `pool "later" has not begun to reroute`},
		{o.Adopt(t.Context(), "nosuch", false), `there is no pool "nosuch"`},
	} {
		if c.err == nil || !strings.HasPrefix(c.err.Error(), c.want) {
			t.Errorf("%d: got %v, want %s", i, c.err, c.want)
		}
	}
	if want := []string{"drain 1", "undrain 0", "adopt true"}; !slices.Equal(f.asked, want) {
		t.Errorf("it was asked %q", f.asked)
	}
}
