package command

// Difference is one way in which replies through the proxy differ from those of
// one Redis server.
type Difference struct {
	// Commands are the names of the commands concerned, as in the table.
	Commands []string
	// What is different, and Why: for people, in Markdown.
	What, Why string
}

// Differences are all that is known, of commands that the proxy serves; what it
// refuses says so itself. The documentation prints them, and the test that
// compares replies with a real server accepts no others.
var Differences = []Difference{
	{[]string{"scan"}, "Cursors are other numbers, keys come server by server, and a page may be empty before the end; a cursor that no page gave may be refused",
		"a cursor names its server; keys that a server holds but does not own are left out of its page"},
	{[]string{"keys"}, "Keys come server by server; keys that a server does not own are left out", "Redis promises no order"},
	{[]string{"randomkey"}, "May be nil, although there are keys, if the keys that the servers chose are not their own: the more often the more such leftovers they hold",
		"a key that is not the server's own cannot be read through the proxy"},
	{[]string{"dbsize"}, "Counts keys that servers hold but do not own, too", "the servers count, and do not know who owns what"},
	{[]string{"flushall", "flushdb"}, "Not at one moment on all servers; where the pool's `database` is not 0, FLUSHALL empties that one only",
		"there is no transaction over servers, and clients see one database"},
	{[]string{"scan", "keys", "dbsize", "randomkey", "flushall", "flushdb", "info", "script|load", "script|exists",
		"script|flush", "script|kill", "function|load", "function|delete", "function|flush", "function|restore", "function|kill"},
		"Over the servers of the pool that catches all keys which no route with a prefix does, or of the listener's pool", "other pools' keys have other owners"},
	{[]string{"multi", "exec", "watch"}, "All keys of a transaction live on one server: the command that names another gets `CROSSSLOT`, and EXEC is refused. Commands that concern all servers, SELECT and HELLO are refused within it. What only the server would refuse when it is queued is told by EXEC's refusal. If the connection on which keys are watched is lost, EXEC answers as if they had changed",
		"there is no transaction over servers, and the commands are sent to theirs together when EXEC comes"},
	{[]string{"client|tracking"}, "In RESP3 only, without REDIRECT. After the loss of a server, or SELECT, the client is told to forget all keys", "each server tracks the keys that it has"},
	{[]string{"wait", "waitaof"}, "The least of what the servers say", "a client's writes may be on any of them"},
	{[]string{"mset"}, "Over several servers, not all or nothing", "there is no transaction over servers"},
	{[]string{"mget", "del", "unlink", "exists", "touch"}, "Over several servers, not at one moment", "each server executes its part by itself"},
	{[]string{"sort", "sort_ro"}, "`BY` and `GET` are refused, in the words of a Redis Cluster, unless all keys which they may form are sure to live on the server of the list",
		"a server would take the keys of others for missing"},
	{[]string{"eval", "evalsha", "fcall"}, "Keys that a script uses without declaring them are looked for on the server of those which it declares; without any, it runs on the first server that is up",
		"only declared keys say where a script belongs"},
	{[]string{"evalsha", "evalsha_ro"}, "A server that does not have a script is given it first, if the proxy has seen its text in EVAL or SCRIPT LOAD; else, and if it was flushed past the proxy, the reply is `NOSCRIPT` although another server has it",
		"servers lose their scripts when they start anew; what the proxy keeps is bounded"},
	{[]string{"script|load"}, "Servers that are down are given the script when it is needed there", "keys on the other servers can do with it now"},
	{[]string{"script|exists"}, "Tells 1 also of a script that some servers only have, if the proxy would give it to the others", "EVALSHA finds it there"},
	{[]string{"script|kill", "function|kill"}, "Stops what runs on any of the servers", "clients do not know which server a script runs on"},
	{[]string{"function|load", "function|delete", "function|flush", "function|restore", "script|flush"}, "Not at one moment on all servers. A server that comes back without functions does not get them again",
		"there is no transaction over servers, and functions are data which servers keep themselves"},
	{[]string{"function|list", "function|dump", "function|stats"}, "Of the first server that is up", "every server has the same functions; what runs differs"},
	{[]string{"copy"}, "`DB` is refused where the pool has a `database` of its own", "the server would take the number for another one"},
	{[]string{"sort", "sort_ro", "copy"}, "A request that is wrong in two ways may get the other error: `CROSSSLOT` or a refused `BY` or `DB`, where Redis finds a syntax error first",
		"the proxy looks at the keys before a server sees the request"},
	{[]string{"select"}, "Takes 0 only where the pool has a `database` of its own", "the other databases of its servers are not its own"},
	{[]string{"info"}, "The proxy's own sections, and sums over the servers", "it describes the proxy"},
	{[]string{"client|id", "client|info", "client|list", "hello"}, "Numbers and descriptions are those of the proxy's clients", "servers never see them"},
	{[]string{"client|no-evict", "client|no-touch"}, "Accepted, without an effect", "clients share the connections to the servers"},
	{[]string{"client|setinfo", "client|no-touch"}, "Known, although Redis 7.0 does not have them", "clients send them when they connect"},
	{[]string{"config|get"}, "A few parameters only", "the proxy's configuration is not that of Redis"},
	{[]string{"config|set"}, "Takes `timeout`, `slowlog-log-slower-than`, `slowlog-max-len` (at most 10000) and `latency-monitor-threshold`, until the proxy ends. All others are immutable; one may be set to what it is",
		"the servers' settings are not up to clients of the proxy"},
	{[]string{"slowlog|get", "slowlog|len", "slowlog|reset"}, "The proxy's own log: times are from a command's execution by the proxy to its whole reply, rounded to the turns of an event loop; of a request the first 127 bytes are kept. Commands that wait for data are left out",
		"clients feel the whole time; servers have logs of their own"},
	{[]string{"latency|latest", "latency|history", "latency|graph", "latency|doctor", "latency|reset"}, "The events are `command` and `fast-command`, with the times of SLOWLOG", "the others are about a server's inside"},
	{[]string{"latency|histogram"}, "Empty, as in a Redis with `latency-tracking no`", "the proxy's histograms are those of its metrics, for each family of commands"},
	{[]string{"command", "command|count", "command|info", "command|list", "command|docs", "command|getkeys", "command|getkeysandflags"},
		"All commands of this page, whatever the servers have; `DOCS` has no complexity and no history, and sums commands up in other words",
		"the proxy answers from its own table"},
	{[]string{"command|getkeys", "command|getkeysandflags"}, "Of a request that would be an error, other keys or none", "Redis guesses then"},
	{[]string{"cluster|info", "cluster|nodes", "cluster|slots", "cluster|shards", "cluster|keyslot", "cluster|myid", "cluster|links", "cluster|replicas",
		"cluster|slaves", "cluster|count-failure-reports", "asking", "readonly", "readwrite"},
		"As of a Redis Cluster of one node, which has all slots; its address is the one that the client has connected to. Clients that call themselves `rueidis` or `SE.Redis` (`CLIENT SETINFO`) are told that there is no cluster",
		"cluster clients and others work alike; these two ask every server whether it is of a cluster, and would refuse to send commands of keys with several slots"},
	{[]string{"monitor"}, "The commands of the proxy's clients, and not those within scripts", "servers know neither the proxy's clients nor their addresses"},
	{[]string{"debug"}, "Answered as by a Redis in which it is not enabled", "it could harm servers that others share"},
	{[]string{"memory|purge"}, "On all servers", "it is they that keep the data"},
	{[]string{"acl|cat"}, "Of all commands of this page, whatever the servers have", "the proxy answers from its own table"},
	{[]string{"acl|help", "client|help", "cluster|help", "command|help", "config|help", "latency|help", "memory|help", "slowlog|help"}, "Tell what the proxy serves itself", "they would be wrong otherwise"},
	{[]string{"quit"}, "Closes the connection also where `CLIENT REPLY` has turned replies off", "Redis forgets to"},
	{[]string{"time"}, "The proxy's time", "servers have a time each"},
}
