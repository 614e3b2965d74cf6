package config

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func shipped(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTheShippedFileShowsTheDefaults(t *testing.T) {
	if _, err := Load("../config.yaml"); err != nil {
		t.Fatal(err)
	}
	got, d := decodeFile([]byte(shipped(t)))
	if err := d.faults.orNil(); err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Pools = map[string]*Pool{"main": DefaultPool()}
	want.Pools["main"].Embedded = 3
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it says\n%+v %+v\nthe defaults are\n%+v %+v", got, got.Pools["main"], want, want.Pools["main"])
	}
}

// withNodes is the shipped file after its reader has turned to servers of their
// own, as it tells them to.
func withNodes(t *testing.T) string { return withBlocks(t, "# nodes:", "# routes:") }

// withBlocks is the shipped file with blocks that are no comments any more.
func withBlocks(t *testing.T, blocks ...string) string {
	t.Helper()
	return uncommented(shipped(t), blocks...)
}

// uncommented is a file without the line for embedded servers, in which blocks are no
// comments any more.
func uncommented(text string, blocks ...string) string {
	var lines []string
	in := false
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "embedded:"):
			continue
		case slices.Contains(blocks, trimmed):
			in = true
		case !strings.HasPrefix(trimmed, "#"):
			in = false
		}
		if in {
			line = strings.Replace(line, "# ", "", 1)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

func TestTheShippedFileIsOneBlockAwayFromRealServers(t *testing.T) {
	c := mustParse(t, strings.Replace(withNodes(t), "pool: sessions", "pool: main", 1))
	if p := c.Pools["main"]; p.Embedded != 0 || len(p.Nodes) != 3 || !reflect.DeepEqual(p.Nodes[2], Node{Name: "c", Address: "127.0.0.1:7003", Weight: 1}) {
		t.Errorf("got %+v", p)
	}
}

func TestTheShippedFileIsOneBlockAwayFromRerouting(t *testing.T) {
	text := withBlocks(t, "# nodes:", "# on_node_down: reroute")
	for _, change := range [][2]string{{"sole_proxy: false", "sole_proxy: true"}, {"    on_node_down: fail\n", ""}} {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("%q is not there once", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	c := mustParse(t, text)
	if p := c.Pools["main"]; !p.Reroutes() || !c.Topology.SoleProxy || p.OnNodeReturn != "invalidate" || p.RefugeDatabase != 15 || p.MaxDown() != 1 {
		t.Errorf("got %+v, %+v", p, c.Topology)
	}
}

func TestTheShippedFileIsOneBlockAwayFromLocksAndCounters(t *testing.T) {
	c := mustParse(t, withBlocks(t, "# nodes:", "# quorums:"))
	quorum, lock, counter := *DefaultQuorum(), DefaultLock(), DefaultCounter()
	quorum.Nodes = []string{"127.0.0.1:7201", "127.0.0.1:7202", "127.0.0.1:7203"}
	lock.Keys, lock.Quorum, counter.Keys, counter.Quorum = "lock:*", "safe", "counter:*", "safe"
	if got := c.Quorums["safe"]; got == nil || !reflect.DeepEqual(*got, quorum) {
		t.Errorf("the quorum is %+v", got)
	}
	if !reflect.DeepEqual(c.Locks, []Lock{lock}) || !reflect.DeepEqual(c.Counters, []Counter{counter}) {
		t.Errorf("got %+v, %+v", c.Locks, c.Counters)
	}
}

func TestTheShippedFileNamesEveryKey(t *testing.T) {
	said := map[string]int{}
	agreement := withBlocks(t, "# quorums:")
	for _, text := range []string{shipped(t), withNodes(t), withBlocks(t, "# users:", "# tls:", "# sentinel:", "# on_node_down: reroute"),
		agreement, uncommented(agreement, "# tls:")} {
		_, d := decodeFile([]byte(text))
		maps.Copy(said, d.lines)
	}
	known := keysOf(reflect.TypeFor[Config](), "")
	if len(known) < 30 {
		t.Fatalf("only %d keys are known: %q", len(known), known)
	}
	for _, key := range known {
		if _, ok := said[key]; !ok {
			t.Errorf("%s is missing", key)
		}
	}
}

// keysOf lists the paths of all keys below a type, with the pool main, the quorum safe
// and the first element of each list.
func keysOf(t reflect.Type, path string) []string {
	switch t.Kind() {
	case reflect.Pointer:
		return keysOf(t.Elem(), path)
	case reflect.Map:
		name := ".main"
		if path == "quorums" {
			name = ".safe"
		}
		return keysOf(t.Elem(), path+name)
	case reflect.Slice:
		return keysOf(t.Elem(), path+"[0]")
	case reflect.Struct:
		index, names := fieldsOf(t)
		var keys []string
		for _, name := range names {
			key := join(path, name)
			keys = append(keys, key)
			keys = append(keys, keysOf(t.Field(index[name]).Type, key)...)
		}
		return keys
	}
	return nil
}

func TestTheShippedFileExplainsEveryKey(t *testing.T) {
	groups := []string{"address", "auth", "main"} // explained by the line above their parent
	above := ""
	for line := range strings.Lines(shipped(t)) {
		key, _, isKey := strings.Cut(strings.TrimLeft(strings.TrimSpace(line), "- "), ":")
		comment := strings.HasPrefix(strings.TrimSpace(line), "#")
		if isKey && !comment && !strings.HasPrefix(strings.TrimSpace(above), "#") &&
			!slices.Contains(groups, key) && key != "timeouts" {
			t.Errorf("no comment above %q", strings.TrimSpace(line))
		}
		above = line
	}
}
