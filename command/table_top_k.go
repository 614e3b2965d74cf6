package command

// topKRows are sorted by name. A subcommand comes after its container.
var topKRows = []Command{
	{Name: "topk.add", Arity: -3, Flags: Write | DenyOOM | Module, Access: AccessWrite, Keys: oneKey(KeyRW | KeyUpdate), Policy: Forward,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Adds items to a list of the most frequent", Args: `key@0 item*`},
	{Name: "topk.count", Arity: -3, Flags: ReadOnly | Module, Access: AccessRead, Keys: oneKey(KeyRO | KeyAccess), Policy: Forward,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Tells the counts of items", Args: `key@0 item*`},
	{Name: "topk.incrby", Arity: -4, Flags: Write | DenyOOM | Module, Access: AccessWrite, Keys: oneKey(KeyRW | KeyUpdate), Policy: Forward,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Adds to the counts of items", Args: `key@0 items(item increment:int)*`},
	{Name: "topk.info", Arity: 2, Flags: ReadOnly | Module | Fast, Access: AccessRead, Keys: oneKey(KeyRO), Policy: Forward,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Tells how a list of the most frequent items is made", Args: `key@0`},
	{Name: "topk.list", Arity: -2, Flags: ReadOnly | Module, Access: AccessRead, Keys: oneKey(KeyRO | KeyAccess), Policy: Forward,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Gives the most frequent items", Args: `key@0 [WITHCOUNT]`},
	{Name: "topk.query", Arity: -3, Flags: ReadOnly | Module, Access: AccessRead, Keys: oneKey(KeyRO), Policy: Forward,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Tells which items are among the most frequent", Args: `key@0 item*`},
	{Name: "topk.reserve", Arity: -3, Flags: Write | DenyOOM | Module,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyUpdate), Policy: Forward, Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Makes a list of the most frequent items", Args: `key@0 topk:int [params(width:int depth:int decay:double)]`},
}
