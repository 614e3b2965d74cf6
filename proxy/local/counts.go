package local

import (
	"maps"
	"time"
)

// Counts are what one loop, or all of them, have counted for INFO since the last CONFIG
// RESETSTAT, and how many of their clients do something now.
type Counts struct {
	// Commands are by command.Command.ID.
	Commands []CommandCount
	// Errors are by the first word of the reply.
	Errors map[string]uint64
	// Received and Sent are bytes, from and to clients.
	Received, Sent uint64
	// Blocked clients wait for data or for the end of a pause, Tracking ones are told of
	// keys that change. Neither is reset.
	Blocked, Tracking int
}

// CommandCount is what is counted of a command.
type CommandCount struct {
	// Calls were executed, Failed of them with an error; Rejected ones were not.
	Calls, Failed, Rejected uint64
	// Spent is the time from a command's execution to its whole reply.
	Spent time.Duration
}

// maxErrors bounds the kinds of errors that are told apart, as in Redis.
const maxErrors = 128

// CountError counts an error by its first word, as long as there are not too many.
func (c *Counts) CountError(word []byte) {
	if c.Errors == nil {
		c.Errors = map[string]uint64{}
	}
	if _, known := c.Errors[string(word)]; known || len(c.Errors) < maxErrors {
		c.Errors[string(word)]++
	}
}

// Add adds what another loop has counted.
func (c *Counts) Add(o *Counts) {
	if c.Commands == nil {
		c.Commands = make([]CommandCount, len(o.Commands))
	}
	if c.Errors == nil {
		c.Errors = map[string]uint64{}
	}
	for i, n := range o.Commands {
		sum := &c.Commands[i]
		sum.Calls += n.Calls
		sum.Failed += n.Failed
		sum.Rejected += n.Rejected
		sum.Spent += n.Spent
	}
	for word, n := range o.Errors {
		c.Errors[word] += n
	}
	c.Received += o.Received
	c.Sent += o.Sent
	c.Blocked += o.Blocked
	c.Tracking += o.Tracking
}

// Clone is a copy that shares nothing.
func (c *Counts) Clone() *Counts {
	o := *c
	o.Commands = append([]CommandCount(nil), c.Commands...)
	o.Errors = maps.Clone(c.Errors)
	return &o
}

// errors is how many errors there were.
func (c *Counts) errors() uint64 {
	var total uint64
	for _, n := range c.Errors {
		total += n
	}
	return total
}
