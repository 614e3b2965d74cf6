package command

// bitmapRows are sorted by name. A subcommand comes after its container.
var bitmapRows = []Command{
	{Name: "bitcount", Arity: -2, Flags: ReadOnly, Categories: CatBitmap,
		Access: AccessRead, Keys: oneKey(KeyRO | KeyAccess), Policy: Forward, Since: "2.6.0",
		Summary: "Counts the bits of a string that are set", Args: `key@0 [index(start:int end:int [index_unit(BYTE|BIT)^7.0.0])]`},
	{Name: "bitfield", Arity: -2, Flags: Write | DenyOOM, Categories: CatBitmap,
		Access: AccessWrite, Keys: keySpecs(noted(keyAt(1, KeyRW|KeyAccess|KeyUpdate|KeyVariable), "This command allows both access and modification of the key")), Policy: Forward,
		Since:   "3.2.0",
		Summary: "Reads and changes integers of any width within a string", Args: `key@0 [operation(GET=encoding_offset(encoding offset:int)|write([OVERFLOW=wrap_sat_fail(WRAP|SAT|FAIL)] write_operation(SET=encoding_offset_value(encoding offset:int value:int)|INCRBY=encoding_offset_increment(encoding offset:int increment:int))))*]`},
	{Name: "bitfield_ro", Arity: -2, Flags: ReadOnly | Fast, Categories: CatBitmap,
		Access: AccessRead, Keys: oneKey(KeyRO | KeyAccess), Policy: Forward, Since: "6.0.0",
		Summary: "Reads integers of any width within a string", Args: `key@0 [GET=encoding_offset(encoding offset:int)**]`},
	{Name: "bitop", Arity: -4, Flags: Write | DenyOOM, Categories: CatBitmap,
		Access: AccessWrite, Keys: keySpecs(keyAt(2, KeyOW|KeyUpdate), keyRange(3, -1, 1, KeyRO|KeyAccess)), Policy: SameServer, Slow: true,
		Since:   "2.6.0",
		Summary: "Combines strings bit by bit and stores the result", Args: `operation destkey@0 key@1*`},
	{Name: "bitpos", Arity: -3, Flags: ReadOnly, Categories: CatBitmap,
		Access: AccessRead, Keys: oneKey(KeyRO | KeyAccess), Policy: Forward, Since: "2.8.7",
		Summary: "Finds the first bit of a string that is set or clear", Args: `key@0 bit:int [index(start:int [end_index(end:int [index_unit(BYTE|BIT)^7.0.0])])]`},
	{Name: "getbit", Arity: 3, Flags: ReadOnly | Fast, Categories: CatBitmap,
		Access: AccessRead, Keys: oneKey(KeyRO | KeyAccess), Policy: Forward, Since: "2.2.0",
		Summary: "Tells one bit of a string", Args: `key@0 offset:int`},
	{Name: "setbit", Arity: 4, Flags: Write | DenyOOM, Categories: CatBitmap,
		Access: AccessWrite, Keys: oneKey(KeyRW | KeyAccess | KeyUpdate), Policy: Forward, Since: "2.2.0",
		Summary: "Sets or clears a bit of a string", Args: `key@0 offset:int value:int`},
}
