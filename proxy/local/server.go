package local

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

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

// commandDocs knows no documentation; redis-cli then gives no hints.
func commandDocs(_ *Answers, c *Call) { c.Out = resp.AppendMap(c.Out, c.Client.Protocol, 0) }

// parameters are those of a Redis that redis-benchmark asks for. The proxy keeps
// nothing.
var parameters = []struct{ name, value string }{{"appendonly", "no"}, {"save", ""}}

func configGet(_ *Answers, c *Call) {
	var pairs []string
	for _, p := range parameters {
		for _, pattern := range c.Args[2:] {
			// Redis's patterns, as far as names have no slash.
			if matched, err := path.Match(strings.ToLower(string(pattern)), p.name); matched && err == nil {
				pairs = append(pairs, p.name, p.value)
				break
			}
		}
	}
	c.Out = resp.AppendMap(c.Out, c.Client.Protocol, len(pairs)/2)
	for _, s := range pairs {
		c.bulk(s)
	}
}

// sections are those of INFO, in the order Redis gives them.
var sections = []struct {
	name string
	text func(*Answers) string
}{
	{"Server", (*Answers).serverSection},
	{"Clients", (*Answers).clientsSection},
	{"Memory", (*Answers).memorySection},
	{"Replication", (*Answers).replicationSection},
}

// info is INFO [section …].
func info(a *Answers, c *Call) {
	wanted := map[string]bool{}
	for _, name := range c.Args[1:] {
		wanted[strings.ToLower(string(name))] = true
	}
	all := len(wanted) == 0 || wanted["all"] || wanted["default"] || wanted["everything"]
	var out strings.Builder
	for _, s := range sections {
		if !all && !wanted[strings.ToLower(s.name)] {
			continue
		}
		if out.Len() > 0 {
			out.WriteString("\r\n")
		}
		out.WriteString("# " + s.name + "\r\n")
		out.WriteString(s.text(a))
	}
	c.Out = resp.AppendVerbatim(c.Out, c.Client.Protocol, out.String())
}

func (a *Answers) serverSection() string {
	uptime := int64(a.Now().Sub(a.Started).Seconds())
	return fmt.Sprintf("redis_version:%s\r\nredis_mode:standalone\r\nringmain_version:%s\r\nos:%s\r\n"+
		"arch_bits:%d\r\nprocess_id:%d\r\nrun_id:%s\r\ntcp_port:%d\r\nuptime_in_seconds:%d\r\n"+
		"uptime_in_days:%d\r\n", a.RedisVersion(), a.Version, runtime.GOOS, strconv.IntSize, os.Getpid(),
		a.Incarnation, a.Port, uptime, uptime/86400)
}

func (a *Answers) clientsSection() string {
	return fmt.Sprintf("connected_clients:%d\r\n", a.Clients())
}

func (a *Answers) memorySection() string {
	return fmt.Sprintf("ringmain_buffers:%d\r\n", a.Memory())
}

func (a *Answers) replicationSection() string { return "role:master\r\nconnected_slaves:0\r\n" }
