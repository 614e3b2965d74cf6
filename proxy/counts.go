package proxy

import (
	"bytes"
	"time"

	"ringmain/command"
	"ringmain/metric"
	"ringmain/proxy/local"
)

// commandIndex is where a command is counted; unknown ones are the last.
func commandIndex(cmd *command.Command) uint16 {
	if cmd == nil {
		return uint16(command.Len())
	}
	return uint16(cmd.ID())
}

// countReply counts the whole reply to a command that was executed.
func (c *Core) countReply(index uint16, result metric.Result, spent time.Duration) {
	n := &c.counts.Commands[index]
	n.Calls++
	n.Spent += spent
	if result != metric.ResultOK {
		n.Failed++
	}
}

// countAnswer counts an answer of the proxy's own that was known at once. An error
// means that a command which servers execute was not.
func (c *Core) countAnswer(index uint16, cmd *command.Command, result metric.Result) {
	n := &c.counts.Commands[index]
	switch {
	case result == metric.ResultOK:
		n.Calls++
	case cmd != nil && (cmd.Policy == command.Local || cmd.Policy == command.AllLoops):
		n.Calls++
		n.Failed++
	default:
		n.Rejected++
	}
}

// maxErrorWord bounds the first word of an error.
const maxErrorWord = 32

// countError counts an error by its first word. reply is the beginning of it.
func (c *Core) countError(reply []byte) {
	word := reply[1:]
	if reply[0] == '!' { // a length comes first
		_, word, _ = bytes.Cut(reply, []byte("\r\n"))
	}
	if end := bytes.IndexAny(word, " \r\n"); end > 0 && end <= maxErrorWord {
		c.counts.CountError(word[:end])
	}
}

// infoCounts are what the core has counted since the last CONFIG RESETSTAT, for INFO.
func (c *Core) infoCounts() *local.Counts {
	counts := c.counts.Clone()
	counts.Received, counts.Sent = c.stats.Received-c.reset.Received, c.stats.Sent-c.reset.Sent
	for _, s := range c.sessions {
		if s.waiting || s.onHold {
			counts.Blocked++
		}
		if s.tracking != nil {
			counts.Tracking++
		}
	}
	return counts
}

// resetStat is CONFIG RESETSTAT. What is reported as metrics goes on.
func (s *Session) resetStat() bool {
	return ask(s, func(c *Core) struct{} {
		c.counts = local.Counts{Commands: make([]local.CommandCount, command.Len()+1)}
		c.reset.Received, c.reset.Sent = c.stats.Received, c.stats.Sent
		return struct{}{}
	}, func(seq uint64, _ []struct{}, lost bool) {
		reply := replyOK
		if lost {
			reply = []byte(errAsk)
		}
		s.core.Local.ResetStat()
		s.Reply(seq, reply, true)
	})
}
