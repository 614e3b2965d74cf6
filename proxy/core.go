// Package proxy is the session: it takes a client's commands, sends each where
// its keys live, and gives the replies back in the order of the commands.
//
// A Core and its sessions belong to one loop and share nothing with those of
// other loops. They are state machines on ioloop: they open no socket, start no
// goroutine and take no lock.
package proxy

import (
	"log/slog"
	"time"

	"ringmain/backend"
	"ringmain/ioloop"
	"ringmain/proxy/local"
	"ringmain/resp"
	"ringmain/router"
)

// Limits bound what one client may cost.
type Limits struct {
	Request resp.Limits
	// ClientOutput is how many bytes of replies a client may be owed. Reading
	// from it pauses at half of that.
	ClientOutput int
	// ClientStall is how long a client may take no byte of what it is owed.
	ClientStall time.Duration
}

// Config is what all loops' cores share. Nothing of it is changed.
type Config struct {
	Limits Limits
	// Snapshot says where keys live; its servers are dialled with Servers, one
	// for each.
	Snapshot *router.Snapshot
	Servers  []*backend.Options
	Local    *local.Answers
	Memory   *Memory
	Log      *slog.Logger
}

// Core is what the sessions of one loop share.
type Core struct {
	*Config
	loop  ioloop.Loop
	nodes []*backend.Node // by the server's index in Snapshot
	share *share

	request resp.Request // of the session whose Data is under way
	scratch []byte       // for what is composed and copied at once
	split   router.Split
	slots   slotPool
	spools  spoolPool
	merges  mergePool
	watched []*Session // that may have output which the kernel has not taken
	sweep   ioloop.Timer
	leaving int // clients that were cut off and still hold their buffers
	fresh   int // bytes of replies since memory was last looked at

	httpSeen   int // clients that sent HTTP
	httpLogged time.Time
}

// NewCore makes the core of a loop and begins to connect to the servers. It is
// called on the loop.
func NewCore(loop ioloop.Loop, cfg *Config) *Core {
	c := &Core{Config: cfg, loop: loop}
	c.share = cfg.Memory.join()
	for _, opt := range cfg.Servers {
		n := backend.NewNode(loop, opt)
		n.Conn(2, 0)
		c.nodes = append(c.nodes, n)
	}
	return c
}

// Close gives up the connections to servers; what sessions await fails. The
// sessions end with their connections.
func (c *Core) Close() {
	if c.sweep != nil {
		c.sweep.Stop()
	}
	for _, n := range c.nodes {
		n.Close()
	}
}

// NewSession makes the handler of a client's connection. id is unique in the
// process. It may be called on any goroutine; the result is used on the core's
// loop only.
func (c *Core) NewSession(id int64) *Session {
	return &Session{core: c, estimate: firstEstimate, client: local.Client{ID: id, Protocol: 2}}
}

// conn is the connection to a place in a session's protocol.
func (c *Core) conn(p router.Place, protocol int) *backend.Conn {
	return c.nodes[p.Server].Conn(protocol, int(p.Database))
}
