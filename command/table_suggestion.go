package command

// suggestionRows are sorted by name. A subcommand comes after its container.
var suggestionRows = []Command{
	{Name: "ft.sugadd", Arity: -4, Flags: Write | DenyOOM | Module, Access: AccessWrite, Keys: oneKey(KeyRW | KeyUpdate), Policy: Forward,
		Since: "1.0.0", Product: "RediSearch", Untested: true,
		Summary: "Adds a string to a dictionary of suggestions", Args: `key@0 string score:double [INCR] [PAYLOAD=payload]`},
	{Name: "ft.sugdel", Arity: 3, Flags: Write | Module, Access: AccessWrite, Keys: oneKey(KeyRW | KeyDelete), Policy: Forward,
		Since: "1.0.0", Product: "RediSearch", Untested: true,
		Summary: "Deletes a string from a dictionary of suggestions", Args: `key@0 string`},
	{Name: "ft.sugget", Arity: -3, Flags: ReadOnly | Module, Access: AccessRead, Keys: oneKey(KeyRO | KeyAccess), Policy: Forward,
		Since: "1.0.0", Product: "RediSearch", Untested: true,
		Summary: "Gives suggestions for a prefix", Args: `key@0 prefix [FUZZY] [WITHSCORES] [WITHPAYLOADS] [MAX=max:int]`},
	{Name: "ft.suglen", Arity: 2, Flags: ReadOnly | Module, Access: AccessRead, Keys: oneKey(KeyRO), Policy: Forward,
		Since: "1.0.0", Product: "RediSearch", Untested: true,
		Summary: "Counts the strings of a dictionary of suggestions", Args: `key@0`},
}
