package simtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ringmain/internal/history"
	"ringmain/ioloop"
	"ringmain/resp"
	"ringmain/router"
	"ringmain/topology"
)

// twisted is a world in which some things are done wrong. What is nil is done right.
type twisted struct {
	*steering
	call  func(server, database int, args []string) ([]byte, error)
	fall  func(server int, reason string)
	hold  func(server int, prepared router.View, left []topology.Left)
	serve func(view router.View, uses []topology.Use)
	take  func(server int) topology.Absence
}

func (t *twisted) Call(server, database int, args ...string) ([]byte, error) {
	if t.call != nil {
		return t.call(server, database, args)
	}
	return t.steering.Call(server, database, args...)
}

func (t *twisted) Fall(server int, reason string) {
	if t.fall != nil {
		t.fall(server, reason)
	}
	t.steering.Fall(server, reason)
}

func (t *twisted) Hold(server int, prepared router.View, left []topology.Left) {
	if t.hold != nil {
		t.hold(server, prepared, left)
		return
	}
	t.steering.Hold(server, prepared, left)
}

func (t *twisted) Serve(view router.View, uses []topology.Use) {
	if t.serve != nil {
		t.serve(view, uses)
		return
	}
	t.steering.Serve(view, uses)
}

func (t *twisted) Absence(server int) topology.Absence {
	if t.take != nil {
		return t.take(server)
	}
	return t.steering.Absence(server)
}

// twist makes a mutant of the controller's world.
func twist(change func(*twisted)) func(*steering) topology.World {
	return func(s *steering) topology.World {
		t := &twisted{steering: s}
		change(t)
		return t
	}
}

// What a call is for.
func writesMarker(args []string) bool { return args[0] == "SET" && args[1] == topology.MarkerKey }
func readsMarker(args []string) bool  { return args[0] == "GET" && args[1] == topology.MarkerKey }
func flushesRefuge(args []string) bool {
	return args[0] == "EVAL" && args[1] == topology.FlushRefuge
}

// remark changes fields of a marker.
func remark(text string, fields map[string]any) string {
	m := map[string]json.RawMessage{}
	if json.Unmarshal([]byte(text), &m) != nil {
		return text
	}
	for name, value := range fields {
		b, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		m[name] = b
	}
	// in the order in which the controller writes them, as it compares whole markers
	out := "{"
	for i, name := range []string{"pool", "epoch", "incarnation", "run_id", "servers"} {
		if i > 0 {
			out += ","
		}
		out += strconv.Quote(name) + ":" + string(m[name])
	}
	return out + "}"
}

func epochOf(text string) (epoch uint64) {
	var m struct {
		Epoch uint64 `json:"epoch"`
	}
	_ = json.Unmarshal([]byte(text), &m)
	return m.Epoch
}

// forging has what is read of markers changed.
func forging(fields func(t *twisted, server int) map[string]any) func(*steering) topology.World {
	return twist(func(t *twisted) {
		t.call = func(server, database int, args []string) ([]byte, error) {
			reply, err := t.steering.Call(server, database, args...)
			text, ok := resp.Bulk(reply)
			if err != nil || !readsMarker(args) || !ok || len(text) == 0 {
				return reply, err
			}
			forged := remark(string(text), fields(t, server))
			return fmt.Appendf(nil, "$%d\r\n%s\r\n", len(forged), forged), nil
		}
	})
}

// pretending has calls that are of a kind answered, and not made.
func pretending(reply string, which func(t *twisted, server int, args []string) bool) func(*steering) topology.World {
	return twist(func(t *twisted) {
		t.call = func(server, database int, args []string) ([]byte, error) {
			if which(t, server, args) {
				return []byte(reply), nil
			}
			return t.steering.Call(server, database, args...)
		}
	})
}

// harmlessKills is a tap that has connections not ended, of which a function says so by
// their id.
func harmlessKills(which func(f *fleet, on *server, id int64) bool) func(*fleet) tap {
	return func(f *fleet) tap {
		return func(loop ioloop.Loop, address string, h ioloop.Handler) ioloop.Handler {
			i := slices.IndexFunc(f.servers, func(s *server) bool { return s.Address() == address })
			return rewrite(func(b []byte) []byte {
				return killID.ReplaceAllFunc(b, func(kill []byte) []byte {
					id, _ := strconv.ParseInt(string(idDigits.Find(kill)), 10, 64)
					if which(f, f.servers[i], id) {
						return harmless(kill)
					}
					return kill
				})
			})(loop, address, h)
		}
	}
}

var idDigits = regexp.MustCompile(`[0-9]+$`)

func everyKill(*fleet, *server, int64) bool { return true }

// namesInList are those of connections of proxies.
var namesInList = []byte("name=" + topology.NamePrefix)

// lateMarkers are written when the view of a fall is served already.
func lateMarkers(t *twisted) {
	var late []func()
	holding, epoch, served := false, uint64(0), uint64(0)
	t.hold = func(server int, prepared router.View, left []topology.Left) {
		holding = true
		t.steering.Hold(server, prepared, left)
	}
	t.call = func(server, database int, args []string) ([]byte, error) {
		if !writesMarker(args) {
			return t.steering.Call(server, database, args...)
		}
		if epoch = epochOf(args[2]); holding || !t.served || epoch <= served {
			return t.steering.Call(server, database, args...)
		}
		late = append(late, func() { _, _ = t.steering.Call(server, database, args...) })
		return []byte("+OK\r\n"), nil
	}
	t.serve = func(view router.View, uses []topology.Use) {
		holding, served = false, epoch
		t.steering.Serve(view, uses)
		for _, write := range late {
			write()
		}
		late = nil
	}
}

// earlyMarkers are written before the barrier of a return.
func earlyMarkers(t *twisted) {
	last, uses := "", []topology.Use(nil)
	t.call = func(server, database int, args []string) ([]byte, error) {
		if writesMarker(args) {
			last = args[2]
		}
		return t.steering.Call(server, database, args...)
	}
	t.serve = func(view router.View, u []topology.Use) {
		uses = u
		t.steering.Serve(view, u)
	}
	t.hold = func(server int, prepared router.View, left []topology.Left) {
		for i, use := range uses {
			if i != server && use.Down != "" {
				continue
			}
			text := remark(last, map[string]any{"epoch": epochOf(last) + 1, "run_id": t.p.f.servers[i].RunID()})
			_, _ = t.steering.Call(i, refuge, "SET", topology.MarkerKey, text)
		}
		t.steering.Hold(server, prepared, left)
	}
}

// ownMarkerFirst has the marker of the server that returns written ahead of the others'.
func ownMarkerFirst(t *twisted) {
	held := -1
	t.hold = func(server int, prepared router.View, left []topology.Left) {
		held = server
		t.steering.Hold(server, prepared, left)
	}
	t.call = func(server, database int, args []string) ([]byte, error) {
		if writesMarker(args) && held >= 0 && held != server {
			text := remark(args[2], map[string]any{"run_id": t.p.f.servers[held].RunID()})
			if reply, err := t.steering.Call(held, database, "SET", topology.MarkerKey, text); err != nil {
				return reply, err
			}
		}
		if writesMarker(args) {
			held = -1
		}
		return t.steering.Call(server, database, args...)
	}
}

// trustingUnknown takes a marker of which nothing is known as one that was not written.
func trustingUnknown(t *twisted) {
	held, ignoring := -1, false
	t.hold = func(server int, prepared router.View, left []topology.Left) {
		held, ignoring = server, false
		t.steering.Hold(server, prepared, left)
	}
	t.serve = func(view router.View, uses []topology.Use) {
		held = -1
		t.steering.Serve(view, uses)
	}
	t.fall = func(int, string) { ignoring = false }
	t.call = func(server, database int, args []string) ([]byte, error) {
		if writesMarker(args) && ignoring {
			return []byte("+OK\r\n"), nil
		}
		reply, err := t.steering.Call(server, database, args...)
		ignoring = ignoring || err != nil && writesMarker(args) && server == held
		return reply, err
	}
}

// keptRefuges are not flushed; what is written with that is.
func keptRefuges(t *twisted) {
	t.call = func(server, database int, args []string) ([]byte, error) {
		if !flushesRefuge(args) || args[4] == "" {
			return t.steering.Call(server, database, args...)
		}
		_, err := t.steering.Call(server, database, "SET", topology.MarkerKey, args[4])
		return []byte(":1\r\n"), err
	}
}

// forgivenDebts are what servers owe when another falls. Debts last here, as those that owe
// are often out of reach.
func forgivenDebts(t *twisted) {
	var before router.View
	forgiven := map[int]bool{}
	change := func(view router.View) router.View {
		var owing []int
		for i := range t.p.f.servers {
			switch {
			case !view.Owing.Has(i):
				delete(forgiven, i)
			case before.Owing.Has(i) && outs(view) > outs(before):
				forgiven[i] = true
			}
			if view.Owing.Has(i) && !forgiven[i] {
				owing = append(owing, i)
			}
		}
		view.Owing = router.NewServerSet(owing...)
		return view
	}
	t.hold = func(server int, prepared router.View, left []topology.Left) {
		t.steering.Hold(server, change(prepared), left)
	}
	t.serve = func(view router.View, uses []topology.Use) {
		changed := change(view)
		before = view
		t.steering.Serve(changed, uses)
	}
	t.call = func(server, database int, args []string) ([]byte, error) {
		switch {
		case !flushesRefuge(args) || args[4] == "":
			return t.steering.Call(server, database, args...)
		case forgiven[server]:
			_, err := t.steering.Call(server, database, "SET", topology.MarkerKey, args[4])
			return []byte(":1\r\n"), err
		case t.p.f.w.Rand().IntN(4) > 0:
			return nil, errStopped
		}
		return t.steering.Call(server, database, args...)
	}
}

// plainFail ends rerouting such that servers which are reached are used at once.
func plainFail(t *twisted) {
	var before router.View
	failing := map[int]bool{}
	t.serve = func(view router.View, uses []topology.Use) {
		uses = slices.Clone(uses)
		var out []int
		for i, host := range t.p.f.servers {
			if failing[i] = view.Out.Has(i) && !view.Rerouted.Has(i) && (failing[i] || before.Rerouted.Has(i)); failing[i] {
				uses[i] = topology.Use{RunID: host.RunID()}
			} else if view.Out.Has(i) {
				out = append(out, i)
			}
		}
		before = view
		view.Out = router.NewServerSet(out...)
		t.steering.Serve(view, uses)
	}
}

// fleetBreach is a way to break the protocol.
type fleetBreach struct {
	name string
	// seed has shown it. rare: few others do.
	seed uint64
	rare bool
	in   surroundings
	fleetMutant
}

// fleetBreaches are those that are caught.
var fleetBreaches = []fleetBreach{
	{"no fence", 5, false, surroundings{favours: []int{aCutThere, aHang, aReset}}, fleetMutant{tap: harmlessKills(everyKill), control: harmlessKills(everyKill)}},
	{"leases are not fenced", 11, false, surroundings{favours: []int{aCutThere}, watchers: true}, fleetMutant{
		tap:     harmlessKills(func(f *fleet, on *server, id int64) bool { return f.leases[on][id] }),
		control: harmlessKills(func(f *fleet, on *server, id int64) bool { return f.leases[on][id] })}},
	{"the first connection is not fenced", 6, false, surroundings{favours: []int{aKillInCut}}, fleetMutant{world: twist(func(t *twisted) {
		t.call = func(server, database int, args []string) ([]byte, error) {
			reply, err := t.steering.Call(server, database, args...)
			if args[0] == "CLIENT" && args[1] == "LIST" {
				reply = bytes.ReplaceAll(reply, namesInList, bytes.ReplaceAll(namesInList, []byte("ring"), []byte("king")))
			}
			return reply, err
		}
	})}},
	{"a server returns with debts unpaid", 28, false, surroundings{favours: []int{aCutThere}, dawdles: true}, fleetMutant{control: harmlessKills(func(f *fleet, _ *server, _ int64) bool {
		return f.proxy != nil && f.proxy.steering.served
	})}},
	{"no run id in the marker", 5, false, surroundings{favours: []int{aKillInCrash}}, fleetMutant{world: forging(func(t *twisted, server int) map[string]any {
		return map[string]any{"run_id": t.p.f.servers[server].RunID()}
	})}},
	{"no incarnation in the marker", 3818, true, surroundings{favours: []int{aKill, aKillAtMarker, aKillInCut, aHang}}, fleetMutant{world: forging(func(t *twisted, server int) map[string]any {
		return map[string]any{"incarnation": t.name}
	})}},
	{"run ids are not compared on data connections", 6, false, surroundings{favours: []int{aQuickRestart}}, fleetMutant{world: twist(func(t *twisted) {
		t.serve = func(view router.View, uses []topology.Use) {
			uses = slices.Clone(uses)
			for i := range uses {
				uses[i].RunID = ""
			}
			t.steering.Serve(view, uses)
		}
	})}},
	{"markers are written after rerouting began", 483, true, surroundings{favours: []int{aKillInCut, aKillInHang, aCutThere, aKill}, dawdles: true}, fleetMutant{world: twist(lateMarkers)}},
	{"markers are written before the barrier", 49, true, surroundings{favours: []int{aKillAtMarker, aKillAtMarker, aHang, aCutThere}, dawdles: true}, fleetMutant{world: twist(earlyMarkers)}},
	{"the returning server's marker is written first", 338, true, surroundings{favours: []int{aLostAnswerAndKill, aHang, aCutThere}}, fleetMutant{world: twist(ownMarkerFirst)}},
	{"an unknown marker is taken for none", 414, true, surroundings{favours: []int{aLostOwnAnswerAndKill, aHang}}, fleetMutant{world: twist(trustingUnknown)}},
	{"the returning server's own refuge is not flushed", 22, false, surroundings{favours: []int{aCutThere, aHang, aDrain}, large: true, dawdles: true}, fleetMutant{world: pretending(":1\r\n", func(_ *twisted, _ int, args []string) bool {
		return flushesRefuge(args) && args[4] == ""
	})}},
	{"refuges are not flushed", 2, false, surroundings{favours: []int{aHang, aCutThere, aDrain}, dawdles: true}, fleetMutant{world: twist(keptRefuges)}},
	{"no record", 5, false, surroundings{}, fleetMutant{world: twist(func(t *twisted) {
		t.take = func(server int) topology.Absence {
			a := t.steering.Absence(server)
			a.Keys = nil
			return a
		}
	})}},
	{"an overflow is ignored", 39, false, surroundings{}, fleetMutant{overflow: true}},
	{"a flush during the outage is ignored", 41, false, surroundings{}, fleetMutant{world: twist(func(t *twisted) {
		t.take = func(server int) topology.Absence {
			a := t.steering.Absence(server)
			a.Flushed = false
			return a
		}
	})}},
	{"no barrier between loops", 1, false, surroundings{favours: []int{aHang, aCutThere, aDrain}}, fleetMutant{noBarrier: true}},
	{"rerouting ends by plain fail", 10, false, surroundings{favours: []int{aSecondProxy, aHang, aCutThere, aDrain}, intruded: true}, fleetMutant{world: twist(plainFail)}},
	{"a flush with a server out is acknowledged", 1, false, surroundings{favours: []int{aHang, aCutThere}}, fleetMutant{flushed: true}},
	{"a second fall forgets what is owing", 5, false, surroundings{favours: []int{aFlap, aFlap, aHang, aDrain}, large: true, dawdles: true}, fleetMutant{world: twist(forgivenDebts)}},
}

func outs(v router.View) (n int) {
	for i := range 8 {
		if v.Out.Has(i) {
			n++
		}
	}
	return n
}

// breaks runs a seed of a mutant, in its surroundings. Only a lie counts, and what is lost.
func (m *fleetBreach) breaks(seed uint64, trace io.Writer) error {
	mutant := m.fleetMutant
	mutant.surroundings = m.in
	_, err := reroute(seed, trace, mutant)
	if lie := (*history.Fault)(nil); errors.As(err, &lie) {
		return lie
	}
	return nil
}

// TestAFleetThatBreaksItsProtocolIsCaught looks for a seed with a lie, first at the one that
// has shown it before, which other code may have changed. What few seeds show is left to torture.
func TestAFleetThatBreaksItsProtocolIsCaught(t *testing.T) {
	within := 500
	if torture() {
		within = 10_000
	}
	for i := range fleetBreaches {
		m := &fleetBreaches[i]
		if m.rare && !torture() {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			if seed, trace, replay := oneSeed(t); replay {
				t.Logf("seed %d: %v", seed, m.breaks(seed, trace))
				return
			}
			seed, err := m.seed, guarded(m.breaks, m.seed, nil)
			if err == nil {
				seed, err = firstFailure(within, m.breaks)
			}
			if err == nil || strings.HasPrefix(err.Error(), "panic") {
				t.Fatalf("not in %d seeds: %v", within, err)
			}
			t.Logf("seed %d: %v", seed, err)
		})
	}
}
