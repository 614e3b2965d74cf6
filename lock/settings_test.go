package lock

import (
	"testing"
	"time"

	"ringmain/quorum"
)

func TestTermsOfATTL(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name                                     string
		ttl, nodeTimeout                         time.Duration
		drift, factor                            float64
		padded                                   bool
		timeout, budget, lease, pad, whole, none time.Duration // whole, none: the elapsed times up to which the TTL, and anything, is left
	}{
		{"ten seconds", 10_000 * ms, 50 * ms, 0.01, 0.05, true, 50 * ms, 100 * ms, 10_203 * ms, 203 * ms, 100 * ms, 10_100 * ms},
		{"half a second", 500 * ms, 50 * ms, 0.01, 0.05, true, 25 * ms, 50 * ms, 558 * ms, 58 * ms, 50 * ms, 550 * ms},
		{"the shortest", 100 * ms, 50 * ms, 0.01, 0.01, true, 5 * ms, 10 * ms, 114 * ms, 14 * ms, 10 * ms, 110 * ms},
		{"a minute, far apart", 60_000 * ms, 400 * ms, 0.01, 0.05, true, 400 * ms, 800 * ms, 61_410 * ms, 1410 * ms, 800 * ms, 60_800 * ms},
		{"clocks that drift a lot", 1000 * ms, 50 * ms, 0.1, 0.05, true, 50 * ms, 100 * ms, 1212 * ms, 212 * ms, 100 * ms, 1100 * ms},
		{"no drift", 1000 * ms, 50 * ms, 0, 0.05, true, 50 * ms, 100 * ms, 1102 * ms, 102 * ms, 100 * ms, 1100 * ms},
		{"a quick quorum", 10_000 * ms, 3 * ms, 0.01, 0.05, true, 3 * ms, 6 * ms, 10_109 * ms, 109 * ms, 6 * ms, 10_006 * ms},
		{"not padded", 10_000 * ms, 50 * ms, 0.01, 0.05, false, 50 * ms, 100 * ms, 10_000 * ms, 102 * ms, -1, 9898 * ms},
	} {
		s := Settings{NodeTimeout: test.nodeTimeout}
		p := &Pattern{DriftFactor: test.drift, NodeTimeoutFactor: test.factor, PadTTL: test.padded}
		got := s.terms(p, test.ttl)
		if want := (terms{ttl: test.ttl, lease: test.lease, pad: test.pad, timeout: test.timeout, budget: test.budget, padded: test.padded}); got != want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, want)
		}
		if test.whole >= 0 && (got.validity(test.whole) != test.ttl || !got.enough(got.validity(test.whole)) || got.enough(got.validity(test.whole+1))) {
			t.Errorf("%s: after %v, %v of the TTL is left", test.name, test.whole, got.validity(test.whole))
		}
		if got.validity(test.none) != 0 || got.validity(test.none-1) != 1 {
			t.Errorf("%s: after %v, %v is left, want nothing", test.name, test.none, got.validity(test.none))
		}
		// What the client counts on ends before the fastest server's clock has counted down.
		for _, elapsed := range []time.Duration{0, test.budget / 2, test.budget} {
			least := time.Duration(float64(got.lease) / (1 + test.drift))
			if end := elapsed + got.validity(elapsed); end > least-driftSlack/2 {
				t.Errorf("%s: the client counts on %v, a server may count %v", test.name, end, least)
			}
		}
	}
}

// Whoever is told how much of a lock is left must be able to count on that, for as long as the reply may be
// handed over.
func TestWhatIsToldOfALockHoldsWheneverItIsHandedOver(t *testing.T) {
	for _, padded := range []bool{true, false} {
		p := defaultPattern()
		p.PadTTL = padded
		s := Settings{NodeTimeout: 50 * time.Millisecond, Patterns: []Pattern{p}}
		for _, ttl := range []time.Duration{100 * time.Millisecond, time.Second, time.Minute} {
			terms := s.terms(&p, ttl)
			end := time.Duration(float64(terms.lease-driftSlack) / 1.01) // at the servers, at the earliest
			for elapsed := time.Duration(0); elapsed < ttl+200*time.Millisecond; elapsed += 700 * time.Microsecond {
				for _, told := range []bool{false, true} {
					began := quorum.Instant{Monotonic: time.Hour, Wall: 9 * time.Hour}
					got, ok := terms.grant(began, elapsed, told)
					latest := got.latest.Since(began)
					switch {
					case !ok:
					case latest < elapsed || told && latest < elapsed+handOver:
						t.Fatalf("padded %v, %v after %v: to be handed over until %v", padded, ttl, elapsed, latest)
					case (told || padded) && latest+got.Validity > end:
						t.Fatalf("padded %v, %v after %v: %v is told of until %v", padded, ttl, elapsed, got.Validity, latest)
					case padded && !told && got.Validity != ttl:
						t.Fatalf("%v after %v: %v", ttl, elapsed, got.Validity)
					}
				}
			}
		}
	}
}
