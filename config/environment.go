package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// maxExpanded bounds what all variables of a file are replaced by: a long one
// may be named often.
const maxExpanded = 1 << 20

// maxVariable is the longest name of a variable.
const maxVariable = 128

// replacement is a value as the file has it, and with its variables replaced.
type replacement struct{ written, text string }

func newDecoder() *decoder {
	return &decoder{lines: map[string]int{}, replaced: map[string]replacement{}}
}

var errVariable = errors.New("${ must be followed by a variable's name and }, such as ${PORT} or ${PORT:-6380}; " +
	"the characters themselves are written $${")

// expand replaces the variables in the value at path. What they are replaced by
// is not looked at again, neither for variables nor as YAML: it can become a
// text, a number or a duration, but no list and no mapping.
func (d *decoder) expand(written, path string) (string, error) {
	if d.literal || !strings.Contains(written, "${") {
		return written, nil
	}
	var b strings.Builder
	replaced := false
	for rest := written; ; {
		i := strings.Index(rest, "${")
		if i < 0 {
			b.WriteString(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' { // $${ is ${
			b.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		b.WriteString(rest[:i])
		end := strings.IndexByte(rest[i:], '}')
		if end < 0 {
			return "", errVariable
		}
		value, err := variable(rest[i+2 : i+end])
		if err != nil {
			return "", err
		}
		if d.expanded += len(value); d.expanded > maxExpanded {
			return "", fmt.Errorf("the variables of the file are replaced by more than %v", Size(maxExpanded))
		}
		b.WriteString(value)
		rest, replaced = rest[i+end+1:], true
	}
	if replaced {
		d.replaced[path] = replacement{written, b.String()}
	}
	return b.String(), nil
}

// variable is what stands for NAME or NAME:-default, as in a shell: an empty
// variable is one that is not set if there is a default.
func variable(reference string) (string, error) {
	name, fallback, hasDefault := strings.Cut(reference, ":-")
	if !isVariableName(name) || strings.Contains(fallback, "${") {
		return "", errVariable
	}
	value, set := os.LookupEnv(name)
	switch {
	case hasDefault && value == "":
		return fallback, nil
	case !set:
		return "", fmt.Errorf("environment variable %q is not set, and has no default such as ${%s:-value}", clip(name), clip(name))
	}
	return value, nil
}

func isVariableName(s string) bool {
	return s != "" && len(s) <= maxVariable && (s[0] < '0' || s[0] > '9') && isWord(s)
}

// isWord reports whether s is letters, digits and underscores.
func isWord(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	})
}

// hideReplaced puts what the file says in the place of what came from the
// environment, which may be a secret that was meant for another key. Messages
// quote every text that they show.
func (d *decoder) hideReplaced(faults Faults) {
	if len(d.replaced) == 0 || len(faults) == 0 {
		return
	}
	shown := map[string]string{}
	for _, r := range d.replaced {
		if r.text != "" {
			shown[strconv.Quote(clip(r.text))] = strconv.Quote(clip(r.written))
		}
	}
	var pairs []string
	for _, text := range slices.Sorted(maps.Keys(shown)) {
		pairs = append(pairs, text, shown[text])
	}
	replacer := strings.NewReplacer(pairs...)
	for i := range faults {
		faults[i].Message = replacer.Replace(faults[i].Message)
	}
}
