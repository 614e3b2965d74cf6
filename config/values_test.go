package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/goccy/go-yaml"
)

func TestSizesAreReadAndWrittenInTheirUnits(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "1023": 1023, "1024": KiB, "1KiB": KiB, "64MiB": 64 * MiB, "3GiB": 3 * GiB,
		"1025KiB": 1025 * KiB, "8589934591GiB": 8589934591 * GiB,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
		var again Size
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%s writes %s, which reads %d, %v", text, s, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "1 MiB", "1mib", "1MB", "-1", "+1", "1.5GiB", "8589934592GiB", "9223372036854775808"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, s)
		}
	}
}

func TestDurationsAreWrittenWithoutEmptyUnits(t *testing.T) {
	for d, want := range map[Duration]string{
		0: "0s", 250 * Millisecond: "250ms", 30 * Second: "30s", Minute: "1m", Hour: "1h",
		90 * Second: "1m30s", 10 * Minute: "10m", 20 * Second: "20s", 90 * Minute: "1h30m", Hour + Second: "1h0m1s",
	} {
		if d.String() != want {
			t.Errorf("got %s, want %s", d, want)
		}
		var again Duration
		if err := again.UnmarshalText([]byte(want)); err != nil || again != d {
			t.Errorf("%s reads %v, %v", want, again, err)
		}
	}
}

func TestASecretIsShownByNothing(t *testing.T) {
	type wrapper struct{ inner Auth }
	auth := Auth{Username: "u", Password: NewSecret("hunter2")}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb, auth.Password, auth, wrapper{auth})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "auth", auth, "secret", auth.Password, "pointer", &auth)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "auth", auth, "secret", auth.Password)
	j, err := json.Marshal(auth)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(auth)
	if err != nil {
		t.Fatal(err)
	}
	out.WriteString(string(j) + string(y) + auth.Password.String())
	if s := out.String(); strings.Contains(s, "hunter2") || strings.Contains(s, fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("shown in %s", s)
	}
	if !strings.Contains(string(y), "password: '***'") && !strings.Contains(string(y), `password: "***"`) {
		t.Errorf("YAML is %s", y)
	}
	if auth.Password.Reveal() != "hunter2" {
		t.Error("Reveal does not give the text")
	}
}

func TestPasswordsComeFromWhereTheFileSays(t *testing.T) {
	t.Setenv("RINGMAIN_TEST_PASSWORD", "from env")
	for auth, want := range map[string]string{
		"password_file: testdata/secrets/password": "s3cret with space ",
		"password_env: RINGMAIN_TEST_PASSWORD":     "from env",
		"password: 0123":                           "0123",
		"password: 'a\"b'":                         `a"b`,
		"password: ":                               "",
	} {
		c := mustParse(t, "pools: {main: {nodes: ['a:1'], auth: {"+auth+"}}}")
		if got := c.Pools["main"].Auth.Password.Reveal(); got != want {
			t.Errorf("%s: got %q, want %q", auth, got, want)
		}
	}
}

func TestMemoryFollowsTheCgroup(t *testing.T) {
	v2 := func(path, limit string) fstest.MapFS {
		return fstest.MapFS{
			"proc/self/cgroup":             {Data: []byte("0::" + path + "\n")},
			"sys/fs/cgroup/a/b/memory.max": {Data: []byte(limit + "\n")},
			"sys/fs/cgroup/a/memory.max":   {Data: []byte("max\n")},
		}
	}
	above := v2("/a/b", "max")
	above["sys/fs/cgroup/a/memory.max"] = &fstest.MapFile{Data: []byte("268435456\n")}
	for name, test := range map[string]struct {
		root fstest.MapFS
		want Size
	}{
		"no cgroup":                  {fstest.MapFS{}, GiB},
		"no limit":                   {v2("/a/b", "max"), GiB},
		"half of the limit":          {v2("/a/b", "536870912"), 256 * MiB},
		"never over 1GiB":            {v2("/a/b", "17179869184"), GiB},
		"the limit of the one above": {above, 128 * MiB},
		"a path outside the namespace": {fstest.MapFS{
			"proc/self/cgroup":         {Data: []byte("0::/../../pod\n")},
			"sys/fs/cgroup/memory.max": {Data: []byte("134217728")},
		}, 64 * MiB},
		"version 1, host path": {fstest.MapFS{
			"proc/self/cgroup":                           {Data: []byte("12:cpu,cpuacct:/x\n4:memory:/docker/123\n")},
			"sys/fs/cgroup/memory/memory.limit_in_bytes": {Data: []byte("134217728\n")},
		}, 64 * MiB},
		"version 1, no limit": {fstest.MapFS{
			"proc/self/cgroup":                           {Data: []byte("4:memory:/\n")},
			"sys/fs/cgroup/memory/memory.limit_in_bytes": {Data: []byte("9223372036854771712\n")},
		}, GiB},
	} {
		c, err := parse("f", []byte("pools: {main: {embedded: 1}}"), test.root)
		if err != nil {
			t.Fatal(err)
		}
		if c.Limits.Memory != test.want {
			t.Errorf("%s: memory is %v, want %v", name, c.Limits.Memory, test.want)
		}
		if c.Limits.ClientOutput != min(128*MiB, test.want/4) || c.Limits.NodeQueue != min(128*MiB, test.want/4) {
			t.Errorf("%s: output %v, queue %v", name, c.Limits.ClientOutput, c.Limits.NodeQueue)
		}
		if c.Loops < 1 || c.Loops > defaultMaxLoops {
			t.Errorf("%d loops", c.Loops)
		}
	}
}

func TestBuffersAreLoweredToAQuarterOfTheMemoryWithANote(t *testing.T) {
	root := fstest.MapFS{
		"proc/self/cgroup":         {Data: []byte("0::/\n")},
		"sys/fs/cgroup/memory.max": {Data: []byte("67108864\n")},
	}
	c, err := parse("f", []byte("limits: {memory: 256MiB, client_output: 65MiB, node_queue: 64MiB}\npools: {main: {embedded: 1}}"), root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"limits.memory is 256MiB, but the cgroup allows the process only 64MiB",
		"limits.client_output is lowered from 65MiB to 64MiB, a quarter of limits.memory (256MiB)",
	}
	if c.Limits.ClientOutput != 64*MiB || fmt.Sprint(c.Notes) != fmt.Sprint(want) {
		t.Errorf("%v, notes %q", c.Limits.ClientOutput, c.Notes)
	}
}

func TestUsersWhoseKeysNoPatternMatchesAreNoted(t *testing.T) {
	for keys, prefixes := range map[string]struct{ noted, not string }{
		"lock:*":      {"shop:", "lock:"},
		"*lock:*":     {"", "shop:"},
		"shop:lock:*": {"shopping:", "shop:"},
		"shop:[a]":    {"a:", "shop:a:"},
		"one":         {"one:", "on"},
	} {
		for prefix, want := range map[string]string{
			prefixes.noted: fmt.Sprintf(`[no pattern of locks matches keys that begin with %q, as all keys of users[1] do: none of them is a lock]`, prefixes.noted),
			prefixes.not:   "[]",
		} {
			if prefix == "" {
				continue
			}
			text := fmt.Sprintf("pools: {main: {embedded: 1}}\nquorums: {safe: {embedded: 3}}\nlocks: [{keys: %q, quorum: safe}]\n"+
				"users: [{name: a, password: a, access: admin}, {name: b, password: b, access: write, key_prefix: %q}]", keys, prefix)
			c, err := Parse("f", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(c.Notes); got != want {
				t.Errorf("%s and %s: %s, want %s", keys, prefix, got, want)
			}
		}
	}
}
