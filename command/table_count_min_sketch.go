package command

// countMinSketchRows are sorted by name. A subcommand comes after its container.
var countMinSketchRows = []Command{
	{Name: "cms.incrby", Arity: -4, Flags: Write | DenyOOM | Module, Access: AccessWrite, Keys: oneKey(KeyRW | KeyUpdate), Policy: Forward,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Adds to the counts of items in a count-min sketch", Args: `key@0 items(item increment:int)*`},
	{Name: "cms.info", Arity: 2, Flags: ReadOnly | Module | Fast, Access: AccessRead, Keys: oneKey(KeyRO), Policy: Forward,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Tells how a count-min sketch is made", Args: `key@0`},
	{Name: "cms.initbydim", Arity: -4, Flags: Write | DenyOOM | Module | Fast,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyUpdate), Policy: Forward, Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Makes a count-min sketch of a given size", Args: `key@0 width:int depth:int [argument*]`},
	{Name: "cms.initbyprob", Arity: -4, Flags: Write | DenyOOM | Module | Fast,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyUpdate), Policy: Forward, Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Makes a count-min sketch of a given precision", Args: `key@0 error:double probability:double [argument*]`},
	{Name: "cms.merge", Arity: -4, Flags: Write | DenyOOM | Module | MovableKeys,
		Access: AccessWrite, Keys: keySpecs(keyAt(1, KeyRW|KeyUpdate), numKeys(2, KeyRO|KeyAccess)), Policy: SameServer,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Merges several count-min sketches into one", Args: `destination@0 numkeys:int source@1* [WEIGHTS=weight:double*]`},
	{Name: "cms.query", Arity: -3, Flags: ReadOnly | Module, Access: AccessRead, Keys: oneKey(KeyRO | KeyAccess), Policy: Forward,
		Since: "2.0.0", Product: "RedisBloom", Untested: true,
		Summary: "Tells the counts of items in a count-min sketch", Args: `key@0 item*`},
}
