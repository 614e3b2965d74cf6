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
	// Quorums are the sets of servers that locks and counters are kept on, by name: at
	// most 16.
	Quorums map[string]*Quorum `yaml:"quorums"`
	// Locks say which keys are locks, at most 100 patterns.
	Locks []Lock `yaml:"locks"`
	// Counters say which keys are counters that a quorum agrees on, at most 100 patterns.
	// Keys that no pattern matches count as in Redis, on their one server.
	Counters []Counter `yaml:"counters"`
	Topology Topology  `yaml:"topology"`

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

// Topology says who decides which servers are out, for pools that reroute.
type Topology struct {
	// Store is where the proxies of a pool agree on that: local, which is this process
	// alone.
	Store string `yaml:"store"`
	// SoleProxy states that this proxy is the only way to the servers of the pools that
	// reroute: no other proxy and no client reaches them. With the store local such
	// pools need it.
	SoleProxy bool `yaml:"sole_proxy"`
}

// Admin is where the program tells of itself over HTTP. Neither address takes
// the port of the other or of a listener.
type Admin struct {
	// Address serves /livez, /readyz, /metrics, /version and what operators ask for
	// under /api: host:port, where the host is a loopback IP address or localhost,
	// because nothing asks who is there. Port 0 takes a free port. Empty: none.
	Address string `yaml:"address"`
	// ProbeAddress serves /livez, /readyz and /metrics alone, to other machines
	// too: host:port, where the host is an IP address or localhost; an empty one
	// means all interfaces. Port 0 takes a free port. Empty: none.
	ProbeAddress string `yaml:"probe_address"`
	// TokenFile is a file with the token that whoever changes anything at Address has to
	// show, on this machine too: visible ASCII characters without blanks, whose final line
	// break does not count. The commands drain, undrain and adopt read it. Without a
	// token nobody can. A relative path starts at the working directory.
	TokenFile string `yaml:"token_file"`
	// TokenEnv names the environment variable with the token, in place of TokenFile.
	TokenEnv string `yaml:"token_env"`
	// Token is the token itself, in a resolved configuration.
	Token Secret `yaml:"-"`
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
		Topology: Topology{Store: localStore},
	}
}
