package scripts

import (
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// specimen is a text and the entry that it is.
type specimen struct{ id, text string }

// specimens are all texts that there are: the libraries' own in testdata, named after their
// digests, and texts of our own in testdata/composed which do what scripts do whose text no
// package registry has. Those are named after their entries.
func specimens(t testing.TB) (all []specimen) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.lua")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d texts in testdata, %v", len(files), err)
	}
	for _, file := range files {
		text := read(t, file)
		sum := sha1.Sum([]byte(text))
		digest := hex.EncodeToString(sum[:])
		if stem(file) != digest {
			t.Fatalf("%s: its SHA-1 is %s: it is not the text that its library sends", file, digest)
		}
		entry, ok := BySHA(digest)
		if !ok {
			t.Fatalf("%s is not in known.txt", file)
		}
		all = append(all, specimen{entry.id, text})
	}
	files, err = filepath.Glob("testdata/composed/*.lua")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d texts in testdata/composed, %v", len(files), err)
	}
	for _, file := range files {
		words := strings.Split(stem(file), "_")
		all = append(all, specimen{strings.Join(words[:2], "/"), read(t, file)})
	}
	return all
}

func stem(file string) string { return strings.TrimSuffix(filepath.Base(file), ".lua") }

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
