package command

// AppendDocs appends c to dst as one entry of COMMAND DOCS' reply, a map: its
// name, then its documentation, subcommands included. resp3 chooses the types of
// protocol 3.
func AppendDocs(dst []byte, c *Command, resp3 bool) []byte {
	e := encoder{dst: dst, resp3: resp3}
	e.docs(c)
	return e.dst
}

func (e *encoder) docs(c *Command) {
	// The table's test has read the syntax of every row.
	args, _ := parseArgs(c.Args)
	e.bulk(c.Name)
	e.mapping(3 + count(c.System || c.Deprecated != "", c.Flags&Module != 0, c.Deprecated != "", len(args) > 0, c.IsContainer()))
	e.pair("summary", c.Summary)
	e.pair("since", c.Since)
	e.pair("group", c.Group)
	if c.Flags&Module != 0 {
		e.pair("module", c.Product)
	}
	e.docFlags(c)
	if c.Deprecated != "" {
		e.pair("deprecated_since", c.Deprecated)
	}
	if len(args) > 0 {
		e.bulk("arguments")
		e.arguments(args)
	}
	if c.IsContainer() {
		e.bulk("subcommands")
		e.mapping(len(c.children))
		for _, sub := range c.children {
			e.docs(sub)
		}
	}
}

func (e *encoder) docFlags(c *Command) {
	switch {
	case c.System:
		e.bulk("doc_flags")
		e.set(1)
		e.simple("syscmd")
	case c.Deprecated != "":
		e.bulk("doc_flags")
		e.set(1)
		e.simple("deprecated")
	}
}

func (e *encoder) arguments(list []argument) {
	e.header('*', len(list))
	for i := range list {
		e.argument(&list[i])
	}
}

func (e *encoder) argument(a *argument) {
	e.mapping(2 + count(a.key >= 0, a.token != "" || a.kind == "pure-token", a.since != "", a.deprecated != "",
		a.optional || a.multiple, a.children != nil))
	e.pair("name", a.name)
	e.pair("type", a.kind)
	if a.key >= 0 {
		e.bulk("key_spec_index")
		e.integer(a.key)
	}
	if a.token != "" || a.kind == "pure-token" {
		e.pair("token", a.token)
	}
	if a.since != "" {
		e.pair("since", a.since)
	}
	if a.deprecated != "" {
		e.pair("deprecated_since", a.deprecated)
	}
	e.argumentFlags(a)
	if a.children != nil {
		e.bulk("arguments")
		e.arguments(a.children)
	}
}

func (e *encoder) argumentFlags(a *argument) {
	n := count(a.optional, a.multiple, a.multipleToken)
	if n == 0 {
		return
	}
	e.bulk("flags")
	e.set(n)
	if a.optional {
		e.simple("optional")
	}
	if a.multiple {
		e.simple("multiple")
	}
	if a.multipleToken {
		e.simple("multiple_token")
	}
}

// pair appends a field and its value.
func (e *encoder) pair(name, value string) {
	e.bulk(name)
	e.bulk(value)
}

// count is how many of the conditions hold.
func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
