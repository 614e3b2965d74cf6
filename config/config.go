// Package config holds Ringmain's configuration: its types and defaults, a
// strict loader for the YAML file, and a validation that reports every fault
// with its place in the file.
//
// A key that is not known stops the load, a key without a value keeps its
// default, and a file that cannot be read is an error. In values, but not in
// keys, ${NAME} and ${NAME:-default} stand for environment variables.
package config

// Config is the whole configuration. One that Load or Parse returned is valid
// and resolved: no value that it holds stands for another one, and secrets have
// been read. It is not changed after that, so that any goroutine may read it.
type Config struct {
	// Listeners are the addresses that clients connect to: 1 to 64.
	Listeners []Listener `yaml:"listeners"`
	Admin     Admin      `yaml:"admin"`
	// Users are those whom clients can be, at most 1,000. None: nobody is asked who
	// they are, and every command is allowed, as in Redis.
	Users []User `yaml:"users"`
	// Loops is how many event loops serve the clients, each with its own
	// connection to every server: 0 to 64. Zero in the file means one for each
	// CPU that the process may use (GOMAXPROCS, which follows the cgroup's CPU
	// quota), at most 4.
	Loops    int      `yaml:"loops"`
	Limits   Limits   `yaml:"limits"`
	Timeouts Timeouts `yaml:"timeouts"`
	Drain    Drain    `yaml:"drain"`
	Log      Log      `yaml:"log"`
	Slowlog  Slowlog  `yaml:"slowlog"`
	// Pools are the sets of servers by name: 1 to 64, with at most 1,000
	// servers together.
	Pools map[string]*Pool `yaml:"pools"`
	// Routes say which keys go to which pool, at most 1,000. The longest prefix
	// that a key begins with decides, wherever it stands in the list. They may
	// be left out if there is only one pool, or if every listener names its own.
	Routes []Route `yaml:"routes"`

	// Notes are what Load and Parse changed in the values of the file, one
	// sentence each, for the log.
	Notes []string `yaml:"-"`
	// Warnings are what Load and Parse found that is valid, but may do something
	// else than its writer thinks, with their places, in the file's order.
	Warnings []Fault `yaml:"-"`
	// Certificates are those that Load and Parse have read, in the order of their
	// places.
	Certificates []Certificate `yaml:"-"`
}

// Listener is one address that clients connect to.
type Listener struct {
	// Address is host:port, [::1]:6380, or unix: and the absolute path of a
	// socket (mode 0660). The host is an IP address or localhost; an empty one
	// means all interfaces. Port 0 takes a free port. No two are the same.
	Address string `yaml:"address"`
	// Pool is where every key of this listener goes. Empty: the routes decide.
	Pool   string      `yaml:"pool"`
	Secure ListenerTLS `yaml:"tls"`
	// AllowOpen lets machines other than this one connect although nothing asks
	// clients who they are: there are no users, and clients present no certificates.
	// Without it only loopback addresses and Unix sockets are valid then.
	AllowOpen bool `yaml:"allow_open"`
}

// ListenerTLS is TLS with clients, version 1.2 or later; clients that speak without it
// are refused. The files are in PEM, are read at the start and again when they have
// changed; where one is wrong then, what was read before stays. Not for Unix sockets.
type ListenerTLS struct {
	// On tells that the file has the mapping.
	On bool `yaml:"-"`
	// CertFile is the certificate that clients are shown, with those of the
	// authorities between it and the one that clients trust. It must be given, as
	// KeyFile.
	CertFile string `yaml:"cert_file"`
	// KeyFile is the certificate's private key.
	KeyFile string `yaml:"key_file"`
	// ClientCAFile has the authorities of which one must have signed the
	// certificate that each client presents then. Empty: clients present none.
	ClientCAFile string `yaml:"client_ca_file"`
}

func (t *ListenerTLS) isPresent() { t.On = true }

// Admin is where the program tells of itself over HTTP. Neither address takes
// the port of the other or of a listener.
type Admin struct {
	// Address serves /livez, /readyz, /metrics and /version: host:port, where the
	// host is a loopback IP address or localhost, because nothing asks who is
	// there. Port 0 takes a free port. Empty: none.
	Address string `yaml:"address"`
	// ProbeAddress serves /livez, /readyz and /metrics alone, to other machines
	// too: host:port, where the host is an IP address or localhost; an empty one
	// means all interfaces. Port 0 takes a free port. Empty: none.
	ProbeAddress string `yaml:"probe_address"`
}

// User is one of those whom clients can be. A client is nobody, and may do nothing,
// until it has authenticated with AUTH or HELLO.
//
// In a resolved configuration Password holds the password, wherever it came from,
// and the other sources are empty.
type User struct {
	// Name is what the client gives, at most 64 visible ASCII characters. One that
	// gives a password alone means the user called default. No two are the same.
	Name string `yaml:"name"`
	// Password is the password itself. Exactly one of the three sources is given.
	Password Secret `yaml:"password"`
	// PasswordFile is a file with the password, whose final line break does
	// not count. A relative path starts at the working directory.
	PasswordFile string `yaml:"password_file"`
	// PasswordEnv names the environment variable with the password.
	PasswordEnv string `yaml:"password_env"`
	// Access is what the user may do: read, write (which includes reading), or
	// admin, which is everything. docs/commands.md has what each command needs.
	Access string `yaml:"access"`
	// KeyPrefix is put before every key and channel of the user, and taken away in
	// replies, so that the user sees no others: at most 256 visible ASCII characters.
	// Users with the same one share their keys; but one is not to be the beginning
	// of another. It may hold a whole hash tag, which puts all its keys on one server.
	KeyPrefix string `yaml:"key_prefix"`
}

// Drain is how the program ends once it was told to.
type Drain struct {
	// Delay is how long clients are still accepted although /readyz fails, so
	// that whoever sends them learns of it: 0s to 10m.
	Delay Duration `yaml:"delay"`
	// Timeout is how long commands in flight may take after that, before their
	// clients are cut off: 100ms to 24h.
	Timeout Duration `yaml:"timeout"`
}

// Log is how the program reports, on its standard error output.
type Log struct {
	// Level is the least that is reported: debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is text or json, one line for each report.
	Format string `yaml:"format"`
}

// Slowlog is the log of slow commands that clients read with SLOWLOG.
type Slowlog struct {
	// Threshold is the time, from a command's arrival to its whole reply, from which
	// a command is logged: 0s to 1h. Zero: every command is.
	Threshold Duration `yaml:"threshold"`
	// Entries is how many are kept, the oldest goes first: 0 to 10,000. Zero: nothing
	// is logged.
	Entries int `yaml:"entries"`
}

// Route sends keys to a pool.
type Route struct {
	// Prefix is what the keys begin with, byte for byte and with the characters
	// of hash tags: at most 1 KiB, and no two routes have the same. The one route
	// whose prefix is empty takes all other keys.
	Prefix string `yaml:"prefix"`
	// Pool is the name of the pool they go to.
	Pool string `yaml:"pool"`
}

// Limits bound what clients can make the process hold. Sizes are in bytes.
type Limits struct {
	// Clients is how many may be connected at a time: 1 to 1,000,000. Each
	// takes a file descriptor and, while idle, less than 1 KiB.
	Clients int `yaml:"clients"`
	// Request is the size of the largest request: 1KiB to 1GiB. A client that
	// sends one makes the process hold all of it.
	Request Size `yaml:"request"`
	// Arguments is how many one request may have: 16 to 16,777,216.
	Arguments int `yaml:"arguments"`
	// ClientOutput is how much may wait for one client that does not read:
	// 1MiB to 16GiB, and at most a quarter of Memory.
	ClientOutput Size `yaml:"client_output"`
	// NodeQueue is how much may wait for one server, over all loops: 1MiB to
	// 16GiB, and at most a quarter of Memory.
	NodeQueue Size `yaml:"node_queue"`
	// Memory is what all buffers may hold together: 16MiB to 1024GiB. Zero in the
	// file means half of the cgroup's limit, at most 1GiB, and 1GiB where there
	// is no limit.
	Memory Size `yaml:"memory"`
}

// Timeouts are those of client connections.
type Timeouts struct {
	// ClientIdle is how long a client may send nothing before it is closed:
	// 1s to 8760h. Zero: for ever.
	ClientIdle Duration `yaml:"client_idle"`
	// ClientStall is how long a client with output waiting may take no byte of
	// it before it is cut off: 100ms to 24h.
	ClientStall Duration `yaml:"client_stall"`
}

// Pool is a set of servers over which keys are spread.
type Pool struct {
	// Embedded is how many in-process servers to start, for trying out: 1 to
	// 16, and nothing they hold survives the process. Zero means none; one of
	// Embedded and Nodes is given.
	Embedded int `yaml:"embedded"`
	// Nodes are the servers. Their names and addresses are unique in the pool. One
	// of which nothing else is to be said may be written as its address alone.
	Nodes []Node `yaml:"nodes"`
	// Discovery says how the servers' addresses are known: static, they are in Nodes; or
	// sentinel, sentinels tell where each primary is, and failovers are followed.
	Discovery string   `yaml:"discovery"`
	Sentinel  Sentinel `yaml:"sentinel"`
	// Database is the one on the servers that holds the pool's keys, and that
	// clients see as database 0: 0 to 2,147,483,646.
	Database int `yaml:"database"`
	// Distribution is how keys are spread, one of Distributions.
	Distribution string `yaml:"distribution"`
	// Hash is the function that places a key, one of Hashes.
	Hash string `yaml:"hash"`
	// HashTag is two bytes, such as {}: of a key with something between them
	// only that is hashed. Empty: always the whole key.
	HashTag string `yaml:"hash_tag"`
	// OnNodeDown says what becomes of the keys of a server that is down: fail,
	// their commands are answered with an error until it is back.
	OnNodeDown string `yaml:"on_node_down"`
	// Reads says who answers commands that only read: primary; replica, the replicas of
	// the key's server, or the server itself while none of them can; any, the server and
	// its replicas alike. A replica may lag behind: with replica and any, a read may not
	// see writes that were acknowledged before, the client's own among them.
	Reads    string       `yaml:"reads"`
	Timeouts PoolTimeouts `yaml:"timeouts"`
	// Health says how the servers are watched.
	Health Health `yaml:"health"`
	// Preconnect makes the connections to the servers at the start, rather than
	// when they are first needed.
	Preconnect bool `yaml:"preconnect"`
	// Auth is what Ringmain presents to the servers.
	Auth   Auth    `yaml:"auth"`
	Secure PoolTLS `yaml:"tls"`
}

// PoolTLS is TLS with the servers, version 1.2 or later; the mapping alone, such as
// {}, turns it on. The files are in PEM, are read at the start and again when they
// have changed; where one is wrong then, what was read before stays. Not for embedded
// servers and Unix sockets.
type PoolTLS struct {
	// On tells that the file has the mapping.
	On bool `yaml:"-"`
	// CAFile has the authorities of which one must have signed the servers'
	// certificates. Empty: those that the system trusts.
	CAFile string `yaml:"ca_file"`
	// CertFile is the certificate that the servers are shown, if they ask for one.
	// Empty: none.
	CertFile string `yaml:"cert_file"`
	// KeyFile is the private key of CertFile; neither goes without the other.
	KeyFile string `yaml:"key_file"`
	// ServerName is whom the servers' certificates must be for. Empty: the host of
	// each server's address.
	ServerName string `yaml:"server_name"`
}

func (t *PoolTLS) isPresent() { t.On = true }

// Node is one server of a pool.
type Node struct {
	// Name decides which keys the server gets: a server that moves keeps them
	// as long as its name stays. Empty in the file: the address as written, or Master.
	Name string `yaml:"name"`
	// Address is host:port, [::1]:6379, or unix: and the absolute path of a
	// socket. A host's name is looked up whenever a connection is made,
	// and has one address (127.0.0.1 and ::1 count as one).
	Address string `yaml:"address"`
	// Master takes the place of Address where Redis Sentinel tells that: what the
	// sentinels call the primary, at most 128 visible ASCII characters.
	Master string `yaml:"master"`
	// Weight is the server's share, relative to the others': 1 to 100. With
	// ring a unit is 640 points; with jump all weights are 1; ketama and modula
	// take larger ones, up to 1,000,000 and 2,000,000.
	Weight int `yaml:"weight"`
	// Replicas are the addresses of the server's replicas, which answer reads if the
	// pool's reads says so: at most 16. Ringmain does not make them replicas, but looks
	// whether they are.
	Replicas []string `yaml:"replicas"`
}

// Sentinel is whom to ask where the primaries are, for discovery: sentinel.
type Sentinel struct {
	// Addresses are those of all the sentinels, host:port: 1 to 16. They are spoken to
	// without TLS.
	Addresses []string `yaml:"addresses"`
	// Auth is what Ringmain presents to the sentinels.
	Auth Auth `yaml:"auth"`
}

// UnmarshalText reads a node that is written as its address alone.
func (n *Node) UnmarshalText(text []byte) error {
	n.Address = string(text)
	return nil
}

// PoolTimeouts bound the waiting for servers.
type PoolTimeouts struct {
	// Connect covers the dialling of a server and the handshake: 10ms to 1m.
	Connect Duration `yaml:"connect"`
	// Request is how long a client waits for a server's reply before it gets
	// an error: 1ms to 10m.
	Request Duration `yaml:"request"`
	// Slow takes Request's place for commands that may well take long, such as
	// KEYS or EVAL: at least Request, at most 24h.
	Slow Duration `yaml:"slow"`
}

// Health says how a pool's servers are watched. Each is probed (PING, ROLE) on a connection
// of its own. One that is down gets no commands, which are answered with CLUSTERDOWN at
// once, until it is up again.
type Health struct {
	// Interval is between two probes of a server: 50ms to 10m.
	Interval Duration `yaml:"interval"`
	// Timeout bounds a probe, dialling included: 10ms to 1m.
	Timeout Duration `yaml:"timeout"`
	// Fall is how many probes must fail in a row for a server to be down: 1 to 100. If
	// its connections are refused, one that fails is enough.
	Fall int `yaml:"fall"`
	// Rise is how many probes must succeed in a row for it to be up again: 1 to 100.
	Rise int `yaml:"rise"`
	// Hold is how long a server that fell is down at least: 0s to 1h. It doubles with
	// each fall that follows soon on the last.
	Hold Duration `yaml:"hold"`
	// HoldMax bounds what Hold becomes: at least Hold, at most 24h.
	HoldMax Duration `yaml:"hold_max"`
}

// Auth is what Ringmain presents to servers: a user name and a password.
//
// In a resolved configuration Password holds the password, wherever it came from,
// and the other sources are empty.
type Auth struct {
	// Username is the ACL user. Empty: the default user.
	Username string `yaml:"username"`
	// Password is the password itself. Of the three sources at most one is
	// given; none means that the servers ask for no password.
	Password Secret `yaml:"password"`
	// PasswordFile is a file with the password, whose final line break does
	// not count. A relative path starts at the working directory.
	PasswordFile string `yaml:"password_file"`
	// PasswordEnv names the environment variable with the password.
	PasswordEnv string `yaml:"password_env"`
}

// Default is the configuration of a file that says nothing but its pools. Its
// zeros that stand for other values are not resolved.
func Default() *Config {
	return &Config{
		Listeners: []Listener{{Address: "127.0.0.1:6380"}},
		Admin:     Admin{Address: "127.0.0.1:9380"},
		Limits: Limits{
			Clients:      10_000,
			Request:      64 * MiB,
			Arguments:    1 << 20,
			ClientOutput: 128 * MiB,
			NodeQueue:    128 * MiB,
		},
		Timeouts: Timeouts{ClientStall: 30 * Second},
		Drain:    Drain{Timeout: 30 * Second},
		Slowlog:  Slowlog{Threshold: 10 * Millisecond, Entries: 128},
		Log:      Log{Level: "info", Format: "text"},
	}
}

// DefaultPool is a pool of which the file says nothing. It has no servers yet.
func DefaultPool() *Pool {
	return &Pool{
		Distribution: "ring",
		Hash:         "xxh64",
		HashTag:      "{}",
		Discovery:    "static",
		OnNodeDown:   "fail",
		Reads:        ReadsFrom()[0],
		Timeouts: PoolTimeouts{
			Connect: 500 * Millisecond,
			Request: Second,
			Slow:    30 * Second,
		},
		Health: Health{
			Interval: Second, Timeout: 500 * Millisecond, Fall: 3, Rise: 2, Hold: Second, HoldMax: Minute,
		},
		Preconnect: true,
	}
}

// setDefaults fills an element of a list or mapping before the file's values
// are read into it.
func (p *Pool) setDefaults() { *p = *DefaultPool() }

func (n *Node) setDefaults() { n.Weight = 1 }
