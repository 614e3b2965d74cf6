package quorum_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ringmain/internal/redistest"
	"ringmain/quorum"
)

var durable = []string{"appendonly", "yes", "appendfsync", "always"}

var errCut = errors.New("the connection is cut")

// trio is three servers that are to be a set.
type trio struct {
	t       *testing.T
	servers []*redistest.Server
	f       *quorum.Founding
	numbers int
	// scripts counts the scripts that were sent; the one of that number is not answered, and
	// carried out only if executed.
	scripts, failing int
	executed         bool
}

func newTrio(t *testing.T) *trio {
	s := &trio{t: t, failing: -1}
	for range 3 {
		s.servers = append(s.servers, redistest.Start(t, durable...))
	}
	s.f = &quorum.Founding{Nodes: "n1", Hash: "h1", Random: func() string { s.numbers++; return fmt.Sprintf("%016x", s.numbers) }}
	return s
}

// founders looks at the servers.
func (s *trio) founders() (list []quorum.Founder) {
	s.t.Helper()
	for i, server := range s.servers {
		ask := func(args ...any) (any, error) {
			if args[0] != "EVAL" {
				return server.Do(args...)
			}
			s.scripts++
			if s.scripts-1 == s.failing {
				if s.executed {
					_, _ = server.Do(args...)
				}
				return nil, errCut
			}
			return server.Do(args...)
		}
		look, err := quorum.LookAt(quorum.FsyncAlways, ask)
		if err != nil {
			s.t.Fatal(err)
		}
		list = append(list, quorum.Founder{Name: fmt.Sprintf("s%d", i), Look: look, Ask: ask})
	}
	return list
}

// contents are the keys and values of all servers.
func (s *trio) contents() string {
	s.t.Helper()
	var all []string
	for i, server := range s.servers {
		keys, err := server.Do("KEYS", "*")
		if err != nil {
			s.t.Fatal(err)
		}
		for _, key := range keys.([]any) {
			value, err := server.Do("GET", key)
			if err != nil {
				s.t.Fatal(err)
			}
			all = append(all, fmt.Sprintf("s%d %v=%v", i, key, value))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func (s *trio) flush() {
	for _, server := range s.servers {
		if _, err := server.Do("FLUSHALL"); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestASetIsFoundedOnceAndThenLeftAlone(t *testing.T) {
	s := newTrio(t)
	if already, err := s.f.Found(s.founders()); already || err != nil {
		t.Fatal(already, err)
	}
	want := "s0 __ringmain:quorum=0000000000000001 0 n1 0000000000000002\ns0 __ringmain:settings=h1\n" +
		"s1 __ringmain:quorum=0000000000000001 1 n1 0000000000000003\ns1 __ringmain:settings=h1\n" +
		"s2 __ringmain:quorum=0000000000000001 2 n1 0000000000000004\ns2 __ringmain:settings=h1"
	if got := s.contents(); got != want {
		t.Errorf("the servers have\n%s\nwant\n%s", got, want)
	}
	if already, err := s.f.Found(s.founders()); !already || err != nil || s.contents() != want {
		t.Errorf("again: %v %v\n%s", already, err, s.contents())
	}
}

func TestAFoundingThatIsInterruptedAnywhereIsSeenToBe(t *testing.T) {
	s := newTrio(t)
	for _, s.executed = range []bool{false, true} {
		for at := range 6 {
			s.flush()
			s.scripts, s.failing = 0, at
			_, err := s.f.Found(s.founders())
			s.failing = -1
			if !errors.Is(err, errCut) && !strings.Contains(fmt.Sprint(err), errCut.Error()) {
				t.Fatalf("script %d: %v", at, err)
			}
			left := s.contents()
			if unchanged := errors.Is(err, quorum.ErrNothingChanged); unchanged != (left == "") {
				t.Errorf("script %d, executed %v: %v; the servers have\n%s", at, s.executed, err, left)
			}
			already, err := s.f.Found(s.founders())
			switch {
			case left == "":
				if already || err != nil {
					t.Errorf("script %d: it cannot be done again: %v", at, err)
				}
			case at == 5 && s.executed: // all was done, but for the answer
				if !already || err != nil {
					t.Errorf("the last answer is lost: %v %v", already, err)
				}
			case !errors.Is(err, quorum.ErrNothingChanged) || !strings.Contains(err.Error(), "has half of an identity") || s.contents() != left:
				t.Errorf("script %d, executed %v: then %v; the servers have\n%s", at, s.executed, err, s.contents())
			}
		}
	}
}

func TestWhatIsFoundedAtTheSameTimeIsOneSetOrNone(t *testing.T) {
	s := newTrio(t)
	one, other := s.founders(), s.founders()
	first := one[1].Ask
	one[1].Ask = func(args ...any) (any, error) { // the other one comes between
		one[1].Ask = first
		if _, err := s.f.Found(other); !errors.Is(err, quorum.ErrNothingChanged) {
			t.Errorf("the second: %v", err)
		}
		return first(args...)
	}
	if _, err := s.f.Found(one); err != nil {
		t.Errorf("the first: %v", err)
	}
	if already, err := s.f.Found(s.founders()); !already {
		t.Errorf("afterwards: %v", err)
	}
}

func TestServersThatCannotBeASetAreRefusedWithNothingChanged(t *testing.T) {
	s := newTrio(t)
	for _, test := range []struct {
		name    string
		founded bool
		prepare []any // a command for the second server
		want    string
	}{
		{"data", false, []any{"SET", "k", "v"}, "s1 is not empty (keys: 1)"},
		{"a foreign identity", false, []any{"MSET", "__ringmain:quorum", "set 0 feed g", "__ringmain:settings", "h1"},
			"s1 belongs to a set of other servers"},
		{"one that is not understood", false, []any{"SET", "__ringmain:quorum", "x"}, "s1 has an identity that is not understood"},
		{"half an identity", false, []any{"SET", "__ringmain:quorum", "set 1 n1 g"}, "s1 has half of an identity: its settings are missing"},
		{"settings alone", false, []any{"SET", "__ringmain:settings", "h1"}, "s1 has half of an identity: an earlier"},
		{"another place", true, []any{"SET", "__ringmain:quorum", "0000000000000001 2 n1 g"}, "s1 is server 3 of its set"},
		{"other settings", true, []any{"SET", "__ringmain:settings", "h2"}, "s1 has the settings of other proxies"},
		{"another set", true, []any{"SET", "__ringmain:quorum", "set 1 n1 g"}, "not as servers of one set"},
		{"one that was emptied", true, []any{"FLUSHALL"}, "there is a set (s0, s2) already, without what s1 had"},
		{"no fsync", false, []any{"CONFIG", "SET", "appendfsync", "no"}, `s1 does not keep all that it acknowledges: appendfsync is "no"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.flush()
			if test.founded {
				if _, err := s.f.Found(s.founders()); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.servers[1].Do(test.prepare...); err != nil {
				t.Fatal(err)
			}
			before := s.contents()
			_, err := s.f.Found(s.founders())
			if !errors.Is(err, quorum.ErrNothingChanged) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if after := s.contents(); after != before {
				t.Errorf("it was\n%s\nand is\n%s", before, after)
			}
			if _, err := s.servers[1].Do("CONFIG", "SET", "appendfsync", "always"); err != nil {
				t.Fatal(err)
			}
		})
	}
	s.flush()
	if _, err := s.f.Found(s.founders()); err != nil {
		t.Fatal(err)
	}
	for _, server := range s.servers[1:] {
		if _, err := server.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.f.Found(s.founders()); !errors.Is(err, quorum.ErrNothingChanged) || !strings.Contains(err.Error(), "never initialised: s1, s2. To begin anew") {
		t.Errorf("a majority that was emptied: %v", err)
	}
	twice := s.founders()
	twice[2] = twice[0]
	if _, err := s.f.Found(twice); !errors.Is(err, quorum.ErrNothingChanged) || !strings.Contains(err.Error(), "s0 is the same server as s0") {
		t.Errorf("one server twice: %v", err)
	}
}
