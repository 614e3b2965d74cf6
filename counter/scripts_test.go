package counter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"ringmain/internal/redistest"
	"ringmain/quorum"
)

// real runs a script on a real server as quorum.Set does, behind a guard that lets it pass.
func real(t *testing.T, server *redistest.Server, s *quorum.Script, keys, args []string) []quorum.Value {
	t.Helper()
	guards, expected := []string{quorum.IdentityKey, quorum.SettingsKey}, []string{"identity", "settings"}
	if s.Kind == quorum.Refill {
		guards, expected = []string{quorum.RepairKey}, []string{"mark"}
	}
	line := []any{"EVAL", s.Text, len(keys) + len(guards)}
	for _, k := range slices.Concat(keys, guards, args, expected) {
		line = append(line, k)
	}
	reply, err := server.Do(line...)
	if err != nil {
		t.Fatalf("%s %q %q: %v", s.Name, keys, args, err)
	}
	list, ok := reply.([]any)
	if !ok || len(list) == 0 || list[0] != "ok" {
		t.Fatalf("%s %q %q: %v", s.Name, keys, args, reply)
	}
	var values []quorum.Value
	for _, v := range list[1:] {
		switch v := v.(type) {
		case int64:
			values = append(values, quorum.Value{Int: v})
		case string:
			values = append(values, quorum.Value{Text: v})
		default:
			t.Fatalf("%s returned %T", s.Name, v)
		}
	}
	return values
}

func TestTheModelDoesWhatTheScriptsDoOnARealServer(t *testing.T) {
	server := redistest.Start(t)
	model := newAcceptor()
	put := func(key, value string) {
		model.keys[key] = value
		if _, err := server.Do("SET", key, value); err != nil {
			t.Fatal(err)
		}
	}
	put(quorum.IdentityKey, "identity")
	put(quorum.SettingsKey, "settings")
	put(quorum.RepairKey, "mark")
	put(floorKey, ballot{3 << epochBits, 0}.String())
	rng := rand.New(rand.NewPCG(5, 6))
	st := state{}
	seen := map[string]int{}
	for i := range 4000 {
		if i == 2000 {
			put(floorKey, ballot{5 << epochBits, 0}.String())
		}
		// Letters and digits, near one another and far apart.
		b := ballot{uint64(2+rng.IntN(4))<<epochBits | rng.Uint64()>>(1+rng.IntN(63))>>(64-epochBits), rng.Uint64() >> rng.IntN(64)}
		keys := []string{fmt.Sprintf("__ringmain:c:%d", rng.IntN(6+i/40))}
		script, args := readScript, []string(nil)
		switch rng.IntN(8) {
		case 7:
			script, args = proposeScript, []string{b.String(), b.String() + "17 5", b.String() + "- 6"}
			keys = append(keys, keys[0]+"0")
		case 6:
			script, args = promiseScript, []string{b.String()}
			keys = append(keys, keys[0]+"0", keys[0]+"1", keys[0]+"2")
		case 4:
			floor := ballot{uint64(3+rng.IntN(2)) << epochBits, 0}
			if rng.IntN(10) > 0 {
				floor = b
			}
			script, args = missingScript, []string{floor.String()}
			keys = append(keys, keys[0]+"0", keys[0]+"1")
		case 5:
			script, args = copyScript, []string{b.String(), ballot{b.n >> 1, 1}.String() + "17 5", noBallot}
			keys = append(keys, keys[0]+"0")
		case 0, 1:
			script, args = prepareScript, []string{b.String(), []string{"0", "40"}[rng.IntN(2)]}
		case 2:
			st = st.with(maxBatches, batch{by: rng.Uint64() >> 58, seq: rng.Uint64()}, value{int64(rng.Uint64()), rng.IntN(5) > 0})
			script, args = acceptScript, []string{b.String(), ballot{b.n + 1, b.by}.String() + b.String() + string(st.append(nil))}
		}
		got, want := model.run(script, keys, args), real(t, server, script, keys, args)
		if len(want) == 0 {
			want = append(want, quorum.Value{})
			got = append(got, quorum.Value{})
		}
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: %s %q %q: the model says %v, the server %v", i, script.Name, keys, args, got, want)
		}
		seen[fmt.Sprint(script.Name, " ", want[0].Int)]++
	}
	for _, outcome := range []string{"counter prepare 0", "counter prepare 1", "counter prepare 2", "counter accept 0", "counter accept 1", "counter read 1", "counter missing 0", "counter copy 0", "counter promise 0", "counter promise 1", "counter propose 0", "counter propose 1"} {
		if seen[outcome] == 0 {
			t.Errorf("never came: %s", outcome)
		}
	}
	real(t, server, floorScript, nil, []string{noBallot})
	model.run(floorScript, nil, []string{noBallot})
	for _, want := range []string{noBallot, ""} {
		if got := real(t, server, begunScript, nil, nil); len(got) != 1 || got[0].Text != want || model.run(begunScript, nil, nil)[0].Text != want {
			t.Errorf("a refill has begun with %v, want %q", got, want)
		}
		real(t, server, filledScript, nil, nil)
		model.run(filledScript, nil, nil)
	}
	var names []string
	for cursor := "0"; ; {
		v := real(t, server, scanScript, nil, []string{cursor, "20"})
		if len(v[0].Text) != 40 {
			t.Fatalf("the process is %q", v[0].Text)
		}
		for _, name := range v[2:] {
			names = append(names, name.Text)
		}
		if cursor = v[1].Text; cursor == "0" {
			break
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	var all []string
	for _, v := range model.run(scanScript, nil, []string{"0", "100000"})[2:] {
		all = append(all, v.Text)
	}
	if !slices.Equal(names, all) {
		t.Errorf("a scan finds %q, the model %q", names, all)
	}
	delete(model.keys, quorum.RepairKey) // which has a lifetime now
	if left, err := server.Do("PTTL", quorum.RepairKey); err != nil || left.(int64) <= 0 || left.(int64) > quorum.RepairHold.Milliseconds() {
		t.Errorf("the repair lasts for another %v ms (%v)", left, err)
	}
	for key, want := range model.keys {
		if got, err := server.Do("GET", key); err != nil || got != want {
			t.Errorf("%s: the server has %v (%v), the model %q", key, got, err, want)
		}
	}
}
