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
	line := []any{"EVAL", s.Text, len(keys) + 2}
	for _, k := range slices.Concat(keys, []string{quorum.IdentityKey, quorum.SettingsKey}, args, []string{"identity", "settings"}) {
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
		switch rng.IntN(4) {
		case 0, 1:
			script, args = prepareScript, []string{b.String(), []string{"0", "40"}[rng.IntN(2)]}
		case 2:
			st = st.with(maxBatches, batch{by: rng.Uint64() >> 58, seq: rng.Uint64()}, value{int64(rng.Uint64()), rng.IntN(5) > 0})
			script, args = acceptScript, []string{b.String(), ballot{b.n + 1, b.by}.String() + b.String() + string(st.append(nil))}
		}
		got, want := model.run(script, keys, args), real(t, server, script, keys, args)
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: %s %q %q: the model says %v, the server %v", i, script.Name, keys, args, got, want)
		}
		seen[fmt.Sprint(script.Name, " ", want[0].Int)]++
	}
	for _, outcome := range []string{"counter prepare 0", "counter prepare 1", "counter prepare 2", "counter accept 0", "counter accept 1", "counter read 1"} {
		if seen[outcome] == 0 {
			t.Errorf("never came: %s", outcome)
		}
	}
	for key, want := range model.keys {
		if got, err := server.Do("GET", key); err != nil || got != want {
			t.Errorf("%s: the server has %v (%v), the model %q", key, got, err, want)
		}
	}
}
