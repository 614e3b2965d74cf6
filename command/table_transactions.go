package command

// transactionsRows are sorted by name. A subcommand comes after its container.
var transactionsRows = []Command{
	{Name: "discard", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Access: AccessRead, Policy: Refused, Reason: noTransactions, Since: "2.0.0",
		Summary: ""},
	{Name: "exec", Arity: 1, Flags: NoScript | Loading | Stale | SkipSlowlog, Categories: CatTransaction,
		Access: AccessRead, Policy: Refused, Reason: noTransactions, Since: "1.2.0",
		Summary: ""},
	{Name: "multi", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Access: AccessRead, Policy: Refused, Reason: noTransactions, Since: "1.2.0",
		Summary: ""},
	{Name: "unwatch", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Access: AccessRead, Policy: Refused, Reason: noTransactions, Since: "2.2.0",
		Summary: ""},
	{Name: "watch", Arity: -2, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
		Access: AccessRead, Keys: allKeys(KeyRO), Policy: Refused, Reason: noTransactions, Since: "2.2.0",
		Summary: "", Args: `key@0*`},
}
