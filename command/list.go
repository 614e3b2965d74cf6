package command

// Filter says which commands COMMAND LIST names.
type Filter func(*Command) bool

// maxPattern bounds the patterns of a Filter, in bytes: the longest name of a
// command has no more than 40, and a class of bytes 256.
const maxPattern = 4096

// ParseFilter makes a Filter of COMMAND LIST's options: nothing, or FILTERBY with
// MODULE, ACLCAT or PATTERN and its value. Anything else is not ok, a syntax
// error. Nothing of options is kept beyond the use of the filter.
func ParseFilter(options [][]byte) (f Filter, ok bool) {
	if len(options) == 0 {
		return func(*Command) bool { return true }, true
	}
	if len(options) != 3 || !isWord(options[0], "filterby") {
		return nil, false
	}
	switch value := options[2]; {
	case isWord(options[1], "module"):
		return func(c *Command) bool { return c.Flags&Module != 0 && string(value) == c.Product }, true
	case isWord(options[1], "aclcat"):
		category := categoryNamed(value)
		return func(c *Command) bool { return c.AllCategories()&category != 0 }, true
	case isWord(options[1], "pattern"):
		return func(c *Command) bool {
			return len(value) <= maxPattern && MatchGlob(value, []byte(c.Name), true)
		}, true
	}
	return nil, false
}

// categoryNamed is a category by its name without @, in any case; 0 if there is
// none.
func categoryNamed(name []byte) Categories {
	for i, known := range categoryNames {
		if isWord(name, known[1:]) {
			return 1 << i
		}
	}
	return 0
}

// AppendList appends the reply of COMMAND LIST to dst: the names of all commands
// and subcommands that pass the filter.
func AppendList(dst []byte, f Filter) []byte {
	e := encoder{dst: dst}
	n := 0
	for i := range table {
		if f(&table[i]) {
			n++
		}
	}
	e.header('*', n)
	for i := range table {
		if f(&table[i]) {
			e.bulk(table[i].Name)
		}
	}
	return e.dst
}
