package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file. The YAML parser takes time and memory that grow with the
// square of the nesting and of the keys in one mapping; the most servers that a
// pool can have fit in well.
const (
	maxFile    = 1 << 20
	maxNesting = 32
	maxKeys    = 1 << 14
)

// Load reads, checks and resolves the file at path. The error is Faults, or
// one of the file system when the file cannot be read.
func Load(path string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// LoadAdmin reads what the file at path says of admin alone: whatever else is wrong
// in it, a program that serves under an earlier version can be asked how it is.
// The error is as that of Load.
func LoadAdmin(path string) (Admin, error) {
	data, err := readFile(path)
	if err != nil {
		return Admin{}, err
	}
	c, d := decodeFile(data)
	var faults Faults
	for _, f := range append(d.faults, c.check()...) {
		if f.Path != "" && !within(f.Path, "admin") {
			continue
		}
		if f.Line == 0 {
			f.Line = d.lineOf(f.Path)
		}
		f.File = path
		faults = append(faults, f)
	}
	d.hideReplaced(faults)
	return c.Admin, faults.orNil()
}

// readFile reads no more of a file than what shows that it is too large.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return data, nil
}

// Parse is Load for the bytes of a file; name stands for it in messages. It
// reads the files, the environment and the cgroup that values refer to. The
// error is Faults.
func Parse(name string, data []byte) (*Config, error) {
	return parse(name, data, os.DirFS("/"))
}

// parse is Parse with the root of the file system in which the memory limit is
// looked up.
func parse(name string, data []byte, root fs.FS) (*Config, error) {
	c, d := decodeFile(data)
	warnings := c.warnings(d) // before passwords are read: what is in the file is known only now
	for _, f := range slices.Concat(c.check(), c.readSecrets(), c.readCertificates()) {
		if !d.unread(f.Path) {
			f.Line = d.lineOf(f.Path)
			d.faults = append(d.faults, f)
		}
	}
	d.hideReplaced(d.faults)
	for i := range d.faults {
		d.faults[i].File = name
	}
	if err := d.faults.orNil(); err != nil {
		return nil, err
	}
	c.Warnings = append(warnings, c.certificateWarnings(time.Now())...)
	for i := range c.Warnings {
		c.Warnings[i].File, c.Warnings[i].Line = name, d.lineOf(c.Warnings[i].Path)
	}
	sortFaults(c.Warnings)
	c.resolve(root)
	return c, nil
}

// decodeFile reads what the file says over the defaults. Faults are left in the
// decoder.
func decodeFile(data []byte) (*Config, *decoder) {
	c := Default()
	d := newDecoder()
	body, fault := syntaxTree(data)
	switch {
	case fault != nil:
		d.faults = append(d.faults, *fault)
		d.broken = append(d.broken, "")
	case body != nil:
		d.decode(body, reflect.ValueOf(c).Elem(), "")
	}
	return c, d
}

// syntaxTree is the body of the file's one document, nil if it is empty.
func syntaxTree(data []byte) (body ast.Node, fault *Fault) {
	// The YAML library is not ours: a file that it stumbles over is a bad file,
	// not the end of a process that may be serving under an earlier one.
	defer func() {
		if r := recover(); r != nil {
			body, fault = nil, &Fault{Message: "cannot be read as YAML"}
		}
	}()
	if len(data) > maxFile {
		return nil, &Fault{Message: fmt.Sprintf("is larger than %v", Size(maxFile))}
	}
	tokens := lexer.Tokenize(strings.TrimPrefix(string(data), "\ufeff"))
	if fault := tooComplex(tokens); fault != nil {
		return nil, fault
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxFault(err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, faultAt(doc.Body.GetToken(), "only one YAML document is allowed")
		}
		body = doc.Body
	}
	return body, nil
}

// tooComplex refuses what would be expensive to parse.
func tooComplex(tokens token.Tokens) *Fault {
	open, keys, dashes, line := 0, 0, 0, 0
	for i, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
			if i > 0 && unquotedVariable(tokens[i-1], t) {
				return faultAt(t, "${…} must be quoted within [ ] and { }")
			}
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType:
			dashes++
		case token.MappingValueType:
			keys++
		case token.MappingKeyType:
			return faultAt(t, "keys marked with ? are not allowed")
		}
		if open > maxNesting || dashes > maxNesting {
			return faultAt(t, "is nested too deeply")
		}
		if keys > maxKeys {
			return faultAt(t, fmt.Sprintf("has more than %d keys", maxKeys))
		}
	}
	return nil
}

// unquotedVariable reports whether a brace is that of a variable, which YAML
// takes for the beginning of a mapping where one may be.
func unquotedVariable(before, brace *token.Token) bool {
	return brace.Type == token.MappingStartType && before.Type == token.StringType && strings.HasSuffix(before.Value, "$")
}

// syntaxFault keeps the library's message and place, but not the piece of the
// file that it adds to them: that may hold a password.
func syntaxFault(err error) *Fault {
	var e yaml.Error
	if !errors.As(err, &e) {
		return &Fault{Message: "cannot be read as YAML"}
	}
	message := e.GetMessage()
	switch {
	case strings.HasSuffix(message, "not allowed in this context"):
		message += ": is it, or a line before it, indented unlike its neighbours, or does a value need quotes?"
	case strings.HasPrefix(message, "found character '\t'"):
		message = "a tab cannot indent a line: use spaces"
	}
	return faultAt(e.GetToken(), message)
}

func faultAt(t *token.Token, message string) *Fault {
	f := &Fault{Message: message}
	if t != nil && t.Position != nil {
		f.Line, f.Column = t.Position.Line, t.Position.Column
	}
	return f
}
