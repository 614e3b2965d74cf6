package command

// The errors of COMMAND GETKEYS and GETKEYSANDFLAGS, in Redis's words.
const (
	errInvalidCommand   = "-ERR Invalid command specified\r\n"
	errNoKeyArguments   = "-ERR The command has no key arguments\r\n"
	errNumberOfArgs     = "-ERR Invalid number of arguments specified for command\r\n"
	errInvalidArguments = "-ERR Invalid arguments specified for command\r\n"
)

// AppendKeys appends the reply of COMMAND GETKEYS to dst, or of COMMAND
// GETKEYSANDFLAGS if flags is set: the keys of the request that args is. resp3
// chooses the types of protocol 3. What is wrong with args becomes an error reply
// in Redis's words.
func AppendKeys(dst []byte, args [][]byte, flags, resp3 bool) []byte {
	c := Lookup(args)
	switch {
	case c == nil:
		return append(dst, errInvalidCommand...)
	case !c.hasKeys():
		return append(dst, errNoKeyArguments...)
	case !c.ArityOK(len(args)):
		return append(dst, errNumberOfArgs...)
	}
	count, invalid := c.countKeys(args)
	if invalid {
		count = 0
	}
	if count == 0 && c.Flags&NoMandatoryKeys == 0 {
		return append(dst, errInvalidArguments...)
	}
	e := encoder{dst: dst, resp3: resp3}
	e.header('*', count)
	it := c.KeyPositions(args)
	for range count {
		i := it.nextKey()
		if flags {
			e.header('*', 2)
		}
		e.bulkBytes(args[i])
		if flags {
			e.names(uint32(c.flagsOfKey(it.flags, args)), keyFlagNames[:])
		}
	}
	return e.dst
}

// hasKeys reports whether any of the specs finds keys, not channels.
func (c *Command) hasKeys() bool {
	for i := range c.Keys {
		if c.Keys[i].Flags&KeyNot == 0 {
			return true
		}
	}
	return false
}

// countKeys counts the keys that nextKey will give. A range without a key, as in
// PFMERGE with a destination only, is invalid here, though not when executed.
func (c *Command) countKeys(args [][]byte) (n int, invalid bool) {
	it := c.KeyPositions(args)
	for it.nextKey() > 0 {
		n++
	}
	return n, it.Invalid() || it.emptyRange
}

// nextKey is Next without what is no key; 0 at the end.
func (it *KeyIterator) nextKey() int {
	for {
		i, ok := it.Next()
		if !ok || it.flags&KeyNot == 0 {
			return i
		}
	}
}

// flagsOfKey makes out what happens to a key where the spec says that the
// arguments decide it.
func (c *Command) flagsOfKey(f KeyFlags, args [][]byte) KeyFlags {
	f &^= KeyIncomplete
	if f&KeyVariable == 0 {
		return f
	}
	switch c.Name {
	case "set":
		return setFlags(args)
	case "bitfield":
		return bitfieldFlags(args)
	}
	return f
}

// setFlags: with GET, SET reads the key too.
func setFlags(args [][]byte) KeyFlags {
	for _, arg := range args[min(3, len(args)):] {
		if IsWord(arg, "get") {
			return KeyRW | KeyAccess | KeyUpdate
		}
	}
	return KeyOW | KeyUpdate
}

// bitfieldFlags: BITFIELD only reads if all its operations are GET.
func bitfieldFlags(args [][]byte) KeyFlags {
	for i := 2; i < len(args); i++ {
		switch left := len(args) - i - 1; {
		case IsWord(args[i], "get") && left >= 2:
			i += 2
		case IsWord(args[i], "overflow") && left >= 1:
			i++
		default:
			return KeyRW | KeyAccess | KeyUpdate
		}
	}
	return KeyRO | KeyAccess
}
