package simredis

// command is one row of the table. Arity is Redis's: the number of arguments
// with the name, or its negated minimum.
type command struct {
	arity      int
	beforeAuth bool
	run        func(c *client, args [][]byte)
}

func (k command) takes(n int) bool {
	return n == k.arity || k.arity < 0 && n >= -k.arity
}

// commands is the table, by name in lower case.
var commands = map[string]command{
	"append":   {arity: 3, run: runAppend},
	"auth":     {arity: -2, beforeAuth: true, run: runAuth},
	"client":   {arity: -2, run: runClient},
	"dbsize":   {arity: 1, run: runDBSize},
	"decr":     {arity: 2, run: add(-1)},
	"decrby":   {arity: 3, run: addArgument(-1)},
	"del":      {arity: -2, run: runDel},
	"echo":     {arity: 2, run: runEcho},
	"exists":   {arity: -2, run: runExists},
	"expire":   {arity: 3, run: expire("expire")},
	"flushall": {arity: -1, run: runFlushAll},
	"flushdb":  {arity: -1, run: runFlushDB},
	"get":      {arity: 2, run: runGet},
	"getdel":   {arity: 2, run: runGetDel},
	"getset":   {arity: 3, run: runGetSet},
	"hello":    {arity: -1, beforeAuth: true, run: runHello},
	"incr":     {arity: 2, run: add(1)},
	"incrby":   {arity: 3, run: addArgument(1)},
	"info":     {arity: -1, run: runInfo},
	"llen":     {arity: 2, run: runLLen},
	"lpush":    {arity: -3, run: runLPush},
	"lrange":   {arity: 4, run: runLRange},
	"mget":     {arity: -2, run: runMGet},
	"mset":     {arity: -3, run: runMSet},
	"persist":  {arity: 2, run: runPersist},
	"pexpire":  {arity: 3, run: expire("pexpire")},
	"ping":     {arity: -1, run: runPing},
	"psetex":   {arity: 4, run: setFor("psetex")},
	"pttl":     {arity: 2, run: ttl("pttl")},
	"quit":     {arity: -1, beforeAuth: true, run: runQuit},
	"select":   {arity: 2, run: runSelect},
	"set":      {arity: -3, run: runSet},
	"setex":    {arity: 4, run: setFor("setex")},
	"setnx":    {arity: 3, run: runSetNX},
	"strlen":   {arity: 2, run: runStrLen},
	"touch":    {arity: -2, run: runExists},
	"ttl":      {arity: 2, run: ttl("ttl")},
	"type":     {arity: 2, run: runType},
	"unlink":   {arity: -2, run: runDel},
}
