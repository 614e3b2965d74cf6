package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each file's .want holds the notes and the configuration, or the faults.
func TestATwemproxyFileBecomesAConfigurationOrFaultsWithTheirPlaces(t *testing.T) {
	files, err := filepath.Glob("testdata/nutcracker/*.yml")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			imported, err := ImportNutcracker("nutcracker.yml", data)
			if err != nil {
				got.WriteString(err.Error() + "\n")
			} else {
				for _, note := range imported.Notes {
					got.WriteString(note.Error() + "\n")
				}
			}
			if strings.Contains(got.String(), "hunter2") {
				t.Errorf("a message shows a password:\n%s", got.String())
			}
			if err == nil {
				got.WriteString("---\n" + string(imported.YAML))
			}
			wantFile := strings.TrimSuffix(file, ".yml") + ".want"
			if *update {
				if err := os.WriteFile(wantFile, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("got\n%swant\n%s", got.String(), want)
			}
		})
	}
}

func TestAnImportedPoolHasTheOldOnesSettings(t *testing.T) {
	data, err := os.ReadFile("testdata/nutcracker/every_key.yml")
	if err != nil {
		t.Fatal(err)
	}
	imported, err := ImportNutcracker("f", data)
	if err != nil {
		t.Fatal(err)
	}
	c := imported.Config
	p := c.Pools["cache-v1"]
	got := fmt.Sprint(p.Distribution, p.Hash, p.HashTag, p.Database, p.Preconnect, p.Timeouts, p.Nodes, c.Limits.Clients, c.Listeners)
	want := "modula" + "murmur" + "$$" + "0 true {500ms 1m 1m} " +
		"[{redis-1.example:6379 redis-1.example:6379  1 []} {one [::1]:6379  2 []} {10.0.0.1 10.0.0.1:11211  3 []} {sock unix:/run/redis.sock  4 []} {/run/other.sock: unix:/run/other.sock  1 []}] " +
		"500 [{0.0.0.0:22121  {false   } true}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := p.Auth.Password.Reveal(); got != `hunter2: "${HOME}" #\` {
		t.Errorf("the password is %q", got)
	}
}

// Whatever the bytes are, the import returns; what it makes of them loads, with
// the texts as they were.
func FuzzImportNutcracker(f *testing.F) {
	files, _ := filepath.Glob("testdata/nutcracker/*.yml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "secret")
	}
	f.Fuzz(func(t *testing.T, data []byte, password string) {
		imported, err := ImportNutcracker("f", bytes.ReplaceAll(data, []byte("hunter2"), []byte(password)))
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if _, err := Parse("f", imported.YAML); err != nil {
			t.Fatalf("%v\n%s", err, imported.YAML)
		}
	})
}

func FuzzQuotedTextIsReadAsItWas(f *testing.F) {
	for _, text := range []string{"", "a", "${HOME}", "$${x", "\"\\\n\t\x00\x7f\u0085\u00a0\u2028\ufeff\U0001f600é", "$$${", "'# : -"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > int(maxSecret) || text != strings.ToValidUTF8(text, "") || text == "" {
			return
		}
		c, err := Parse("f", []byte("pools: {main: {nodes: ['a:1'], auth: {password: "+quoteYAML(text)+"}}}"))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Pools["main"].Auth.Password.Reveal(); got != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
