package command

// hyperloglogRows are sorted by name. A subcommand comes after its container.
var hyperloglogRows = []Command{
	{Name: "pfadd", Arity: -2, Flags: Write | DenyOOM | Fast, Categories: CatHyperLogLog,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyInsert), Policy: Forward, Since: "2.8.9",
		Summary: "Adds elements to a HyperLogLog", Args: `key@0 [element*]`},
	{Name: "pfcount", Arity: -2, Flags: ReadOnly, Categories: CatHyperLogLog,
		Access: AccessRead, Keys: keySpecs(noted(keyRange(1, -1, 1, KeyRW|KeyAccess), "RW because it may change the internal representation of the key, and propagate to replicas")), Policy: SameServer,
		Since:   "2.8.9",
		Summary: "Estimates how many different elements HyperLogLogs have", Args: `key@0*`},
	{Name: "pfdebug", Arity: 3, Flags: Write | DenyOOM | Admin, Categories: CatHyperLogLog,
		Access: AccessAdmin, Keys: keySpecs(keyAt(2, KeyRW|KeyAccess)), Policy: Refused, Reason: debugsServers, Since: "2.8.9", System: true,
		Summary: "Shows the inside of a HyperLogLog", Args: `subcommand key@0`},
	{Name: "pfmerge", Arity: -2, Flags: Write | DenyOOM, Categories: CatHyperLogLog,
		Access: AccessWrite, Keys: keySpecs(keyAt(1, KeyRW|KeyAccess|KeyInsert), keyRange(2, -1, 1, KeyRO|KeyAccess)), Policy: SameServer,
		Since:   "2.8.9",
		Summary: "Merges HyperLogLogs into one", Args: `destkey@0 sourcekey@1*`},
	{Name: "pfselftest", Arity: 1, Flags: Admin, Categories: CatHyperLogLog, Access: AccessAdmin, Policy: Refused, Reason: debugsServers,
		Since: "2.8.9", System: true,
		Summary: "Tests the server's HyperLogLog"},
}
