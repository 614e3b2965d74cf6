package local

import (
	"ringmain/command"
	"ringmain/resp"
)

func aclWhoAmI(_ *Answers, c *Call) { c.bulk(c.Client.UserName()) }

// aclCat is ACL CAT [category].
func aclCat(_ *Answers, c *Call) {
	switch len(c.Args) {
	case 2:
		names := command.CategoryNames()
		c.array(len(names))
		for _, name := range names {
			c.bulk(name)
		}
	case 3:
		filter, ok := command.InCategory(c.Args[2])
		if !ok {
			c.Out = resp.AppendQuotedError(c.Out, "ERR Unknown category '", c.Args[2], "'")
			return
		}
		c.Out = command.AppendList(c.Out, filter)
	default:
		c.badOptions()
	}
}
