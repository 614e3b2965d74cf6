package command

func (c *Command) Blocks(args [][]byte) bool { return false }
