package command

// onPrimary are the commands that only read, and yet are for the primary alone. Some
// tell of the server or act on it: how its memory holds a key, when it was last used, and
// what Redis does not replicate of a stream's groups. The others go through a value in
// several steps, where a cursor means something to the server alone that gave it.
var onPrimary = map[string]bool{
	"touch": true, "object|encoding": true, "object|freq": true, "object|idletime": true, "object|refcount": true, "memory|usage": true,
	"dump": true, "xinfo|consumers": true, "xinfo|groups": true, "xinfo|stream": true,
	"hscan": true, "sscan": true, "zscan": true, "bf.scandump": true, "cf.scandump": true,
}

// OnReplica reports whether a replica may answer the command in the place of the primary,
// if a reader puts up with a value of a moment ago: all it does is to read the values of
// its keys. Scripts are not among them, nor what waits for a value to change.
func (c *Command) OnReplica() bool { return c.onReplica }

func answersOnReplica(c *Command) bool {
	switch c.Policy {
	case Forward, SameServer, SumInts, MultiGet:
	default:
		return false
	}
	return c.Flags&ReadOnly != 0 && c.Flags&Write == 0 && c.Categories&CatScripting == 0 && !alsoReplicated[c.Name] && !onPrimary[c.Name]
}
