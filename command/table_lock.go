package command

// lockRows are sorted by name. A subcommand comes after its container. They are the proxy's own.
var lockRows = []Command{
	{Name: "ringmain", Arity: -2, Access: AccessRead, Policy: Refused, Reason: needSubcommand, Since: "0.1.0", Product: Own, Untested: true,
		Summary: "A container for commands about the proxy's own keys"},
	{Name: "ringmain.extend", Arity: 5, Flags: Write | Fast, Categories: CatString,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyAccess | KeyUpdate), Policy: Contract, Since: "0.1.0", Product: Own, Untested: true,
		Summary: "Sets the time to live of a lock that has the given token", Args: `key@0 token PX=milliseconds:int`},
	{Name: "ringmain.fence", Arity: 3, Flags: Write | Fast, Categories: CatString,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyAccess | KeyUpdate), Policy: Contract, Since: "0.1.0", Product: Own, Untested: true,
		Summary: "Gives the fencing number of a lock that has the given token", Args: `key@0 token`},
	{Name: "ringmain.lock", Arity: -5, Flags: Write | Blocking, Categories: CatString,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyAccess | KeyInsert), Policy: Contract, Slow: true, Since: "0.1.0", Product: Own, Untested: true,
		Summary: "Takes a lock, with a fencing number", Args: `key@0 token PX=milliseconds:int [WAIT=milliseconds:int]`},
	{Name: "ringmain.unlock", Arity: 3, Flags: Write | Fast, Categories: CatString,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyAccess | KeyDelete), Policy: Contract, Since: "0.1.0", Product: Own, Untested: true,
		Summary: "Releases a lock that has the given token", Args: `key@0 token`},
	{Name: "ringmain|help", Arity: 2, Flags: Loading | Stale, Access: AccessRead, Policy: Local, Since: "0.1.0", Product: Own, Untested: true,
		Summary: "Explains the subcommands of RINGMAIN"},
	{Name: "ringmain|locks", Arity: -2, Flags: Admin, Access: AccessAdmin, Policy: AllLoops, Since: "0.1.0", Product: Own, Untested: true,
		Summary: "Lists the locks that are held, of a pattern or all", Args: `[pattern:pattern]`},
}
