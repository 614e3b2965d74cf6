package backend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"ringmain/resp"
)

var (
	errUnasked   = errors.New("a reply without a request")
	errHandshake = errors.New("handshake not answered in time")
	errNoRedis   = errors.New("not the reply of a Redis server")
	errReplica   = errors.New("is a replica, where a primary is expected")
	errNoRunID   = errors.New("INFO server names no run_id")
	errChanged   = errors.New("is another process than before")
	noContext    = context.Background()
)

// maxHandshakeReply bounds one reply of the handshake; INFO server is about
// 1 KiB.
const maxHandshakeReply = 64 << 10

// debt is a connection that was given up with something unanswered: what the
// network still holds of it may yet be executed. CLIENT KILL pays it.
type debt struct {
	id    int64
	runID string // ids start anew with a server's restart
	// address is where that process was.
	address string
}

// debt is what the connection leaves behind if it is given up now.
func (c *Conn) debt() debt { return debt{c.hello.id, c.hello.runID, c.attempt.address} }

// handshake is what a connection knows of its own beginning.
type handshake struct {
	steps    []step
	next     int
	reply    []byte // of the step under way
	id       int64  // CLIENT ID; 0: the server does not say
	runID    string // "": the server does not say
	giveUpAt time.Duration
}

// step is one command of the handshake, and what is made of its reply. An error
// ends the attempt.
type step struct {
	args   []string
	answer func(reply []byte) error
}

func (c *Conn) beginHandshake() {
	h, opt := &c.hello, c.node.opt
	h.id, h.runID, h.reply = 0, "", h.reply[:0]
	var steps []step
	switch {
	case c.protocol == 3:
		steps = append(steps, step{c.helloArgs(), required("HELLO 3", '%')})
	case opt.Password != "" && opt.Username != "":
		steps = append(steps, step{[]string{"AUTH", opt.Username, opt.Password}, required("AUTH", '+')})
	case opt.Password != "":
		steps = append(steps, step{[]string{"AUTH", opt.Password}, required("AUTH", '+')})
	}
	if opt.Primary && !c.bare {
		steps = append(steps, step{[]string{"ROLE"}, c.learnRole})
	}
	if !c.bare {
		steps = append(steps, step{[]string{"CLIENT", "SETNAME", opt.ClientName}, c.named})
	}
	if !c.bare && c.hub == nil {
		steps = append(steps,
			step{[]string{"CLIENT", "ID"}, c.learnID},
			step{[]string{"INFO", "server"}, c.learnRunID})
	}
	if len(steps) == 0 {
		c.fence()
		return
	}
	if number := strconv.Itoa(c.database); c.database != 0 {
		steps = append(steps, step{[]string{"SELECT", number}, required("SELECT "+number, '+')})
	}
	c.sendSteps(steps)
	c.deadlines.start()
}

// rightProcess tells whether the connection has reached another process than it must. One
// that carries nothing that writes may reach any.
func (c *Conn) rightProcess() error {
	if want := c.node.runID; want != "" && want != c.hello.runID && !c.bare && c.hub == nil {
		return errChanged
	}
	return nil
}

func (c *Conn) helloArgs() []string {
	opt := c.node.opt
	args := []string{"HELLO", "3"}
	if opt.Password != "" {
		user := opt.Username
		if user == "" {
			user = "default"
		}
		args = append(args, "AUTH", user, opt.Password)
	}
	return args
}

func (c *Conn) sendSteps(steps []step) {
	c.hello.steps, c.hello.next = steps, 0
	var out []byte
	for _, s := range steps {
		out = resp.AppendCommand(out, s.args...)
	}
	c.node.mayQueue += len(out)
	c.conn.Write(out)
}

// handshakePiece takes a part of a reply to the handshake.
func (c *Conn) handshakePiece(b []byte, last bool) {
	h := &c.hello
	if len(h.reply)+len(b) > maxHandshakeReply {
		c.giveUp("sent a broken reply", fmt.Errorf("more than %d bytes in reply to %s",
			maxHandshakeReply, h.steps[h.next].args[0]))
		return
	}
	h.reply = append(h.reply, b...)
	if !last {
		return
	}
	err := h.steps[h.next].answer(h.reply)
	h.reply = h.reply[:0]
	h.next++
	if err == nil && h.next == len(h.steps) {
		err = c.rightProcess()
	}
	switch {
	case errors.Is(err, errChanged):
		c.giveUp(err.Error(), nil)
		if changed := c.node.opt.Changed; changed != nil {
			changed()
		}
	case errors.Is(err, errReplica):
		c.node.suspect(false)
		c.giveUp(err.Error(), nil)
	case err != nil:
		c.giveUp("refused the handshake ("+err.Error()+")", err)
	case h.next == len(h.steps):
		c.fence()
	}
}

// fence pays what is owed, and makes the connection ready when nothing is.
func (c *Conn) fence() {
	if steps := c.node.payments(c); len(steps) > 0 {
		c.sendSteps(steps)
		return
	}
	c.hello.steps, c.hello.reply = nil, nil
	c.becomeReady()
}

func (c *Conn) becomeReady() {
	n := c.node
	if c.trouble != "" && !c.bare && n.opt.Learned.trouble.over() {
		n.opt.Log.Info("server is back", "pool", n.opt.Pool, "node", n.name,
			"address", n.address, runIDOf(c.hello.runID))
	}
	c.state = ready
	c.failing = nil
	c.trouble = ""
	c.readySince = n.loop.Elapsed()
	c.lastByte = c.readySince
	if c.wasReady {
		n.stats.Reconnects++
	}
	c.wasReady = true
	if len(c.pending) > 0 {
		c.conn.Write(c.pending)
		c.written = uint64(len(c.pending))
		n.stats.Sent += c.written
		c.pending = nil
	}
	c.deadlines.start()
	if c.lease != nil {
		c.lease.settle()
	}
	if c.hub != nil {
		c.hub.begin()
		c.hub.owner.Up()
	}
	n.wake()
}

// required makes an answer that only a reply of one kind satisfies: + for OK, %
// for HELLO's map.
func required(what string, kind byte) func([]byte) error {
	return func(reply []byte) error {
		switch {
		case resp.IsError(reply):
			return fmt.Errorf("%s: %s", what, errorText(reply))
		case reply[0] != kind:
			return fmt.Errorf("%s: %w", what, errNoRedis)
		}
		return nil
	}
}

// named takes the reply to CLIENT SETNAME.
func (c *Conn) named(reply []byte) error {
	if reply[0] == '+' {
		return nil
	}
	return c.tolerated("CLIENT SETNAME", reply)
}

// tolerated takes a reply that is not the one hoped for. Only a refusal for good
// is let pass, and logged: the command does not exist or is not permitted. Any
// other error ends the attempt, because it may pass: without id and run id the
// connection could not be fenced.
func (c *Conn) tolerated(what string, reply []byte) error {
	if !resp.IsError(reply) {
		return fmt.Errorf("%s: %w", what, errNoRedis)
	}
	if !refusedForGood(reply) {
		return fmt.Errorf("%s: %s", what, errorText(reply))
	}
	n := c.node
	n.opt.Log.Warn("server refused a command of the handshake: writes that the network holds "+
		"back may be executed late", "pool", n.opt.Pool, "node", n.name,
		"address", n.address, "command", what, "reply", errorText(reply))
	return nil
}

// refusedForGood tells a command that the server does not have or permit from one
// that it cannot execute at the moment.
func refusedForGood(reply []byte) bool {
	text := strings.ToLower(errorText(reply))
	return strings.HasPrefix(text, "noperm") || strings.HasPrefix(text, "err unknown")
}

// learnRole takes the reply to ROLE. A server that does not tell is refused too: it may
// be a primary of the past.
func (c *Conn) learnRole(reply []byte) error {
	if resp.IsError(reply) {
		return fmt.Errorf("ROLE: %s", errorText(reply))
	}
	_, role, _ := bytes.Cut(reply, []byte("\r\n"))
	switch {
	case bytes.HasPrefix(role, []byte("$6\r\nmaster\r\n")):
		return nil
	case bytes.HasPrefix(role, []byte("$5\r\nslave\r\n")):
		return errReplica
	}
	return fmt.Errorf("ROLE: %w", errNoRedis)
}

func (c *Conn) learnID(reply []byte) error {
	id, ok := resp.Integer(reply)
	if !ok {
		return c.tolerated("CLIENT ID", reply)
	}
	c.hello.id = id
	return nil
}

func (c *Conn) learnRunID(reply []byte) error {
	info, ok := resp.Bulk(reply)
	if !ok || reply[0] == '+' {
		return c.tolerated("INFO server", reply)
	}
	for line := range bytes.Lines(info) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		switch string(name) {
		case "run_id":
			c.hello.runID = string(value)
		case "redis_version":
			version := string(value)
			c.node.opt.Learned.version.Store(&version)
		}
	}
	if c.hello.runID == "" {
		return errNoRunID
	}
	return nil
}

// errorText is the text of an error reply. A server that does not know AUTH or HELLO repeats
// what it was sent, the password with it: that is left out.
func errorText(reply []byte) string {
	text, _, _ := bytes.Cut(reply, []byte(", with args beginning with:"))
	return string(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("-"))))
}

// causeOf is an error for the log, nothing if there is none.
func causeOf(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.Any("cause", err)
}

// runIDOf is for the log; a connection that is not fenced does not ask for it.
func runIDOf(id string) slog.Attr {
	if id == "" {
		return slog.Attr{}
	}
	return slog.String("run_id", id)
}

// levelOf keeps what happens again and again out of the log.
func levelOf(first bool) slog.Level {
	if first {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
