package simredis

import (
	"slices"
	"strings"
	"time"

	"ringmain/ioloop"
)

// client is one connection. It implements ioloop.Handler.
type client struct {
	s      *Server
	conn   ioloop.Conn
	id     int64
	name   string
	proto  int // 2 or 3
	db     int
	authed bool
	since  time.Time
	gone   bool // nothing of it is executed any more

	multi    *transaction // nil outside MULTI
	watched  map[place]bool
	dirty    bool     // a watched key was changed
	waits    *wait    // nil unless it is blocked
	unit     bool     // in EXEC or a script: nothing blocks
	channels []string // subscribed to, in that order
	patterns []string
	shards   []string
	tracking *tracking
	read     map[string]bool // keys that it was told of, for tracking
	owed     [][]string      // invalidations that its own command brought about

	replyOff, skip, skipNext bool
	captured                 *[]byte // what a script's command answers goes here
}

// Opened implements ioloop.Handler.
func (c *client) Opened(conn ioloop.Conn, err error) {
	if err != nil {
		return
	}
	c.s.nextID++
	c.id, c.conn, c.since = c.s.nextID, conn, c.s.loop.Now()
	c.authed = c.s.options.Password == ""
	c.s.clients = append(c.s.clients, c)
}

// Data implements ioloop.Handler.
func (c *client) Data(b []byte) (used int) {
	for used < len(b) && !c.gone && c.waits == nil {
		args, n, fault := readRequest(b[used:])
		if fault != "" {
			c.fail("ERR Protocol error: " + string(fault))
			c.close()
			return len(b)
		}
		if n == 0 {
			return used
		}
		used += n
		if len(args) > 0 {
			c.execute(args)
		}
	}
	return used
}

// Drained implements ioloop.Handler.
func (c *client) Drained() {}

// HalfClosed implements ioloop.Handler. A Redis server takes it for the end.
func (c *client) HalfClosed() { c.close() }

// Closed implements ioloop.Handler.
func (c *client) Closed(error) { c.leave() }

// close ends the connection behind the replies that it is owed.
func (c *client) close() {
	c.leave()
	c.conn.CloseAfterFlush()
}

// kill ends the connection at once; what it has sent and is not executed yet
// never is.
func (c *client) kill() {
	c.leave()
	c.conn.Abort()
}

// leave takes the client off the server's list. A dead process's clients are on
// none.
func (c *client) leave() {
	c.gone = true
	c.stopWaiting()
	if i := slices.Index(c.s.clients, c); i >= 0 {
		c.s.clients = slices.Delete(c.s.clients, i, i+1)
	}
}

// execute does what a request asks for: it runs a command, queues it, or refuses
// it.
func (c *client) execute(args [][]byte) {
	cmd, fault := find(args)
	switch {
	case fault != "":
		c.reject(cmd, fault)
	case !c.authed && !cmd.beforeAuth:
		c.reject(cmd, errNoAuth)
	case c.subscriptions() > 0 && c.proto == 2 && !cmd.subscriber:
		c.reject(cmd, "ERR Can't execute '"+cmd.name+"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
	case !cmd.loading && c.s.loop.Now().Before(c.s.loadedAt):
		c.reject(cmd, "LOADING Redis is loading the dataset in memory")
	case c.multi != nil && !cmd.inMulti:
		c.multi.add(cmd, args)
		c.simple("QUEUED")
	default:
		c.run(cmd, args)
	}
	if c.waits == nil {
		c.nextReply()
	}
	c.s.serveBlocked()
}

// reject refuses a command before it is executed. A transaction is void then,
// and over if it is EXEC.
func (c *client) reject(cmd command, fault string) {
	if c.multi != nil {
		c.multi.void = true
	}
	if cmd.name == "exec" {
		c.multi = nil
		c.unwatch()
		fault = "EXECABORT Transaction discarded because of: " + strings.TrimPrefix(fault, "ERR ")
	}
	c.fail(fault)
}

// run executes a command of its own.
func (c *client) run(cmd command, args [][]byte) {
	if !c.call(cmd, args) {
		return
	}
	c.pushOwed()
	if c.s.AfterExecute != nil {
		c.s.AfterExecute(c.id, args)
	}
}

// call executes a command, of its own or within a transaction or a script. It
// reports false if it was not executed, because the server is gone.
func (c *client) call(cmd command, args [][]byte) bool {
	if c.s.OnExecute != nil {
		c.s.OnExecute(c.id, args)
	}
	if c.gone {
		return false
	}
	c.s.executed[strings.ToLower(string(args[0]))]++
	cmd.run(c, args)
	c.remember(cmd, args)
	return true
}

// nextReply is the end of a command: CLIENT REPLY SKIP is about the next one.
func (c *client) nextReply() { c.skip, c.skipNext = c.skipNext, false }

// lookup is the value at a key of the client's database; nil if there is none.
func (c *client) lookup(key []byte) *value {
	return c.s.lookup(place{c.db, string(key)})
}

// lookupString is lookup of a string; of another type it answers with the error
// and reports false.
func (c *client) lookupString(key []byte) (v *value, ok bool) {
	v = c.lookup(key)
	if v != nil && v.isList {
		c.fail(errWrongType)
		return nil, false
	}
	return v, true
}

// put stores a value at a key, in place of what is there.
func (c *client) put(key []byte, v *value) {
	c.s.database(c.db)[string(key)] = v
	if v.isList {
		c.s.ready = append(c.s.ready, place{c.db, string(key)})
	}
}

// remove removes a key that is there.
func (c *client) remove(key []byte) {
	delete(c.s.dbs[c.db], string(key))
	c.changed(key)
}

// changed tells those who watch or track a key that the client has changed it.
func (c *client) changed(key []byte) { c.s.changed(c, place{c.db, string(key)}) }
