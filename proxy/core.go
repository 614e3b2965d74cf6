// Package proxy is the session: it takes a client's commands, sends each where
// its keys live, and gives the replies back in the order of the commands.
//
// A Core and its sessions belong to one loop and share nothing with those of
// other loops. They are state machines on ioloop: they open no socket, start no
// goroutine and take no lock.
package proxy

import (
	"log/slog"
	"sync/atomic"
	"time"

	"ringmain/backend"
	"ringmain/command"
	"ringmain/ioloop"
	"ringmain/metric"
	"ringmain/proxy/fanout"
	"ringmain/proxy/local"
	"ringmain/proxy/pubsub"
	"ringmain/proxy/tenant"
	"ringmain/proxy/users"
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
	// Snapshot says where keys live at first; its servers are dialled with Servers, one
	// for each. Behind them stand replicas, which Snapshot does not know.
	Snapshot *router.Snapshot
	Servers  []*backend.Options
	// Readers are, by a server's index in Snapshot, those in Servers that answer reads of
	// its keys: some of its replicas, and itself if it is to be one of them. nil: every
	// server answers all commands on its keys itself.
	Readers [][]int32
	// Unserved are servers that are not used until Serve says how, by their index.
	Unserved []int32
	// Preconnect are the places to connect to before any client asks.
	Preconnect []router.Place
	// Contracts are patterns of keys that live elsewhere than in pools; the first that
	// matches a key counts. nil: there are none, and no key is looked at.
	Contracts []Contract
	// Locks has RINGMAIN LOCKS answered; nil: there are none.
	Locks LockLister
	Local *local.Answers
	// Users are those whom clients can be; nil: nobody is asked.
	Users  *users.Set
	Memory *Memory
	Peers  *Peers
	Log    *slog.Logger
}

// Core is what the sessions of one loop share.
type Core struct {
	*Config
	loop ioloop.Loop
	// records are Local's, which each command looks at.
	records *local.Records
	// snapshot says where keys live now.
	snapshot *router.Snapshot
	absences map[int32]*absence // of the servers that are out, by their index
	nodes    []*backend.Node    // by the server's index in snapshot
	share    *share
	readers  readers

	sessions []*Session    // that are open
	asking   bool          // a client's question to all loops is under way
	askers   []*Session    // that wait for their turn
	commands atomic.Uint64 // executed; written on the loop
	stats    Stats
	families []*metric.Commands // what stats has of a command's family, by commandIndex
	counts   local.Counts       // for INFO
	reset    metric.Clients     // what stats had at the last CONFIG RESETSTAT
	closed   bool
	// drained is called when the last client is gone, once it is set.
	drained     func()
	toldDrained bool

	request resp.Request // of the session whose Data is under way
	scratch []byte       // for what is composed and copied at once
	split   router.Split
	whole   fanout.Whole  // of the merge under way
	call    local.Call    // under way
	tenants tenant.Buffer // of the request under way
	slots   slotPool
	spools  spoolPool
	merges  mergePool
	// positions are of the keys of the request under way.
	positions   []int
	commissions commissionPool
	scripts     scripts
	// groups are what the loop's clients listen to, by the first server of their fleet,
	// and hubs the connections for that.
	groups  map[int32]*pubsub.Group
	hubs    []*hub
	watched []watched // sessions that may have output which the kernel has not taken
	sweep   ioloop.Timer
	idle    ioloop.Timer
	leaving int // clients that were cut off and still hold their buffers
	// queuedBytes is what transactions hold, about.
	queuedBytes int
	fresh       int // bytes of replies since memory was last looked at
	// pausedSessions wait for the end of a pause, at pauseEnd.
	pausedSessions []*Session
	pauseEnd       ioloop.Timer
	monitors       []*Session      // clients that are shown all commands
	feeds          map[*Core]*feed // for other cores' monitors
	line           []byte          // that is shown
	noted          []byte          // the beginning of a request, for a note

	stranger       resp.Limits // of requests before AUTH
	strangers      []*Session  // whose clients have yet to say who they are; some may have
	foreigners     seldom      // clients that sent HTTP or TLS
	wrongPasswords seldom
}

// NewCore makes the core of a loop and begins to connect to the servers. It is
// called on the loop.
func NewCore(loop ioloop.Loop, cfg *Config) *Core {
	c := &Core{Config: cfg, loop: loop, records: cfg.Local.Records, snapshot: cfg.Snapshot}
	c.stranger = strangerLimits(cfg.Limits.Request)
	c.share = cfg.Memory.join()
	c.scripts.shared = &cfg.Peers.scripts
	for _, opt := range cfg.Servers {
		c.nodes = append(c.nodes, backend.NewNode(loop, opt))
	}
	for i := len(cfg.Snapshot.Servers); i < len(c.nodes); i++ {
		c.nodes[i].Judge("has yet to show that it is a replica")
	}
	for _, i := range cfg.Unserved {
		c.Fall(int(i), "is not in use yet")
	}
	for _, p := range cfg.Preconnect {
		c.nodes[p.Server].Conn(2, int(p.Database))
	}
	c.counts.Commands = make([]local.CommandCount, command.Len()+1)
	c.stats.Commands = make([]metric.Commands, len(Families()))
	for _, family := range families {
		c.families = append(c.families, &c.stats.Commands[family])
	}
	c.Peers.join(c)
	c.watchIdle()
	return c
}

// Close gives up the connections to servers; what sessions await fails. The
// sessions end with their connections.
func (c *Core) Close() {
	c.closed = true
	c.Peers.leave(c)
	for _, timer := range []ioloop.Timer{c.sweep, c.idle, c.pauseEnd} {
		if timer != nil {
			timer.Stop()
		}
	}
	for _, n := range c.nodes {
		n.Close()
	}
}

// NewSession makes the handler of a client's connection. id is unique in the
// process; scope says which pools the client's keys live in. It may be called on
// any goroutine; the result is used on the core's loop only.
func (c *Core) NewSession(id int64, scope router.Scope) *Session {
	return &Session{core: c, scope: scope, listener: scope, estimate: firstEstimate, client: local.Client{ID: id, Protocol: 2}}
}
