package topology

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringmain/router"
)

// A scene is a Controller whose servers are those of a walk, but answer at once. It is the
// Controller's World.
type scene struct {
	*Controller
	t       *testing.T
	servers []*walkServer
	away    [walkServers]bool // they do not answer
	deaf    [walkServers]bool // they take markers without an answer
	refuses []string          // commands that all of them refuse
	absence [walkServers]Absence
	uses    []Use // as served last
	told    [walkServers]Status
	now     time.Time
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, servers: newWalk(0, "").servers, now: time.Unix(1, 0)}
	set := Settings{
		Pool: "main", Refuge: walkRefuge, MostOut: 1, Incarnation: "me", Interval: time.Second,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Told: func(i int, st Status) { s.told[i] = st },
	}
	for i, server := range s.servers {
		set.Nodes, set.Addresses = append(set.Nodes, server.name), append(set.Addresses, "host:"+strconv.Itoa(i))
	}
	s.Controller = New(set, s)
	return s
}

// begin starts the Controller.
func (s *scene) begin() {
	s.t.Helper()
	if !s.start() {
		s.t.Fatal("the pool is not served")
	}
}

// goesOn has the Controller do what there is to do after some time.
func (s *scene) goesOn() {
	s.now = s.now.Add(s.set.Interval)
	s.step()
}

func (s *scene) Now() time.Time      { return s.now }
func (s *scene) Wait(time.Time) bool { return false }

func (s *scene) Call(server, _ int, args ...string) ([]byte, error) {
	switch {
	case s.away[server]:
		return nil, errors.New("is unreachable")
	case s.deaf[server] && args[0] == "SET":
		s.servers[server].execute(&walk{}, nil, args)
		return nil, errors.New("no reply")
	case slices.Contains(s.refuses, args[0]):
		return []byte("-ERR unknown command\r\n"), nil
	}
	return []byte(s.servers[server].execute(&walk{}, nil, args)), nil
}

func (s *scene) Fall(int, string)                {}
func (s *scene) Hold(int, router.View, []Left)   {}
func (s *scene) Serve(_ router.View, uses []Use) { s.uses = uses }

func (s *scene) Absence(server int) Absence {
	a := s.absence[server]
	s.absence[server].Keys = nil
	return a
}

func (s *scene) Forget(server int) { s.absence[server] = Absence{} }

func TestTheRecordOfAServerThatCannotBeCleanedIsBounded(t *testing.T) {
	s := newScene(t)
	s.begin()
	s.Judge(0, "does not answer")
	s.goesOn()
	s.refuses = []string{"UNLINK", "FLUSHALL"}
	s.Judge(0, "")
	for turn := range 10 {
		for i := range 40 {
			s.absence[0].Keys = append(s.absence[0].Keys, strings.Repeat("k", 100_000)+strconv.Itoa(turn*40+i))
		}
		s.goesOn()
	}
	size := 0
	for key := range s.Controller.servers[0].record {
		size += len(key)
	}
	if size > maxRecord {
		t.Errorf("%d bytes of keys are remembered", size)
	}
	if s.told[0].InUse {
		t.Error("the server is in use, uncleaned")
	}
	s.refuses = nil
	s.servers[0].data.home["old"] = 1
	s.goesOn()
	if left := s.servers[0].data.home; !s.told[0].InUse || len(left) > 0 {
		t.Errorf("the server is told to be %+v, and has %v", s.told[0], left)
	}
}

func TestAServerThatIsAdoptedWithItsDataIsEmptiedIfAFlushHasPassedMeanwhile(t *testing.T) {
	s := newScene(t)
	s.away[0] = true
	s.begin()
	s.goesOn()
	if !s.told[0].Rerouted {
		t.Fatalf("the server out of reach is told to be %+v", s.told[0])
	}
	s.away[0], s.servers[0].data.home["old"] = false, 1
	s.goesOn()
	s.absence[0].Flushed = true
	s.goesOn()
	if err := s.adopt(false); err != nil {
		t.Fatal(err)
	}
	if left := s.servers[0].data.home; !s.told[0].InUse || len(left) > 0 {
		t.Errorf("the server is told to be %+v, and has %v", s.told[0], left)
	}
}

// restarted is a scene with the same servers, the first at an address, and another process in
// front of them.
func (s *scene) restarted(address string) *scene {
	next := newScene(s.t)
	next.servers, next.set.Incarnation, next.set.Addresses[0] = s.servers, "next", address
	return next
}

func TestAServerAtAnotherAddressIsAnotherServer(t *testing.T) {
	for address, foreign := range map[string]bool{"host:0": false, "elsewhere:0": true} {
		s := newScene(t)
		s.begin()
		s.servers[0].data, s.servers[0].runID = noData(), "another"
		s.servers[0].data.home["old"] = 1
		next := s.restarted(address)
		next.begin()
		if kept := len(s.servers[0].data.home) > 0; kept != foreign || next.told[0].InUse == foreign {
			t.Errorf("the server at %s is told to be %+v, and has %v", address, next.told[0], s.servers[0].data.home)
		}
	}
}

func TestAServerThatWasGivenToOthersWhileItWasOutIsLeftAlone(t *testing.T) {
	for what, mark := range map[string]string{
		"another pool":    `{"pool":"other","epoch":7,"incarnation":"x","run_id":"r1","servers":null}`,
		"a later version": `{"version":2,"pool":"main","epoch":7,"incarnation":"x","run_id":"r1","servers":null}`,
		"who knows":       "version-9",
	} {
		t.Run(what, func(t *testing.T) {
			s := newScene(t)
			s.begin()
			s.Judge(0, "does not answer")
			s.goesOn()
			s.servers[0].data.marker = mark
			s.servers[0].data.home["foreign"] = 1
			s.Judge(0, "")
			for range 3 {
				s.goesOn()
			}
			if s.told[0].InUse || !strings.Contains(s.told[0].Reason, "foreign keys in database 15") || len(s.servers[0].data.home) == 0 {
				t.Errorf("the server is told to be %+v, and has %v", s.told[0], s.servers[0].data.home)
			}
			if err := s.adopt(false); err == nil || len(s.servers[0].data.home) == 0 {
				t.Error("it is adopted with what it has")
			}
			if err := s.adopt(true); err != nil || !s.told[0].InUse || len(s.servers[0].data.home) > 0 {
				t.Errorf("adopted empty (%v), it is told to be %+v, and has %v", err, s.told[0], s.servers[0].data.home)
			}
		})
	}
}

func TestAMarkerOfALaterVersionIsNotUnderstood(t *testing.T) {
	s := newScene(t)
	s.servers[0].data.home["foreign"] = 1
	s.servers[0].data.marker = `{"version":2,"pool":"main","epoch":7,"incarnation":"x","run_id":"` + s.servers[0].runID + `","servers":null}`
	s.begin()
	if s.told[0].InUse || len(s.servers[0].data.home) == 0 {
		t.Errorf("the server is told to be %+v, and has %v", s.told[0], s.servers[0].data.home)
	}
}

func TestClientsAndOperatorsAreToldWhyAServerThatIsFoundLaterIsNotUsed(t *testing.T) {
	s := newScene(t)
	s.away[0], s.away[1] = true, true // more than may be rerouted
	s.begin()
	s.away[0], s.servers[0].data.home["foreign"] = false, 1
	s.goesOn()
	s.goesOn()
	const want = "ringmain adopt main"
	if !strings.Contains(s.told[0].Reason, want) || !strings.Contains(s.uses[0].Down, want) {
		t.Errorf("told: %+v; clients: %+v", s.told[0], s.uses[0])
	}
}

func TestDataThatIsAdoptedIsKeptThoughTheReturnSucceedsLaterOnly(t *testing.T) {
	for what, deaf := range map[string]int{"another server does not take its marker": 1, "the server itself does not": 0} {
		t.Run(what, func(t *testing.T) {
			s := newScene(t)
			s.away[0] = true
			s.begin()
			s.goesOn()
			s.away[0], s.servers[0].data.home["good"] = false, 1
			s.goesOn()
			s.deaf[deaf] = true
			if s.adopt(false) == nil {
				t.Error("it is adopted")
			}
			s.deaf[deaf] = false
			for _, other := range s.servers[1:] {
				if strings.Contains(other.data.marker, s.member(0)) {
					t.Errorf("the marker of %s says that the server has been in use", other.name)
				}
			}
			s.goesOn()
			if !s.told[0].InUse || len(s.servers[0].data.home) == 0 {
				t.Errorf("the server is told to be %+v, and has %v", s.told[0], s.servers[0].data.home)
			}
		})
	}
}

func TestAServerThatIsDrainedNoMoreIsToldToBeOutForWhatKeepsItOut(t *testing.T) {
	s := newScene(t)
	s.begin()
	if err := s.drain(0); err != nil {
		t.Fatal(err)
	}
	s.Judge(0, "does not answer")
	s.goesOn()
	if err := s.undrain(0); err == nil {
		t.Error("a server that is down is taken back")
	}
	if got := s.told[0]; got.InUse || !got.Rerouted || got.Reason != "does not answer" {
		t.Errorf("it is told to be %+v", got)
	}
}

func TestWhatIsAskedForWhileTheProgramStopsIsRefused(t *testing.T) {
	s := newScene(t)
	s.away = [walkServers]bool{true, true, true} // so that nothing that is asked for is begun
	early := make(chan error)
	asked := make(chan struct{})
	go func() { early <- s.Drain(t.Context(), 0, func() { close(asked) }) }()
	<-asked
	s.Run()
	for when, err := range map[string]error{"before": <-early, "after": s.Drain(t.Context(), 0, func() {})} {
		if !errors.Is(err, errStopping) {
			t.Errorf("asked %s: %v", when, err)
		}
	}
}
