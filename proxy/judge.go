package proxy

// Judge tells what the health checks have found of a server, given by its index in the
// snapshot: why it is down, or "" if it is up. It is called on the loop.
func (c *Core) Judge(server int, reason string) { c.nodes[server].Judge(reason) }
