package config

// Quorum is a fixed set of Redis servers of their own that locks and counters are kept on.
// What counts as a majority never depends on which of them are up. All proxies that use
// them have the same list, in the same order; docs/locks.md tells how to set them up.
type Quorum struct {
	// Nodes are the addresses of the servers, as those of a pool's: 3 or 5, or 1, which
	// survives nothing. No server is there twice, nor in another quorum or in a pool, so
	// that FLUSHALL never reaches a lock.
	Nodes []string `yaml:"nodes"`
	// Embedded is how many in-process servers to start in place of Nodes, for trying out:
	// 1, 3 or 5. What they hold ends with the process; until then they count as persistent.
	Embedded int `yaml:"embedded"`
	// Persistence is what the servers keep: fsync_always, all that they have acknowledged,
	// which is looked after (appendonly yes, appendfsync always) and which counters and
	// fencing need; or none, for locks without fencing: a server that was started again has
	// no vote until the longest lock that it may have lost has ended.
	Persistence string `yaml:"persistence"`
	// NodeTimeout bounds the wait for a server's answer: 5ms to 400ms. Locks with a short
	// TTL wait for less.
	NodeTimeout Duration       `yaml:"node_timeout"`
	Timeouts    QuorumTimeouts `yaml:"timeouts"`
	// Auth is what Ringmain presents to the servers.
	Auth   Auth    `yaml:"auth"`
	Secure PoolTLS `yaml:"tls"`
}

// QuorumTimeouts bound the waiting for a quorum's servers, but for that of a single
// command.
type QuorumTimeouts struct {
	// Connect covers the dialling of a server and the handshake: 10ms to 1m.
	Connect Duration `yaml:"connect"`
}

// Lock says which keys are locks. The first pattern of locks and counters that a key
// matches decides, before every route.
type Lock struct {
	// Keys is the pattern of the keys, as KEYS of Redis has it, such as lock:*: at most 1
	// KiB. A user's key_prefix belongs to the key. No two patterns are the same.
	Keys string `yaml:"keys"`
	// Quorum is the name of the quorum that keeps the locks.
	Quorum string `yaml:"quorum"`
	// Mode is redlock, a majority of the quorum's servers grants a lock; or owner, the keys
	// are plain ones of the pool's server, without any promise when that fails, and every
	// command works: for clients whose locks a quorum cannot carry. Then nothing but
	// Keys is given.
	Mode string `yaml:"mode"`
	// MinTTL is the shortest TTL of a lock that is accepted: 10ms to MaxTTL.
	MinTTL Duration `yaml:"min_ttl"`
	// MaxTTL is the longest TTL of a lock that is accepted: at most 1h. Servers that may have
	// lost locks stay without a vote for so long.
	MaxTTL Duration `yaml:"max_ttl"`
	// DefaultTTL is the TTL of locks that are taken without one, such as by SETNX: MinTTL
	// to MaxTTL. Zero: these are refused.
	DefaultTTL Duration `yaml:"default_ttl"`
	// MaxHold is how long a lock may be held through extensions: MaxTTL to 8760h. Zero: as
	// long as it is extended.
	MaxHold Duration `yaml:"max_hold"`
	// DriftFactor is by how much clocks may run differently, as a part of the TTL: 0 to 0.1.
	// Another 2 ms are added.
	DriftFactor float64 `yaml:"drift_factor"`
	// NodeTimeoutFactor makes the wait for a server a part of the TTL, from 5ms to the
	// quorum's node_timeout: 0.001 to 0.25.
	NodeTimeoutFactor float64 `yaml:"node_timeout_factor"`
	// SplitRetries is how often a lock that nobody got, because the votes were split, is
	// tried again, 5 to 25 ms apart: 0 to 20.
	SplitRetries int `yaml:"split_retries"`
	// PadTTL makes the servers keep a lock longer than the client was told, by the drift and
	// the time that it takes to get it: the client may count its TTL from the reply.
	PadTTL bool `yaml:"pad_ttl"`
	// Fencing is auto, locks get increasing numbers on demand if the quorum keeps what it
	// has acknowledged; or off.
	Fencing string `yaml:"fencing"`
	// UnknownScripts says what becomes of scripts on these keys that Ringmain does not know:
	// reject, they get an error.
	UnknownScripts string `yaml:"unknown_scripts"`
	// AllowDel lets DEL and UNLINK take a lock away from whoever holds it, which may then
	// have two holders.
	AllowDel bool `yaml:"allow_del"`
}

// Counter says which keys are counters. The first pattern of locks and counters that a
// key matches decides, before every route.
type Counter struct {
	// Keys is the pattern of the keys, as that of locks.
	Keys string `yaml:"keys"`
	// Quorum is the name of the quorum that keeps the counters, with persistence:
	// fsync_always.
	Quorum string `yaml:"quorum"`
	// Mode is linearizable, every acknowledged change is agreed by a majority of the quorum
	// and counts once; or owner, the keys are plain ones of the pool's server, and every
	// command works. Then nothing but Keys is given.
	Mode string `yaml:"mode"`
	// Deadline is how long a command may take before it gets an error: 50ms to 1m.
	Deadline Duration `yaml:"deadline"`
	// MaxBatch is how many commands on one key one agreement may carry: 1 to 65,536.
	MaxBatch int `yaml:"max_batch"`
	// Read is how a counter is read: consistent_quorum, a majority that agrees is believed
	// at once; or identity, each read is an agreement of its own.
	Read string `yaml:"read"`
	// MaxKeys is how many keys, of whatever kind, a server of the quorum may have for another
	// counter to be created there: 1 to 100,000,000. Counters stay on the servers for good, also
	// when they are deleted.
	MaxKeys int `yaml:"max_keys"`
	// Repair is auto, a server of the quorum that has lost its data gets it back from the
	// others; or off, it stays out until somebody sees to it. All counters of a quorum have
	// the same.
	Repair string `yaml:"repair"`
}

// DefaultQuorum is a quorum of which the file says nothing. It has no servers yet.
func DefaultQuorum() *Quorum {
	return &Quorum{Persistence: fsyncAlways, NodeTimeout: 50 * Millisecond, Timeouts: QuorumTimeouts{Connect: 500 * Millisecond}}
}

// DefaultLock are locks of which the file says nothing. They have no keys yet.
func DefaultLock() Lock {
	return Lock{
		Mode: "redlock", MinTTL: 100 * Millisecond, MaxTTL: Minute, DriftFactor: 0.01, NodeTimeoutFactor: 0.05,
		SplitRetries: 3, PadTTL: true, Fencing: "auto", UnknownScripts: "reject",
	}
}

// DefaultCounter are counters of which the file says nothing. They have no keys yet.
func DefaultCounter() Counter {
	return Counter{
		Mode: "linearizable", Deadline: 2 * Second, MaxBatch: 4096, Read: "consistent_quorum", MaxKeys: 1_000_000, Repair: "auto",
	}
}

func (q *Quorum) setDefaults()  { *q = *DefaultQuorum() }
func (l *Lock) setDefaults()    { *l = DefaultLock() }
func (c *Counter) setDefaults() { *c = DefaultCounter() }
