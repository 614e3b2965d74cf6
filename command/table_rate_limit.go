package command

// rateLimitRows are sorted by name. A subcommand comes after its container.
var rateLimitRows = []Command{
	{Name: "gcra", Arity: -5, Flags: Write | DenyOOM | Fast,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyAccess | KeyUpdate), Policy: Forward, Since: "8.8.0", Untested: true,
		Summary: "Limits a rate by the generic cell rate algorithm", Args: `key@0 max-burst:int tokens-per-period:int period:double [TOKENS=count:int]`},
}
