package config

// Pool is a set of servers over which keys are spread.
type Pool struct {
	// Embedded is how many in-process servers to start, for trying out: 1 to
	// 16, and nothing they hold survives the process. Zero means none; one of
	// Embedded and Nodes is given.
	Embedded int `yaml:"embedded"`
	// Nodes are the servers. Their names and addresses are unique in the pool. One
	// of which nothing else is to be said may be written as its address alone.
	Nodes []Node `yaml:"nodes"`
	// Discovery says how the servers' addresses are known: static, they are in Nodes;
	// sentinel, sentinels tell where each primary is, and failovers are followed; or dns,
	// all addresses together of the names in Nodes are the servers, at most 256. With dns a
	// server's address is its name: servers come and go, and keys move with that.
	Discovery string   `yaml:"discovery"`
	Sentinel  Sentinel `yaml:"sentinel"`
	DNS       DNS      `yaml:"dns"`
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
	// OnNodeDown says what becomes of the keys of a server that is down: fail, their
	// commands are answered with an error until it is back; or reroute, for a cache, they
	// live on the other servers meanwhile and are forgotten when it is back. To reroute,
	// Ringmain deletes keys of these servers, which belong to the pool alone: see
	// docs/failover.md.
	OnNodeDown string `yaml:"on_node_down"`
	// OnNodeReturn says how, in a pool that reroutes, a server that is back loses what is
	// old: invalidate, the keys that were written elsewhere meanwhile are deleted if all
	// of them are known, else all it holds; or flush, always all it holds.
	OnNodeReturn string `yaml:"on_node_return"`
	// RefugeDatabase is the database on each server in which a pool that reroutes keeps the
	// keys of others, and nothing else may be: 1 to 2,147,483,646. Clients cannot SELECT it.
	RefugeDatabase int `yaml:"refuge_database"`
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

// DNS is how names are looked up, for discovery: dns.
type DNS struct {
	// Server is whom to ask: the IP address and port of a DNS server, such as
	// 127.0.0.1:8600. Empty: whom the system asks.
	Server string `yaml:"server"`
	// Interval is between two look-ups: 1s to 1h. When the servers give cause, they are looked
	// up sooner.
	Interval Duration `yaml:"interval"`
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
	// Interval is between the beginnings of two probes of a server: 50ms to 10m.
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
	// MaxDownPercent bounds, in a pool that reroutes, how many of its servers may be out at a
	// time: 0 to 100, rounded down. The keys of those that fall beyond it are answered with an
	// error. Pools that fail need no such bound.
	MaxDownPercent int `yaml:"max_down_percent"`
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

// DefaultPool is a pool of which the file says nothing. It has no servers yet.
func DefaultPool() *Pool {
	return &Pool{
		Distribution:   "ring",
		Hash:           "xxh64",
		HashTag:        "{}",
		Discovery:      "static",
		DNS:            DNS{Interval: 5 * Second},
		OnNodeDown:     whenDown[0],
		OnNodeReturn:   whenBack[0],
		RefugeDatabase: 15,
		Reads:          ReadsFrom()[0],
		Timeouts: PoolTimeouts{
			Connect: 500 * Millisecond,
			Request: Second,
			Slow:    30 * Second,
		},
		Health: Health{
			Interval: Second, Timeout: 500 * Millisecond, Fall: 3, Rise: 2, Hold: Second, HoldMax: Minute,
			MaxDownPercent: 50,
		},
		Preconnect: true,
	}
}

// setDefaults fills an element of a list or mapping before the file's values
// are read into it.
func (p *Pool) setDefaults() { *p = *DefaultPool() }

func (n *Node) setDefaults() { n.Weight = 1 }
