package config

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const docsPath = "../docs/configuration.md"

const docsHead = `# Configuration

Written from the types in ` + "`config/config.go`, `config/pool.go` and `config/quorum.go`" + ` by ` + "`go test ./config -run Docs -update`" + `. The shipped
[config.yaml](../config.yaml) has every key with its default, to start from.

- The file is YAML. An unknown key, a key that is given twice and a value out of its bounds stop the start, and
  ` + "`ringmain check --config FILE`" + ` names each with its line. A missing file is an error.
- A key that is left out, or that has no value, keeps its default.
- Durations are written ` + "`250ms`, `30s`, `1h30m`" + `; sizes ` + "`64KiB`, `64MiB`, `1GiB`" + `, or in bytes.
- In a value, ` + "`${NAME}`" + ` is an environment variable, and ` + "`${NAME:-text}`" + ` one with a default; ` + "`$${`" + ` is ` + "`${`" + ` itself. A variable
  becomes one value, never a list or a mapping. Within ` + "`[ ]` and `{ }`" + ` quote it: ` + "`[\"${HOST}:7001\"]`" + `.
- Anchors, aliases and tags of YAML are not allowed, a file has at most 1 MiB.

The first keys of the file; those that have more below them have a section each.

`

func TestDocsOfTheConfigurationAreCurrent(t *testing.T) {
	page := newPage(t).text()
	if *update {
		if err := os.WriteFile(docsPath, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page {
		t.Errorf("docs/configuration.md is not what the types say: go test ./config -run Docs -update")
	}
}

func TestDocsNameEveryKeyThereIs(t *testing.T) {
	data, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	section, said := "", map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if heading, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			section = strings.Trim(heading, "`")
		}
		if row, ok := strings.CutPrefix(line, "| `"); ok {
			key, _, _ := strings.Cut(row, "`")
			path := join(section, key)
			if section != "" {
				path = section + "." + key
			}
			path = strings.ReplaceAll(path, "quorums.NAME", "quorums.safe")
			path = strings.ReplaceAll(strings.ReplaceAll(path, "NAME", "main"), "[]", "[0]")
			said[path] = true
		}
	}
	for _, key := range keysOf(reflect.TypeFor[Config](), "") {
		if !said[key] {
			t.Errorf("%s is missing", key)
		}
		delete(said, key)
	}
	for key := range said {
		t.Errorf("there is no %s", key)
	}
}

// page is the text made of the types.
type page struct {
	t *testing.T
	// types are the comments of types, fields those of Type.Field.
	types, fields map[string]string
	// required are the paths of values that cannot be left out.
	required map[string]bool
	b        strings.Builder
}

func newPage(t *testing.T) *page {
	t.Helper()
	p := &page{t: t, types: map[string]string{}, fields: map[string]string{}, required: map[string]bool{}}
	var declarations []ast.Decl
	for _, name := range []string{"config.go", "pool.go", "quorum.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		declarations = append(declarations, file.Decls...)
	}
	for _, d := range declarations {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, s := range g.Specs {
			name := s.(*ast.TypeSpec).Name.Name
			p.types[name] = g.Doc.Text()
			structure, ok := s.(*ast.TypeSpec).Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range structure.Fields.List {
				for _, n := range f.Names {
					p.fields[name+"."+n.Name] = f.Doc.Text()
				}
			}
		}
	}
	// What is wrong with elements that say nothing is what they must say.
	bare := Default()
	bare.Listeners, bare.Routes, bare.Users = []Listener{{}}, []Route{{}}, []User{{}}
	bare.Pools = map[string]*Pool{"NAME": DefaultPool()}
	n := Node{}
	n.setDefaults()
	bare.Pools["NAME"].Nodes = []Node{n}
	bare.Quorums = map[string]*Quorum{"NAME": DefaultQuorum()}
	bare.Locks, bare.Counters = []Lock{DefaultLock()}, []Counter{DefaultCounter()}
	for _, c := range []*Config{Default(), bare} {
		var faults Faults
		if !errors.As(c.Validate(), &faults) {
			t.Fatal("a configuration without anything is valid")
		}
		for _, f := range faults {
			p.required[strings.ReplaceAll(f.Path, "[0]", "[]")] = true
		}
	}
	return p
}

func (p *page) text() string {
	p.b.WriteString(docsHead)
	p.section("", reflect.ValueOf(*Default()))
	return p.b.String()
}

// section writes a table of v's keys, then a section for each that has others
// below it.
func (p *page) section(path string, v reflect.Value) {
	if path != "" {
		fmt.Fprintf(&p.b, "\n## `%s`\n\n%s\n\n", path, p.intro(path, v.Type()))
		path += "."
	}
	p.b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	fields := keyed(v.Type())
	for _, f := range fields {
		p.row(path+f.Tag.Get("yaml"), v.Type(), f, v.FieldByIndex(f.Index))
	}
	for _, f := range fields {
		if suffix, below, ok := below(v.FieldByIndex(f.Index)); ok {
			p.section(path+f.Tag.Get("yaml")+suffix, below)
		}
	}
}

// intro is the comment of a section's type, but for what only concerns Go.
func (p *page) intro(path string, t reflect.Type) string {
	comment, _, _ := strings.Cut(p.types[t.Name()], "\n\n")
	rest, ok := strings.CutPrefix(comment, t.Name()+" ")
	if !ok {
		p.t.Errorf("%s: no comment that begins with its name: %q", t.Name(), comment)
	}
	subject := "`" + path[strings.LastIndexByte(path, '.')+1:] + "` "
	if strings.HasSuffix(path, "[]") || strings.HasSuffix(path, ".NAME") {
		subject = "Each "
	}
	return p.prose(t, subject+rest)
}

func (p *page) row(path string, in reflect.Type, f reflect.StructField, v reflect.Value) {
	comment := p.fields[in.Name()+"."+f.Name]
	suffix, sub, hasBelow := below(v)
	if comment == "" && hasBelow {
		comment, _, _ = strings.Cut(p.types[sub.Type().Name()], "\n\n")
	}
	if first, _, _ := strings.Cut(comment, " "); first != f.Name && first != sub.Type().Name() {
		p.t.Errorf("%s.%s: no comment that begins with its name: %q", in.Name(), f.Name, comment)
	}
	meaning := p.prose(in, comment)
	if hasBelow {
		meaning += fmt.Sprintf(" See [below](#%s).", anchor(path+suffix))
	}
	fmt.Fprintf(&p.b, "| `%s` | %s | %s | %s |\n", f.Tag.Get("yaml"), kind(v), p.initial(path, v), meaning)
}

// below is what the elements of a list or mapping, or a mapping of fixed keys, say
// by default, with what its path has more than v's.
func below(v reflect.Value) (suffix string, element reflect.Value, ok bool) {
	element = v
	switch v.Kind() {
	case reflect.Slice:
		suffix, element = "[]", reflect.New(v.Type().Elem())
	case reflect.Map:
		suffix, element = ".NAME", reflect.New(v.Type().Elem().Elem())
	}
	if e, defaults := element.Interface().(interface{ setDefaults() }); defaults {
		e.setDefaults()
	}
	element = reflect.Indirect(element)
	return suffix, element, element.Kind() == reflect.Struct && len(keyed(element.Type())) > 0
}

// keyed are the fields that the file has keys for.
func keyed(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	index, names := fieldsOf(t)
	for _, name := range names {
		fields = append(fields, t.Field(index[name]))
	}
	return fields
}

// kind says in words how a value is written.
func kind(v reflect.Value) string {
	switch v.Interface().(type) {
	case Duration:
		return "duration"
	case Size:
		return "size"
	case Secret:
		return "text"
	}
	switch v.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "`true` or `false`"
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list"
	case reflect.Map:
		return "mapping of names"
	}
	return "mapping"
}

// initial is a value's default as the file would have it.
func (p *page) initial(path string, v reflect.Value) string {
	if p.required[path] {
		return "must be given"
	}
	switch {
	case v.Kind() == reflect.Slice:
		var elements []string
		for i := range v.Len() {
			elements = append(elements, flow(v.Index(i)))
		}
		return "`[" + strings.Join(elements, ", ") + "]`"
	case v.Kind() == reflect.Struct && len(keyed(v.Type())) > 0:
		return "" // they are below
	}
	return "`" + scalar(v) + "`"
}

// flow is a mapping of what is not zero in a structure.
func flow(v reflect.Value) string {
	var pairs []string
	for _, f := range keyed(v.Type()) {
		if field := v.FieldByIndex(f.Index); !field.IsZero() {
			pairs = append(pairs, f.Tag.Get("yaml")+": "+scalar(field))
		}
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

func scalar(v reflect.Value) string {
	if s, ok := v.Interface().(Secret); ok {
		return strconv.Quote(s.Reveal())
	}
	if v.Kind() == reflect.String && (v.String() == "" || strings.ContainsAny(v.String(), "{}")) {
		return strconv.Quote(v.String())
	}
	return fmt.Sprint(v.Interface())
}

var goLists = map[string]func() []string{"one of Distributions": Distributions, "one of Hashes": Hashes}

// prose is a comment in which the names of Go are those of the file.
func (p *page) prose(in reflect.Type, comment string) string {
	text := strings.Join(strings.Fields(comment), " ")
	for phrase, list := range goLists {
		text = strings.ReplaceAll(text, phrase, "one of `"+strings.Join(list(), "`, `")+"`")
	}
	names := map[string]string{}
	for _, f := range keyed(in) {
		key := f.Tag.Get("yaml")
		names[f.Name] = "`" + key + "`"
		if _, sub, ok := below(reflect.Zero(f.Type)); ok {
			names[sub.Type().Name()] = "`" + key + "`"
		}
	}
	text = identifier.ReplaceAllStringFunc(text, func(word string) string {
		if key, ok := names[word]; ok {
			return key
		}
		return word
	})
	return strings.ReplaceAll(text, "|", `\|`)
}

var identifier = regexp.MustCompile(`\b[A-Z][A-Za-z]*\b`)

// anchor is the link to a heading.
func anchor(heading string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune(".[]", r) {
			return -1
		}
		return r
	}, heading))
}
