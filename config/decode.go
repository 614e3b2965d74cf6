package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// maxBroken is how many values that cannot be read are compared with the places of
// other faults. With more of them the file is something else altogether.
const maxBroken = 1000

// decoder fills the configuration from a syntax tree. Unlike a general YAML
// decoder it goes on after a fault, knows the line of every value, never shows
// a value that is a secret, and refuses anchors, aliases and tags.
type decoder struct {
	faults Faults
	// lines has the line of each value by its path.
	lines map[string]int
	// broken are the paths whose values could not be read. What else is wrong
	// there cannot be known.
	broken []string
	// literal leaves ${NAME} as it is, and wants a value for every key.
	literal bool
	// replaced has the values with text from the environment, by their paths.
	replaced map[string]replacement
	// expanded counts the bytes that came from the environment.
	expanded int
}

func (d *decoder) fault(n ast.Node, path, format string, args ...any) {
	f := Fault{Path: path, Message: fmt.Sprintf(format, args...)}
	if pos := n.GetToken().Position; pos != nil {
		f.Line, f.Column = pos.Line, pos.Column
	}
	d.faults = append(d.faults, f)
}

// unreadable is a fault of a value of which nothing can be used.
func (d *decoder) unreadable(n ast.Node, path, format string, args ...any) {
	d.broken = append(d.broken, path)
	d.fault(n, path, format, args...)
}

// decode reads n into v, which can be set and holds its default.
func (d *decoder) decode(n ast.Node, v reflect.Value, path string) {
	if pos := n.GetToken().Position; pos != nil {
		d.lines[path] = pos.Line
	}
	switch n.(type) {
	case *ast.NullNode:
		if d.literal {
			d.unreadable(n, path, "must have a value; a text such as null must be quoted")
		}
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.unreadable(n, path, "anchors, aliases and tags are not allowed")
		return
	}
	text, scalar := scalarText(n)
	if scalar {
		var err error
		if text, err = d.expand(text, path); err != nil {
			d.unreadable(n, path, "%v", err)
			return
		}
		if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
			if err := u.UnmarshalText([]byte(text)); err != nil {
				d.unreadable(n, path, "%v", err)
			}
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		if _, ok := v.Interface().(encoding.TextMarshaler); ok {
			d.unreadable(n, path, "must be a single value")
			return
		}
		if p, ok := v.Addr().Interface().(interface{ isPresent() }); ok {
			p.isPresent()
		}
		d.decodeStruct(n, v, path)
	case reflect.Map:
		d.decodeMap(n, v, path)
	case reflect.Slice:
		d.decodeList(n, v, path)
	default:
		d.decodeScalar(n, text, scalar, v, path)
	}
}

// scalarText is the text of a single value, with quotes and escapes resolved.
// Numbers are given as written.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.MappingNode:
		return addressPair(n)
	}
	return "", false
}

// addressPair mends what the parser makes of a host:port in brackets, as in
// [127.0.0.1:7001]: a mapping of one key, although YAML wants a space after
// the colon of one.
func addressPair(n *ast.MappingNode) (string, bool) {
	if n.IsFlowStyle || len(n.Values) != 1 {
		return "", false
	}
	pair := n.Values[0]
	key, colon, value := pair.Key.GetToken(), pair.Start, pair.Value.GetToken()
	if key.Type != token.StringType || value.Type != token.IntegerType ||
		colon.Position.Line != value.Position.Line || colon.Position.Column+1 != value.Position.Column {
		return "", false
	}
	return key.Value + ":" + value.Value, true
}

func (d *decoder) decodeScalar(n ast.Node, text string, scalar bool, v reflect.Value, path string) {
	if !scalar {
		d.unreadable(n, path, "must be a single value; quote a text that begins with [ or {")
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, ok := d.boolean(n, text, path)
		if !ok {
			d.unreadable(n, path, "must be true or false, is %q", clip(text))
			return
		}
		v.SetBool(b)
	case reflect.Int:
		i, err := strconv.ParseInt(text, 10, 0)
		if err != nil {
			d.unreadable(n, path, "must be a whole number, is %q", clip(text))
			return
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || strings.Trim(text, "0123456789.") != "" {
			d.unreadable(n, path, "must be a number such as 0.01, is %q", clip(text))
			return
		}
		v.SetFloat(f)
	default:
		d.unreadable(n, path, "must be a single value of another kind")
	}
}

// boolean reads true or false. In quotes they are texts, unless they are what a
// variable was replaced by: where that stands in brackets it must be quoted.
func (d *decoder) boolean(n ast.Node, text, path string) (value, ok bool) {
	if _, replaced := d.replaced[path]; replaced {
		return text == "true", text == "true" || text == "false"
	}
	b, ok := n.(*ast.BoolNode)
	return ok && b.Value, ok
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	at    ast.Node
	value ast.Node
}

// entries lists a mapping's entries and reports keys that are given twice.
func (d *decoder) entries(n ast.Node, path string) []entry {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		d.unreadable(n, path, "must be a mapping of keys to values")
		return nil
	}
	first := map[string]int{}
	list := make([]entry, 0, len(values))
	for _, kv := range values {
		key, ok := scalarText(kv.Key)
		if !ok {
			d.fault(kv.Key, path, "has a key that is not a plain word")
			continue
		}
		line := kv.Key.GetToken().Position.Line
		if before, twice := first[key]; twice {
			d.fault(kv.Key, join(path, key), "is given twice, first in line %d", before)
			continue
		}
		first[key] = line
		list = append(list, entry{key, kv.Key, kv.Value})
	}
	return list
}

func (d *decoder) decodeStruct(n ast.Node, v reflect.Value, path string) {
	fields, names := fieldsOf(v.Type())
	for _, e := range d.entries(n, path) {
		i, known := fields[e.key]
		if !known {
			d.fault(e.at, join(path, e.key), "unknown key; known are %s", strings.Join(names, ", "))
			continue
		}
		d.decode(e.value, v.Field(i), join(path, e.key))
	}
}

// fieldsOf gives the index of each field by its key, and the keys in order.
func fieldsOf(t reflect.Type) (index map[string]int, names []string) {
	index = map[string]int{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" && key != "-" {
			index[key] = i
			names = append(names, key)
		}
	}
	return index, names
}

// decodeMap reads a mapping of free names to pointers.
func (d *decoder) decodeMap(n ast.Node, v reflect.Value, path string) {
	m := reflect.MakeMap(v.Type())
	for _, e := range d.entries(n, path) {
		value := reflect.New(v.Type().Elem().Elem())
		d.element(e.value, value, join(path, e.key))
		m.SetMapIndex(reflect.ValueOf(e.key), value)
	}
	v.Set(m)
}

func (d *decoder) decodeList(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.unreadable(n, path, "must be a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		d.element(item, list.Index(i).Addr(), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(list)
}

// element decodes what a list or mapping holds; each has defaults of its own.
func (d *decoder) element(n ast.Node, pointer reflect.Value, path string) {
	if e, ok := pointer.Interface().(interface{ setDefaults() }); ok {
		e.setDefaults()
	}
	d.decode(n, pointer.Elem(), path)
}

// lineOf is the line of a value, or of the nearest one around it.
func (d *decoder) lineOf(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

// unread reports whether the value at path, one within it or one around it
// could not be read, so that what a check says about it may be wrong.
func (d *decoder) unread(path string) bool {
	if len(d.broken) > maxBroken {
		return true
	}
	for _, b := range d.broken {
		if within(path, b) || within(b, path) {
			return true
		}
	}
	return false
}

// within reports whether the value at path is the one at outer or lies in it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (outer == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// join appends a key to a path. A key from outside may hold anything; only a
// plain one is shown as it is.
func join(path, key string) string {
	if !isName(key) {
		key = strconv.Quote(clip(key))
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
