// Package local is what the proxy answers itself. Its functions are pure: a
// request and what is known of its client in, a reply out.
package local

import (
	"strconv"
	"time"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/proxy/users"
	"ringmain/resp"
)

// Client is what a session knows of its client.
type Client struct {
	ID       int64
	Name     string // CLIENT SETNAME
	LibName  string // CLIENT SETINFO
	LibVer   string
	Protocol int // 2 or 3
	Database int // SELECT
	// Tracking is nil while CLIENT TRACKING is off.
	Tracking *Tracking
	// User is whom the client has authenticated as; nil: nobody yet, or there are no
	// users.
	User *users.User
	// CLIENT REPLY: no replies, and none to the next command.
	ReplyOff, ReplySkip bool
	// Subscribed: it listens to channels, patterns or shard channels.
	Subscribed bool
}

// UserName is the name of whom the client is.
func (c *Client) UserName() string {
	if c.User == nil {
		return users.Default
	}
	return c.User.Name
}

// Call is one request to answer.
type Call struct {
	Command *command.Command
	Args    [][]byte // the arity has been checked
	Client  *Client
	Out     []byte // the reply is appended to it
	Quit    bool   // set if the connection ends after the reply
	Unmute  bool   // set if the reply is given although the client had switched replies off
	// WrongPassword is set if the client gave one, or the name of no user.
	WrongPassword bool
	Set           bool // set if clients' idle time may have changed
	// Tiring is set if the answer was much work for the loop.
	Tiring bool
	// Session is that of the client.
	Session Describer
}

// Describer describes a client.
type Describer interface {
	// AppendDescription appends the client's line in CLIENT LIST, without its end.
	AppendDescription(dst []byte) []byte
	// LocalAddr is where the client has reached the proxy, host:port.
	LocalAddr() string
	// Databases is how many the client can choose from.
	Databases() int
}

// Answers knows what the answers are made of. It is not changed once in use; its
// functions may be called by any goroutine.
type Answers struct {
	// Version is Ringmain's.
	Version string
	// RedisVersion is the one that clients may rely on: the servers' lowest.
	RedisVersion func() string
	// Incarnation is 40 hexadecimal digits, random for each process.
	Incarnation string
	Started     time.Time
	Port        int
	// Parameters are what CONFIG GET gives, beside those that Records have.
	Parameters Parameters
	Records    *Records
	// Users are those whom clients can be; nil: there are none, and nobody is asked.
	Users *users.Set
	// Clients is how many are connected, Connections how many have ever been,
	// Commands how many they have sent, Memory the bytes of all buffers.
	Clients     func() int
	Connections func() int64
	Commands    func() uint64
	Memory      func() int
	// Verdicts are the health checks', by the server's index; nil: nobody checks.
	Verdicts func() []Verdict
	// Now is the time of day.
	Now func() time.Time
}

type function func(*Answers, *Call)

// functions are indexed by command.Command.ID.
var functions = func() []function {
	table := make([]function, command.Len())
	for name, f := range map[string]function{
		"auth":                          auth,
		"ping":                          ping,
		"echo":                          echo,
		"quit":                          quit,
		"reset":                         reset,
		"hello":                         hello,
		"lolwut":                        lolwut,
		"time":                          now,
		"command":                       commandAll,
		"command|count":                 commandCount,
		"command|info":                  commandInfo,
		"command|docs":                  commandDocs,
		"config|get":                    configGet,
		"config|set":                    configSet,
		"slowlog|get":                   slowlogGet,
		"slowlog|len":                   slowlogLen,
		"slowlog|reset":                 slowlogReset,
		"slowlog|help":                  help,
		"latency|latest":                ofLatencies(latencyLatest),
		"latency|history":               ofLatencies(latencyHistory),
		"latency|reset":                 ofLatencies(latencyReset),
		"latency|graph":                 ofLatencies(latencyGraph),
		"latency|doctor":                latencyDoctor,
		"latency|histogram":             latencyHistogram,
		"latency|help":                  help,
		"client|id":                     clientID,
		"client|setname":                clientSetName,
		"client|getname":                clientGetName,
		"client|setinfo":                clientSetInfo,
		"client|help":                   help,
		"command|list":                  commandList,
		"command|getkeys":               commandGetKeys,
		"command|getkeysandflags":       commandGetKeys,
		"command|help":                  help,
		"config|help":                   help,
		"client|info":                   clientInfo,
		"client|reply":                  clientReply,
		"client|no-evict":               clientSwitch,
		"client|no-touch":               clientSwitch,
		"client|caching":                clientCaching,
		"client|trackinginfo":           clientTrackingInfo,
		"client|getredir":               clientGetRedir,
		"acl|whoami":                    aclWhoAmI,
		"acl|cat":                       aclCat,
		"acl|help":                      help,
		"role":                          role,
		"debug":                         debug,
		"memory|help":                   help,
		"pubsub|help":                   help,
		"ringmain|help":                 help,
		"asking":                        ofCluster(clusterMode),
		"readonly":                      ofCluster(clusterMode),
		"readwrite":                     ofCluster(clusterMode),
		"cluster|count-failure-reports": ofCluster(clusterFailures),
		"cluster|help":                  ofCluster(help),
		"cluster|info":                  ofCluster(clusterInfo),
		"cluster|keyslot":               ofCluster(clusterKeySlot),
		"cluster|links":                 ofCluster(clusterLinks),
		"cluster|myid":                  ofCluster(clusterID),
		"cluster|myshardid":             ofCluster(clusterID),
		"cluster|nodes":                 ofCluster(clusterNodes),
		"cluster|replicas":              ofCluster(clusterReplicas),
		"cluster|shards":                ofCluster(clusterShards),
		"cluster|slaves":                ofCluster(clusterReplicas),
		"cluster|slots":                 ofCluster(clusterSlots),
	} {
		if c := command.ByName([]byte(name)); c != nil {
			table[c.ID()] = f
		}
	}
	return table
}()

// maxNames bounds the names or patterns in one request, as each may give some KiB
// of reply; maxPattern the bytes of a pattern, as matching may take long.
const (
	maxNames   = 256
	maxPattern = 128
)

// asksForNames are the commands that take any number of names or patterns.
var asksForNames = idsOf("command|docs", "command|info", "config|get", "config|set", "latency|reset")

func idsOf(names ...string) map[int]bool {
	ids := map[int]bool{}
	for _, name := range names {
		ids[command.ByName([]byte(name)).ID()] = true
	}
	return ids
}

// Answer answers a command whose policy is Local.
func (a *Answers) Answer(c *Call) {
	if len(c.Args) > maxNames && asksForNames[c.Command.ID()] {
		c.fail("ERR too many names in one request, at most " + strconv.Itoa(maxNames))
		return
	}
	c.Tiring = tiring[c.Command.ID()]
	functions[c.Command.ID()](a, c)
}

// tiring are the commands whose answers may take some 100 us and more.
var tiring = idsOf("command", "command|docs", "command|info", "command|list", "command|getkeys", "command|getkeysandflags",
	"config|get", "acl|cat", "slowlog|get")

// Known reports whether Answer has an answer to a command.
func Known(cmd *command.Command) bool { return functions[cmd.ID()] != nil }

var (
	authID  = command.ByName([]byte("auth")).ID()
	helloID = command.ByName([]byte("hello")).ID()
	resetID = command.ByName([]byte("reset")).ID()
)

// ChangesProtocol reports whether a command may change the protocol of the
// replies after it, so that it has to wait for those before it.
func ChangesProtocol(cmd *command.Command) bool {
	return cmd.ID() == helloID || cmd.ID() == resetID
}

// Authenticates reports whether a command may make the client another user.
func Authenticates(cmd *command.Command) bool { return cmd.ID() == authID || ChangesProtocol(cmd) }

func (c *Call) fail(text string) { c.Out = redcon.AppendError(c.Out, text) }
func (c *Call) ok()              { c.Out = redcon.AppendOK(c.Out) }
func (c *Call) bulk(s string)    { c.Out = redcon.AppendBulkString(c.Out, s) }
func (c *Call) integer(n int64)  { c.Out = redcon.AppendInt(c.Out, n) }
func (c *Call) array(n int)      { c.Out = redcon.AppendArray(c.Out, n) }
func (c *Call) mapping(n int)    { c.Out = resp.AppendMap(c.Out, c.Client.Protocol, n) }

// text is for people to read.
func (c *Call) text(s string) { c.Out = resp.AppendVerbatim(c.Out, c.Client.Protocol, s) }

// badOptions is the error for options of a subcommand that it does not have.
func (c *Call) badOptions() {
	c.fail(resp.SubcommandSyntax(command.Container(c.Args[0]).Name, c.Args[1]))
}
