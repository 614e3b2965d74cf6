package embedded

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	mini "github.com/alicebob/miniredis/v2/server"
	"github.com/tidwall/redcon"
)

// redisVersion is what miniredis gives as its version in HELLO.
const redisVersion = "8.4.0"

// answer replies to what miniredis does not know or answers with made-up values.
// It reports whether it did; if not, miniredis gets the command. In a
// transaction these commands are not queued but answered at once.
func (c *conn) answer(name string, args []string) bool {
	switch name {
	case "HELLO":
		c.hello(args)
		return true
	case "INFO":
		c.verbatim(c.server.info(args))
		return true
	case "XLEN":
		// It answers twice where the key is no stream.
		replies := c.server.capture(c.peer, append([]string{name}, args...)...)
		n, _ := redcon.ReadNextRESP(replies)
		c.peer.WriteRaw(string(replies[:n]))
		return true
	case "CLIENT":
		if len(args) > 0 {
			return c.client(strings.ToUpper(args[0]), args[1:])
		}
	default:
		if refusal := refuse(name, args); refusal != "" {
			c.peer.WriteError(refusal)
			return true
		}
	}
	return false
}

func (c *conn) client(sub string, args []string) bool {
	switch {
	case sub == "ID" && len(args) == 0:
		c.peer.WriteInt(int(c.id))
	case sub == "SETINFO" && len(args) == 2:
		c.peer.WriteOK()
	case sub == "KILL" && len(args) == 2 && strings.EqualFold(args[0], "ID"):
		// A valid id is taken care of before.
		c.peer.WriteError("ERR client-id should be greater than 0")
	default:
		return false
	}
	return true
}

// killTarget is the id of a well-formed CLIENT KILL ID.
func killTarget(name string, args []string) (id int64, ok bool) {
	if name != "CLIENT" || len(args) != 4 ||
		!strings.EqualFold(args[1], "KILL") || !strings.EqualFold(args[2], "ID") {
		return 0, false
	}
	id, err := strconv.ParseInt(args[3], 10, 64)
	return id, err == nil && id > 0
}

// killOther ends another connection of the same server. As in Redis, what it
// had sent before but was not executed yet never will be.
func (c *conn) killOther(id int64) int {
	other := c.server.find(id)
	if other == nil || other == c {
		return 0
	}
	other.kill()
	c.server.forget(other)
	return 1
}

// hello is miniredis's, with this connection's id, and for no protocol version
// the one in use.
func (c *conn) hello(args []string) {
	if len(args) == 0 {
		args = []string{"2"}
		if c.peer.Resp3 {
			args[0] = "3"
		}
	}
	reply := c.server.capture(c.peer, append([]string{"HELLO"}, args...)...)
	id := fmt.Sprintf("$2\r\nid\r\n:%d\r\n", c.id)
	c.peer.WriteRaw(strings.Replace(string(reply), "$2\r\nid\r\n:42\r\n", id, 1))
}

// capture has miniredis execute a command for a client, and returns what it replies.
func (s *server) capture(client *mini.Peer, args ...string) []byte {
	var replies bytes.Buffer
	stand := mini.NewPeer(bufio.NewWriter(&replies))
	stand.Ctx, stand.Resp3 = client.Ctx, client.Resp3
	s.commands.Dispatch(stand, args)
	stand.Flush()
	client.Ctx, client.Resp3 = stand.Ctx, stand.Resp3
	return replies.Bytes()
}

// keys is how many there are in the first database.
func (s *server) keys() int {
	_, r := redcon.ReadNextRESP(s.capture(&mini.Peer{}, "DBSIZE"))
	return int(r.Int())
}

// verbatim writes a text as Redis writes that of INFO.
func (c *conn) verbatim(text string) {
	if !c.peer.Resp3 {
		c.peer.WriteBulk(text)
		return
	}
	c.peer.WriteRaw(fmt.Sprintf("=%d\r\ntxt:%s\r\n", len(text)+4, text))
}

// info has the sections asked for, all of them when none is, and nothing for
// those that are not known.
func (s *server) info(sections []string) string {
	up := int(time.Since(s.started) / time.Second)
	port := s.addr()[strings.LastIndexByte(s.addr(), ':')+1:]
	known := []struct{ name, text string }{
		{"server", "# Server\r\nredis_version:" + redisVersion + "\r\nredis_mode:standalone\r\n" +
			"os:" + runtime.GOOS + " " + runtime.GOARCH + "\r\n" +
			fmt.Sprintf("process_id:%d\r\nrun_id:%s\r\ntcp_port:%s\r\n", os.Getpid(), s.runID, port) +
			fmt.Sprintf("uptime_in_seconds:%d\r\nuptime_in_days:%d\r\n", up, up/86400)},
		{"clients", fmt.Sprintf("# Clients\r\nconnected_clients:%d\r\n", s.clients())},
		{"stats", fmt.Sprintf("# Stats\r\ntotal_commands_processed:%d\r\n", s.commands.TotalCommands())},
		{"replication", "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"},
		{"keyspace", s.keyspace()},
	}
	var texts []string
	for _, k := range known {
		if len(sections) == 0 || asked(k.name, sections) {
			texts = append(texts, k.text)
		}
	}
	return strings.Join(texts, "\r\n")
}

// keyspace is INFO's section of that name. Which keys expire is not known.
func (s *server) keyspace() string {
	if n := s.keys(); n > 0 {
		return fmt.Sprintf("# Keyspace\r\ndb0:keys=%d,expires=0,avg_ttl=0\r\n", n)
	}
	return "# Keyspace\r\n"
}

func asked(name string, sections []string) bool {
	for _, s := range sections {
		switch strings.ToLower(s) {
		case name, "default", "all", "everything":
			return true
		}
	}
	return false
}

const (
	// mostRandom is how many elements may be asked for of a command that gives
	// the same ones again and again.
	mostRandom = 1 << 20

	tooLong     = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	outOfRange  = "ERR value is out of range"
	notAnOffset = "ERR bit offset is not an integer or out of range"
)

// refuse gives the error for commands that would make miniredis allocate
// without bound, which no recover helps against, and "" for all others.
func refuse(name string, args []string) string {
	if len(args) < 2 {
		return ""
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return ""
	}
	switch name {
	case "SETRANGE":
		if len(args) == 3 && n > maxBulk-len(args[2]) {
			return tooLong
		}
	case "SETBIT":
		if n >= maxBulk*8 {
			return notAnOffset
		}
	case "SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER":
		if n < -mostRandom {
			return outOfRange
		}
	}
	return ""
}
