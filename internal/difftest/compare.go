package difftest

import (
	"fmt"
	"slices"
	"strings"
)

// Mode compares two replies to the same request. It returns what differs, empty
// if nothing does.
type Mode func(got, want *Reply) string

// Exact compares byte for byte.
func Exact(got, want *Reply) string {
	if got.Raw != want.Raw {
		return "the bytes differ"
	}
	return ""
}

// exactErrors compares by mode what are no errors, errors byte for byte.
func exactErrors(mode Mode) Mode {
	return func(got, want *Reply) string {
		if got.IsError() || want.IsError() || got.Null || want.Null {
			return Exact(got, want)
		}
		return mode(got, want)
	}
}

// Unordered compares aggregates whose elements come in any order, in groups of
// size; a map's come in pairs. What is no aggregate is compared exactly.
func Unordered(size int) Mode {
	return exactErrors(func(got, want *Reply) string { return unordered(&got.Value, &want.Value, size) })
}

func unordered(got, want *Value, size int) string {
	if got.Kind != want.Kind || len(got.Elems) != len(want.Elems) {
		return fmt.Sprintf("type %q with %d elements, not %q with %d", got.Kind, len(got.Elems), want.Kind, len(want.Elems))
	}
	if !got.IsAggregate() {
		if got.Text != want.Text {
			return "the texts differ"
		}
		return ""
	}
	if got.Kind == '%' {
		size = 2
	}
	a, b := groups(got.Elems, size), groups(want.Elems, size)
	for i := range a {
		if a[i] != b[i] {
			return fmt.Sprintf("in order, %s stands for %s", a[i], b[i])
		}
	}
	return ""
}

// groups are the elements, size at a time, in a form that can be sorted.
func groups(elems []Value, size int) []string {
	var out []string
	for g := range slices.Chunk(elems, size) {
		var b strings.Builder
		for i := range g {
			b.WriteString(g[i].String())
			b.WriteByte(' ')
		}
		out = append(out, b.String())
	}
	slices.Sort(out)
	return out
}

// String shows the value, with its types.
func (v *Value) String() string {
	switch {
	case v.Null:
		return fmt.Sprintf("%cnull", v.Kind)
	case v.IsAggregate():
		var b strings.Builder
		fmt.Fprintf(&b, "%c[", v.Kind)
		for i := range v.Elems {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(v.Elems[i].String())
		}
		return b.String() + "]"
	}
	return fmt.Sprintf("%c%q", v.Kind, v.Text)
}

// Within compares numbers, alone or as elements at any depth, that may lie apart
// by up to slack where both are at least from; all else is compared exactly.
// From keeps the slack away from small numbers that mean something.
func Within(slack, from int64) Mode {
	return exactErrors(func(got, want *Reply) string { return within(&got.Value, &want.Value, slack, from, nil) })
}

// Fields is Within for the values that follow one of the names, in maps and in
// arrays of names and values.
func Fields(slack int64, names ...string) Mode {
	return exactErrors(func(got, want *Reply) string { return within(&got.Value, &want.Value, slack, 0, names) })
}

// within compares all numbers with slack if names is empty, else only those that
// follow one of the names.
func within(got, want *Value, slack, from int64, names []string) string {
	if got.Kind != want.Kind || got.Null != want.Null || len(got.Elems) != len(want.Elems) {
		return fmt.Sprintf("%s stands for %s", got, want)
	}
	for i := range got.Elems {
		g, w := &got.Elems[i], &want.Elems[i]
		if i > 0 && slices.Contains(names, got.Elems[i-1].Text) && near(g, w, slack, from) {
			continue
		}
		if diff := within(g, w, slack, from, names); diff != "" {
			return diff
		}
	}
	if got.Text == want.Text || len(names) == 0 && near(got, want, slack, from) {
		return ""
	}
	return fmt.Sprintf("%s stands for %s", got, want)
}

func near(got, want *Value, slack, from int64) bool {
	g, ok := got.Int()
	w, ok2 := want.Int()
	return ok && ok2 && got.Kind == want.Kind && g-w <= slack && w-g <= slack && (g == w || g >= from && w >= from)
}

// Shape compares types and, of arrays, sets and maps, how many elements there
// are; values only where they are errors or nulls.
func Shape(got, want *Reply) string {
	return exactErrors(func(got, want *Reply) string { return shape(&got.Value, &want.Value) })(got, want)
}

func shape(got, want *Value) string {
	if got.Kind != want.Kind || got.Null != want.Null || len(got.Elems) != len(want.Elems) {
		return fmt.Sprintf("%s has another shape than %s", got, want)
	}
	for i := range got.Elems {
		if diff := shape(&got.Elems[i], &want.Elems[i]); diff != "" {
			return diff
		}
	}
	return ""
}

// Kind compares types, and errors byte for byte.
func Kind(got, want *Reply) string {
	return exactErrors(func(got, want *Reply) string {
		if got.Kind != want.Kind {
			return fmt.Sprintf("type %q stands for %q", got.Kind, want.Kind)
		}
		return ""
	})(got, want)
}

// Length compares the types and lengths of strings.
func Length(got, want *Reply) string {
	return exactErrors(func(got, want *Reply) string {
		if got.Kind != want.Kind || len(got.Text) != len(want.Text) {
			return fmt.Sprintf("%q of %d bytes stands for %q of %d", got.Kind, len(got.Text), want.Kind, len(want.Text))
		}
		return ""
	})(got, want)
}

// Jumbled compares values whose aggregates come in any order at any depth. The
// names in but, and the values behind them, are left out.
func Jumbled(but ...string) Mode {
	return exactErrors(func(got, want *Reply) string {
		g, w := Jumble(&got.Value, but...), Jumble(&want.Value, but...)
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				return fmt.Sprintf("in order, %s stands for %s", g[max(0, i-200):min(len(g), i+100)], w[max(0, i-200):min(len(w), i+100)])
			}
		}
		if len(g) != len(w) {
			return "one has more than the other"
		}
		return ""
	})
}

// Jumble gives a form of v that is the same for all orders of its elements, and
// leaves out the names in but and the values behind them.
func Jumble(v *Value, but ...string) string {
	if !v.IsAggregate() {
		return v.String()
	}
	var out []string
	for i := 0; i < len(v.Elems); i++ {
		if i+1 < len(v.Elems) && slices.Contains(but, v.Elems[i].Text) {
			i++
			continue
		}
		out = append(out, Jumble(&v.Elems[i], but...))
	}
	slices.Sort(out)
	return fmt.Sprintf("%c[%s]", v.Kind, strings.Join(out, " "))
}

// More compares aggregates in any order; got may have more elements, of which
// each group of size counts as one.
func More(size int) Mode {
	return exactErrors(func(got, want *Reply) string {
		if got.Kind != want.Kind || !got.IsAggregate() {
			return "the types differ"
		}
		there := groups(got.Elems, size)
		for _, one := range groups(want.Elems, size) {
			if _, found := slices.BinarySearch(there, one); !found {
				return "there is no " + one
			}
		}
		return ""
	})
}
