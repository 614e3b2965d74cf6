package simredis

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// A script is one call of a command, maybe with a comment, or one number: the model
// has no Lua. What others do it must be taught.
var (
	callBody   = regexp.MustCompile(`^return redis\.call\('([a-z]+)'((?:, ?(?:KEYS|ARGV)\[[1-9]\])*)\)(?: -- .*)?$`)
	callWord   = regexp.MustCompile(`(KEYS|ARGV)\[([1-9])\]`)
	numberBody = regexp.MustCompile(`^return (-?[0-9]{1,9})$`)
)

// Effect is what a script does. call executes a command, as redis.call does, and
// returns its reply, in RESP2; a SELECT holds to the script's end. The effect's own
// reply is in RESP2, too.
type Effect func(call func(args ...string) []byte, keys, argv [][]byte) (reply []byte)

// Teach has EVAL and EVALSHA of a body, over all incarnations, do what effect does.
func (s *Server) Teach(body string, effect Effect) {
	if s.effects == nil {
		s.effects = map[string]Effect{}
	}
	s.effects[body] = effect
}

func digest(body []byte) string {
	sum := sha1.Sum(body)
	return hex.EncodeToString(sum[:])
}

// runScriptLoad takes only what it could execute.
func runScriptLoad(c *client, args [][]byte) {
	if fault := c.s.learn(args[2]); fault != "" {
		c.fail(fault)
		return
	}
	c.text(digest(args[2]))
}

// learn keeps a script.
func (s *Server) learn(body []byte) (fault string) {
	if !callBody.Match(body) && !numberBody.Match(body) && s.effects[string(body)] == nil {
		return "ERR Error compiling script (new function): the model does not know this script"
	}
	s.scripts[digest(body)] = string(body)
	return ""
}

func runScriptExists(c *client, args [][]byte) {
	c.array(len(args) - 2)
	for _, sha := range args[2:] {
		n := int64(0)
		if c.s.scripts[strings.ToLower(string(sha))] != "" {
			n = 1
		}
		c.integer(n)
	}
}

func runScriptFlush(c *client, args [][]byte) {
	if !flushWords(args[1:]) {
		c.fail("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
		return
	}
	clear(c.s.scripts)
	c.ok()
}

// runEval and runEvalSHA are EVAL and EVALSHA.
func runEval(c *client, args [][]byte) {
	keys, argv, fault := scriptArguments(args)
	if fault == "" {
		fault = c.s.learn(args[1])
	}
	if fault != "" {
		c.fail(fault)
		return
	}
	c.script(string(args[1]), keys, argv)
}

func runEvalSHA(c *client, args [][]byte) {
	const none = "NOSCRIPT No matching script. Please use EVAL."
	body := c.s.scripts[strings.ToLower(string(args[1]))]
	keys, argv, fault := scriptArguments(args)
	switch {
	case len(args[1]) != 2*sha1.Size:
		c.fail(none)
	case fault != "":
		c.fail(fault)
	case body == "":
		c.fail(none)
	default:
		c.script(body, keys, argv)
	}
}

func scriptArguments(args [][]byte) (keys, argv [][]byte, fault string) {
	n, ok := integer(args[2])
	switch {
	case !ok:
		return nil, nil, errInteger
	case n > int64(len(args)-3):
		return nil, nil, "ERR Number of keys can't be greater than number of args"
	case n < 0:
		return nil, nil, "ERR Number of keys can't be negative"
	}
	return args[3 : 3+n], args[3+n:], ""
}

// script executes a body and answers with what it returns.
func (c *client) script(body string, keys, argv [][]byte) {
	if effect := c.s.effects[body]; effect != nil {
		db := c.db
		reply := effect(c.callFromScript, keys, argv)
		c.db = db
		if !c.gone {
			c.relay(reply)
		}
		return
	}
	if number := numberBody.FindStringSubmatch(body); number != nil {
		n, _ := strconv.ParseInt(number[1], 10, 64)
		c.integer(n)
		return
	}
	call := callBody.FindStringSubmatch(body)
	args := [][]byte{[]byte(call[1])}
	for _, word := range callWord.FindAllStringSubmatch(call[2], -1) {
		list := keys
		if word[1] == "ARGV" {
			list = argv
		}
		if i := int(word[2][0] - '1'); i < len(list) {
			args = append(args, list[i])
		} else {
			c.failScript(body, "ERR Lua redis lib command arguments must be strings or integers")
			return
		}
	}
	cmd, fault := find(args)
	switch {
	case fault == wrongArity(call[1]):
		c.failScript(body, "ERR Wrong number of args calling Redis command from script")
		return
	case fault != "":
		c.failScript(body, "ERR Unknown Redis command called from script")
		return
	case cmd.noScript:
		c.failScript(body, "ERR This Redis command is not allowed from script")
		return
	}
	reply := c.capture(cmd, args)
	if text, failed := bytes.CutPrefix(reply, []byte("-")); failed {
		c.failScript(body, string(bytes.TrimSuffix(text, []byte("\r\n"))))
		return
	}
	c.relay(reply)
}

// callFromScript executes a command for an effect. One that is refused is a mistake of
// the effect, whose reply tells.
func (c *client) callFromScript(args ...string) []byte {
	words := make([][]byte, len(args))
	for i, a := range args {
		words[i] = []byte(a)
	}
	cmd, fault := find(words)
	if fault == "" && cmd.noScript {
		fault = "ERR This Redis command is not allowed from script"
	}
	if fault != "" {
		return []byte("-" + fault + "\r\n")
	}
	return c.capture(cmd, words)
}

// capture executes a command of a script and returns its reply.
func (c *client) capture(cmd command, args [][]byte) (reply []byte) {
	unit := c.unit
	c.captured, c.unit = &reply, true
	c.call(cmd, args)
	c.captured, c.unit = nil, unit
	return reply
}

func (c *client) failScript(body, fault string) {
	c.fail(fault + " script: " + digest([]byte(body)) + ", on @user_script:1.")
}

// relay answers with a reply in RESP2, as a script's value: null arrays are
// null. Elements of arrays are not arrays.
func (c *client) relay(reply []byte) {
	for len(reply) > 0 {
		line, n, _ := readLine(reply)
		switch {
		case string(line) == "$-1" || string(line) == "*-1":
			c.null()
		case line[0] == '$':
			size, _ := strconv.Atoi(string(line[1:]))
			n += size + 2
			fallthrough
		default:
			c.raw(string(reply[:n]))
		}
		reply = reply[n:]
	}
}
