package command

// transactionsRows are sorted by name. A subcommand comes after its container.
var transactionsRows = []Command{
	{Name: "discard", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Access: AccessRead, Policy: Transaction, Since: "2.0.0",
		Summary: "Gives a transaction up"},
	{Name: "exec", Arity: 1, Flags: NoScript | Loading | Stale | SkipSlowlog, Categories: CatTransaction,
		Access: AccessRead, Policy: Transaction, Since: "1.2.0",
		Summary: "Executes the commands of a transaction"},
	{Name: "multi", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Access: AccessRead, Policy: Transaction, Since: "1.2.0",
		Summary: "Begins a transaction"},
	{Name: "unwatch", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Access: AccessRead, Policy: Transaction, Since: "2.2.0",
		Summary: "Forgets all watched keys"},
	{Name: "watch", Arity: -2, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Access: AccessRead, Keys: allKeys(KeyRO), Policy: Transaction, Since: "2.2.0",
		Summary: "Has a transaction fail if keys change before it", Args: `key@0*`},
}
