package deploy

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// copyTree copies what building needs, with other times than the original's.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		target := filepath.Join(to, name)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			return err // binaries and archives that are built
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, data, info.Mode().Perm()); err != nil {
			return err
		}
		then := time.Unix(1_000_000_000, 0)
		return os.Chtimes(target, then, then)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTwoBuildsInDifferentPlacesGiveTheSameBytes(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "another", "place")
	copyTree(t, root, elsewhere)
	env := []string{"VERSION=7.8.9-test"}
	again := env
	if os.Getenv("RINGMAIN_TORTURE") != "" { // everything is compiled again
		again = append(again, "GOCACHE="+filepath.Join(t.TempDir(), "cache"), "TZ=Asia/Tokyo", "LC_ALL=C")
	}
	var built [2][]byte
	for i, dir := range []string{root, elsewhere} {
		out := filepath.Join(t.TempDir(), "ringmain")
		if _, err := command(t, [][]string{env, again}[i], filepath.Join(dir, "scripts", "build.sh"), out); err != nil {
			t.Fatal(err)
		}
		built[i] = []byte(read(t, out))
		said, err := command(t, nil, out, "version")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(said, "ringmain 7.8.9-test go1.") {
			t.Errorf("the version is not stamped: it says %q", said)
		}
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Errorf("the builds differ: %d and %d bytes", len(built[0]), len(built[1]))
	}
	if here, err := filepath.Abs(root); err != nil || bytes.Contains(built[0], []byte(here+"/")) {
		t.Errorf("the program tells where it was built (%v)", err)
	}
}

func TestTheVersionIsThatOfTheTagOrElseOfTheSources(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"scripts/version.sh", "app/app.go"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(read(t, root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, after, _ := strings.Cut(read(t, root, "app/app.go"), "var Version = \"")
	constant, _, _ := strings.Cut(after, `"`)
	git := func(args ...string) {
		args = append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)
		if _, err := command(t, nil, "git", args...); err != nil {
			t.Fatal(err)
		}
	}
	version := func(env ...string) string {
		out, err := command(t, append([]string{"VERSION="}, env...), filepath.Join(dir, "scripts/version.sh"))
		if err != nil {
			return "refused"
		}
		return strings.TrimSpace(out)
	}
	check := func(when, got, want string) {
		if got != want {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	check("without git", version(), constant)
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	check("without a tag", version(), constant)
	git("tag", "v9.8.7")
	check("at a tag", version(), "9.8.7")
	if err := os.WriteFile(filepath.Join(dir, "app/app.go"), []byte("package app\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("changed since", version(), "9.8.7-dirty")
	check("by the environment", version("VERSION=1.2.3"), "1.2.3")
	check("no version", version("VERSION=1 -X main.x=y"), "refused")
}
