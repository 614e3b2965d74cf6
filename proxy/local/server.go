package local

import (
	"slices"
	"strconv"
	"sync"

	"github.com/tidwall/redcon"

	"ringmain/command"
	"ringmain/resp"
)

func commandAll(_ *Answers, c *Call) {
	c.Out = redcon.AppendArray(c.Out, command.Count())
	for cmd := range command.All() {
		c.Out = command.AppendInfo(c.Out, cmd, c.Client.Protocol == 3)
	}
}

func commandCount(_ *Answers, c *Call) { c.integer(int64(command.Count())) }

func commandInfo(a *Answers, c *Call) {
	names := c.Args[2:]
	if len(names) == 0 {
		commandAll(a, c)
		return
	}
	c.Out = redcon.AppendArray(c.Out, len(names))
	for _, name := range names {
		if cmd := command.ByName(name); cmd != nil {
			c.Out = command.AppendInfo(c.Out, cmd, c.Client.Protocol == 3)
		} else {
			c.Out = resp.AppendNull(c.Out, c.Client.Protocol)
		}
	}
}

// commandGetKeys is COMMAND GETKEYS and GETKEYSANDFLAGS.
func commandGetKeys(_ *Answers, c *Call) {
	flags := c.Command.Name == "command|getkeysandflags"
	c.Out = command.AppendKeys(c.Out, c.Args[2:], flags, c.Client.Protocol == 3)
}

// commandDocs is COMMAND DOCS [name …]: of all commands, or of those named, as far
// as there are any.
func commandDocs(_ *Answers, c *Call) {
	if len(c.Args) == 2 {
		c.Out = append(c.Out, docsOfAll[c.Client.Protocol]()...)
		return
	}
	var found []*command.Command
	for _, name := range c.Args[2:] {
		if cmd := command.ByName(name); cmd != nil {
			found = append(found, cmd)
		}
	}
	c.Out = appendDocs(c.Out, c.Client.Protocol, found)
}

func appendDocs(dst []byte, protocol int, commands []*command.Command) []byte {
	dst = resp.AppendMap(dst, protocol, len(commands))
	made := map[*command.Command][]byte{} // as one may be named many times
	for _, cmd := range commands {
		if made[cmd] == nil {
			made[cmd] = command.AppendDocs(nil, cmd, protocol == 3)
		}
		dst = append(dst, made[cmd]...)
	}
	return dst
}

// docsOfAll are made when first asked for, which takes some 20 ms: by protocol.
var docsOfAll = map[int]func() []byte{
	2: sync.OnceValue(func() []byte { return appendDocs(nil, 2, slices.Collect(command.All())) }),
	3: sync.OnceValue(func() []byte { return appendDocs(nil, 3, slices.Collect(command.All())) }),
}

// commandList is COMMAND LIST [FILTERBY …].
func commandList(_ *Answers, c *Call) {
	filter, ok := command.ParseFilter(c.Args[2:])
	if !ok {
		c.fail(resp.TextSyntax)
		return
	}
	c.Out = command.AppendList(c.Out, filter)
}

// now is TIME: seconds and microseconds.
func now(a *Answers, c *Call) {
	t := a.Now()
	c.Out = redcon.AppendArray(c.Out, 2)
	c.bulk(strconv.FormatInt(t.Unix(), 10))
	c.bulk(strconv.Itoa(t.Nanosecond() / 1000))
}

// role is ROLE: a primary without replicas.
func role(_ *Answers, c *Call) {
	c.array(3)
	c.bulk("master")
	c.integer(0)
	c.array(0)
}

// debug refuses DEBUG in the words of a Redis in which it is not enabled.
func debug(_ *Answers, c *Call) {
	c.fail("ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local " +
		"connection, otherwise you need to set this option in the configuration file, and then restart the server.")
}
