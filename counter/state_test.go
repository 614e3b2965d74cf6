package counter

import (
	"math"
	"reflect"
	"testing"
)

func TestAStateIsReadAsItWasWritten(t *testing.T) {
	s := state{}
	for i := range 3 * maxBatches {
		s = s.with(maxBatches, batch{by: uint64(i%100) << 40, seq: uint64(i)}, value{int64(i) * math.MinInt64 / 200, true})
		if i%7 == 0 {
			s = s.with(maxBatches, batch{by: 5, seq: uint64(i)}, value{})
		}
		got, ok := parseState(string(s.append(nil)))
		if !ok || !reflect.DeepEqual(got, s) {
			t.Fatalf("step %d: got %+v, %v, want %+v", i, got, ok, s)
		}
		if v, ok := valueOf(string(s.append(nil))); !ok || v != s.value {
			t.Fatalf("step %d: the value is read as %+v", i, v)
		}
		if len(s.batches) > maxBatches {
			t.Fatalf("%d batches are remembered", len(s.batches))
		}
	}
	if got, ok := parseState(""); !ok || !reflect.DeepEqual(got, state{}) {
		t.Errorf("nothing at all is read as %+v, %v", got, ok)
	}
}

func TestWhatIsNoStateIsNotReadAsOne(t *testing.T) {
	for _, text := range []string{" ", "x 1", "1", "1 x", "1 2 ", "1 2 3", "1 2 0123456789abcdef 3 4", "1 2 0123456789ABCDEF 3 4 5",
		"1 2 0123456789abcdef 3 4 5 ", "9223372036854775808 1", "1 2 123 3 4 5"} {
		if s, ok := parseState(text); ok {
			t.Errorf("%q is read as %+v", text, s)
		}
	}
	for _, text := range []string{"", noBallot[1:], "0000000000000000x0000000000000000", "000000000000000G.0000000000000000"} {
		if b, ok := parseBallot(text); ok {
			t.Errorf("%q is read as ballot %v", text, b)
		}
	}
}

func TestBallotsAreOrderedAsTheirTextsAre(t *testing.T) {
	list := []ballot{{0, 0}, {0, 1}, {9, 1}, {10, 0}, {10, math.MaxUint64}, {1 << epochBits, 0}, {math.MaxUint64, 0}}
	for i, a := range list {
		if got, ok := parseBallot(a.String()); !ok || got != a {
			t.Errorf("%v is read as %v", a, got)
		}
		for j, b := range list {
			if a.less(b) != (i < j) || (a.String() < b.String()) != (i < j) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
}

func TestABatchThatMayHaveBeenForgottenIsNotAppliedAgain(t *testing.T) {
	s := state{}.with(2, batch{by: 1, seq: 1}, value{1, true}) // version 1
	built := s.version
	s = s.with(2, batch{by: 2, seq: 1}, value{2, true}) // version 2: perhaps the batch's own
	if s.forgotten(2, built) {
		t.Error("forgotten, although 1 is known")
	}
	s = s.with(2, batch{by: 3, seq: 1}, value{3, true})
	s = s.with(2, batch{by: 4, seq: 1}, value{4, true})
	if !s.forgotten(2, built) {
		t.Error("not forgotten, although version 2 is not known any more")
	}
	if s.forgotten(3, built) {
		t.Error("forgotten, although there was room")
	}
}
