package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module   = "ringmain"
	maxLines = 400
)

// mayImport says which of our folders the code of a folder may import, besides
// its own: everything points downwards. Tests may import anything.
var mayImport = map[string][]string{
	"main": {"app", "cli", "config"},
	"app": {"admin", "backend", "command", "config", "counter", "discovery", "embedded", "health", "ioloop", "lock",
		"metric", "proxy", "quorum", "resp", "router", "topology"},
	"cli": {"app", "command", "config", "health", "quorum", "resp", "router", "topology"},

	"proxy":    {"backend", "command", "ioloop", "metric", "resp", "router"},
	"backend":  {"ioloop", "metric", "resp"},
	"admin":    {"health", "metric", "quorum", "router", "topology"},
	"lock":     {"quorum", "resp"},
	"counter":  {"quorum", "resp"},
	"topology": {"resp", "router"},

	"discovery": {"health"},

	"command":  nil,
	"config":   nil,
	"embedded": nil,
	"health":   nil,
	"ioloop":   {"metric"},
	"metric":   nil,
	"quorum":   {"resp"},
	"resp":     nil,
	"router":   nil,

	// Test kits and measurements, which no program of ours is built from.
	"bench":       {"app", "cli", "config", "internal"},
	"integration": {"app", "cli", "config", "internal"},
	"internal": {"app", "backend", "command", "config", "counter", "embedded", "health", "ioloop", "lock",
		"metric", "proxy", "quorum", "resp", "router", "topology"},
}

// dataPlane are the folders that do no I/O of their own, and so need neither a
// client of Redis nor the net package's connections.
var dataPlane = []string{"backend", "command", "metric", "proxy", "quorum", "resp", "router"}

// notInDataPlane are imports that would give them I/O, or bring in request
// parsers that must not see bytes from the network.
var notInDataPlane = []string{"github.com/redis/go-redis/v9", "net/http", "os/exec"}

// maxLinesExempt are tables of data.
var maxLinesExempt = []string{"command/table*.go"}

// source is one parsed Go file.
type source struct {
	path string // slash-separated, from the module's root
	file *ast.File
	size int // lines
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// folder is the top-level folder, or main for the module's root.
func (s source) folder() string {
	if first, _, ok := strings.Cut(s.path, "/"); ok {
		return first
	}
	return "main"
}

func (s source) imports() []string {
	var all []string
	for _, i := range s.file.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// sources are all Go files of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && name != "." && (base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_') {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(base) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(name), file, bytes.Count(text, []byte("\n"))})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d Go files found: this test looks in the wrong place", len(all))
	}
	return all
}

func TestImportsGoDownwardsOnly(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		from := s.folder()
		allowed, known := mayImport[from]
		if !known {
			t.Errorf("%s: folder %s has no place among the layers: give it one in mayImport", s.path, from)
			continue
		}
		for _, p := range s.imports() {
			rest, ours := strings.CutPrefix(p, module+"/")
			if !ours {
				continue
			}
			to, _, _ := strings.Cut(rest, "/")
			if to != from && !slices.Contains(allowed, to) {
				t.Errorf("%s: %s may not import %s", s.path, from, p)
			}
		}
	}
}

func TestTheDataPlaneDoesNoInputOrOutputItself(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || !slices.Contains(dataPlane, s.folder()) {
			continue
		}
		for _, p := range s.imports() {
			for _, no := range notInDataPlane {
				if p == no || strings.HasPrefix(p, no+"/") {
					t.Errorf("%s: imports %s", s.path, p)
				}
			}
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	commented := map[string]bool{}
	for _, s := range sources(t) {
		dir := path.Dir(s.path)
		commented[dir] = commented[dir] || s.file.Doc != nil
	}
	for dir, ok := range commented {
		if !ok {
			t.Errorf("%s: no file has a package comment", dir)
		}
	}
}

func TestNoFileIsTooLong(t *testing.T) {
	for _, s := range sources(t) {
		exempt := slices.ContainsFunc(maxLinesExempt, func(pattern string) bool {
			ok, err := path.Match(pattern, s.path)
			return ok && err == nil
		})
		if s.size > maxLines && !s.isTest() && !exempt {
			t.Errorf("%s: %d lines, at most %d", s.path, s.size, maxLines)
		}
	}
}

func TestNoPackageIsCalledUtil(t *testing.T) {
	for _, s := range sources(t) {
		switch strings.TrimSuffix(s.file.Name.Name, "_test") {
		case "util", "utils", "common", "helpers", "misc":
			t.Errorf("%s: package %s says nothing about what it holds", s.path, s.file.Name.Name)
		}
	}
}
