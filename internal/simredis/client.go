package simredis

import (
	"fmt"
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
	for used < len(b) && !c.gone {
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
	if i := slices.Index(c.s.clients, c); i >= 0 {
		c.s.clients = slices.Delete(c.s.clients, i, i+1)
	}
}

// execute runs one command.
func (c *client) execute(args [][]byte) {
	name := strings.ToLower(string(args[0]))
	cmd, known := commands[name]
	switch {
	case !known:
		c.fail(unknownCommand(args))
		return
	case !cmd.takes(len(args)):
		c.fail(wrongArity(name))
		return
	case !c.authed && !cmd.beforeAuth:
		c.fail(errNoAuth)
		return
	}
	if c.s.OnExecute != nil {
		c.s.OnExecute(c.id, args)
	}
	if c.gone {
		return
	}
	c.s.executed[name]++
	cmd.run(c, args)
	if c.s.AfterExecute != nil {
		c.s.AfterExecute(c.id, args)
	}
}

func unknownCommand(args [][]byte) string {
	const most = 128
	var list strings.Builder
	for _, a := range args[1:] {
		if list.Len() >= most {
			break
		}
		fmt.Fprintf(&list, "'%.*s' ", most-list.Len(), a)
	}
	return fmt.Sprintf("ERR unknown command '%.*s', with args beginning with: %s", most, args[0], list.String())
}

func wrongArity(name string) string {
	return fmt.Sprintf("ERR wrong number of arguments for '%s' command", name)
}

// lookup is the value at a key of the client's database; nil if there is none.
func (c *client) lookup(key []byte) *value {
	return c.s.dbs[c.db].lookup(key, c.s.loop.Now())
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

func (c *client) put(key []byte, v *value) { c.s.database(c.db).put(key, v) }
