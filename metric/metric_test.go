package metric

import (
	"math"
	"reflect"
	"testing"
	"time"
)

func TestEveryDurationLiesInTheBucketWhoseBoundsAreAroundIt(t *testing.T) {
	var ds []time.Duration
	for i := range 40 {
		d := time.Duration(1) << i * time.Microsecond
		ds = append(ds, d-1, d, d+1)
	}
	ds = append(ds, -time.Hour, -1, 0, 1, math.MinInt64, math.MaxInt64)
	for _, d := range ds {
		var h Histogram
		h.Observe(d)
		for i, n := range h.Buckets {
			above := i == 0 || d.Seconds() > Bound(i-1)
			within := i == Bounded || d.Seconds() <= Bound(i)
			if inside := above && within; (n == 1) != inside || n > 1 {
				t.Errorf("%v: bucket %d has %d", d, i, n)
			}
		}
	}
}

func TestBoundsGoFrom16MicrosecondsTo16SecondsByPowersOfTwo(t *testing.T) {
	if got, want := Bound(0), 16e-6; got != want {
		t.Errorf("first bound %v, want %v", got, want)
	}
	for i := 1; i < Bounded; i++ {
		if Bound(i) != 2*Bound(i-1) {
			t.Errorf("bound %d is %v, the one before %v", i, Bound(i), Bound(i-1))
		}
	}
	if last := Bound(Bounded - 1); last < 16 || last > 17 {
		t.Errorf("last bound %v", last)
	}
}

func TestAddingAHistogramIsObservingWhatItHasObserved(t *testing.T) {
	var a, b, both Histogram
	for i := range 1000 {
		d := time.Duration(i*i*i) * time.Microsecond
		both.Observe(d)
		if i%3 == 0 {
			a.Observe(d)
		} else {
			b.Observe(d)
		}
	}
	a.Add(&b)
	if a.Buckets != both.Buckets || math.Abs(a.Sum-both.Sum) > 1e-6*both.Sum {
		t.Errorf("%v, want %v", a, both)
	}
	if a.Count() != 1000 {
		t.Errorf("count %d", a.Count())
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	for i := range b.N {
		h.Observe(time.Duration(i))
	}
}

func TestEveryKindHasANameOfItsOwn(t *testing.T) {
	for what, names := range map[string][]string{
		"cut": cutNames[:], "refusal": refusalNames[:], "result": resultNames[:], "server error": serverErrorNames[:],
	} {
		seen := map[string]bool{}
		for i, name := range names {
			if name == "" || seen[name] {
				t.Errorf("%s %d is called %q", what, i, name)
			}
			seen[name] = true
		}
	}
}

func TestAddingCountsEveryField(t *testing.T) {
	adds[Clients](t, (*Clients).Add)
	adds[Commands](t, (*Commands).Add)
	adds[Server](t, (*Server).Add)
}

// adds fills a T with numbers, adds it to itself, and looks for twice those.
func adds[T any](t *testing.T, add func(sum, more *T)) {
	var one, sum T
	fill(reflect.ValueOf(&one).Elem(), 1)
	fill(reflect.ValueOf(&sum).Elem(), 1)
	add(&sum, &one)
	var twice T
	fill(reflect.ValueOf(&twice).Elem(), 2)
	if !reflect.DeepEqual(sum, twice) {
		t.Errorf("%T: got %+v", one, sum)
	}
}

func fill(v reflect.Value, factor int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), factor*(i+1))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), factor*(i+1))
		}
	case reflect.Uint64:
		v.SetUint(uint64(factor))
	case reflect.Float64:
		v.SetFloat(float64(factor))
	}
}
