package command

// locator finds the keys of one KeySpec in a request: count keys from first on,
// all within args. A negative count says that the request is invalid. It is told
// nothing of the arity.
type locator func(args [][]byte) (first, count int)

// IsWord reports whether an argument is an option's keyword, given in lower case, as
// Redis compares them: in any case, and up to the first NUL, because it takes
// arguments for strings of C there. Whoever looks for options must not see fewer
// than the server does.
func IsWord(arg []byte, lower string) bool {
	n := len(lower)
	return len(arg) >= n && (len(arg) == n || arg[n] == 0) && equalFold(arg[:n], lower)
}

// streamKeys are those of XREAD and XREADGROUP: the first half of what follows
// STREAMS. Values of options are not taken for keywords, whatever they are.
func streamKeys(args [][]byte) (first, count int) {
	streams, _ := streamOptions(args)
	if first = streams + 1; first < len(args) {
		count = (len(args) - first) / 2
	}
	if count == 0 {
		return 0, -1
	}
	return first, count
}

// streamOptions walks over the options of XREAD and XREADGROUP to where STREAMS
// is, which is len(args) if it is missing. block is where BLOCK's argument is; 0: there
// is none.
func streamOptions(args [][]byte) (streams, block int) {
	for i := 1; i < len(args); i++ {
		switch arg := args[i]; {
		case IsWord(arg, "streams"):
			return i, block
		case IsWord(arg, "block"):
			i++
			block = i
		case IsWord(arg, "count"), IsWord(arg, "claim"):
			i++
		case IsWord(arg, "group"):
			i += 2
		}
	}
	return len(args), block
}

// storeOption is SORT's STORE: the last one counts.
func storeOption(args [][]byte) (first, count int) {
	for i := 2; i < len(args); i++ {
		switch arg := args[i]; {
		case IsWord(arg, "limit"):
			i += 2
		case IsWord(arg, "get"), IsWord(arg, "by"):
			i++
		case IsWord(arg, "store") && i+1 < len(args):
			i++
			first, count = i, 1
		}
	}
	return first, count
}

// geoStore finds the key of an option of GEORADIUS and GEORADIUSBYMEMBER, STORE
// or STOREDIST, name in lower case. Options begin at from. A server stores under
// the key of whichever comes last; COMMAND GETKEYS gives both.
func geoStore(name string, from int) locator {
	return func(args [][]byte) (first, count int) {
		for i := from; i+1 < len(args); i++ {
			if IsWord(args[i], "store") || IsWord(args[i], "storedist") {
				if IsWord(args[i], name) {
					first, count = i+1, 1
				}
				i++
			}
		}
		return first, count
	}
}

// migrateKey is MIGRATE's key in the third argument, unless KEYS gives them.
func migrateKey(args [][]byte) (first, count int) {
	if len(args) <= 3 {
		return 0, 0
	}
	first, _ = migrateKeys(args)
	switch {
	case first == 0:
		return 3, 1
	case len(args[3]) > 0:
		return 0, -1
	}
	return 0, 0
}

// migrateKeys are the keys after MIGRATE's KEYS.
func migrateKeys(args [][]byte) (first, count int) {
	for i := 6; i+1 < len(args); i++ {
		switch arg := args[i]; {
		case IsWord(arg, "keys"):
			return i + 1, len(args) - i - 1
		case IsWord(arg, "auth"):
			i++
		case IsWord(arg, "auth2"):
			i += 2
		}
	}
	return 0, 0
}
