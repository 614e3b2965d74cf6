package command

// Filter says which commands COMMAND LIST names.
type Filter func(*Command) bool

// maxPattern bounds the patterns of a Filter, in bytes: the longest name of a
// command has no more than 40, and matching may take long.
const maxPattern = 128

// ParseFilter makes a Filter of COMMAND LIST's options: nothing, or FILTERBY with
// MODULE, ACLCAT or PATTERN and its value. Anything else is not ok, a syntax
// error. Nothing of options is kept beyond the use of the filter.
func ParseFilter(options [][]byte) (f Filter, ok bool) {
	if len(options) == 0 {
		return func(*Command) bool { return true }, true
	}
	if len(options) != 3 || !IsWord(options[0], "filterby") {
		return nil, false
	}
	switch value := options[2]; {
	case IsWord(options[1], "module"):
		return func(c *Command) bool { return c.Flags&Module != 0 && string(value) == c.Product }, true
	case IsWord(options[1], "aclcat"):
		category := categoryNamed(value)
		return func(c *Command) bool { return c.AllCategories()&category != 0 }, true
	case IsWord(options[1], "pattern"):
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
		if IsWord(name, known[1:]) {
			return 1 << i
		}
	}
	return 0
}

// CategoryNames are those of all ACL categories, without @.
func CategoryNames() []string {
	var names []string
	for _, name := range categoryNames {
		names = append(names, name[1:])
	}
	return names
}

// InCategory is a Filter for the commands of an ACL category, whose name is in any
// case; it is not ok if there is none.
func InCategory(name []byte) (f Filter, ok bool) {
	category := categoryNamed(name)
	return func(c *Command) bool { return c.AllCategories()&category != 0 && !c.IsContainer() }, category != 0
}

// AppendList appends the reply of COMMAND LIST to dst: the names of all commands
// and subcommands that pass the filter.
func AppendList(dst []byte, f Filter) []byte {
	e := encoder{dst: dst}
	var names []string
	for i := range table {
		if f(&table[i]) {
			names = append(names, table[i].Name)
		}
	}
	e.header('*', len(names))
	for _, name := range names {
		e.bulk(name)
	}
	return e.dst
}
