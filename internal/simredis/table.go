package simredis

import (
	"fmt"
	"strings"
)

// command is one row of the table. Arity is Redis's: the number of arguments
// with the name, or its negated minimum.
type command struct {
	name       string // in full: "client|id"
	arity      int
	beforeAuth bool
	subscriber bool // a subscriber in RESP2 may send it
	loading    bool // it is executed while the data is being loaded
	inMulti    bool // it is not queued in a transaction
	noScript   bool
	read       readKeys
	run        func(c *client, args [][]byte)
	sub        map[string]command
}

// readKeys are the keys that a command which changes nothing looks at.
type readKeys int

const (
	noKeys readKeys = iota
	firstKey
	allKeys
)

func (k command) takes(n int) bool {
	return n == k.arity || k.arity < 0 && n >= -k.arity
}

// reads are the keys that a command has looked at, of one that changes nothing.
func (k command) reads(args [][]byte) [][]byte {
	switch k.read {
	case firstKey:
		return args[1:2]
	case allKeys:
		return args[1:]
	}
	return nil
}

// find is the command that a request names, or the error for it.
func find(args [][]byte) (cmd command, fault string) {
	name := strings.ToLower(string(args[0]))
	cmd, known := commands[name]
	if !known {
		return cmd, unknownCommand(args)
	}
	cmd.name = name
	if cmd.sub != nil && len(args) > 1 {
		second := strings.ToLower(string(args[1]))
		if cmd, known = cmd.sub[second]; !known {
			return cmd, fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", args[1], strings.ToUpper(name))
		}
		cmd.name = name + "|" + second
	}
	if !cmd.takes(len(args)) {
		return cmd, wrongArity(cmd.name)
	}
	return cmd, ""
}

func unknownCommand(args [][]byte) string {
	const most = 128
	var list strings.Builder
	for _, a := range args[1:] {
		if list.Len() >= most {
			break
		}
		fmt.Fprintf(&list, "'%.*s' ", most-list.Len(), a)
	}
	return fmt.Sprintf("ERR unknown command '%.*s', with args beginning with: %s", most, args[0], list.String())
}

func wrongArity(name string) string {
	return fmt.Sprintf("ERR wrong number of arguments for '%s' command", name)
}

// commands is the table, by name in lower case.
var commands map[string]command

func init() { // the table knows of scripts, and they look into it
	commands = map[string]command{
		"append":       {arity: 3, run: runAppend},
		"auth":         {arity: -2, loading: true, beforeAuth: true, noScript: true, run: runAuth},
		"blmove":       {arity: 6, noScript: true, run: runBLMove},
		"blpop":        {arity: -3, noScript: true, run: blockingPop(left)},
		"brpop":        {arity: -3, noScript: true, run: blockingPop(right)},
		"brpoplpush":   {arity: 4, noScript: true, run: runBRPopLPush},
		"client":       {arity: -2, sub: clientCommands},
		"config":       {arity: -2, sub: configCommands},
		"dbsize":       {arity: 1, run: runDBSize},
		"decr":         {arity: 2, run: add(-1)},
		"decrby":       {arity: 3, run: addArgument(-1)},
		"del":          {arity: -2, run: runDel},
		"discard":      {arity: 1, loading: true, inMulti: true, noScript: true, run: runDiscard},
		"echo":         {arity: 2, loading: true, run: runEcho},
		"eval":         {arity: -3, noScript: true, run: runEval},
		"evalsha":      {arity: -3, noScript: true, run: runEvalSHA},
		"exec":         {arity: 1, loading: true, inMulti: true, noScript: true, run: runExec},
		"exists":       {arity: -2, read: allKeys, run: runExists},
		"expire":       {arity: 3, run: expire("expire")},
		"flushall":     {arity: -1, run: runFlushAll},
		"flushdb":      {arity: -1, run: runFlushDB},
		"get":          {arity: 2, read: firstKey, run: runGet},
		"getdel":       {arity: 2, run: runGetDel},
		"getset":       {arity: 3, run: runGetSet},
		"hello":        {arity: -1, loading: true, beforeAuth: true, noScript: true, run: runHello},
		"keys":         {arity: 2, run: runKeys},
		"incr":         {arity: 2, run: add(1)},
		"incrby":       {arity: 3, run: addArgument(1)},
		"info":         {arity: -1, loading: true, run: runInfo},
		"llen":         {arity: 2, read: firstKey, run: runLLen},
		"lmove":        {arity: 5, run: runLMove},
		"lpop":         {arity: -2, run: pop(left)},
		"lpush":        {arity: -3, run: push(left)},
		"lrange":       {arity: 4, read: firstKey, run: runLRange},
		"mget":         {arity: -2, read: allKeys, run: runMGet},
		"mset":         {arity: -3, run: runMSet},
		"multi":        {arity: 1, loading: true, inMulti: true, noScript: true, run: runMulti},
		"persist":      {arity: 2, run: runPersist},
		"pexpire":      {arity: 3, run: expire("pexpire")},
		"ping":         {arity: -1, subscriber: true, run: runPing},
		"psetex":       {arity: 4, run: setFor("psetex")},
		"psubscribe":   {arity: -2, loading: true, subscriber: true, noScript: true, run: subscribe(byPattern)},
		"pttl":         {arity: 2, read: firstKey, run: ttl("pttl")},
		"publish":      {arity: 3, loading: true, run: runPublish},
		"pubsub":       {arity: -2, sub: pubsubCommands},
		"punsubscribe": {arity: -1, loading: true, subscriber: true, noScript: true, run: unsubscribe(byPattern)},
		"quit":         {arity: -1, loading: true, beforeAuth: true, subscriber: true, inMulti: true, noScript: true, run: runQuit},
		"randomkey":    {arity: 1, run: runRandomKey},
		"reset":        {arity: 1, loading: true, beforeAuth: true, subscriber: true, inMulti: true, noScript: true, run: runReset},
		"rpop":         {arity: -2, run: pop(right)},
		"rpoplpush":    {arity: 3, run: runRPopLPush},
		"rpush":        {arity: -3, run: push(right)},
		"scan":         {arity: -2, run: runScan},
		"script":       {arity: -2, sub: scriptCommands},
		"select":       {arity: 2, loading: true, run: runSelect},
		"set":          {arity: -3, run: runSet},
		"setex":        {arity: 4, run: setFor("setex")},
		"setnx":        {arity: 3, run: runSetNX},
		"spublish":     {arity: 3, loading: true, run: runSPublish},
		"ssubscribe":   {arity: -2, loading: true, subscriber: true, noScript: true, run: subscribe(byShard)},
		"strlen":       {arity: 2, read: firstKey, run: runStrLen},
		"subscribe":    {arity: -2, loading: true, subscriber: true, noScript: true, run: subscribe(byChannel)},
		"sunsubscribe": {arity: -1, loading: true, subscriber: true, noScript: true, run: unsubscribe(byShard)},
		"touch":        {arity: -2, read: allKeys, run: runExists},
		"ttl":          {arity: 2, read: firstKey, run: ttl("ttl")},
		"type":         {arity: 2, read: firstKey, run: runType},
		"unlink":       {arity: -2, run: runDel},
		"unsubscribe":  {arity: -1, loading: true, subscriber: true, noScript: true, run: unsubscribe(byChannel)},
		"unwatch":      {arity: 1, loading: true, noScript: true, run: runUnwatch},
		"watch":        {arity: -2, loading: true, inMulti: true, noScript: true, run: runWatch},
	}
}

var configCommands = map[string]command{
	"get": {arity: -3, loading: true, noScript: true, run: runConfigGet},
}

var pubsubCommands = map[string]command{
	"channels":      {arity: -2, loading: true, run: pubsubChannels(byChannel)},
	"numpat":        {arity: 2, loading: true, run: runPubSubNumPat},
	"numsub":        {arity: -2, loading: true, run: pubsubNumSub(byChannel)},
	"shardchannels": {arity: -2, loading: true, run: pubsubChannels(byShard)},
	"shardnumsub":   {arity: -2, loading: true, run: pubsubNumSub(byShard)},
}

var scriptCommands = map[string]command{
	"exists": {arity: -3, noScript: true, run: runScriptExists},
	"flush":  {arity: -2, noScript: true, run: runScriptFlush},
	"load":   {arity: 3, noScript: true, run: runScriptLoad},
}
