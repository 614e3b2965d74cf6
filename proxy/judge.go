package proxy

// Judge tells what the health checks have found of a server, given by its index in the
// snapshot: why it is down, or "" if it is up. It is called on the loop.
func (c *Core) Judge(server int, reason string) { c.nodes[server].Judge(reason) }

// Leave and Move have a server's connections lead to another address, in two steps: every
// loop leaves before any moves on. They are called on the loop.
func (c *Core) Leave(server int, what string) { c.nodes[server].Leave(what) }

// Move is the second step of Leave.
func (c *Core) Move(server int, address, runID string) { c.nodes[server].Move(address, runID) }
