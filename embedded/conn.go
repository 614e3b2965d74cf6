package embedded

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	mini "github.com/alicebob/miniredis/v2/server"
)

// conn is one client's connection. Three goroutines work for it: read parses
// requests, and thereby also sees a client leave that waits in a blocking
// command; run executes them; out.run sends the replies.
type conn struct {
	id     int64
	server *server
	tcp    net.Conn
	out    *outbox
	writer *bufio.Writer // what peer writes to; empty between commands
	peer   *mini.Peer

	requests chan []string
	readErr  error         // why requests was closed
	gone     chan struct{} // closed when run has ended

	ended      atomic.Bool // nothing more is executed
	subscribed bool        // has been, at some time; used by run
	// executing is held while a command runs.
	executing sync.Mutex
}

func newConn(s *server, id int64, tcp net.Conn) *conn {
	c := &conn{id: id, server: s, tcp: tcp, requests: make(chan []string), gone: make(chan struct{})}
	c.out = newOutbox(tcp)
	c.writer = bufio.NewWriter(c.out)
	c.peer = mini.NewPeer(c.writer)
	return c
}

// cut ends the connection: no command begins any more, replies are lost. A
// blocking command learns of it by server.wake.
func (c *conn) cut() {
	c.ended.Store(true)
	c.peer.Close()
	_ = c.tcp.Close()
}

// kill is cut, and returns when the command that may be running has ended.
func (c *conn) kill() {
	c.cut()
	c.server.wake()
	c.executing.Lock()
	defer c.executing.Unlock()
}

func (c *conn) read() {
	defer close(c.requests)
	r := newRequestReader(c.tcp)
	for {
		args, err := r.next()
		if err != nil {
			c.readErr = err
			c.peer.Close()
			c.server.wake()
			return
		}
		select {
		case c.requests <- args:
		case <-c.gone:
			return
		}
	}
}

func (c *conn) run() {
	defer close(c.gone)
	defer c.server.forget(c)
	defer c.out.close()
	defer c.unsubscribe()
	for args := range c.requests {
		if !c.execute(args) {
			return
		}
		c.out.waitForRoom()
	}
	var broken protocolError
	if errors.As(c.readErr, &broken) {
		c.peer.WriteError("ERR Protocol error: " + string(broken))
		c.peer.Flush()
	}
}

// unsubscribe ends the goroutines that miniredis keeps for a subscriber; only
// its own connection layer would do so by itself.
func (c *conn) unsubscribe() {
	if !c.subscribed {
		return
	}
	silent := mini.NewPeer(bufio.NewWriter(io.Discard))
	silent.Ctx = c.peer.Ctx
	for _, command := range []string{"DISCARD", "UNSUBSCRIBE", "PUNSUBSCRIBE"} {
		c.server.commands.Dispatch(silent, []string{command})
	}
}

// execute runs one command and hands its reply over. It reports whether the
// connection goes on.
func (c *conn) execute(args []string) bool {
	if c.ended.Load() {
		return false
	}
	name := strings.ToUpper(args[0])
	// Without the lock: two connections may kill each other.
	if id, is := killTarget(name, args); is {
		c.peer.WriteInt(c.killOther(id))
		c.peer.Flush()
		return true
	}
	c.executing.Lock()
	defer c.executing.Unlock()
	if c.ended.Load() {
		return false
	}
	if c.server.punctual {
		c.server.pass()
	}
	ok := c.dispatch(name, args)
	c.peer.Flush()
	return ok && !c.peer.Closed()
}

// dispatch answers a command, or has miniredis do so. A panic becomes an error
// reply, or the end of the connection where part of a reply is out or a transaction is
// left half done.
func (c *conn) dispatch(name string, args []string) (ok bool) {
	sent := c.out.total()
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		c.server.recovered(name, value)
		c.peer.Block(func(*mini.Writer) { c.writer.Reset(c.out) })
		ok = c.out.total() == sent && name != "EXEC"
		if ok {
			c.peer.WriteError("ERR the embedded server failed in this command")
		}
	}()
	c.subscribed = c.subscribed || name == "SUBSCRIBE" || name == "PSUBSCRIBE"
	if !c.answer(name, args[1:]) {
		c.server.commands.Dispatch(c.peer, args)
	}
	return true
}
