package tenant

import (
	"bytes"

	"ringmain/command"
	"ringmain/resp"
)

// rewrite puts the prefix where a command has its keys. text is that of an error, or "".
type rewrite func(t *Tenant, b *Buffer, cmd *command.Command, args [][]byte) (out [][]byte, text string)

// nothing is for commands without keys.
func nothing(_ *Tenant, _ *Buffer, _ *command.Command, args [][]byte) ([][]byte, string) {
	return args, ""
}

// keys is for commands whose keys are where the table says.
func keys(t *Tenant, b *Buffer, cmd *command.Command, args [][]byte) ([][]byte, string) {
	it := cmd.KeyPositions(args)
	for i, ok := it.Next(); ok; i, ok = it.Next() {
		b.positions = append(b.positions, i)
	}
	switch {
	case it.Invalid():
		return t.shield(b, cmd, args), ""
	case len(b.positions) == 0:
		return args, Denied(cmd)
	}
	// Only now: where later keys are may depend on arguments before them.
	for _, i := range b.positions {
		args[i] = b.join(t.prefix, args[i])
	}
	return args, ""
}

// shield is for a request whose keys cannot be found, because their number is wrong or a
// keyword is missing. No server executes it, and it is to say what is wrong: but should
// one find keys in it, these are to be the tenant's. So every argument gets the prefix
// that may be a key.
func (t *Tenant) shield(b *Buffer, cmd *command.Command, args [][]byte) [][]byte {
	from := 1
	for i := range cmd.Keys {
		switch s := &cmd.Keys[i]; {
		case s.Find == command.FindNumKeys: // what comes before is found all the same
			if count := s.Begin + s.Count; count < len(args) && isNumber(args[count]) {
				from = max(from, count+1)
			} else {
				from = max(from, count)
			}
		case s.Keyword != "":
			for n := range args {
				if n > 0 && command.IsWord(args[n], lower(s.Keyword)) {
					from = n + 1
					break
				}
			}
		}
	}
	for _, i := range b.positions {
		if i < from {
			args[i] = b.join(t.prefix, args[i])
		}
	}
	for i := from; i < len(args); i++ {
		args[i] = b.join(t.prefix, args[i])
	}
	return args
}

// isNumber reports whether an argument may well be a number, which the server says
// something about.
func isNumber(arg []byte) bool {
	return len(bytes.Trim(arg, "+-0123456789")) == 0
}

func lower(word string) string { return string(bytes.ToLower([]byte(word))) }

// sort refuses patterns that form keys out of what is in the list. Any other key after
// STORE than the last one is of no use, and the tenant's all the same.
func sort(t *Tenant, b *Buffer, cmd *command.Command, args [][]byte) ([][]byte, string) {
	store := -1
	for i := 2; i < len(args); i++ {
		switch left := len(args) - i - 1; {
		case command.IsWord(args[i], "limit") && left >= 2:
			i += 2
		case command.IsWord(args[i], "by") && left >= 1:
			i++
			if bytes.IndexByte(args[i], '*') >= 0 {
				return args, errSortBy
			}
		case command.IsWord(args[i], "get") && left >= 1:
			i++
			if bytes.IndexByte(args[i], '*') >= 0 {
				return args, errSortGet
			}
		case command.IsWord(args[i], "store") && left >= 1:
			i++
			if store > 0 {
				args[store] = b.join(t.prefix, args[store])
			}
			store = i
		}
	}
	return keys(t, b, cmd, args)
}

const (
	errSortBy  = "ERR BY option of SORT denied due to insufficient ACL permissions."
	errSortGet = "ERR GET option of SORT denied due to insufficient ACL permissions."
)

// match is the word before a pattern in SCAN.
var match = []byte("MATCH")

// scan has SCAN give the tenant's keys only. Options that are not known are refused:
// a server might take what follows for something else.
func scan(t *Tenant, b *Buffer, _ *command.Command, args [][]byte) ([][]byte, string) {
	matched := false
	for i := 2; i < len(args); i += 2 {
		switch {
		case i+1 == len(args):
			return args, resp.TextSyntax
		case command.IsWord(args[i], "match"):
			args[i+1] = b.join(t.glob, args[i+1])
			matched = true
		case !command.IsWord(args[i], "count") && !command.IsWord(args[i], "type"):
			return args, resp.TextSyntax
		}
	}
	if !matched {
		args = append(args, match, b.join(t.glob, star))
	}
	return args, ""
}

var star = []byte("*")

// patterns is for commands whose arguments from a position on are patterns.
func patterns(from int) rewrite {
	return func(t *Tenant, b *Buffer, _ *command.Command, args [][]byte) ([][]byte, string) {
		for i := from; i < len(args); i++ {
			args[i] = b.join(t.glob, args[i])
		}
		return args, ""
	}
}

// channels is for commands whose arguments from a position on, at most so many, are
// channels.
func channels(from, most int) rewrite {
	return func(t *Tenant, b *Buffer, _ *command.Command, args [][]byte) ([][]byte, string) {
		for i := from; i < min(len(args), from+most); i++ {
			args[i] = b.join(t.prefix, args[i])
		}
		return args, ""
	}
}

// all is more than any request has.
const all = 1 << 30

// channelList is PUBSUB CHANNELS [pattern], and SHARDCHANNELS.
func channelList(t *Tenant, b *Buffer, _ *command.Command, args [][]byte) ([][]byte, string) {
	if len(args) == 2 {
		return append(args, b.join(t.glob, star)), ""
	}
	args[2] = b.join(t.glob, args[2])
	return args, ""
}
