package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the fixtures give to their .want files")

// Each fixture breaks one rule; the file .want next to it holds the message.
func TestEveryFaultIsReportedWithItsPlace(t *testing.T) {
	t.Setenv("RINGMAIN_TEST_SECRET", "hunter2")
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 90 {
		t.Fatalf("found %d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse("config.yaml", data)
			if err == nil {
				t.Fatal("the fixture was accepted")
			}
			got := err.Error() + "\n"
			if strings.Contains(got, "hunter2") {
				t.Errorf("the message shows a password:\n%s", got)
			}
			wantFile := strings.TrimSuffix(file, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestAMissingFileIsAnErrorThatNamesIt(t *testing.T) {
	_, err := Load("testdata/no-such-file.yaml")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no-such-file.yaml") {
		t.Fatalf("got %v", err)
	}
}

func TestAFileOverOneMebibyteIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "big.yaml")
	data := append([]byte("pools: {main: {embedded: 3}}\n#"), bytes.Repeat([]byte{'x'}, maxFile)...)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Fatalf("got %v", err)
	}
}

func TestWhatIsExpensiveToParseIsRefusedBeforehand(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("[", 20_000):         "nested too deeply",
		strings.Repeat("- ", 20_000) + "x":  "nested too deeply",
		strings.Repeat("{a: ", 20_000):      "nested too deeply",
		strings.Repeat("a: 1\n", maxKeys+1): "more than 16384 keys",
		strings.Repeat("? ", 20_000):        "marked with ?",
	} {
		if _, err := Parse("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q…: got %v, want %s", text, err, want)
		}
	}
}

func TestTheLongestListsLoad(t *testing.T) {
	var b strings.Builder
	b.WriteString("pools:\n  main:\n    nodes:\n")
	for i := range maxServers {
		fmt.Fprintf(&b, "      - {name: n%d, address: 'h%d:1', weight: 3}\n", i, i)
	}
	b.WriteString("routes:\n  - {pool: main}\n")
	for i := range maxRoutes - 1 {
		fmt.Fprintf(&b, "  - {prefix: 'p%d:', pool: main}\n", i)
	}
	if _, err := Parse("f", []byte(b.String())); err != nil {
		t.Fatal(err)
	}
}

func TestAFileOfNothingButWrongValuesGetsNoMoreFaultsThanThose(t *testing.T) {
	for _, n := range []int{maxBroken, maxBroken + 1} {
		d := newDecoder()
		for i := range n {
			d.broken = append(d.broken, fmt.Sprintf("pools.main.nodes[%d]", i))
		}
		if got, want := d.unread("loops"), n > maxBroken; got != want {
			t.Errorf("after %d values that cannot be read: %v, want %v", n, got, want)
		}
	}
}

func TestAPlainAddressIsANodeNamedAfterIt(t *testing.T) {
	c := mustParse(t, "pools: {main: {nodes: [10.0.0.1:7001, redis:7001, '[::1]:7001', {address: Redis.example:7002, weight: 5}]}}")
	want := []Node{
		{Name: "10.0.0.1:7001", Address: "10.0.0.1:7001", Weight: 1}, {Name: "redis:7001", Address: "redis:7001", Weight: 1},
		{Name: "[::1]:7001", Address: "[::1]:7001", Weight: 1}, {Name: "Redis.example:7002", Address: "Redis.example:7002", Weight: 5},
	}
	for i, n := range c.Pools["main"].Nodes {
		if !reflect.DeepEqual(n, want[i]) {
			t.Errorf("node %d is %+v, want %+v", i, n, want[i])
		}
	}
}

func TestAKeyWithoutAValueKeepsItsDefault(t *testing.T) {
	c := mustParse(t, "listeners:\nlimits:\n  clients:\ntimeouts:\npools: {main: {embedded: 1, hash_tag: , timeouts: , auth: {username: ~}}}\n")
	if c.Limits.Clients != 10000 || c.Listeners[0].Address != "127.0.0.1:6380" || c.Pools["main"].HashTag != "{}" {
		t.Errorf("got %+v", c)
	}
}

func TestAnEmptyHashTagIsNotTheDefault(t *testing.T) {
	c := mustParse(t, `pools: {main: {embedded: 1, hash_tag: ""}}`)
	if got := c.Pools["main"].HashTag; got != "" {
		t.Errorf("got %q", got)
	}
}

func TestOpenAndLoopbackListenersAreAccepted(t *testing.T) {
	c := mustParse(t, `
listeners: [{address: '127.8.9.1:0'}, {address: '127.8.9.1:0'}, {address: '[::1]:6380'}, {address: 'localhost:6381'},
  {address: ':6382', allow_open: true}, {address: '0.0.0.0:6383', allow_open: true}]
pools: {main: {embedded: 1}}`)
	if len(c.Listeners) != 6 {
		t.Errorf("got %v", c.Listeners)
	}
}

func TestValidateNamesPathsWithoutAFile(t *testing.T) {
	c := Default()
	c.Pools = map[string]*Pool{"main": DefaultPool()}
	c.Pools["main"].Nodes = []Node{{Address: "a:1", Weight: 1}, {Address: "b:1"}}
	want := "pools.main.nodes[1].weight: must be 1 to 100, is 0"
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAResolvedConfigurationIsValid(t *testing.T) {
	c := mustParse(t, "pools: {main: {nodes: ['a:1'], auth: {password_file: testdata/secrets/password}}}")
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestManyFaultsAreCutShort(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		b.WriteString("x" + Size(i).String() + ": 1\n")
	}
	_, err := Parse("f", []byte(b.String()))
	if got := strings.Count(err.Error(), "\n"); got != maxFaultsShown || !strings.HasSuffix(err.Error(), "and 51 more") {
		t.Errorf("%d lines, ending %.40q", got, err.Error()[len(err.Error())-30:])
	}
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("config.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever the bytes are, Parse returns; what it accepts is valid, and every
// fault has a place or concerns the whole file.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	f.Setenv("RINGMAIN_TEST_SECRET", "hunter2")
	f.Setenv("A", "1")
	f.Add([]byte("loops: ${A}\npools: {main: {nodes: ['${A:-h}:${A}'], hash: '$${A}', auth: {password: \"${B:-x}\"}}}"))
	for _, file := range append(files, "../config.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Fatalf("accepted, but: %v", err)
			}
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		if strings.Contains(err.Error(), "hunter2") && !bytes.Contains(data, []byte("hunter2")) {
			t.Fatalf("a variable's text is shown: %v", err)
		}
		for _, line := range strings.Split(err.Error(), "\n") {
			if !strings.HasPrefix(line, "f:") && !strings.HasPrefix(line, "and ") {
				t.Fatalf("a line without a place: %q", line)
			}
		}
	})
}
