package admin

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLivezFailsOnceALoopHasNotTurnedForTenSecondsAndOnlyThen(t *testing.T) {
	for _, phase := range []time.Duration{time.Millisecond, 500 * time.Millisecond, 999 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			good, bad := newFakeLoop(t), newFakeLoop(t)
			a := newAdmin(good, bad)
			defer watch(a)()
			pass(time.Hour + phase)
			resume := bad.stall()
			defer resume()
			pass(8900 * time.Millisecond)
			if w := ask(a, "/livez"); w.Code != http.StatusOK {
				t.Errorf("after 8.9 s: %d %s", w.Code, w.Body)
			}
			pass(1100 * time.Millisecond)
			synctest.Wait()
			if w := ask(a, "/livez"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "loop 1 has not turned for 10s") {
				t.Errorf("after 10 s: %d %s", w.Code, w.Body)
			}
			resume()
			bad.turn()
			if w := ask(a, "/livez"); w.Code != http.StatusOK || w.Body.String() != "ok\n" {
				t.Errorf("after it has turned again: %d %s", w.Code, w.Body)
			}
		})
	}
}

func TestLivezHoldsForYearsWhileLoopsAreSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLoop(t)
		a := newAdmin(l)
		defer watch(a)()
		for range 100 {
			resume := l.stall()
			pass(8 * time.Second)
			if w := ask(a, "/livez"); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			resume()
			l.turn()
		}
	})
}

func TestALoopThatTakesNothingIsStuckToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLoop(t)
		a := newAdmin(l)
		resume := l.stall()
		defer resume()
		for l.Post(func() {}) { // until its queue is full
		}
		defer watch(a)()
		pass(stuckAfter)
		if w := ask(a, "/livez"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		resume()
		pass(2 * time.Second)
		if w := ask(a, "/livez"); w.Code != http.StatusOK {
			t.Errorf("after it has turned again: %d %s", w.Code, w.Body)
		}
	})
}

func TestAProcessThatStoodStillIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLoop(t)
		w := newWatched(0, l)
		resume := l.stall()
		defer resume()
		w.beat(time.Now())
		pass(time.Hour) // in which no beat was due
		w.beat(time.Now())
		if w.stuck() {
			t.Error("it is taken for stuck")
		}
	})
}

func TestReadyzFollowsTheProgramFromStartToEnd(t *testing.T) {
	a := newAdmin()
	check := func(code int, body string) {
		t.Helper()
		if w := ask(a, "/readyz"); w.Code != code || w.Body.String() != body+"\n" {
			t.Errorf("got %d %s, want %d %s", w.Code, w.Body, code, body)
		}
	}
	check(http.StatusServiceUnavailable, "starting")
	a.SetReady()
	check(http.StatusOK, "ok")
	a.SetDraining()
	check(http.StatusServiceUnavailable, "draining")
	a.SetReady()
	check(http.StatusServiceUnavailable, "draining")
}

func TestAProgramToldToEndWhileStartingIsNeverReady(t *testing.T) {
	a := newAdmin()
	a.SetDraining()
	a.SetReady()
	if w := ask(a, "/readyz"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
}

func TestVersionIsJSON(t *testing.T) {
	w := ask(newAdmin(), "/version")
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"version": "1.2.3", "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
	if len(got) != len(want) || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v %v", got, w.Header())
	}
}
